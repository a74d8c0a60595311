-- One row per campaign, not per code.
SELECT
    code.org_id, code.campaign_id AS id,
    'it does not exist in mode ' || code.mode || ', but has codes: ' || count(*) AS about, NULL AS code
FROM promotion_codes code
WHERE NOT EXISTS (
    SELECT 1 FROM campaigns campaign
    WHERE campaign.org_id = code.org_id AND campaign.id = code.campaign_id AND campaign.mode = code.mode
)
GROUP BY code.org_id, code.campaign_id, code.mode
