SELECT redemption.org_id, redemption.id, 'there is no such promotion' AS about, NULL AS code
FROM redemptions redemption
WHERE NOT EXISTS (
    SELECT 1 FROM promotions hold WHERE hold.org_id = redemption.org_id AND hold.id = redemption.promotion_id
)
