-- Changes since the organisation's events are recorded, and after the last one whose event may have been removed. Servers'
-- clocks, which changes have their times from, may differ from that of the database by up to an hour.
SELECT
    change.org_id, change.id,
    'a change of the type ' || change.type || ' has ' || coalesce(counted.events, 0) || ' events' AS about, NULL AS code
FROM recorded_changes change
LEFT JOIN (
    SELECT org_id, type, subject_id, count(*) AS events FROM recorded_events GROUP BY org_id, type, subject_id
) counted ON counted.org_id = change.org_id AND counted.type = change.type AND counted.subject_id = change.id
LEFT JOIN (
    SELECT
        feed.org_id, feed.recorded_since,
        CASE WHEN feed.first_position = 1 THEN -1 ELSE coalesce(oldest.occurred_on, feed.last_occurred_on) END AS removed
    FROM event_feeds feed
    LEFT JOIN events oldest ON oldest.org_id = feed.org_id AND oldest.position = feed.first_position
) feed ON feed.org_id = change.org_id
WHERE coalesce(counted.events, 0) <> 1
    AND (coalesce(feed.recorded_since, 0) = 0 OR change.changed_on > feed.recorded_since + 3600000)
    AND (coalesce(feed.removed, -1) = -1 OR change.changed_on > feed.removed + 3600000)
