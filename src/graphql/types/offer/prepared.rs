//! Caches each offer as a complete value. A response copies the selected fields from it, which costs a fraction of reading the
//! offer and of resolving each field by itself.

use std::{borrow::Cow, sync::Arc, time::Duration};

use async_graphql::{
    Context, ContextSelectionSet, Error, OutputType, Positioned, ServerResult, Value,
    indexmap::IndexMap,
    parser::types::{Field, Selection, SelectionSet},
    registry::Registry,
    to_value,
};
use quick_cache::{Weighter, sync::Cache};
use tokio::time::Instant;

use super::Offer;
use crate::{
    graphql::{
        error::{Nullable, place},
        loaders::Loaders,
    },
    promotions::{self, Campaign, CampaignId, CampaignWithContent, OrgId},
};

/// An offer, resolved. It is an `Offer` of the schema.
#[derive(Clone)]
pub struct PreparedOffer(Arc<Value>);

impl PreparedOffer {
    fn new(offer: promotions::Offer) -> Result<Self, Error> {
        Ok(Self(Arc::new(to_value(Offer::from(offer))?)))
    }

    /// The offer of a campaign, if it has one. It is null with an error if it can't be read. The error stays in this field,
    /// because the mutation that returns the offer has been committed.
    pub async fn of(ctx: &Context<'_>, campaign: &Campaign) -> Nullable<Self> {
        Self::find(ctx, campaign).await.map_err(place(ctx)).transpose()
    }

    async fn find(ctx: &Context<'_>, campaign: &Campaign) -> Result<Option<Self>, Error> {
        let (cache, loaders) = (ctx.data::<OfferCache>()?, ctx.data::<Loaders>()?);
        if loaders.written(campaign).is_none()
            && let Some(known) = cache.get(campaign)
        {
            return Ok(known.offer);
        }
        let Some(read) = loaders.content(campaign).await? else { return Ok(None) };
        cache.add(&read)
    }
}

impl OutputType for PreparedOffer {
    fn type_name() -> Cow<'static, str> {
        Offer::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        Offer::create_type_info(registry)
    }

    async fn resolve(&self, ctx: &ContextSelectionSet<'_>, field: &Positioned<Field>) -> ServerResult<Value> {
        let placed = |error: Error| ctx.set_error_path(error.into_server_error(field.pos));
        let mut text_bytes = 0;
        let selected = select(&self.0, &ctx.item.node, &mut text_bytes);
        ctx.data::<Loaders>().and_then(|loaders| Ok(loaders.take_text(text_bytes)?)).map_err(placed)?;
        Ok(selected)
    }
}

/// The selected fields of a value. The engine has inlined fragments, and applied directives.
fn select(value: &Value, set: &SelectionSet, text_bytes: &mut usize) -> Value {
    match value {
        Value::Object(fields) => {
            let selected = set.items.iter().filter_map(|selection| match &selection.node {
                Selection::Field(field) => {
                    let Field { name, selection_set, .. } = &field.node;
                    let value = fields.get(&name.node)?;
                    Some((field.node.response_key().node.clone(), select(value, &selection_set.node, text_bytes)))
                }
                _ => None,
            });
            Value::Object(selected.collect::<IndexMap<_, _>>())
        }
        Value::List(items) => Value::List(items.iter().map(|item| select(item, set, text_bytes)).collect()),
        Value::String(text) => {
            *text_bytes += text.len();
            value.clone()
        }
        _ => value.clone(),
    }
}

/// The memory of the cache, in bytes, as estimated.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// Sets the number of shards: the cache has one for every 32 items. The largest offer takes some 200 KB.
const EXPECTED_ITEMS: usize = 256;

/// The bytes that each entry takes besides its texts and its metadata.
const ENTRY_BYTES: u64 = 4 * 1024;

/// The bytes that an entry of metadata takes as a value, measured: an object with three names and three texts.
const METADATA_ENTRY_BYTES: u64 = 768;

/// For how long an offer is served from the cache. A version always has the same offer, unless a database is restored, or fails
/// over with a loss, and makes the version a second time.
const MAX_AGE: Duration = Duration::from_mins(1);

/// The offers that were read last. A campaign has a new version after each change, so that an offer of the version at hand is
/// the one that the database has.
pub struct OfferCache(Cache<(OrgId, CampaignId), Entry, Weight>);

#[derive(Clone)]
struct Entry {
    version: u32,
    read_at: Instant,
    /// `None` if the campaign has no offer.
    offer: Option<PreparedOffer>,
    /// The bytes that the entry takes, as estimated.
    weight: u64,
}

#[derive(Clone)]
struct Weight;

impl Weighter<(OrgId, CampaignId), Entry> for Weight {
    fn weight(&self, _: &(OrgId, CampaignId), entry: &Entry) -> u64 {
        entry.weight
    }
}

impl Default for OfferCache {
    fn default() -> Self {
        Self(Cache::with_weighter(EXPECTED_ITEMS, MAX_BYTES, Weight))
    }
}

impl OfferCache {
    /// The entry of this version of a campaign.
    fn get(&self, campaign: &Campaign) -> Option<Entry> {
        let entry = self.0.get(&(campaign.org, campaign.id))?;
        (entry.version == campaign.version && entry.read_at.elapsed() < MAX_AGE).then_some(entry)
    }

    /// Adds a campaign's offer, and returns it.
    fn add(
        &self,
        CampaignWithContent { campaign, content }: &CampaignWithContent,
    ) -> Result<Option<PreparedOffer>, Error> {
        let offer = content.offer.clone().map(PreparedOffer::new).transpose()?;
        let variable = content
            .offer
            .as_ref()
            .map_or(0, |offer| METADATA_ENTRY_BYTES * offer.metadata.len() as u64 + offer.text_bytes() as u64);
        let weight = ENTRY_BYTES + variable;
        let entry = Entry { version: campaign.version, read_at: Instant::now(), offer: offer.clone(), weight };
        self.0.insert((campaign.org, campaign.id), entry);
        Ok(offer)
    }
}
