-- Locks the feeds of organisations that have events in the outbox, except those that are locked already: one that is locked for
-- long must not hold up the others.
SELECT feed.org_id FROM event_feeds feed
WHERE feed.org_id = ANY ($orgs) AND EXISTS (SELECT FROM event_outbox written WHERE written.org_id = feed.org_id)
ORDER BY feed.org_id
FOR UPDATE SKIP LOCKED
