-- The same tables as for PostgreSQL, where the comments stand. Ids are 16 bytes, booleans 0 or 1.

CREATE TABLE campaigns (
    org_id                    INTEGER NOT NULL CHECK (org_id >= 0),
    id                        BLOB    NOT NULL CHECK (length(id) = 16),
    name                      TEXT    NOT NULL,
    mode                      INTEGER NOT NULL CHECK (mode IN (1, 2)),
    active                    INTEGER NOT NULL CHECK (active IN (0, 1)),
    created_on                INTEGER NOT NULL,
    redeemable_from           INTEGER NOT NULL,
    valid_till                INTEGER NOT NULL CHECK (valid_till >= redeemable_from),
    valid_for_days            INTEGER          CHECK (valid_for_days >= 1),
    max_links_per_customer    INTEGER          CHECK (max_links_per_customer >= 1),
    max_redemptions_per_link  INTEGER NOT NULL CHECK (max_redemptions_per_link >= 1),
    PRIMARY KEY (org_id, id),
    UNIQUE (org_id, id, mode)
) STRICT, WITHOUT ROWID;

CREATE TABLE promotion_codes (
    org_id       INTEGER NOT NULL,
    mode         INTEGER NOT NULL,
    folded       TEXT    NOT NULL,
    code         TEXT    NOT NULL,
    campaign_id  BLOB    NOT NULL,
    created_on   INTEGER NOT NULL,
    revoked_on   INTEGER,
    max_links    INTEGER          CHECK (max_links >= 1),
    link_count   INTEGER NOT NULL DEFAULT 0 CHECK (link_count >= 0),
    PRIMARY KEY (org_id, mode, folded),
    FOREIGN KEY (org_id, campaign_id, mode) REFERENCES campaigns (org_id, id, mode),
    CONSTRAINT promotion_codes_within_max_links CHECK (link_count <= max_links)
) STRICT, WITHOUT ROWID;

CREATE INDEX promotion_codes_campaign ON promotion_codes (org_id, campaign_id, folded);

CREATE TABLE promotions (
    org_id            INTEGER NOT NULL,
    id                BLOB    NOT NULL CHECK (length(id) = 16),
    mode              INTEGER NOT NULL,
    folded            TEXT    NOT NULL,
    campaign_id       BLOB    NOT NULL,
    customer_id       INTEGER NOT NULL CHECK (customer_id >= 0),
    created_on        INTEGER NOT NULL,
    unlinked_on       INTEGER,
    redemption_count  INTEGER NOT NULL DEFAULT 0 CHECK (redemption_count >= 0),
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, mode, folded) REFERENCES promotion_codes (org_id, mode, folded)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX promotions_one_hold ON promotions (org_id, mode, folded, customer_id) WHERE unlinked_on IS NULL;
CREATE INDEX promotions_wallet ON promotions (org_id, customer_id, id);

CREATE TABLE redemptions (
    org_id          INTEGER NOT NULL,
    id              BLOB    NOT NULL CHECK (length(id) = 16),
    promotion_id    BLOB    NOT NULL,
    transaction_id  TEXT    NOT NULL,
    redeemed_on     INTEGER NOT NULL,
    reversed_on     INTEGER,
    PRIMARY KEY (org_id, id),
    UNIQUE (org_id, transaction_id),
    FOREIGN KEY (org_id, promotion_id) REFERENCES promotions (org_id, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX redemptions_promotion ON redemptions (org_id, promotion_id, id);

-- The planner knows the tables' sizes only by these numbers (rows, then rows for each value of the key's first column,
-- its first two, and so on: https://www.sqlite.org/fileformat2.html#stat1tab). They describe a large database, so that
-- plans are those that scale from the first day on; without them a wallet is read through all of the promotions.
-- ANALYZE makes the table for them, empty as the others are.
ANALYZE;
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
    ('campaigns', 'campaigns', '10000 100 1'),
    ('promotion_codes', 'promotion_codes', '10000000 1000000 500000 1'),
    ('promotion_codes', 'promotion_codes_campaign', '10000000 1000000 10000 1'),
    ('promotions', 'promotions', '1000000 100000 1'),
    ('promotions', 'promotions_one_hold', '1000000 100000 50000 10 1'),
    ('promotions', 'promotions_wallet', '1000000 100000 10 1'),
    ('redemptions', 'redemptions', '1000000 100000 1'),
    ('redemptions', 'redemptions_promotion', '1000000 100000 2 1');
