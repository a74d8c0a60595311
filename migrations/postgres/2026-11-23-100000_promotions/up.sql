-- Moments are milliseconds since the Unix epoch (UTC). Modes: 1 DISCOUNT, 2 PAYMENT_VOUCHER.
-- The organisation leads every key, so that the tables can be distributed or partitioned by it.

CREATE TABLE campaigns (
    org_id                    BIGINT   NOT NULL CHECK (org_id >= 0),
    id                        UUID     NOT NULL,
    name                      TEXT     NOT NULL,
    mode                      SMALLINT NOT NULL CHECK (mode IN (1, 2)),
    active                    BOOLEAN  NOT NULL,
    created_on                BIGINT   NOT NULL,
    redeemable_from           BIGINT   NOT NULL,
    valid_till                BIGINT   NOT NULL CHECK (valid_till >= redeemable_from),
    valid_for_days            INTEGER           CHECK (valid_for_days >= 1),
    max_links_per_customer    INTEGER           CHECK (max_links_per_customer >= 1),
    max_redemptions_per_link  INTEGER  NOT NULL CHECK (max_redemptions_per_link >= 1),
    PRIMARY KEY (org_id, id),
    -- What promotion_codes refers to, so that a code's mode is always its campaign's.
    UNIQUE (org_id, id, mode)
);

CREATE TABLE promotion_codes (
    org_id       BIGINT   NOT NULL,
    mode         SMALLINT NOT NULL,
    -- The code trimmed, NFKC-normalised and case-folded: what callers' spellings are compared with. Compared byte by
    -- byte, as the server sorts it, so that every process locks codes in the same order.
    folded       TEXT     COLLATE "C" NOT NULL,
    -- The code as it was issued, which is how it is shown.
    code         TEXT     NOT NULL,
    campaign_id  UUID     NOT NULL,
    created_on   BIGINT   NOT NULL,
    revoked_on   BIGINT,
    -- How many customers may hold the code at once; NULL: any number.
    max_links    INTEGER           CHECK (max_links >= 1),
    link_count   INTEGER  NOT NULL DEFAULT 0 CHECK (link_count >= 0),
    PRIMARY KEY (org_id, mode, folded),
    FOREIGN KEY (org_id, campaign_id, mode) REFERENCES campaigns (org_id, id, mode),
    CONSTRAINT promotion_codes_within_max_links CHECK (link_count <= max_links)
)
-- Linking changes link_count alone, which no index holds: with room in the page the new row version stays beside the
-- old one and no index is touched.
WITH (fillfactor = 90);

-- Pages through the codes of a campaign.
CREATE INDEX promotion_codes_campaign ON promotion_codes (org_id, campaign_id, folded);

CREATE TABLE promotions (
    org_id            BIGINT   NOT NULL,
    id                UUID     NOT NULL,
    mode              SMALLINT NOT NULL,
    folded            TEXT     COLLATE "C" NOT NULL,
    -- The code's campaign, repeated here to count what a customer holds of it.
    campaign_id       UUID     NOT NULL,
    customer_id       BIGINT   NOT NULL CHECK (customer_id >= 0),
    created_on        BIGINT   NOT NULL,
    unlinked_on       BIGINT,
    redemption_count  INTEGER  NOT NULL DEFAULT 0 CHECK (redemption_count >= 0),
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, mode, folded) REFERENCES promotion_codes (org_id, mode, folded)
);

-- One hold per code and customer; an unlinked one does not count.
CREATE UNIQUE INDEX promotions_one_hold ON promotions (org_id, mode, folded, customer_id) WHERE unlinked_on IS NULL;
-- A customer's wallet in the order of the ids, which begin with the moment of their making, and what the customer holds
-- of a campaign.
CREATE INDEX promotions_wallet ON promotions (org_id, customer_id, id);

CREATE TABLE redemptions (
    org_id          BIGINT NOT NULL,
    id              UUID   NOT NULL,
    promotion_id    UUID   NOT NULL,
    -- The caller's own number for the use, unique in the organisation: a retry finds the first one.
    transaction_id  TEXT   COLLATE "C" NOT NULL,
    redeemed_on     BIGINT NOT NULL,
    reversed_on     BIGINT,
    PRIMARY KEY (org_id, id),
    UNIQUE (org_id, transaction_id),
    FOREIGN KEY (org_id, promotion_id) REFERENCES promotions (org_id, id)
);

-- The redemptions of a promotion, in the order of their making.
CREATE INDEX redemptions_promotion ON redemptions (org_id, promotion_id, id);
