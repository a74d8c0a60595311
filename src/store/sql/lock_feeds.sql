-- Locks the feeds of organisations, in a fixed order.
SELECT feed.org_id FROM event_feeds feed WHERE feed.org_id = ANY ($orgs) ORDER BY feed.org_id FOR UPDATE
