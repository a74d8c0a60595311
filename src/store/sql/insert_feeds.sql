-- Makes the feeds of organisations that have none yet.
INSERT INTO event_feeds (org_id)
SELECT requested.org_id FROM unnest($orgs) AS requested (org_id)
WHERE NOT EXISTS (SELECT FROM event_feeds feed WHERE feed.org_id = requested.org_id)
ORDER BY requested.org_id
ON CONFLICT DO NOTHING
