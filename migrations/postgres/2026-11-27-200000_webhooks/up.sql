-- The endpoints to which the events of an organisation are sent.
CREATE TABLE webhook_endpoints (
    org_id                 BIGINT  NOT NULL,
    -- Begins with the time of creation.
    id                     UUID    NOT NULL,
    url                    TEXT    NOT NULL,
    -- The names of the types to send, such as promotion.linked, separated by spaces; empty: all.
    event_types            TEXT    NOT NULL,
    batch_size             INTEGER NOT NULL CHECK (batch_size >= 1),
    enabled                BOOLEAN NOT NULL,
    -- The secrets that sign, encrypted if the servers have a key: a byte for the format, then the secret.
    secret                 BYTEA   NOT NULL,
    previous_secret        BYTEA,
    previous_secret_until  BIGINT,
    -- All events of these types up to this position have been delivered.
    delivered_position     BIGINT  NOT NULL CHECK (delivered_position >= 0),
    -- Attempts that failed since the last one that succeeded.
    failed_attempts        INTEGER NOT NULL DEFAULT 0,
    next_attempt_on        BIGINT  NOT NULL DEFAULT 0,
    last_error             TEXT,
    test_requested         BOOLEAN NOT NULL DEFAULT false,
    -- The server task that sends at the moment, and until when no other one does.
    lease_id               UUID,
    leased_until           BIGINT  NOT NULL DEFAULT 0,
    PRIMARY KEY (org_id, id)
);
