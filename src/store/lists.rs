//! The queries of lists: pages of campaigns, and pages of a parent's children, which each store runs for many parents at
//! once. The same for both databases.
//!
//! The pages of many parents come in no order. [`sorted`] sorts them.

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
    parent::Parent,
    rows::{Id, into_domain, mode_to_db},
    schema::{PublicId, campaigns, promotion_codes, promotions, redemptions},
};
use crate::promotions::{
    CampaignId, CustomerId, FoldedCode, OrgId, Page, PromotionId, PromotionMode, RedemptionId, StoreError, WalletFilter,
};

#[auto_type]
fn campaigns_before(org: i64, before: Id, limit: i64) -> _ {
    campaigns::table
        .filter(campaigns::org_id.eq(org))
        .filter(campaigns::id.lt(before))
        .order(campaigns::id.desc())
        .limit(limit)
}

/// A page of an organisation's campaigns, newest first.
pub fn campaign_page(org: OrgId, page: &Page<CampaignId>) -> campaigns_before {
    campaigns_before(org.get(), before(page.after.map(CampaignId::get)), page.limit.into())
}

#[auto_type]
pub fn codes_after(org: i64, campaign: Parent<PublicId>, after: String, limit: i64) -> _ {
    promotion_codes::table
        .filter(promotion_codes::org_id.eq(org))
        .filter(promotion_codes::campaign_id.eq(campaign))
        .filter(promotion_codes::folded.gt(after))
        .order(promotion_codes::folded.asc())
        .limit(limit)
}

/// A page of a campaign's codes, in the order of their folded text.
pub fn codes_of_campaign(org: OrgId, page: &Page<FoldedCode>) -> codes_after {
    // No folded text is empty, so all come after the empty one.
    let after = page.after.as_ref().map(|folded| folded.as_str().to_owned()).unwrap_or_default();
    codes_after(org.get(), Parent::new(), after, page.limit.into())
}

#[auto_type]
pub fn holds_after(org: i64, mode: i16, code: Parent<Text>, after: i64, limit: i64) -> _ {
    promotions::table
        .filter(promotions::org_id.eq(org))
        .filter(promotions::mode.eq(mode))
        .filter(promotions::folded.eq(code))
        .filter(promotions::unlinked_on.is_null())
        .filter(promotions::customer_id.gt(after))
        .order(promotions::customer_id.asc())
        .limit(limit)
}

/// A page of a code's standing holds, in the order of their customers.
pub fn holds_of_code(org: OrgId, mode: PromotionMode, page: &Page<CustomerId>) -> holds_after {
    let after = page.after.map_or(-1, CustomerId::get);
    holds_after(org.get(), mode_to_db(mode), Parent::new(), after, page.limit.into())
}

#[auto_type]
pub fn wallet_before(org: i64, customer: Parent<BigInt>, narrowed: Narrowed, before: Id, limit: i64) -> _ {
    promotions::table
        .filter(promotions::org_id.eq(org))
        .filter(promotions::customer_id.eq(customer))
        .filter(narrowed)
        .filter(promotions::id.lt(before))
        .order(promotions::id.desc())
        .limit(limit)
}

/// A page of a customer's promotions, newest first.
pub fn wallet(org: OrgId, filter: WalletFilter, page: &Page<PromotionId>) -> wallet_before {
    let narrowed = Narrowed {
        mode: filter.mode.map(mode_to_db),
        active: filter.active.map(|(active, now)| (active, now.millis())),
    };
    let before = before(page.after.map(PromotionId::get));
    wallet_before(org.get(), Parent::new(), narrowed, before, page.limit.into())
}

#[auto_type]
pub fn redemptions_after(org: i64, promotion: Parent<PublicId>, after: Id, limit: i64) -> _ {
    redemptions::table
        .filter(redemptions::org_id.eq(org))
        .filter(redemptions::promotion_id.eq(promotion))
        .filter(redemptions::id.gt(after))
        .order(redemptions::id.asc())
        .limit(limit)
}

/// A page of a promotion's redemptions, oldest first.
pub fn redemptions_of_promotion(org: OrgId, page: &Page<RedemptionId>) -> redemptions_after {
    let after = Id(page.after.map_or(Uuid::nil(), RedemptionId::get));
    redemptions_after(org.get(), Parent::new(), after, page.limit.into())
}

/// Ids that descend begin below the largest.
fn before(id: Option<Uuid>) -> Id {
    Id(id.unwrap_or(Uuid::max()))
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

/// Turns rows into what the domain knows, in the order of a key.
pub fn sorted<Row, Thing, Key: Ord>(rows: Vec<Row>, key: impl Fn(&Thing) -> Key) -> StoreResult<Vec<Thing>>
where
    Thing: TryFrom<Row, Error = StoreError>,
{
    let mut things: Vec<Thing> = into_domain(rows)?;
    things.sort_by_key(key);
    Ok(things)
}
