-- The same in a distributed database, where recursive queries must be about one organisation.
SELECT DISTINCT org_id FROM event_outbox ORDER BY org_id LIMIT $limit
