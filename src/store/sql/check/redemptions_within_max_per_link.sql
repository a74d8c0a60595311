-- The newest redemptions of a promotion are the ones too many: ids ascend in time.
SELECT
    numbered.org_id, numbered.id,
    'it is use ' || numbered.number || ' of a promotion for ' || numbered.allowed AS about, numbered.folded AS code
FROM (
    SELECT
        redemption.org_id, redemption.id, hold.folded, campaign.max_redemptions_per_link AS allowed,
        row_number() OVER (PARTITION BY redemption.org_id, redemption.promotion_id ORDER BY redemption.id) AS number
    FROM redemptions redemption
    CROSS JOIN promotions hold
    CROSS JOIN campaigns campaign
    WHERE hold.org_id = redemption.org_id AND hold.id = redemption.promotion_id
        AND campaign.org_id = hold.org_id AND campaign.id = hold.campaign_id
        AND redemption.reversed_on IS NULL
) numbered
WHERE numbered.number > numbered.allowed
