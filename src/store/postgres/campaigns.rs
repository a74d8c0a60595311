//! Changes of campaigns in PostgreSQL, within an open transaction.

use diesel::{SelectableHelper, prelude::*};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::events;
use crate::{
    promotions::{
        Attribution, CampaignChange, CampaignId, CampaignRejection, CampaignWithContent, NewEvent, OrgId, Timestamp,
    },
    store::{
        error::StoreResult,
        keyed,
        rows::{CampaignChanges, CampaignWithContentRow, ContentRow, Id},
        schema::campaigns,
    },
};

/// Creates a campaign.
pub async fn create(
    connection: &mut AsyncPgConnection,
    campaign: &CampaignWithContent,
    by: &Attribution,
) -> StoreResult<()> {
    let row = CampaignWithContentRow::try_from(campaign)?;
    diesel::insert_into(campaigns::table).values(row).execute(connection).await?;
    events::record(connection, &[NewEvent::campaign_created(campaign, by)]).await
}

/// Changes a campaign.
pub async fn update(
    connection: &mut AsyncPgConnection,
    org: OrgId,
    id: CampaignId,
    change: &CampaignChange,
    by: &Attribution,
    now: Timestamp,
) -> StoreResult<Option<Result<CampaignWithContent, CampaignRejection>>> {
    let query = keyed::campaign(org.get(), Id(id.get()));
    let query = query.select(CampaignWithContentRow::as_select()).for_update();
    let row: Option<CampaignWithContentRow> = query.first(connection).await.optional()?;
    let Some(row) = row else { return Ok(None) };
    let old = CampaignWithContent::try_from(row)?;
    let new = match change.apply(&old) {
        Ok(new) => new,
        Err(rejection) => return Ok(Some(Err(rejection))),
    };
    diesel::update(keyed::campaign(org.get(), Id(id.get())))
        .set((CampaignChanges::from(&new.campaign), ContentRow::try_from(&new.content)?))
        .execute(connection)
        .await?;
    if let Some(event) = NewEvent::campaign_updated(&old, &new, by, now) {
        events::record(connection, &[event]).await?;
    }
    Ok(Some(Ok(new)))
}
