//! Changes in PostgreSQL, within an open transaction. What locks several rows locks the code before the promotion, as
//! linking does, so that there are no deadlocks. What the rules look at is read after the locks are taken.

use diesel::{SelectableHelper, prelude::*};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

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

/// Redeems a promotion. `None` if another transaction has taken the transaction id since it was read: try again.
pub async fn redeem(
    connection: &mut AsyncPgConnection,
    request: &RedeemRequest,
    now: Timestamp,
) -> StoreResult<Option<RedeemOutcome>> {
    let state = read_redeem_state(connection, request).await?;
    let (redemption, promotion) = match decide_redeem(state, request, now) {
        Err(refusal) => return Ok(Some(Err(refusal))),
        Ok(RedeemDecision::Repeated(redemption)) => return Ok(Some(Ok(redemption))),
        Ok(RedeemDecision::New(redemption, promotion)) => (redemption, promotion),
    };
    let inserted = diesel::insert_into(redemptions::table)
        .values(RedemptionRow::from(&redemption))
        .on_conflict((redemptions::org_id, redemptions::transaction_id))
        .do_nothing()
        .execute(connection)
        .await?;
    if inserted == 0 {
        return Ok(None);
    }
    diesel::update(keyed::promotion(redemption.org.get(), Id(redemption.promotion_id.get())))
        .set(promotions::redemption_count.eq(promotions::redemption_count + 1))
        .execute(connection)
        .await?;
    let event = NewEvent::redeemed(&promotion, &redemption, &request.attribution, now);
    events::record(connection, &[event]).await?;
    Ok(Some(Ok(redemption)))
}

async fn read_redeem_state(connection: &mut AsyncPgConnection, request: &RedeemRequest) -> StoreResult<RedeemState> {
    let (org, mode, folded) = key_columns(&request.key);
    let hold: Option<Id> = keyed::standing_hold(org, mode, folded.clone(), request.customer_id.get())
        .select(promotions::id)
        .for_no_key_update()
        .first(connection)
        .await
        .optional()?;
    let hold = match hold {
        Some(id) => read_promotion(connection, request.key.org, id).await?,
        None => None,
    };
    let code_exists = hold.is_some()
        || diesel::select(diesel::dsl::exists(keyed::code(org, mode, folded))).get_result(connection).await?;
    let query = keyed::redemption_of_transaction(org, request.transaction_id.as_str().to_owned());
    let earlier: Option<RedemptionRow> = query.select(RedemptionRow::as_select()).first(connection).await.optional()?;
    let earlier = match earlier {
        Some(row) => {
            let redemption = Redemption::try_from(row)?;
            let promotion = read_promotion(connection, request.key.org, Id(redemption.promotion_id.get())).await?;
            promotion.map(|promotion| (redemption, promotion.key(), promotion.customer_id))
        }
        None => None,
    };
    Ok(RedeemState { code_exists, earlier, hold })
}

/// Reverses a redemption.
pub async fn reverse(
    connection: &mut AsyncPgConnection,
    org: OrgId,
    id: RedemptionId,
    by: &Attribution,
    now: Timestamp,
) -> StoreResult<Option<Redemption>> {
    let promotion: Option<Id> = keyed::redemption(org.get(), Id(id.get()))
        .select(redemptions::promotion_id)
        .first(connection)
        .await
        .optional()?;
    let Some(promotion) = promotion else { return Ok(None) };
    let Some(promotion) = lock_promotion(connection, org, promotion).await? else { return Ok(None) };
    let row: RedemptionRow =
        keyed::redemption(org.get(), Id(id.get())).select(RedemptionRow::as_select()).first(connection).await?;
    let mut redemption = Redemption::try_from(row)?;
    if let Some(release) = decide_reverse(&mut redemption, &promotion, now) {
        diesel::update(keyed::redemption(org.get(), Id(id.get())))
            .set(redemptions::reversed_on.eq(now.millis()))
            .execute(connection)
            .await?;
        diesel::update(keyed::promotion(org.get(), Id(promotion.id.get())))
            .set(promotions::redemption_count.eq(promotions::redemption_count - 1))
            .execute(connection)
            .await?;
        if release.frees_code {
            free_code(connection, &promotion).await?;
        }
        let promotion = Promotion { redemption_count: promotion.redemption_count - 1, ..promotion };
        let event = NewEvent::reversed(&promotion, &redemption, by, now);
        events::record(connection, &[event]).await?;
    }
    Ok(Some(redemption))
}

/// Unlinks a promotion.
pub async fn unlink(
    connection: &mut AsyncPgConnection,
    org: OrgId,
    id: PromotionId,
    by: &Attribution,
    now: Timestamp,
) -> StoreResult<Option<Promotion>> {
    let Some(mut promotion) = lock_promotion(connection, org, Id(id.get())).await? else { return Ok(None) };
    if let Some(release) = decide_unlink(&mut promotion, now) {
        diesel::update(keyed::promotion(org.get(), Id(id.get())))
            .set(promotions::unlinked_on.eq(now.millis()))
            .execute(connection)
            .await?;
        if release.frees_code {
            free_code(connection, &promotion).await?;
        }
        events::record(connection, &[NewEvent::unlinked(&promotion, by, now)]).await?;
    }
    Ok(Some(promotion))
}

/// Locks a promotion, after its code, and then reads it.
async fn lock_promotion(connection: &mut AsyncPgConnection, org: OrgId, id: Id) -> StoreResult<Option<Promotion>> {
    let code: Option<(i16, String)> = keyed::promotion(org.get(), id)
        .select((promotions::mode, promotions::folded))
        .first(connection)
        .await
        .optional()?;
    let Some((mode, folded)) = code else { return Ok(None) };
    keyed::code(org.get(), mode, folded)
        .select(promotion_codes::folded)
        .for_no_key_update()
        .execute(connection)
        .await?;
    keyed::promotion(org.get(), id).select(promotions::id).for_no_key_update().execute(connection).await?;
    read_promotion(connection, org, id).await
}

async fn read_promotion(connection: &mut AsyncPgConnection, org: OrgId, id: Id) -> StoreResult<Option<Promotion>> {
    let rows = promotions_by_id(org, &[id.0.into()]).load::<PromotionRow>(connection).await?;
    rows.into_iter().next().map(TryInto::try_into).transpose()
}

async fn free_code(connection: &mut AsyncPgConnection, promotion: &Promotion) -> StoreResult<()> {
    let (org, mode, folded) = key_columns(&promotion.key());
    diesel::update(keyed::code(org, mode, folded))
        .set(promotion_codes::link_count.eq(promotion_codes::link_count - 1))
        .execute(connection)
        .await?;
    Ok(())
}

/// Revokes a code.
pub async fn revoke(
    connection: &mut AsyncPgConnection,
    key: &CodeKey,
    by: &Attribution,
    now: Timestamp,
) -> StoreResult<Option<PromotionCode>> {
    let (org, mode, folded) = key_columns(key);
    let code = keyed::code(org, mode, folded);
    let revoked = diesel::update(code.clone().filter(promotion_codes::revoked_on.is_null()))
        .set(promotion_codes::revoked_on.eq(now.millis()))
        .execute(connection)
        .await?;
    let row: Option<CodeRow> = code.select(CodeRow::as_select()).first(connection).await.optional()?;
    let Some(row) = row else { return Ok(None) };
    let code = PromotionCode::try_from(row)?;
    if revoked > 0 {
        events::record(connection, &[NewEvent::code_revoked(&code, by, now)]).await?;
    }
    Ok(Some(code))
}

/// Adds campaigns and codes to an organisation that has none.
pub async fn seed(
    connection: &mut AsyncPgConnection,
    org: OrgId,
    campaigns: &[CampaignWithContent],
    codes: &[PromotionCode],
    now: Timestamp,
) -> StoreResult<bool> {
    let organisation = OrganisationRow::new(org, now);
    diesel::insert_into(organisations::table).values(organisation).on_conflict_do_nothing().execute(connection).await?;
    // Several processes may start concurrently.
    keyed::organisation(org.get()).select(organisations::org_id).for_update().execute(connection).await?;
    if diesel::select(keyed::has_campaigns(org.get())).get_result(connection).await? {
        return Ok(false);
    }
    let rows: Vec<CampaignWithContentRow> = campaigns.iter().map(TryInto::try_into).collect::<Result<_, _>>()?;
    diesel::insert_into(campaigns::table).values(rows).execute(connection).await?;
    let rows: Vec<CodeRow> = codes.iter().map(Into::into).collect();
    diesel::insert_into(promotion_codes::table).values(rows).execute(connection).await?;
    events::record(connection, &NewEvent::seeded(campaigns, codes, now)).await?;
    Ok(true)
}
