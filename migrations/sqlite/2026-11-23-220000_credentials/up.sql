-- The same tables as for PostgreSQL, where the comments stand.

CREATE TABLE organisations (
    org_id      INTEGER NOT NULL PRIMARY KEY CHECK (org_id >= 0),
    created_on  INTEGER NOT NULL
) STRICT;

INSERT INTO organisations (org_id, created_on) SELECT org_id, min(created_on) FROM campaigns GROUP BY org_id;

CREATE TABLE api_keys (
    org_id        INTEGER NOT NULL REFERENCES organisations (org_id),
    id            BLOB    NOT NULL CHECK (length(id) = 16),
    role          TEXT    NOT NULL CHECK (role IN ('admin', 'service', 'storefront')),
    name          TEXT    NOT NULL,
    secret_hash   BLOB    NOT NULL CHECK (length(secret_hash) = 32),
    created_on    INTEGER NOT NULL,
    expires_on    INTEGER,
    revoked_on    INTEGER,
    last_used_on  INTEGER,
    PRIMARY KEY (org_id, id)
) STRICT, WITHOUT ROWID;
