-- Gives the events in the outbox of these organisations the next positions, in the order in which they were written. The
-- feeds are locked, so that nobody else numbers them; this statement sees what was committed before it began.
WITH oldest AS (
    SELECT feed.org_id, feed.last_position, feed.last_occurred_on, outbox.number
    FROM event_feeds feed
    -- A lateral subquery with a limit is executed once for each feed, by the key of the outbox.
    CROSS JOIN LATERAL (
        SELECT written.number FROM event_outbox written
        WHERE written.org_id = feed.org_id
        ORDER BY written.number
        LIMIT $limit
    ) outbox
    WHERE feed.org_id = ANY ($orgs)
),
taken AS (
    DELETE FROM event_outbox outbox USING oldest
    WHERE outbox.org_id = oldest.org_id AND outbox.number = oldest.number
    RETURNING outbox.*, oldest.last_position, oldest.last_occurred_on
),
numbered AS (
    INSERT INTO events (
        org_id, position, id, type, occurred_on, actor, actor_id, request_id, reason, subject_id, campaign_id,
        customer_id, data
    )
    SELECT
        taken.org_id, taken.last_position + row_number() OVER feed, taken.id, taken.type,
        -- No earlier than the position before. A server whose clock is ahead must not delay all that follows.
        greatest(
            taken.last_occurred_on,
            max(least(taken.occurred_on, floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint)) OVER feed
        ),
        taken.actor, taken.actor_id, taken.request_id, taken.reason, taken.subject_id, taken.campaign_id,
        taken.customer_id, taken.data
    FROM taken
    WINDOW feed AS (PARTITION BY taken.org_id ORDER BY taken.number)
    RETURNING org_id, position, occurred_on
)
UPDATE event_feeds feed
SET last_position = last.position, last_occurred_on = last.occurred_on
FROM (
    SELECT org_id, max(position) AS position, max(occurred_on) AS occurred_on, count(*) AS events
    FROM numbered GROUP BY org_id
) last
WHERE feed.org_id = last.org_id
RETURNING feed.org_id, last.events
