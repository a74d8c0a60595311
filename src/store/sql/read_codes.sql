-- Locks codes of an organisation against other links and reads them, as they are under the lock, with their campaigns. One
-- row per code that exists. With SKIP LOCKED, the columns of a code or campaign that another transaction has locked are
-- NULL; without it, the statement waits, for the codes in the order of their keys. To check what linking would decide,
-- nothing is locked.
--
-- Campaigns are locked against changes: a new limit waits for the links that are under way, and counts them.
--
-- The statement also reads the holds of the requesting customers. It sees them as of its beginning, before it has the locks.
-- Adding a hold updates the code's row. So no hold is missing if the locked row is the version of that moment (`is_current`).
-- A hold may have been unlinked or redeemed meanwhile: the link then counts as the earlier of the two changes.
SELECT
    existing.mode, existing.folded, existing.version = promotion_codes.version AS is_current, $columns,
    held.customers, held.ids, held.created_on, held.redemption_counts
FROM unnest($codes, $customers) AS requested (mode, folded, customers)
-- Once without a lock, so that a locked code is known to exist. A lateral subquery that locks, or has a limit, is executed
-- once for each key, in their order.
CROSS JOIN LATERAL (
    SELECT code.mode, code.folded, code.xmin AS version FROM promotion_codes code
    WHERE code.org_id = $org AND code.mode = requested.mode AND code.folded = requested.folded
    LIMIT 1
) existing
-- FOR NO KEY UPDATE: no key changes, so rows that refer to the code need not wait.
LEFT JOIN LATERAL (
    SELECT *, code.xmin AS version FROM promotion_codes code
    WHERE code.org_id = $org AND code.mode = existing.mode AND code.folded = existing.folded
    $code_lock
) promotion_codes ON true
LEFT JOIN LATERAL (
    SELECT * FROM campaigns campaign
    WHERE campaign.org_id = $org AND campaign.id = promotion_codes.campaign_id
    $campaign_lock
) campaigns ON true
CROSS JOIN LATERAL (
    SELECT
        array_agg(hold.customer_id) AS customers, array_agg(hold.id) AS ids, array_agg(hold.created_on) AS created_on,
        array_agg(hold.redemption_count) AS redemption_counts
    FROM unnest(requested.customers::bigint[]) AS customer (id)
    CROSS JOIN LATERAL (
        SELECT * FROM promotions hold
        WHERE hold.org_id = $org AND hold.mode = existing.mode AND hold.folded = existing.folded
            AND hold.customer_id = customer.id AND hold.unlinked_on IS NULL
        LIMIT 1
    ) hold
) held
