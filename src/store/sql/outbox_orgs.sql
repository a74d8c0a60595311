-- The organisations that have events in the outbox, up to a limit.
SELECT DISTINCT org_id FROM event_outbox ORDER BY org_id LIMIT $limit
