//! Changes in SQLite, within an open transaction. There is one writer, so nothing needs a lock.

use diesel::prelude::*;

use super::{events, keyed::promotions_by_id};
use crate::{
    promotions::{
        Attribution, CampaignWithContent, CodeKey, NewEvent, OrgId, Promotion, PromotionCode, PromotionId,
        RedeemDecision, RedeemOutcome, RedeemRequest, RedeemState, Redemption, RedemptionId, Timestamp, decide_redeem,
        decide_reverse, decide_unlink,
    },
    store::{
        error::StoreResult,
        keyed,
        rows::{CampaignWithContentRow, CodeRow, Id, OrganisationRow, PromotionRow, RedemptionRow, key_columns},
        schema::{campaigns, organisations, promotion_codes, promotions, redemptions},
    },
};

/// Redeems a promotion.
pub fn redeem(
    connection: &mut SqliteConnection,
    request: &RedeemRequest,
    now: Timestamp,
) -> StoreResult<RedeemOutcome> {
    let state = read_redeem_state(connection, request)?;
    let (redemption, promotion) = match decide_redeem(state, request, now) {
        Err(refusal) => return Ok(Err(refusal)),
        Ok(RedeemDecision::Repeated(redemption)) => return Ok(Ok(redemption)),
        Ok(RedeemDecision::New(redemption, promotion)) => (redemption, promotion),
    };
    diesel::insert_into(redemptions::table).values(RedemptionRow::from(&redemption)).execute(connection)?;
    diesel::update(keyed::promotion(redemption.org.get(), Id(redemption.promotion_id.get())))
        .set(promotions::redemption_count.eq(promotions::redemption_count + 1))
        .execute(connection)?;
    let event = NewEvent::redeemed(&promotion, &redemption, &request.attribution, now);
    events::record(connection, &[event])?;
    Ok(Ok(redemption))
}

fn read_redeem_state(connection: &mut SqliteConnection, request: &RedeemRequest) -> StoreResult<RedeemState> {
    let (org, mode, folded) = key_columns(&request.key);
    let code_exists =
        diesel::select(diesel::dsl::exists(keyed::code(org, mode, folded.clone()))).get_result(connection)?;
    let hold: Option<Id> = keyed::standing_hold(org, mode, folded, request.customer_id.get())
        .select(promotions::id)
        .get_result(connection)
        .optional()?;
    let hold = match hold {
        Some(Id(id)) => read_promotion(connection, request.key.org, id.into())?,
        None => None,
    };
    let query = keyed::redemption_of_transaction(org, request.transaction_id.as_str().to_owned());
    let earlier: Option<RedemptionRow> = query.select(RedemptionRow::as_select()).get_result(connection).optional()?;
    let earlier = match earlier {
        Some(row) => {
            let redemption = Redemption::try_from(row)?;
            let promotion = read_promotion(connection, request.key.org, redemption.promotion_id)?;
            promotion.map(|promotion| (redemption, promotion.key(), promotion.customer_id))
        }
        None => None,
    };
    Ok(RedeemState { code_exists, earlier, hold })
}

/// Reverses a redemption.
pub fn reverse(
    connection: &mut SqliteConnection,
    org: OrgId,
    id: RedemptionId,
    by: &Attribution,
    now: Timestamp,
) -> StoreResult<Option<Redemption>> {
    let row: Option<RedemptionRow> = keyed::redemption(org.get(), Id(id.get()))
        .select(RedemptionRow::as_select())
        .get_result(connection)
        .optional()?;
    let Some(row) = row else { return Ok(None) };
    let mut redemption = Redemption::try_from(row)?;
    let Some(promotion) = read_promotion(connection, org, redemption.promotion_id)? else { return Ok(None) };
    if let Some(release) = decide_reverse(&mut redemption, &promotion, now) {
        diesel::update(keyed::redemption(org.get(), Id(id.get())))
            .set(redemptions::reversed_on.eq(now.millis()))
            .execute(connection)?;
        diesel::update(keyed::promotion(org.get(), Id(promotion.id.get())))
            .set(promotions::redemption_count.eq(promotions::redemption_count - 1))
            .execute(connection)?;
        if release.frees_code {
            free_code(connection, &promotion)?;
        }
        let promotion = Promotion { redemption_count: promotion.redemption_count - 1, ..promotion };
        let event = NewEvent::reversed(&promotion, &redemption, by, now);
        events::record(connection, &[event])?;
    }
    Ok(Some(redemption))
}

/// Unlinks a promotion.
pub fn unlink(
    connection: &mut SqliteConnection,
    org: OrgId,
    id: PromotionId,
    by: &Attribution,
    now: Timestamp,
) -> StoreResult<Option<Promotion>> {
    let Some(mut promotion) = read_promotion(connection, org, id)? else { return Ok(None) };
    if let Some(release) = decide_unlink(&mut promotion, now) {
        diesel::update(keyed::promotion(org.get(), Id(id.get())))
            .set(promotions::unlinked_on.eq(now.millis()))
            .execute(connection)?;
        if release.frees_code {
            free_code(connection, &promotion)?;
        }
        events::record(connection, &[NewEvent::unlinked(&promotion, by, now)])?;
    }
    Ok(Some(promotion))
}

fn read_promotion(connection: &mut SqliteConnection, org: OrgId, id: PromotionId) -> StoreResult<Option<Promotion>> {
    let row: Option<PromotionRow> =
        promotions_by_id(org, &[id]).select(PromotionRow::as_select()).get_result(connection).optional()?;
    row.map(TryInto::try_into).transpose()
}

fn free_code(connection: &mut SqliteConnection, promotion: &Promotion) -> StoreResult<()> {
    let (org, mode, folded) = key_columns(&promotion.key());
    diesel::update(keyed::code(org, mode, folded))
        .set(promotion_codes::link_count.eq(promotion_codes::link_count - 1))
        .execute(connection)?;
    Ok(())
}

/// Revokes a code.
pub fn revoke(
    connection: &mut SqliteConnection,
    key: &CodeKey,
    by: &Attribution,
    now: Timestamp,
) -> StoreResult<Option<PromotionCode>> {
    let (org, mode, folded) = key_columns(key);
    let revoked = diesel::update(keyed::code(org, mode, folded.clone()).filter(promotion_codes::revoked_on.is_null()))
        .set(promotion_codes::revoked_on.eq(now.millis()))
        .execute(connection)?;
    let row: Option<CodeRow> =
        keyed::code(org, mode, folded).select(CodeRow::as_select()).get_result(connection).optional()?;
    let Some(row) = row else { return Ok(None) };
    let code = PromotionCode::try_from(row)?;
    if revoked > 0 {
        events::record(connection, &[NewEvent::code_revoked(&code, by, now)])?;
    }
    Ok(Some(code))
}

/// Adds campaigns and codes to an organisation that has none.
pub fn seed(
    connection: &mut SqliteConnection,
    org: OrgId,
    campaigns: &[CampaignWithContent],
    codes: &[PromotionCode],
    now: Timestamp,
) -> StoreResult<bool> {
    if diesel::select(keyed::has_campaigns(org.get())).get_result(connection)? {
        return Ok(false);
    }
    let organisation = OrganisationRow::new(org, now);
    diesel::insert_into(organisations::table).values(organisation).on_conflict_do_nothing().execute(connection)?;
    let rows: Vec<CampaignWithContentRow> = campaigns.iter().map(TryInto::try_into).collect::<Result<_, _>>()?;
    diesel::insert_into(campaigns::table).values(rows).execute(connection)?;
    let rows: Vec<CodeRow> = codes.iter().map(Into::into).collect();
    diesel::insert_into(promotion_codes::table).values(rows).execute(connection)?;
    events::record(connection, &NewEvent::seeded(campaigns, codes, now))?;
    Ok(true)
}
