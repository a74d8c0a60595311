-- The events of each organisation: one for each change, written in the transaction of the change.
--
-- A change writes its events to event_outbox. Shortly after its commit, a server moves them to events, in the order in
-- which they were written, and gives them the next positions of their organisation. So positions have no gaps, events
-- become visible in the order of their positions, and changes do not wait for each other to get one.

-- One row per organisation. Servers lock it while they give out positions.
CREATE TABLE event_feeds (
    org_id            BIGINT NOT NULL PRIMARY KEY,
    -- The position of the oldest event that has not been removed. In an empty feed: last_position + 1.
    first_position    BIGINT NOT NULL DEFAULT 1,
    last_position     BIGINT NOT NULL DEFAULT 0 CHECK (last_position >= first_position - 1),
    -- When the last event occurred: those that follow occur no earlier.
    last_occurred_on  BIGINT NOT NULL DEFAULT 0,
    -- Changes before this moment may have no events: the server did not record any yet.
    recorded_since    BIGINT NOT NULL DEFAULT 0
);

INSERT INTO event_feeds (org_id, recorded_since)
SELECT org_id, floor(extract(epoch FROM now()) * 1000) FROM organisations;

CREATE TABLE events (
    org_id       BIGINT   NOT NULL,
    -- 1, 2, 3 and so on in the organisation.
    position     BIGINT   NOT NULL CHECK (position >= 1),
    id           UUID     NOT NULL,
    -- Which number means which type is in the program (store/rows/events.rs).
    type         SMALLINT NOT NULL,
    -- Never earlier than that of the position before.
    occurred_on  BIGINT   NOT NULL,
    -- 1 API key, 2 customer, 3 operator, 4 command line, 5 server.
    actor        SMALLINT NOT NULL,
    -- The id of the API key, or the number of the customer.
    actor_id     TEXT     COLLATE "C",
    request_id   TEXT,
    reason       TEXT,
    -- The id of what changed: a promotion, redemption, campaign, API key or webhook endpoint.
    subject_id   UUID     NOT NULL,
    campaign_id  UUID,
    customer_id  BIGINT,
    -- A JSON object: what changed, as it was after the change.
    data         TEXT     NOT NULL,
    PRIMARY KEY (org_id, position)
);

-- Each filter of the feed finds its events in the order of their positions. Those that may match many events have the type
-- as well, for events of rare types.
CREATE INDEX events_type ON events (org_id, type, position);
CREATE INDEX events_campaign ON events (org_id, campaign_id, type, position) WHERE campaign_id IS NOT NULL;
CREATE INDEX events_customer ON events (org_id, customer_id, position) WHERE customer_id IS NOT NULL;
CREATE INDEX events_actor ON events (org_id, actor_id, type, position) WHERE actor_id IS NOT NULL;
-- The positions of a period.
CREATE INDEX events_occurred_on ON events (org_id, occurred_on, position);

-- The events that have no position yet.
CREATE TABLE event_outbox (
    org_id       BIGINT   NOT NULL,
    -- A change that depends on another one is written after the commit of that one, so its number is higher.
    number       BIGINT   NOT NULL GENERATED ALWAYS AS IDENTITY,
    id           UUID     NOT NULL,
    type         SMALLINT NOT NULL,
    occurred_on  BIGINT   NOT NULL,
    actor        SMALLINT NOT NULL,
    actor_id     TEXT     COLLATE "C",
    request_id   TEXT,
    reason       TEXT,
    subject_id   UUID     NOT NULL,
    campaign_id  UUID,
    customer_id  BIGINT,
    data         TEXT     NOT NULL,
    PRIMARY KEY (org_id, number)
)
-- It is nearly empty, and all of its rows are replaced within a second: it is vacuumed by their number, not their share.
-- Truncating it would lock it against changes.
WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000, vacuum_truncate = off);
