-- Locks the feed of an organisation that has events in the outbox, unless it is locked already: one that is locked for long
-- must not hold up the others.
SELECT feed.org_id FROM event_feeds feed
WHERE feed.org_id = $org AND EXISTS (SELECT FROM event_outbox written WHERE written.org_id = $org)
FOR UPDATE SKIP LOCKED
