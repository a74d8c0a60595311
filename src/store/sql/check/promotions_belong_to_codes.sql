SELECT hold.org_id, hold.id, 'there is no such code' AS about, hold.folded AS code
FROM promotions hold
WHERE NOT EXISTS (
    SELECT 1 FROM promotion_codes code
    WHERE code.org_id = hold.org_id AND code.mode = hold.mode AND code.folded = hold.folded
)
