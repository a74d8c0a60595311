SELECT api_keys.org_id, api_keys.id, 'there is no such organisation' AS about, NULL AS code
FROM api_keys
WHERE NOT EXISTS (SELECT 1 FROM organisations WHERE organisations.org_id = api_keys.org_id)
