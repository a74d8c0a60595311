-- Takes numbers for events of an organisation. In a distributed database, each server has numbers of its own, and the aggregate has
-- them taken where the organisation's rows are: they are higher than those of earlier changes of what the transaction has
-- locked.
SELECT next_event_number()
FROM (SELECT count(*) FROM organisations WHERE org_id = $org) place
CROSS JOIN generate_series(1, $count)
