-- The same tables as for PostgreSQL, where the comments stand. There is no outbox: only one transaction at a time writes,
-- so a change gives its events their positions itself.

CREATE TABLE event_feeds (
    org_id            INTEGER NOT NULL PRIMARY KEY,
    first_position    INTEGER NOT NULL DEFAULT 1,
    last_position     INTEGER NOT NULL DEFAULT 0 CHECK (last_position >= first_position - 1),
    last_occurred_on  INTEGER NOT NULL DEFAULT 0,
    recorded_since    INTEGER NOT NULL DEFAULT 0
) STRICT;

INSERT INTO event_feeds (org_id, recorded_since)
SELECT org_id, CAST(unixepoch('subsec') * 1000 AS INTEGER) FROM organisations;

CREATE TABLE events (
    org_id       INTEGER NOT NULL,
    position     INTEGER NOT NULL CHECK (position >= 1),
    id           BLOB    NOT NULL CHECK (length(id) = 16),
    type         INTEGER NOT NULL,
    occurred_on  INTEGER NOT NULL,
    actor        INTEGER NOT NULL,
    actor_id     TEXT,
    request_id   TEXT,
    reason       TEXT,
    subject_id   BLOB    NOT NULL,
    campaign_id  BLOB,
    customer_id  INTEGER,
    data         TEXT    NOT NULL,
    PRIMARY KEY (org_id, position)
) STRICT, WITHOUT ROWID;

CREATE INDEX events_type ON events (org_id, type, position);
CREATE INDEX events_campaign ON events (org_id, campaign_id, type, position) WHERE campaign_id IS NOT NULL;
CREATE INDEX events_customer ON events (org_id, customer_id, position) WHERE customer_id IS NOT NULL;
CREATE INDEX events_actor ON events (org_id, actor_id, type, position) WHERE actor_id IS NOT NULL;
CREATE INDEX events_occurred_on ON events (org_id, occurred_on, position);

-- What the planner is to expect: a large database, as for the other tables.
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
    ('events', 'events', '10000000 1000000 1'),
    ('events', 'events_type', '10000000 1000000 200000 1'),
    ('events', 'events_campaign', '10000000 1000000 10000 5000 1'),
    ('events', 'events_customer', '10000000 1000000 10 1'),
    ('events', 'events_actor', '10000000 1000000 200000 100000 1'),
    ('events', 'events_occurred_on', '10000000 1000000 2 1');
