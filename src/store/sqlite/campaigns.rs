//! Changes of campaigns in SQLite, within an open transaction.

use diesel::prelude::*;

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
pub fn create(connection: &mut SqliteConnection, campaign: &CampaignWithContent, by: &Attribution) -> StoreResult<()> {
    let row = CampaignWithContentRow::try_from(campaign)?;
    diesel::insert_into(campaigns::table).values(row).execute(connection)?;
    events::record(connection, &[NewEvent::campaign_created(campaign, by)])
}

/// Changes a campaign.
pub fn update(
    connection: &mut SqliteConnection,
    org: OrgId,
    id: CampaignId,
    change: &CampaignChange,
    by: &Attribution,
    now: Timestamp,
) -> StoreResult<Option<Result<CampaignWithContent, CampaignRejection>>> {
    let query = keyed::campaign(org.get(), Id(id.get()));
    let query = query.select(CampaignWithContentRow::as_select());
    let row: Option<CampaignWithContentRow> = query.get_result(connection).optional()?;
    let Some(row) = row else { return Ok(None) };
    let old = CampaignWithContent::try_from(row)?;
    let new = match change.apply(&old) {
        Ok(new) => new,
        Err(rejection) => return Ok(Some(Err(rejection))),
    };
    diesel::update(keyed::campaign(org.get(), Id(id.get())))
        .set((CampaignChanges::from(&new.campaign), ContentRow::try_from(&new.content)?))
        .execute(connection)?;
    if let Some(event) = NewEvent::campaign_updated(&old, &new, by, now) {
        events::record(connection, &[event])?;
    }
    Ok(Some(Ok(new)))
}
