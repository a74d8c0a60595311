//! The tables, as both databases have them. Written by hand from the migrations; the tests that run on both databases
//! compare the two.

/// The SQL type of public ids: `uuid` in PostgreSQL, a blob of 16 bytes in SQLite.
#[derive(Debug, Clone, Copy, diesel::sql_types::SqlType, diesel::query_builder::QueryId)]
#[diesel(postgres_type(oid = 2950, array_oid = 2951))]
#[diesel(sqlite_type(name = "Binary"))]
pub struct PublicId;

diesel::table! {
    use diesel::sql_types::{BigInt, Bool, Integer, Nullable, SmallInt, Text};
    use super::PublicId;

    campaigns (org_id, id) {
        org_id -> BigInt,
        id -> PublicId,
        name -> Text,
        mode -> SmallInt,
        active -> Bool,
        created_on -> BigInt,
        redeemable_from -> BigInt,
        valid_till -> BigInt,
        valid_for_days -> Nullable<Integer>,
        max_links_per_customer -> Nullable<Integer>,
        max_redemptions_per_link -> Integer,
        offer -> Nullable<Text>,
        metadata -> Nullable<Text>,
        version -> Integer,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Integer, Nullable, SmallInt, Text};
    use super::PublicId;

    promotion_codes (org_id, mode, folded) {
        org_id -> BigInt,
        mode -> SmallInt,
        folded -> Text,
        code -> Text,
        campaign_id -> PublicId,
        created_on -> BigInt,
        revoked_on -> Nullable<BigInt>,
        max_links -> Nullable<Integer>,
        link_count -> Integer,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Integer, Nullable, SmallInt, Text};
    use super::PublicId;

    promotions (org_id, id) {
        org_id -> BigInt,
        id -> PublicId,
        mode -> SmallInt,
        folded -> Text,
        campaign_id -> PublicId,
        customer_id -> BigInt,
        created_on -> BigInt,
        unlinked_on -> Nullable<BigInt>,
        redemption_count -> Integer,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Nullable, Text};
    use super::PublicId;

    redemptions (org_id, id) {
        org_id -> BigInt,
        id -> PublicId,
        promotion_id -> PublicId,
        transaction_id -> Text,
        redeemed_on -> BigInt,
        reversed_on -> Nullable<BigInt>,
        amount_minor_units -> Nullable<BigInt>,
        amount_currency -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::BigInt;

    organisations (org_id) {
        org_id -> BigInt,
        created_on -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Nullable, Text};
    use super::PublicId;

    api_keys (org_id, id) {
        org_id -> BigInt,
        id -> PublicId,
        role -> Text,
        name -> Text,
        secret_hash -> Binary,
        created_on -> BigInt,
        expires_on -> Nullable<BigInt>,
        revoked_on -> Nullable<BigInt>,
        last_used_on -> Nullable<BigInt>,
    }
}

diesel::table! {
    use diesel::sql_types::BigInt;

    event_feeds (org_id) {
        org_id -> BigInt,
        first_position -> BigInt,
        last_position -> BigInt,
        last_occurred_on -> BigInt,
        recorded_since -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Nullable, SmallInt, Text};
    use super::PublicId;

    events (org_id, position) {
        org_id -> BigInt,
        position -> BigInt,
        id -> PublicId,
        #[sql_name = "type"]
        event_type -> SmallInt,
        occurred_on -> BigInt,
        actor -> SmallInt,
        actor_id -> Nullable<Text>,
        request_id -> Nullable<Text>,
        reason -> Nullable<Text>,
        subject_id -> PublicId,
        campaign_id -> Nullable<PublicId>,
        customer_id -> Nullable<BigInt>,
        data -> Text,
    }
}

diesel::allow_tables_to_appear_in_same_query!(campaigns, promotion_codes, promotions, redemptions);
diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Bool, Integer, Nullable, Text};
    use super::PublicId;

    webhook_endpoints (org_id, id) {
        org_id -> BigInt,
        id -> PublicId,
        url -> Text,
        event_types -> Text,
        batch_size -> Integer,
        enabled -> Bool,
        secret -> Binary,
        previous_secret -> Nullable<Binary>,
        previous_secret_until -> Nullable<BigInt>,
        delivered_position -> BigInt,
        failed_attempts -> Integer,
        next_attempt_on -> BigInt,
        last_error -> Nullable<Text>,
        test_requested -> Bool,
        lease_id -> Nullable<PublicId>,
        leased_until -> BigInt,
    }
}

diesel::allow_tables_to_appear_in_same_query!(event_feeds, events, webhook_endpoints);
