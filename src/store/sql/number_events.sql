-- Gives the oldest events in the outbox of an organisation the next positions, in the order in which they were written. Its
-- feed is locked, so that no other server does the same, and this statement sees what was committed before it began.
WITH taken AS (
    -- Up to a number, in the order of the key: with a join, the planner could choose to search the outbox once for each of its
    -- rows, as its statistics are those of a table that is nearly empty.
    DELETE FROM event_outbox outbox
    WHERE outbox.org_id = $org AND outbox.number <= (
        SELECT max(oldest.number) FROM (
            SELECT written.number FROM event_outbox written
            WHERE written.org_id = $org
            ORDER BY written.number
            LIMIT $limit
        ) oldest
    )
    RETURNING outbox.*
),
numbered AS (
    INSERT INTO events (
        org_id, position, id, type, occurred_on, actor, actor_id, request_id, reason, subject_id, campaign_id,
        customer_id, data
    )
    SELECT
        taken.org_id, feed.last_position + row_number() OVER oldest_first, taken.id, taken.type,
        -- No earlier than the position before. A server whose clock is ahead must not delay all that follows.
        greatest(
            feed.last_occurred_on,
            max(least(taken.occurred_on, floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint)) OVER oldest_first
        ),
        taken.actor, taken.actor_id, taken.request_id, taken.reason, taken.subject_id, taken.campaign_id,
        taken.customer_id, taken.data
    FROM taken
    JOIN event_feeds feed ON feed.org_id = $org
    WHERE taken.org_id = $org
    WINDOW oldest_first AS (ORDER BY taken.number)
    RETURNING org_id, position, occurred_on
)
UPDATE event_feeds feed
SET last_position = last.position, last_occurred_on = last.occurred_on
FROM (
    SELECT
        org_id, max(position) AS position, max(occurred_on) AS occurred_on, min(occurred_on) AS oldest,
        count(*) AS events
    FROM numbered GROUP BY org_id
) last
WHERE feed.org_id = $org AND last.org_id = feed.org_id
RETURNING last.events, last.oldest
