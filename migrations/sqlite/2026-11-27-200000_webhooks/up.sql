-- The same table as for PostgreSQL, where the comments stand.
CREATE TABLE webhook_endpoints (
    org_id                 INTEGER NOT NULL,
    id                     BLOB    NOT NULL CHECK (length(id) = 16),
    url                    TEXT    NOT NULL,
    event_types            TEXT    NOT NULL,
    batch_size             INTEGER NOT NULL CHECK (batch_size >= 1),
    enabled                INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    secret                 BLOB    NOT NULL,
    previous_secret        BLOB,
    previous_secret_until  INTEGER,
    delivered_position     INTEGER NOT NULL CHECK (delivered_position >= 0),
    failed_attempts        INTEGER NOT NULL DEFAULT 0,
    next_attempt_on        INTEGER NOT NULL DEFAULT 0,
    last_error             TEXT,
    test_requested         INTEGER NOT NULL DEFAULT 0 CHECK (test_requested IN (0, 1)),
    lease_id               BLOB,
    leased_until           INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (org_id, id)
) STRICT, WITHOUT ROWID;
