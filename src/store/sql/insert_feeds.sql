-- Makes the feeds of organisations that have none yet. Usually they have no events either.
INSERT INTO event_feeds (org_id, first_position, last_position, last_occurred_on)
SELECT requested.org_id, coalesce(known.first, 1), coalesce(known.last, 0), coalesce(known.occurred_on, 0)
FROM unnest($orgs) AS requested (org_id)
CROSS JOIN LATERAL (
    SELECT min(event.position) AS first, max(event.position) AS last, max(event.occurred_on) AS occurred_on
    FROM events event WHERE event.org_id = requested.org_id
) known
WHERE NOT EXISTS (SELECT FROM event_feeds feed WHERE feed.org_id = requested.org_id)
ORDER BY requested.org_id
ON CONFLICT DO NOTHING
