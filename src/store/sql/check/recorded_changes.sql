recorded_changes AS (
    SELECT org_id, id, 1 AS type, created_on AS changed_on FROM promotions
    UNION ALL SELECT org_id, id, 2, unlinked_on FROM promotions WHERE unlinked_on IS NOT NULL
    UNION ALL SELECT org_id, id, 3, redeemed_on FROM redemptions
    UNION ALL SELECT org_id, id, 4, reversed_on FROM redemptions WHERE reversed_on IS NOT NULL
    UNION ALL SELECT org_id, id, 7, created_on FROM campaigns
    UNION ALL SELECT org_id, id, 9, created_on FROM api_keys
    UNION ALL SELECT org_id, id, 10, revoked_on FROM api_keys WHERE revoked_on IS NOT NULL
)
