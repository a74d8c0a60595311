SELECT
    feed.org_id, last.id,
    'there are ' || counted.events || ' events from position ' || counted.first || ' to ' || counted.last
        || ', instead of ' || feed.first_position || ' to ' || feed.last_position AS about,
    NULL AS code
FROM event_feeds feed
JOIN (
    SELECT org_id, count(*) AS events, min(position) AS first, max(position) AS last FROM events GROUP BY org_id
) counted ON counted.org_id = feed.org_id
JOIN events last ON last.org_id = counted.org_id AND last.position = counted.last
WHERE counted.first <> feed.first_position OR counted.last <> feed.last_position
    OR counted.events <> counted.last - counted.first + 1
