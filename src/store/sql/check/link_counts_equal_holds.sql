SELECT
    code.org_id, code.campaign_id AS id,
    'its linkCount is ' || code.link_count || ', and its holds are ' || COALESCE(held.holds, 0) AS about, code.code
FROM promotion_codes code
LEFT JOIN (
    SELECT hold.org_id, hold.mode, hold.folded, count(*) AS holds
    FROM counting_holds hold
    GROUP BY hold.org_id, hold.mode, hold.folded
) held ON held.org_id = code.org_id AND held.mode = code.mode AND held.folded = code.folded
WHERE code.link_count <> COALESCE(held.holds, 0)
