-- Takes numbers for events of an organisation, where its rows are. They are higher than those of earlier changes of what the
-- transaction has locked: each server of a distributed database has numbers of its own.
SELECT next_event_number()
FROM (SELECT count(*) FROM organisations WHERE org_id = $org) place
CROSS JOIN generate_series(1, $count)
