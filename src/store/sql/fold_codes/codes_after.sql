-- The next page of all codes, as many as `PAGE`.
SELECT org_id, mode, folded, code FROM promotion_codes
WHERE (org_id, mode, folded) > ($1, $2, $3)
ORDER BY org_id, mode, folded LIMIT 10000
