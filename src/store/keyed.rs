//! Queries by key, as values: the same for both databases. Each store executes them in its own way.

use diesel::{
    backend::Backend,
    dsl::{auto_type, count_star, exists},
    prelude::*,
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    sql_types::BigInt,
};

use super::{
    rows::{Id, mode_to_db},
    schema::{
        api_keys, campaigns, event_feeds, events, organisations, promotion_codes, promotions, redemptions,
        webhook_endpoints,
    },
};
use crate::promotions::{OrgId, PromotionMode};

/// An organisation.
#[auto_type]
pub fn organisation(org: i64) -> _ {
    organisations::table.filter(organisations::org_id.eq(org))
}

/// Whether an organisation has any campaign.
#[auto_type]
pub fn has_campaigns(org: i64) -> _ {
    exists(campaigns::table.filter(campaigns::org_id.eq(org)))
}

/// A promotion of an organisation.
#[auto_type]
pub fn promotion(org: i64, id: Id) -> _ {
    promotions::table.filter(promotions::org_id.eq(org)).filter(promotions::id.eq(id))
}

/// The hold that a customer has on a code.
#[auto_type]
pub fn standing_hold(org: i64, mode: i16, folded: String, customer: i64) -> _ {
    promotions::table
        .filter(promotions::org_id.eq(org))
        .filter(promotions::mode.eq(mode))
        .filter(promotions::folded.eq(folded))
        .filter(promotions::customer_id.eq(customer))
        .filter(promotions::unlinked_on.is_null())
}

/// A code of an organisation.
#[auto_type]
pub fn code(org: i64, mode: i16, folded: String) -> _ {
    promotion_codes::table
        .filter(promotion_codes::org_id.eq(org))
        .filter(promotion_codes::mode.eq(mode))
        .filter(promotion_codes::folded.eq(folded))
}

/// A campaign of an organisation.
#[auto_type]
pub fn campaign(org: i64, id: Id) -> _ {
    campaigns::table.filter(campaigns::org_id.eq(org)).filter(campaigns::id.eq(id))
}

/// An API key of an organisation.
#[auto_type]
pub fn api_key(org: i64, id: Id) -> _ {
    api_keys::table.filter(api_keys::org_id.eq(org)).filter(api_keys::id.eq(id))
}

/// The API keys of an organisation with these ids.
#[auto_type]
pub fn api_keys_by_id(org: i64, ids: Vec<Id>) -> _ {
    api_keys::table.filter(api_keys::org_id.eq(org)).filter(api_keys::id.eq_any(ids))
}

/// The API keys of an organisation, oldest first: ids begin with the time of creation.
#[auto_type]
pub fn api_keys_of(org: i64) -> _ {
    api_keys::table.filter(api_keys::org_id.eq(org)).order(api_keys::id)
}

/// The feed of an organisation's events.
#[auto_type]
pub fn feed(org: i64) -> _ {
    event_feeds::table.filter(event_feeds::org_id.eq(org))
}

/// The organisations whose oldest event occurred before a time.
#[auto_type]
pub fn feeds_with_events_before(time: i64) -> _ {
    event_feeds::table
        .inner_join(
            events::table
                .on(events::org_id.eq(event_feeds::org_id).and(events::position.eq(event_feeds::first_position))),
        )
        .filter(events::occurred_on.lt(time))
        .select(event_feeds::org_id)
}

/// The position of the first event that occurred at a time or later: later positions never occurred earlier.
#[auto_type]
pub fn first_position_since(org: i64, time: i64) -> _ {
    events::table
        .filter(events::org_id.eq(org))
        .filter(events::occurred_on.ge(time))
        .order((events::occurred_on.asc(), events::position.asc()))
        .select(events::position)
}

/// The events of an organisation in a range of positions.
#[auto_type]
pub fn events_between(org: i64, from: i64, until: i64) -> _ {
    events::table.filter(events::org_id.eq(org)).filter(events::position.ge(from)).filter(events::position.lt(until))
}

/// The enabled endpoints that are behind, first those that have waited longest: their id, position and that of the feed, and
/// when the next event occurred.
#[auto_type]
pub fn backlogs(limit: i64) -> _ {
    webhook_endpoints::table
        .inner_join(event_feeds::table.on(event_feeds::org_id.eq(webhook_endpoints::org_id)))
        .left_join(
            events::table.on(events::org_id
                .eq(webhook_endpoints::org_id)
                .and(events::position.eq(webhook_endpoints::delivered_position + 1_i64))),
        )
        .filter(webhook_endpoints::enabled.eq(true))
        .filter(webhook_endpoints::delivered_position.lt(event_feeds::last_position))
        .order(events::occurred_on.nullable())
        .limit(limit)
        .select((
            webhook_endpoints::id,
            webhook_endpoints::delivered_position,
            event_feeds::last_position,
            events::occurred_on.nullable(),
        ))
}

/// The number of endpoints, enabled or not, with at least this many failed attempts.
#[auto_type]
pub fn count_endpoints(enabled: bool, failed_attempts: i32) -> _ {
    webhook_endpoints::table
        .filter(webhook_endpoints::enabled.eq(enabled))
        .filter(webhook_endpoints::failed_attempts.ge(failed_attempts))
        .select(count_star())
}

/// The number of events of these types after a position.
#[auto_type]
pub fn count_events_after(org: i64, types: Vec<i16>, position: i64) -> _ {
    events::table
        .filter(events::org_id.eq(org))
        .filter(events::event_type.eq_any(types))
        .filter(events::position.gt(position))
        .select(count_star())
}

/// A webhook endpoint of an organisation.
#[auto_type]
pub fn endpoint(org: i64, id: Id) -> _ {
    webhook_endpoints::table.filter(webhook_endpoints::org_id.eq(org)).filter(webhook_endpoints::id.eq(id))
}

/// The webhook endpoints of an organisation, oldest first: ids begin with the time of creation.
#[auto_type]
pub fn endpoints_of(org: i64) -> _ {
    webhook_endpoints::table.filter(webhook_endpoints::org_id.eq(org)).order(webhook_endpoints::id)
}

diesel::define_sql_function! {
    /// A random number.
    fn random() -> diesel::sql_types::Double;
}

/// Endpoints to which a message may be sent, in random order: all have the same chance to be among the first.
#[auto_type]
pub fn due_endpoints(now: i64, limit: i64) -> _ {
    webhook_endpoints::table
        .inner_join(event_feeds::table.on(event_feeds::org_id.eq(webhook_endpoints::org_id)))
        .filter(webhook_endpoints::leased_until.lt(now))
        .filter(
            webhook_endpoints::test_requested.eq(true).or(webhook_endpoints::enabled
                .eq(true)
                .and(webhook_endpoints::failed_attempts.eq(0_i32).or(webhook_endpoints::next_attempt_on.le(now)))
                .and(webhook_endpoints::delivered_position.lt(event_feeds::last_position))),
        )
        .order(random())
        .limit(limit)
}

/// The position up to which all enabled webhook endpoints of an organisation have their events, by the first row.
#[auto_type]
pub fn delivered_positions(org: i64) -> _ {
    webhook_endpoints::table
        .filter(webhook_endpoints::org_id.eq(org))
        .filter(webhook_endpoints::enabled.eq(true))
        .order(webhook_endpoints::delivered_position)
        .select(webhook_endpoints::delivered_position)
}

/// A redemption of an organisation.
#[auto_type]
pub fn redemption(org: i64, id: Id) -> _ {
    redemptions::table.filter(redemptions::org_id.eq(org)).filter(redemptions::id.eq(id))
}

/// The redemption with a transaction id.
#[auto_type]
pub fn redemption_of_transaction(org: i64, transaction: String) -> _ {
    redemptions::table.filter(redemptions::org_id.eq(org)).filter(redemptions::transaction_id.eq(transaction))
}

/// The number of rows of a query. Counting ends at the query's limit.
#[derive(Debug, Clone, Copy, QueryId)]
pub struct Counted<Q>(Q);

impl<DB: Backend, Q: QueryFragment<DB>> QueryFragment<DB> for Counted<Q> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("SELECT count(*) FROM (");
        self.0.walk_ast(out.reborrow())?;
        out.push_sql(") AS counted");
        Ok(())
    }
}

impl<Q> Query for Counted<Q> {
    type SqlType = BigInt;
}

impl<Q, Connection> RunQueryDsl<Connection> for Counted<Q> {}

/// The number of codes of a mode that begin with a folded text, at most `at_most`.
pub fn count_codes(org: OrgId, mode: PromotionMode, beginning: &str, at_most: u64) -> Counted<codes_between> {
    // Texts are compared byte by byte, and this is the last character.
    let end = format!("{beginning}{}", char::MAX);
    let at_most = i64::try_from(at_most).unwrap_or(i64::MAX);
    Counted(codes_between(org.get(), mode_to_db(mode), beginning.to_owned(), end, at_most))
}

#[auto_type]
fn codes_between(org: i64, mode: i16, beginning: String, end: String, at_most: i64) -> _ {
    promotion_codes::table
        .filter(promotion_codes::org_id.eq(org))
        .filter(promotion_codes::mode.eq(mode))
        .filter(promotion_codes::folded.ge(beginning))
        .filter(promotion_codes::folded.le(end))
        .limit(at_most)
        .select(promotion_codes::folded)
}
