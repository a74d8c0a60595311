-- Records events of an organisation, in the order of the arrays. They get their positions later. Their numbers are taken as in
-- take_event_numbers.sql.
INSERT INTO event_outbox (
    org_id, number, id, type, occurred_on, actor, actor_id, request_id, reason, subject_id, campaign_id, customer_id, data
)
OVERRIDING SYSTEM VALUE
SELECT $org, next_event_number(), event.*
FROM (SELECT count(*) FROM organisations WHERE org_id = $org) place
CROSS JOIN unnest($events) AS event
