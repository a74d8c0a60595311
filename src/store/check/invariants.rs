//! The invariants of the data, and for each the statement that finds violations.
//!
//! The statements cover all organisations, and read each table once from one end to the other: a database may have
//! millions of rows. They use CROSS JOIN, because SQLite then reads the tables in that order and finds the rows of the
//! second by key, instead of reading it once per row of a small first one.
//!
//! Some read `counting_holds`, the holds that count towards the limits (`promotion_conditions::COUNTS`); `recorded_changes`,
//! the changes that must have an event; and `recorded_events`, the events with and without a position.

/// What holds in an intact database.
pub struct Invariant {
    /// The invariant in words.
    pub name: &'static str,
    /// What the ids that the statement selects belong to.
    pub id_of: &'static str,
    /// Selects violations: `org_id`, `id`, a description `about`, and the `code` or NULL. Valid in both databases.
    pub broken: &'static str,
    /// Why it may be broken although nothing is wrong, if it may.
    pub excuse: Option<&'static str>,
    /// What an operator can do about it.
    pub advice: &'static str,
}

pub const INVARIANTS: [Invariant; 15] = [
    Invariant {
        name: "every campaign belongs to an organisation",
        id_of: "campaign",
        broken: include_str!("../sql/check/campaigns_belong_to_organisations.sql"),
        excuse: None,
        advice: "`promolink key create` with --org makes the organisation",
    },
    Invariant {
        name: "every API key belongs to an organisation",
        id_of: "key",
        broken: include_str!("../sql/check/api_keys_belong_to_organisations.sql"),
        excuse: None,
        advice: "`promolink key create` with --org makes the organisation; revoke the keys that it should not have",
    },
    Invariant {
        name: "every code belongs to a campaign of its mode",
        id_of: "campaign",
        broken: include_str!("../sql/check/codes_belong_to_campaigns.sql"),
        excuse: None,
        advice: "restore the campaign from a backup",
    },
    Invariant {
        name: "every promotion is of a code",
        id_of: "promotion",
        broken: include_str!("../sql/check/promotions_belong_to_codes.sql"),
        excuse: None,
        advice: "restore the code from a backup",
    },
    Invariant {
        name: "every promotion is of its code's campaign",
        id_of: "promotion",
        broken: include_str!("../sql/check/promotions_belong_to_campaigns_of_their_codes.sql"),
        excuse: None,
        advice: "set the promotion's campaign_id to that of its code",
    },
    Invariant {
        name: "every redemption is of a promotion",
        id_of: "redemption",
        broken: include_str!("../sql/check/redemptions_belong_to_promotions.sql"),
        excuse: None,
        advice: "restore the promotion from a backup",
    },
    Invariant {
        name: "every code's linkCount is the number of its holds that count",
        id_of: "code of campaign",
        broken: include_str!("../sql/check/link_counts_equal_holds.sql"),
        excuse: None,
        advice: "set the code's link_count to the number of its holds: too low, it lets too many customers link; too high, \
                 too few",
    },
    Invariant {
        name: "no code has more holds than its maxLinks",
        id_of: "promotion",
        broken: include_str!("../sql/check/holds_within_max_links.sql"),
        excuse: None,
        advice: "unlink these promotions, the newest of the code, or raise the code's max_links",
    },
    Invariant {
        name: "no customer holds a code twice",
        id_of: "promotion",
        broken: include_str!("../sql/check/one_hold_per_customer_and_code.sql"),
        excuse: None,
        advice: "unlink these promotions, the newer ones of the customer",
    },
    Invariant {
        name: "no customer holds more codes of a campaign than its maxLinksPerCustomer",
        id_of: "promotion",
        broken: include_str!("../sql/check/holds_within_max_links_per_customer.sql"),
        excuse: Some("no error if the limit was set or lowered after they were linked: customers keep what they hold"),
        advice: "otherwise unlink these promotions",
    },
    Invariant {
        name: "every promotion's count of redemptions is the number of those that were not reversed",
        id_of: "promotion",
        broken: include_str!("../sql/check/redemption_counts_equal_redemptions.sql"),
        excuse: None,
        advice: "set the promotion's redemption_count to the number of its redemptions: too low, it permits too many; too \
                 high, too few",
    },
    Invariant {
        name: "no promotion has more redemptions than its campaign's maxRedemptionsPerLink",
        id_of: "redemption",
        broken: include_str!("../sql/check/redemptions_within_max_per_link.sql"),
        excuse: Some("no error if the limit was lowered after they were redeemed"),
        advice: "otherwise reverse these redemptions, or raise the campaign's max_redemptions_per_link",
    },
    Invariant {
        name: "every change has exactly one event",
        id_of: "object",
        broken: include_str!("../sql/check/changes_have_events.sql"),
        excuse: None,
        advice: "if a server of an earlier version made these changes after the migration, set recorded_since of the \
                 organisation's row in event_feeds, in milliseconds, to the time at which the last such server stopped, and \
                 insert that row if it is missing",
    },
    Invariant {
        name: "every event has its change",
        id_of: "object",
        broken: include_str!("../sql/check/events_have_changes.sql"),
        excuse: None,
        advice: "restore what these events are about from a backup",
    },
    Invariant {
        name: "the positions of events are 1, 2, 3 and so on, without gaps",
        id_of: "last event",
        broken: include_str!("../sql/check/event_positions_have_no_gaps.sql"),
        excuse: None,
        advice: "restore the events from a backup: readers may have missed some",
    },
];
