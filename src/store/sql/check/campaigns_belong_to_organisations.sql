SELECT campaign.org_id, campaign.id, 'there is no such organisation' AS about, NULL AS code
FROM campaigns campaign
WHERE NOT EXISTS (SELECT 1 FROM organisations WHERE organisations.org_id = campaign.org_id)
