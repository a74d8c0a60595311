SELECT
    hold.org_id, hold.id,
    'its count is ' || hold.redemption_count || ', and its redemptions are ' || COALESCE(used.uses, 0) AS about,
    hold.folded AS code
FROM promotions hold
LEFT JOIN (
    SELECT redemption.org_id, redemption.promotion_id, count(*) AS uses
    FROM redemptions redemption
    WHERE redemption.reversed_on IS NULL
    GROUP BY redemption.org_id, redemption.promotion_id
) used ON used.org_id = hold.org_id AND used.promotion_id = hold.id
WHERE hold.redemption_count <> COALESCE(used.uses, 0)
