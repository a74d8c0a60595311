SELECT recorded.org_id, recorded.subject_id AS id, 'an event of the type ' || recorded.type || ' has no change' AS about, NULL AS code
FROM recorded_events recorded
LEFT JOIN recorded_changes change
    ON change.org_id = recorded.org_id AND change.type = recorded.type AND change.id = recorded.subject_id
WHERE change.id IS NULL AND recorded.type IN (1, 2, 3, 4, 7, 9, 10)
