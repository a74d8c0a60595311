-- Makes the feed of an organisation if it has none yet. Usually there are no events either.
INSERT INTO event_feeds (org_id, first_position, last_position, last_occurred_on)
SELECT $org, coalesce(min(event.position), 1), coalesce(max(event.position), 0), coalesce(max(event.occurred_on), 0)
FROM events event WHERE event.org_id = $org
HAVING NOT EXISTS (SELECT FROM event_feeds feed WHERE feed.org_id = $org)
ON CONFLICT DO NOTHING
