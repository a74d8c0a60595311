SELECT
    feed.org_id, last.id,
    'there are ' || coalesce(counted.events, 0) || ' events from position ' || coalesce(counted.first, 0) || ' to '
        || coalesce(counted.last, 0) || ', instead of ' || feed.first_position || ' to ' || feed.last_position AS about,
    NULL AS code
FROM event_feeds feed
LEFT JOIN (
    SELECT org_id, count(*) AS events, min(position) AS first, max(position) AS last FROM events GROUP BY org_id
) counted ON counted.org_id = feed.org_id
LEFT JOIN events last ON last.org_id = counted.org_id AND last.position = counted.last
WHERE coalesce(counted.events, 0) <> feed.last_position - feed.first_position + 1
    OR counted.first <> feed.first_position OR counted.last <> feed.last_position
