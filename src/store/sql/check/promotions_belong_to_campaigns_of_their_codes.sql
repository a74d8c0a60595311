SELECT hold.org_id, hold.id, 'its code is of another campaign' AS about, code.code
FROM promotions hold
CROSS JOIN promotion_codes code
WHERE code.org_id = hold.org_id AND code.mode = hold.mode AND code.folded = hold.folded
    AND code.campaign_id <> hold.campaign_id
