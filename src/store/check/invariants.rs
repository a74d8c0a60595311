//! What holds in a sound database, and for each of these the statement that finds where it does not.
//!
//! The statements are about all organisations, and read each table from one end to the other: a database may have
//! millions of rows. What they join they join crosswise, since SQLite then reads the tables in that order and finds the
//! rows of the second by their keys, instead of reading it anew for each row of a small first one.
//!
//! Holds count as they do for linking (`queries::counts`): while they stand, and after that while they have uses. Of
//! what is too many, those that were made last are named.

/// What holds in a sound database.
pub struct Invariant {
    /// In words.
    pub name: &'static str,
    /// What has the ids that the statement selects.
    pub id_of: &'static str,
    /// Selects where it is broken: `org_id`, `id`, in words `about`, and the `code` or NULL. Both databases understand it.
    pub broken: &'static str,
    /// How it may have come to be broken while all is as it should be, if it may.
    pub excuse: Option<&'static str>,
    /// What an operator can do about it.
    pub advice: &'static str,
}

pub const INVARIANTS: [Invariant; 12] = [
    Invariant {
        name: "every campaign belongs to an organisation",
        id_of: "campaign",
        broken: "SELECT g.org_id, g.id, 'there is no such organisation' AS about, NULL AS code FROM campaigns g \
                 WHERE NOT EXISTS (SELECT 1 FROM organisations o WHERE o.org_id = g.org_id)",
        excuse: None,
        advice: "`promolink key create` with --org makes the organisation",
    },
    Invariant {
        name: "every API key belongs to an organisation",
        id_of: "key",
        broken: "SELECT k.org_id, k.id, 'there is no such organisation' AS about, NULL AS code FROM api_keys k \
                 WHERE NOT EXISTS (SELECT 1 FROM organisations o WHERE o.org_id = k.org_id)",
        excuse: None,
        advice: "`promolink key create` with --org makes the organisation; revoke the keys that it should not have",
    },
    Invariant {
        name: "every code belongs to a campaign of its mode",
        id_of: "campaign",
        broken: "SELECT c.org_id, c.campaign_id AS id, \
                 'it is not there in mode ' || c.mode || ', and has codes: ' || count(*) AS about, NULL AS code \
                 FROM promotion_codes c WHERE NOT EXISTS (SELECT 1 FROM campaigns g \
                 WHERE g.org_id = c.org_id AND g.id = c.campaign_id AND g.mode = c.mode) \
                 GROUP BY c.org_id, c.campaign_id, c.mode",
        excuse: None,
        advice: "restore the campaign from a backup",
    },
    Invariant {
        name: "every promotion is of a code",
        id_of: "promotion",
        broken: "SELECT p.org_id, p.id, 'there is no such code' AS about, p.folded AS code FROM promotions p \
                 WHERE NOT EXISTS (SELECT 1 FROM promotion_codes c \
                 WHERE c.org_id = p.org_id AND c.mode = p.mode AND c.folded = p.folded)",
        excuse: None,
        advice: "restore the code from a backup",
    },
    Invariant {
        name: "every promotion is of its code's campaign",
        id_of: "promotion",
        broken: "SELECT p.org_id, p.id, 'its code is of another campaign' AS about, c.code FROM promotions p \
                 CROSS JOIN promotion_codes c \
                 WHERE c.org_id = p.org_id AND c.mode = p.mode AND c.folded = p.folded \
                 AND c.campaign_id <> p.campaign_id",
        excuse: None,
        advice: "set the promotion's campaign_id to that of its code",
    },
    Invariant {
        name: "every redemption is of a promotion",
        id_of: "redemption",
        broken: "SELECT r.org_id, r.id, 'there is no such promotion' AS about, NULL AS code FROM redemptions r \
                 WHERE NOT EXISTS (SELECT 1 FROM promotions p WHERE p.org_id = r.org_id AND p.id = r.promotion_id)",
        excuse: None,
        advice: "restore the promotion from a backup",
    },
    Invariant {
        name: "every code's linkCount is the number of its holds that count",
        id_of: "code of campaign",
        broken: "SELECT c.org_id, c.campaign_id AS id, \
                 'its linkCount is ' || c.link_count || ', and its holds are ' || COALESCE(h.holds, 0) AS about, c.code \
                 FROM promotion_codes c LEFT JOIN (SELECT p.org_id, p.mode, p.folded, count(*) AS holds \
                 FROM promotions p WHERE p.unlinked_on IS NULL OR p.redemption_count > 0 \
                 GROUP BY p.org_id, p.mode, p.folded) h \
                 ON h.org_id = c.org_id AND h.mode = c.mode AND h.folded = c.folded \
                 WHERE c.link_count <> COALESCE(h.holds, 0)",
        excuse: None,
        advice: "set the code's link_count to the number of its holds: too low, it lets too many customers link; too high, \
                 too few",
    },
    Invariant {
        name: "no code has more holds than its maxLinks",
        id_of: "promotion",
        broken: "SELECT h.org_id, h.id, 'it is hold ' || h.number || ' of a code for ' || h.max_links AS about, h.code \
                 FROM (SELECT p.org_id, p.id, c.max_links, c.code, \
                 row_number() OVER (PARTITION BY p.org_id, p.mode, p.folded ORDER BY p.id) AS number \
                 FROM promotions p \
                 CROSS JOIN promotion_codes c \
                 WHERE c.org_id = p.org_id AND c.mode = p.mode AND c.folded = p.folded \
                 AND c.max_links IS NOT NULL AND (p.unlinked_on IS NULL OR p.redemption_count > 0)) h \
                 WHERE h.number > h.max_links",
        excuse: None,
        advice: "unlink these promotions, the newest of the code, or raise the code's max_links",
    },
    Invariant {
        name: "no customer holds a code twice",
        id_of: "promotion",
        broken: "SELECT h.org_id, h.id, 'it is hold ' || h.number || ' of its customer on its code' AS about, \
                 h.folded AS code \
                 FROM (SELECT p.org_id, p.id, p.folded, \
                 row_number() OVER (PARTITION BY p.org_id, p.mode, p.folded, p.customer_id ORDER BY p.id) AS number \
                 FROM promotions p WHERE p.unlinked_on IS NULL) h \
                 WHERE h.number > 1",
        excuse: None,
        advice: "unlink these promotions, the newer ones of the customer",
    },
    Invariant {
        name: "no customer holds more codes of a campaign than its maxLinksPerCustomer",
        id_of: "promotion",
        broken: "SELECT h.org_id, h.id, \
                 'it is hold ' || h.number || ' of its customer, who may have ' || h.allowed AS about, h.folded AS code \
                 FROM (SELECT p.org_id, p.id, p.folded, g.max_links_per_customer AS allowed, \
                 row_number() OVER (PARTITION BY p.org_id, p.campaign_id, p.customer_id ORDER BY p.id) AS number \
                 FROM promotions p CROSS JOIN campaigns g \
                 WHERE g.org_id = p.org_id AND g.id = p.campaign_id AND g.max_links_per_customer IS NOT NULL \
                 AND (p.unlinked_on IS NULL OR p.redemption_count > 0)) h \
                 WHERE h.number > h.allowed",
        excuse: Some(
            "no error where the limit was set or lowered after they were linked: what customers hold they keep",
        ),
        advice: "otherwise unlink these promotions",
    },
    Invariant {
        name: "every promotion's count of redemptions is the number of those that were not reversed",
        id_of: "promotion",
        broken: "SELECT p.org_id, p.id, \
                 'its count is ' || p.redemption_count || ', and its redemptions are ' || COALESCE(r.uses, 0) AS about, \
                 p.folded AS code \
                 FROM promotions p LEFT JOIN (SELECT u.org_id, u.promotion_id, count(*) AS uses FROM redemptions u \
                 WHERE u.reversed_on IS NULL GROUP BY u.org_id, u.promotion_id) r \
                 ON r.org_id = p.org_id AND r.promotion_id = p.id \
                 WHERE p.redemption_count <> COALESCE(r.uses, 0)",
        excuse: None,
        advice: "set the promotion's redemption_count to the number of its redemptions: too low, it permits too many; too \
                 high, too few",
    },
    Invariant {
        name: "no promotion has more redemptions than its campaign's maxRedemptionsPerLink",
        id_of: "redemption",
        broken: "SELECT u.org_id, u.id, 'it is use ' || u.number || ' of a promotion for ' || u.allowed AS about, \
                 u.folded AS code \
                 FROM (SELECT r.org_id, r.id, p.folded, g.max_redemptions_per_link AS allowed, \
                 row_number() OVER (PARTITION BY r.org_id, r.promotion_id ORDER BY r.id) AS number \
                 FROM redemptions r CROSS JOIN promotions p CROSS JOIN campaigns g \
                 WHERE p.org_id = r.org_id AND p.id = r.promotion_id AND g.org_id = p.org_id \
                 AND g.id = p.campaign_id AND r.reversed_on IS NULL) u \
                 WHERE u.number > u.allowed",
        excuse: None,
        advice: "reverse these redemptions, or raise the campaign's max_redemptions_per_link",
    },
];
