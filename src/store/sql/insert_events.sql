-- Records events. They get their positions later.
INSERT INTO event_outbox (
    org_id, id, type, occurred_on, actor, actor_id, request_id, reason, subject_id, campaign_id, customer_id, data
)
SELECT * FROM unnest(
    $orgs, $ids, $types, $occurred_on, $actors, $actor_ids, $request_ids, $reasons, $subjects, $campaigns, $customers, $data
)
