-- Records the events of new promotions. They get their positions later. In a distributed database, their numbers were taken by
-- take_event_numbers.sql; otherwise the table numbers them.
INSERT INTO event_outbox (
    org_id, $number_column id, type, occurred_on, actor, actor_id, request_id, reason, subject_id, campaign_id, customer_id,
    data
)
OVERRIDING SYSTEM VALUE
SELECT
    $org_column, $number event.id, event.type, event.occurred_on, event.actor, event.actor_id, event.request_id, event.reason,
    event.subject_id, event.campaign_id, event.customer_id, event.data
FROM $place unnest($orgs, $numbers, $events) AS event (
    org_id, number, id, type, occurred_on, actor, actor_id, request_id, reason, subject_id, campaign_id, customer_id, data
)
