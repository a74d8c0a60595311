-- Pairs of codes that would have the same folded text, at most `MAX_LISTED`, and the number of all pairs.
WITH changing AS MATERIALIZED (
    -- Citus joins its tables with a CTE, but not with a temporary table.
    SELECT * FROM refolded
),
pairs AS (
    -- Both change.
    SELECT changed.org_id, changed.mode, changed.old AS one, first.old AS other
    FROM changing changed
    JOIN (SELECT org_id, mode, new, min(old) AS old FROM changing GROUP BY org_id, mode, new) first
        ON first.org_id = changed.org_id AND first.mode = changed.mode AND first.new = changed.new
    WHERE first.old < changed.old
    UNION ALL
    -- One changes and the other stays.
    SELECT changed.org_id, changed.mode, changed.old AS one, code.folded AS other
    FROM changing changed
    CROSS JOIN promotion_codes code
    WHERE code.org_id = changed.org_id AND code.mode = changed.mode AND code.folded = changed.new
        AND NOT EXISTS (
            SELECT 1 FROM changing too
            WHERE too.org_id = code.org_id AND too.mode = code.mode AND too.old = code.folded
        )
)
SELECT
    pairs.org_id, pairs.mode,
    one.code AS one, one.campaign_id AS one_campaign, one.link_count AS one_links,
    other.code AS other, other.campaign_id AS other_campaign, other.link_count AS other_links,
    count(*) OVER () AS times
FROM pairs
CROSS JOIN promotion_codes one
CROSS JOIN promotion_codes other
WHERE one.org_id = pairs.org_id AND one.mode = pairs.mode AND one.folded = pairs.one
    AND other.org_id = pairs.org_id AND other.mode = pairs.mode AND other.folded = pairs.other
ORDER BY pairs.org_id, pairs.mode, one.code LIMIT 1000
