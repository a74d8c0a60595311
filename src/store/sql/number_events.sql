-- Gives the oldest events in the outbox of these organisations the next positions, in the order in which they were written.
-- Their feeds are locked, so that no other server does the same, and this statement sees what was committed before it began.
WITH taken AS (
    -- By the places of the rows: with any join, the planner could choose to search the outbox once for each of its rows, as
    -- its statistics are those of a table that is nearly empty.
    DELETE FROM event_outbox outbox
    WHERE outbox.ctid = ANY (ARRAY(
        SELECT oldest.ctid FROM unnest($orgs) AS requested (org_id)
        CROSS JOIN LATERAL (
            SELECT written.ctid FROM event_outbox written
            WHERE written.org_id = requested.org_id
            ORDER BY written.number
            LIMIT $limit
        ) oldest
    ))
    RETURNING outbox.*
),
numbered AS (
    INSERT INTO events (
        org_id, position, id, type, occurred_on, actor, actor_id, request_id, reason, subject_id, campaign_id,
        customer_id, data
    )
    SELECT
        taken.org_id, feed.last_position + row_number() OVER of_org, taken.id, taken.type,
        -- No earlier than the position before. A server whose clock is ahead must not delay all that follows.
        greatest(
            feed.last_occurred_on,
            max(least(taken.occurred_on, floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint)) OVER of_org
        ),
        taken.actor, taken.actor_id, taken.request_id, taken.reason, taken.subject_id, taken.campaign_id,
        taken.customer_id, taken.data
    FROM taken
    JOIN event_feeds feed ON feed.org_id = taken.org_id
    WINDOW of_org AS (PARTITION BY taken.org_id ORDER BY taken.number)
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
WHERE feed.org_id = last.org_id
RETURNING feed.org_id, last.events, floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint - last.oldest
