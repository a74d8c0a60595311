-- Organisations come into being with their first API key, or with the demo data.
CREATE TABLE organisations (
    org_id      BIGINT NOT NULL PRIMARY KEY CHECK (org_id >= 0),
    created_on  BIGINT NOT NULL
);

INSERT INTO organisations (org_id, created_on) SELECT org_id, min(created_on) FROM campaigns GROUP BY org_id;

CREATE TABLE api_keys (
    org_id        BIGINT NOT NULL REFERENCES organisations (org_id),
    id            UUID   NOT NULL,
    role          TEXT   NOT NULL CHECK (role IN ('admin', 'service', 'storefront')),
    -- What its owner calls it.
    name          TEXT   NOT NULL,
    -- SHA-256 of the key's secret part, which is 256 random bits. The secret itself is stored nowhere.
    secret_hash   BYTEA  NOT NULL CHECK (length(secret_hash) = 32),
    created_on    BIGINT NOT NULL,
    expires_on    BIGINT,
    revoked_on    BIGINT,
    -- To the minute: a server notes it once a minute at most.
    last_used_on  BIGINT,
    PRIMARY KEY (org_id, id)
);
