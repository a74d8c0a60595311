//! The queries of lists: a page of campaigns, and a page of a parent's children, which each store runs in one statement
//! for many parents, each with a cursor of its own. The same for both databases.
//!
//! The pages of many parents come in no order, and rows on several of them more than once. [`sorted`] puts that right.

use std::cmp::Reverse;

use diesel::{
    backend::Backend,
    dsl::auto_type,
    expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping, is_aggregate},
    prelude::*,
    query_builder::{AstPass, QueryFragment, QueryId},
    serialize::ToSql,
    sql_types::{BigInt, Bool, HasSqlType, SmallInt, Text},
};
use uuid::Uuid;

use super::{
    error::StoreResult,
    parent::{After, Parent, Starts},
    rows::{Id, into_domain, mode_to_db},
    schema::{PublicId, campaigns, promotion_codes, promotions, redemptions},
};
use crate::promotions::{
    Campaign, CampaignId, CustomerId, FoldedCode, OrgId, Promotion, PromotionCode, PromotionId, PromotionMode,
    Redemption, RedemptionId, Start, StoreError, WalletFilter,
};

#[auto_type]
pub fn campaigns_before(org: i64, before: Parent<PublicId>, limit: i64) -> _ {
    campaigns::table
        .filter(campaigns::org_id.eq(org))
        .filter(campaigns::id.lt(before))
        .order(campaigns::id.desc())
        .limit(limit)
}

/// Pages of an organisation's campaigns, newest first: the cursors, and the query of each.
pub fn campaign_pages(org: OrgId, afters: &[Option<CampaignId>], limit: u32) -> (Vec<Id>, campaigns_before) {
    let before = afters.iter().map(|after| after.map_or_else(largest, |id| Id(id.get()))).collect();
    (before, campaigns_before(org.get(), Parent::new(), limit.into()))
}

#[auto_type]
pub fn codes_after(org: i64, campaign: Parent<PublicId>, after: After<Text>, limit: i64) -> _ {
    promotion_codes::table
        .filter(promotion_codes::org_id.eq(org))
        .filter(promotion_codes::campaign_id.eq(campaign))
        .filter(promotion_codes::folded.gt(after))
        .order(promotion_codes::folded.asc())
        .limit(limit)
}

/// Pages of campaigns' codes, in the order of their folded text.
pub fn codes_of_campaigns(
    org: OrgId,
    starts: &[Start<CampaignId, FoldedCode>],
    limit: u32,
) -> (Starts<Id, String>, codes_after) {
    // No folded text is empty, so all come after the empty one.
    let starts = Starts::new(starts, |id| Id(id.get()), |folded| folded.as_str().to_owned(), String::new);
    (starts, codes_after(org.get(), Parent::new(), After::new(), limit.into()))
}

#[auto_type]
pub fn holds_after(org: i64, mode: i16, code: Parent<Text>, after: After<BigInt>, limit: i64) -> _ {
    promotions::table
        .filter(promotions::org_id.eq(org))
        .filter(promotions::mode.eq(mode))
        .filter(promotions::folded.eq(code))
        .filter(promotions::unlinked_on.is_null())
        .filter(promotions::customer_id.gt(after))
        .order(promotions::customer_id.asc())
        .limit(limit)
}

/// Pages of codes' standing holds, in the order of their customers.
pub fn holds_of_codes(
    org: OrgId,
    mode: PromotionMode,
    starts: &[Start<FoldedCode, CustomerId>],
    limit: u32,
) -> (Starts<String, i64>, holds_after) {
    let starts = Starts::new(starts, |folded| folded.as_str().to_owned(), |customer| customer.get(), || -1);
    (starts, holds_after(org.get(), mode_to_db(mode), Parent::new(), After::new(), limit.into()))
}

#[auto_type]
pub fn wallet_before(org: i64, customer: Parent<BigInt>, narrowed: Narrowed, before: After<PublicId>, limit: i64) -> _ {
    promotions::table
        .filter(promotions::org_id.eq(org))
        .filter(promotions::customer_id.eq(customer))
        .filter(narrowed)
        .filter(promotions::id.lt(before))
        .order(promotions::id.desc())
        .limit(limit)
}

/// Pages of customers' promotions, newest first.
pub fn wallets(
    org: OrgId,
    starts: &[Start<CustomerId, PromotionId>],
    filter: WalletFilter,
    limit: u32,
) -> (Starts<i64, Id>, wallet_before) {
    let narrowed = Narrowed {
        mode: filter.mode.map(mode_to_db),
        active: filter.active.map(|(active, now)| (active, now.millis())),
    };
    let starts = Starts::new(starts, |customer| customer.get(), |id| Id(id.get()), largest);
    (starts, wallet_before(org.get(), Parent::new(), narrowed, After::new(), limit.into()))
}

#[auto_type]
pub fn redemptions_after(org: i64, promotion: Parent<PublicId>, after: After<PublicId>, limit: i64) -> _ {
    redemptions::table
        .filter(redemptions::org_id.eq(org))
        .filter(redemptions::promotion_id.eq(promotion))
        .filter(redemptions::id.gt(after))
        .order(redemptions::id.asc())
        .limit(limit)
}

/// Pages of promotions' redemptions, oldest first.
pub fn redemptions_of_promotions(
    org: OrgId,
    starts: &[Start<PromotionId, RedemptionId>],
    limit: u32,
) -> (Starts<Id, Id>, redemptions_after) {
    let starts = Starts::new(starts, |id| Id(id.get()), |id| Id(id.get()), || Id(Uuid::nil()));
    (starts, redemptions_after(org.get(), Parent::new(), After::new(), limit.into()))
}

/// Where ids that descend begin: no id is the largest there can be.
fn largest() -> Id {
    Id(Uuid::max())
}

/// Whether a promotion is one of those that a wallet is narrowed to.
///
/// What is not asked for is not in the statement: to look into codes and campaigns has its price also where it never
/// comes to it.
#[derive(Debug, Clone, Copy)]
pub struct Narrowed {
    mode: Option<i16>,
    /// Whether they are active, and when.
    active: Option<(bool, i64)>,
}

impl QueryId for Narrowed {
    type QueryId = ();
    // Its values say what the statement is.
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Expression for Narrowed {
    type SqlType = Bool;
}

impl<QS: ?Sized> AppearsOnTable<QS> for Narrowed {}

impl<QS: ?Sized> SelectableExpression<QS> for Narrowed {}

impl ValidGrouping<()> for Narrowed {
    type IsAggregate = is_aggregate::No;
}

impl<DB> QueryFragment<DB> for Narrowed
where
    DB: Backend + HasSqlType<BigInt> + HasSqlType<Bool> + HasSqlType<SmallInt>,
    i16: ToSql<SmallInt, DB>,
    i64: ToSql<BigInt, DB>,
    bool: ToSql<Bool, DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("TRUE");
        if let Some(mode) = &self.mode {
            out.push_sql(" AND promotions.mode = ");
            out.push_bind_param::<SmallInt, _>(mode)?;
        }
        // What `Promotion::is_active` says, in SQL.
        if let Some((active, now)) = &self.active {
            out.push_sql(
                " AND (promotions.unlinked_on IS NULL AND EXISTS (SELECT 1 FROM promotion_codes \
                 WHERE promotion_codes.org_id = promotions.org_id AND promotion_codes.mode = promotions.mode \
                 AND promotion_codes.folded = promotions.folded AND promotion_codes.revoked_on IS NULL) \
                 AND EXISTS (SELECT 1 FROM campaigns WHERE campaigns.org_id = promotions.org_id \
                 AND campaigns.id = promotions.campaign_id AND campaigns.active AND campaigns.valid_till >= ",
            );
            out.push_bind_param::<BigInt, _>(now)?;
            out.push_sql(
                " AND (campaigns.valid_for_days IS NULL \
                 OR promotions.created_on + CAST(campaigns.valid_for_days AS BIGINT) * 86400000 >= ",
            );
            out.push_bind_param::<BigInt, _>(now)?;
            out.push_sql("))) = ");
            out.push_bind_param::<Bool, _>(active)?;
        }
        Ok(())
    }
}

/// Turns rows into what the domain knows: each once, in the order of a key that no two share.
pub fn sorted<Row, Thing, Key: Ord>(rows: Vec<Row>, key: impl Fn(&Thing) -> Key) -> StoreResult<Vec<Thing>>
where
    Thing: TryFrom<Row, Error = StoreError>,
{
    let mut things: Vec<Thing> = into_domain(rows)?;
    things.sort_by_cached_key(&key);
    things.dedup_by_key(|thing| key(thing));
    Ok(things)
}

/// The order of campaigns.
pub fn newest_first(campaign: &Campaign) -> Reverse<CampaignId> {
    Reverse(campaign.id)
}

/// The order of a campaign's codes. Two campaigns of different modes may have the same text.
pub fn by_text(code: &PromotionCode) -> (FoldedCode, CampaignId) {
    (code.code.folded().clone(), code.campaign_id)
}

/// The order of a code's holds.
pub fn by_customer(promotion: &Promotion) -> (CustomerId, PromotionId) {
    (promotion.customer_id, promotion.id)
}

/// The order of a wallet.
pub fn latest_first(promotion: &Promotion) -> Reverse<PromotionId> {
    Reverse(promotion.id)
}

/// The order of a promotion's redemptions.
pub fn oldest_first(redemption: &Redemption) -> RedemptionId {
    redemption.id
}
