-- The organisations that have events in the outbox, up to a limit. Finds each by the first row of its key.
WITH RECURSIVE waiting (org_id) AS (
    (SELECT org_id FROM event_outbox ORDER BY org_id LIMIT 1)
    UNION ALL
    SELECT (SELECT next.org_id FROM event_outbox next WHERE next.org_id > waiting.org_id ORDER BY next.org_id LIMIT 1)
    FROM waiting WHERE waiting.org_id IS NOT NULL
)
SELECT org_id FROM waiting WHERE org_id IS NOT NULL LIMIT $limit
