
-- One row each. The limit makes the planner look up the whole key.
CROSS JOIN LATERAL (
    SELECT * FROM promotion_codes code
    WHERE code.org_id = $org AND code.mode = promotions.mode AND code.folded = promotions.folded
    LIMIT 1
) AS promotion_codes
CROSS JOIN LATERAL (
    SELECT * FROM campaigns campaign
    WHERE campaign.org_id = $org AND campaign.id = promotions.campaign_id
    LIMIT 1
) AS campaigns
