-- Locks codes against other links and reads them, as they are under the lock, with their campaigns. One row per code that
-- exists. With SKIP LOCKED, the columns of a code or campaign that another transaction has locked are NULL; without it,
-- the statement waits, for the codes in the order of their keys. To check what linking would decide, nothing is locked.
--
-- Campaigns are locked against changes: a new limit waits for the links that are under way, and counts them.
SELECT existing.org_id, existing.mode, existing.folded, $columns
FROM unnest($codes) AS requested (org_id, mode, folded)
-- Once without a lock, so that a locked code is known to exist. A lateral subquery that locks, or has a limit, is executed
-- once for each key, in their order.
CROSS JOIN LATERAL (
    SELECT code.org_id, code.mode, code.folded FROM promotion_codes code
    WHERE code.org_id = requested.org_id AND code.mode = requested.mode AND code.folded = requested.folded
    LIMIT 1
) existing
-- FOR NO KEY UPDATE: no key changes, so rows that refer to the code need not wait.
LEFT JOIN LATERAL (
    SELECT * FROM promotion_codes code
    WHERE code.org_id = existing.org_id AND code.mode = existing.mode AND code.folded = existing.folded
    $code_lock
) promotion_codes ON true
LEFT JOIN LATERAL (
    SELECT * FROM campaigns campaign
    WHERE campaign.org_id = promotion_codes.org_id AND campaign.id = promotion_codes.campaign_id
    $campaign_lock
) campaigns ON true
