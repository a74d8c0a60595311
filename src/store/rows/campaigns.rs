//! Rows of `campaigns`.

use std::sync::Arc;

use diesel::prelude::*;

use super::{Id, count_to_db, mode_from_db, mode_to_db};
use crate::{
    promotions::{Campaign, CampaignContent, CampaignId, CampaignWithContent, StoreError, Timestamp},
    store::schema::campaigns,
};

/// A row of `campaigns`.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = campaigns)]
pub struct CampaignRow {
    org_id: i64,
    id: Id,
    name: String,
    mode: i16,
    active: bool,
    created_on: i64,
    redeemable_from: i64,
    valid_till: i64,
    valid_for_days: Option<i32>,
    max_links_per_customer: Option<i32>,
    max_redemptions_per_link: i32,
    version: i32,
}

impl From<&Campaign> for CampaignRow {
    fn from(campaign: &Campaign) -> Self {
        Self {
            org_id: campaign.org.get(),
            id: Id(campaign.id.get()),
            name: campaign.name.clone(),
            mode: mode_to_db(campaign.mode),
            active: campaign.active,
            created_on: campaign.created_on.millis(),
            redeemable_from: campaign.redeemable_from.millis(),
            valid_till: campaign.valid_till.millis(),
            valid_for_days: campaign.valid_for_days.map(count_to_db),
            max_links_per_customer: campaign.max_links_per_customer.map(count_to_db),
            max_redemptions_per_link: count_to_db(campaign.max_redemptions_per_link),
            version: count_to_db(campaign.version),
        }
    }
}

impl TryFrom<CampaignRow> for Campaign {
    type Error = StoreError;

    fn try_from(row: CampaignRow) -> Result<Self, StoreError> {
        Ok(Self {
            org: row.org_id.try_into()?,
            id: row.id.0.into(),
            name: row.name,
            mode: mode_from_db(row.mode)?,
            active: row.active,
            created_on: Timestamp::from_millis(row.created_on),
            redeemable_from: Timestamp::from_millis(row.redeemable_from),
            valid_till: Timestamp::from_millis(row.valid_till),
            valid_for_days: row.valid_for_days.map(TryInto::try_into).transpose()?,
            max_links_per_customer: row.max_links_per_customer.map(TryInto::try_into).transpose()?,
            max_redemptions_per_link: row.max_redemptions_per_link.try_into()?,
            version: row.version.try_into()?,
        })
    }
}

/// What a campaign says, in a row of `campaigns`. Empty content is NULL.
#[derive(Debug, Clone, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = campaigns, treat_none_as_null = true)]
pub struct ContentRow {
    offer: Option<String>,
    metadata: Option<String>,
}

impl TryFrom<&CampaignContent> for ContentRow {
    type Error = StoreError;

    fn try_from(content: &CampaignContent) -> Result<Self, StoreError> {
        let CampaignContent { offer, metadata } = content;
        let metadata = Some(metadata).filter(|entries| !entries.is_empty());
        Ok(Self {
            offer: offer.as_ref().map(serde_json::to_string).transpose().map_err(failed)?,
            metadata: metadata.map(serde_json::to_string).transpose().map_err(failed)?,
        })
    }
}

impl TryFrom<ContentRow> for CampaignContent {
    type Error = StoreError;

    fn try_from(row: ContentRow) -> Result<Self, StoreError> {
        let offer = row.offer.as_deref().map(serde_json::from_str).transpose().map_err(failed)?;
        let metadata = row.metadata.as_deref().map(serde_json::from_str).transpose().map_err(failed)?;
        Ok(Self { offer, metadata: metadata.unwrap_or_default() })
    }
}

fn failed(error: serde_json::Error) -> StoreError {
    StoreError::Failed(Arc::new(error))
}

/// A whole row of `campaigns`.
#[derive(Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = campaigns)]
pub struct CampaignWithContentRow {
    #[diesel(embed)]
    campaign: CampaignRow,
    #[diesel(embed)]
    content: ContentRow,
}

impl TryFrom<&CampaignWithContent> for CampaignWithContentRow {
    type Error = StoreError;

    fn try_from(whole: &CampaignWithContent) -> Result<Self, StoreError> {
        Ok(Self { campaign: (&whole.campaign).into(), content: (&whole.content).try_into()? })
    }
}

impl TryFrom<CampaignWithContentRow> for CampaignWithContent {
    type Error = StoreError;

    fn try_from(row: CampaignWithContentRow) -> Result<Self, StoreError> {
        let campaign: Campaign = row.campaign.try_into()?;
        let content = CampaignContent::try_from(row.content);
        let content = content.map_err(|source| UnreadableContent { campaign: campaign.id, source });
        Ok(Self { content: content.map_err(|error| StoreError::Failed(Arc::new(error)))?, campaign })
    }
}

/// The offer or the metadata of a campaign is not as this program writes it: it was changed in another way.
#[derive(Debug, thiserror::Error)]
#[error("the offer or the metadata of campaign {campaign} is unreadable: {source}", campaign = .campaign.get())]
struct UnreadableContent {
    campaign: CampaignId,
    source: StoreError,
}

/// Campaigns by their ids. One whose content is unreadable does not affect the others.
pub fn contents_by_id(rows: Vec<CampaignWithContentRow>) -> Vec<(CampaignId, Result<CampaignWithContent, StoreError>)> {
    rows.into_iter().map(|row| (row.campaign.id.0.into(), row.try_into())).collect()
}

/// The columns of a campaign that can change, without its content.
#[derive(Debug, AsChangeset)]
#[diesel(table_name = campaigns, treat_none_as_null = true)]
pub struct CampaignChanges {
    name: String,
    active: bool,
    redeemable_from: i64,
    valid_till: i64,
    valid_for_days: Option<i32>,
    max_links_per_customer: Option<i32>,
    max_redemptions_per_link: i32,
    version: i32,
}

impl From<&Campaign> for CampaignChanges {
    fn from(campaign: &Campaign) -> Self {
        Self {
            name: campaign.name.clone(),
            active: campaign.active,
            redeemable_from: campaign.redeemable_from.millis(),
            valid_till: campaign.valid_till.millis(),
            valid_for_days: campaign.valid_for_days.map(count_to_db),
            max_links_per_customer: campaign.max_links_per_customer.map(count_to_db),
            max_redemptions_per_link: count_to_db(campaign.max_redemptions_per_link),
            version: count_to_db(campaign.version),
        }
    }
}
