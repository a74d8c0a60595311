//! Changes in PostgreSQL, each in the transaction that is open. Whatever locks more than one row locks the code first and
//! then the promotion, as linking does, so that nothing waits in a ring; what is decided on is read after the locks.

use diesel::{SelectableHelper, prelude::*};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::look_ups;
use crate::{
    promotions::{
        Campaign, CampaignChange, CampaignId, CodeKey, InvalidCampaign, OrgId, Promotion, PromotionCode, PromotionId,
        RedeemDecision, RedeemOutcome, RedeemRequest, RedeemState, Redemption, RedemptionId, Timestamp, decide_redeem,
        decide_reverse, decide_unlink,
    },
    store::{
        error::StoreResult,
        queries,
        rows::{CampaignChanges, CampaignRow, CodeRow, Id, PromotionRow, RedemptionRow, key_columns},
        schema::{campaigns, promotion_codes, promotions, redemptions},
    },
};

/// Uses a promotion. `None`: another transaction has taken the transaction id since it was looked for; try again.
pub async fn redeem(
    connection: &mut AsyncPgConnection,
    request: &RedeemRequest,
    now: Timestamp,
) -> StoreResult<Option<RedeemOutcome>> {
    let state = read_redeem_state(connection, request).await?;
    let redemption = match decide_redeem(state, request, now) {
        Err(refusal) => return Ok(Some(Err(refusal))),
        Ok(RedeemDecision::Repeated(redemption)) => return Ok(Some(Ok(redemption))),
        Ok(RedeemDecision::New(redemption)) => redemption,
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
    diesel::update(promotions::table.find((redemption.org.get(), Id(redemption.promotion_id.get()))))
        .set(promotions::redemption_count.eq(promotions::redemption_count + 1))
        .execute(connection)
        .await?;
    Ok(Some(Ok(redemption)))
}

async fn read_redeem_state(connection: &mut AsyncPgConnection, request: &RedeemRequest) -> StoreResult<RedeemState> {
    let (org, mode, folded) = key_columns(&request.key);
    let hold: Option<Id> = queries::standing_hold(org, mode, folded.clone(), request.customer_id.get())
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
        || diesel::select(diesel::dsl::exists(queries::code(org, mode, folded))).get_result(connection).await?;
    let query = queries::redemption_of_transaction(org, request.transaction_id.as_str().to_owned());
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

/// Gives a use back.
pub async fn reverse(
    connection: &mut AsyncPgConnection,
    org: OrgId,
    id: RedemptionId,
    now: Timestamp,
) -> StoreResult<Option<Redemption>> {
    let promotion: Option<Id> = queries::redemption(org.get(), Id(id.get()))
        .select(redemptions::promotion_id)
        .first(connection)
        .await
        .optional()?;
    let Some(promotion) = promotion else { return Ok(None) };
    let Some(promotion) = lock_promotion(connection, org, promotion).await? else { return Ok(None) };
    let row: RedemptionRow =
        queries::redemption(org.get(), Id(id.get())).select(RedemptionRow::as_select()).first(connection).await?;
    let mut redemption = Redemption::try_from(row)?;
    if let Some(release) = decide_reverse(&mut redemption, &promotion, now) {
        diesel::update(redemptions::table.find((org.get(), Id(id.get()))))
            .set(redemptions::reversed_on.eq(now.millis()))
            .execute(connection)
            .await?;
        diesel::update(promotions::table.find((org.get(), Id(promotion.id.get()))))
            .set(promotions::redemption_count.eq(promotions::redemption_count - 1))
            .execute(connection)
            .await?;
        if release.frees_code {
            free_code(connection, &promotion).await?;
        }
    }
    Ok(Some(redemption))
}

/// Gives a hold up.
pub async fn unlink(
    connection: &mut AsyncPgConnection,
    org: OrgId,
    id: PromotionId,
    now: Timestamp,
) -> StoreResult<Option<Promotion>> {
    let Some(mut promotion) = lock_promotion(connection, org, Id(id.get())).await? else { return Ok(None) };
    if let Some(release) = decide_unlink(&mut promotion, now) {
        diesel::update(promotions::table.find((org.get(), Id(id.get()))))
            .set(promotions::unlinked_on.eq(now.millis()))
            .execute(connection)
            .await?;
        if release.frees_code {
            free_code(connection, &promotion).await?;
        }
    }
    Ok(Some(promotion))
}

/// Locks a promotion and, before it, its code; then reads it.
async fn lock_promotion(connection: &mut AsyncPgConnection, org: OrgId, id: Id) -> StoreResult<Option<Promotion>> {
    let code: Option<(i16, String)> = promotions::table
        .find((org.get(), id))
        .select((promotions::mode, promotions::folded))
        .first(connection)
        .await
        .optional()?;
    let Some((mode, folded)) = code else { return Ok(None) };
    queries::code(org.get(), mode, folded)
        .select(promotion_codes::folded)
        .for_no_key_update()
        .execute(connection)
        .await?;
    promotions::table.find((org.get(), id)).select(promotions::id).for_no_key_update().execute(connection).await?;
    read_promotion(connection, org, id).await
}

async fn read_promotion(connection: &mut AsyncPgConnection, org: OrgId, id: Id) -> StoreResult<Option<Promotion>> {
    let rows = look_ups::promotions_by_id(org, &[id.0.into()]).load::<PromotionRow>(connection).await?;
    rows.into_iter().next().map(TryInto::try_into).transpose()
}

async fn free_code(connection: &mut AsyncPgConnection, promotion: &Promotion) -> StoreResult<()> {
    diesel::update(promotion_codes::table.find(key_columns(&promotion.key())))
        .set(promotion_codes::link_count.eq(promotion_codes::link_count - 1))
        .execute(connection)
        .await?;
    Ok(())
}

/// Revokes a code.
pub async fn revoke(
    connection: &mut AsyncPgConnection,
    key: &CodeKey,
    now: Timestamp,
) -> StoreResult<Option<PromotionCode>> {
    let code = promotion_codes::table.find(key_columns(key));
    diesel::update(code.clone().filter(promotion_codes::revoked_on.is_null()))
        .set(promotion_codes::revoked_on.eq(now.millis()))
        .execute(connection)
        .await?;
    let row: Option<CodeRow> = code.select(CodeRow::as_select()).first(connection).await.optional()?;
    row.map(TryInto::try_into).transpose()
}

/// Changes a campaign.
pub async fn update_campaign(
    connection: &mut AsyncPgConnection,
    org: OrgId,
    id: CampaignId,
    change: &CampaignChange,
) -> StoreResult<Option<Result<Campaign, InvalidCampaign>>> {
    let query = queries::campaign(org.get(), Id(id.get()));
    let row: Option<CampaignRow> =
        query.select(CampaignRow::as_select()).for_update().first(connection).await.optional()?;
    let Some(row) = row else { return Ok(None) };
    let changed = match change.apply(row.try_into()?) {
        Ok(changed) => changed,
        Err(invalid) => return Ok(Some(Err(invalid))),
    };
    diesel::update(campaigns::table.find((org.get(), Id(id.get()))))
        .set(CampaignChanges::from(&changed))
        .execute(connection)
        .await?;
    Ok(Some(Ok(changed)))
}
