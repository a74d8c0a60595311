-- Records the events of new promotions. They get their positions later. In a distributed database, their numbers were taken
-- before, by take_event_numbers.sql.
INSERT INTO event_outbox (
    org_id, $number_column id, type, occurred_on, actor, actor_id, request_id, reason, subject_id, campaign_id, customer_id,
    data
)
OVERRIDING SYSTEM VALUE
SELECT * FROM unnest($orgs, $numbers$comma $events)
