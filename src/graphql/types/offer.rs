//! `Offer` and its parts, and the inputs of these.

mod inputs;

use std::sync::Arc;

use async_graphql::{Context, Enum, Object, Result};

pub use self::inputs::{MetadataEntryInput, MoneyInput, OfferInput, parse_metadata};
use super::{
    access_directive::{Role, access},
    cost_directives::list_size,
    scalars::Long,
};
use crate::{
    graphql::{
        error::{Nullable, place},
        loaders::Loaders,
    },
    promotions::{self, CampaignContent, CampaignId},
};

/// What the benefit of a promotion is.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "crate::promotions::BenefitKind")]
pub enum BenefitKind {
    /// `percentOff` percent off the cart.
    PercentOff,
    /// `amount` off the cart.
    AmountOff,
    /// `amount` pays for the cart, like a gift voucher.
    Payment,
    /// Something else, such as free shipping. The title and the description of the offer say what.
    Other,
}

pub struct Money(pub promotions::Money);

/// An amount of money.
#[Object]
impl Money {
    /// The amount, in the currency's minor unit, such as cents. Access: storefront and above.
    #[graphql(directive = access::apply(Role::Storefront))]
    async fn minor_units(&self) -> Long {
        Long::from_i64(self.0.minor_units())
    }

    /// The currency, an ISO 4217 code such as EUR. Access: storefront and above.
    #[graphql(directive = access::apply(Role::Storefront))]
    async fn currency(&self) -> &str {
        self.0.currency()
    }
}

pub struct Benefit(promotions::Benefit);

/// What a promotion is worth. Promolink stores it for the apps that apply it, and calculates nothing.
#[Object]
impl Benefit {
    /// What the benefit is. Access: storefront and above.
    #[graphql(directive = access::apply(Role::Storefront))]
    async fn kind(&self) -> BenefitKind {
        self.0.kind.into()
    }

    /// The percentage, more than 0, at most 100, with at most two decimal places. Null, unless `kind` is PERCENT_OFF.
    /// Access: storefront and above.
    #[graphql(directive = access::apply(Role::Storefront))]
    async fn percent_off(&self) -> Option<f64> {
        self.0.percent_off.map(promotions::Percent::get)
    }

    /// The amount. Null, unless `kind` is AMOUNT_OFF or PAYMENT. Access: storefront and above.
    #[graphql(directive = access::apply(Role::Storefront))]
    async fn amount(&self) -> Option<Money> {
        self.0.amount.map(Money)
    }
}

pub struct MetadataEntry(promotions::MetadataEntry);

/// A key and its value, with a meaning that the organisation defines.
#[Object]
impl MetadataEntry {
    /// The key. Access: storefront and above.
    #[graphql(directive = access::apply(Role::Storefront))]
    async fn key(&self) -> &str {
        &self.0.key
    }

    /// The value. Access: storefront and above.
    #[graphql(directive = access::apply(Role::Storefront))]
    async fn value(&self) -> &str {
        &self.0.value
    }
}

/// The entries of metadata.
pub fn metadata(ctx: &Context<'_>, entries: &[promotions::MetadataEntry]) -> Result<Vec<MetadataEntry>> {
    let bytes = entries.iter().map(|entry| entry.key.len() + entry.value.len()).sum();
    ctx.data::<Loaders>()?.take_text(bytes).map_err(place(ctx))?;
    Ok(entries.iter().cloned().map(MetadataEntry).collect())
}

/// The content of a campaign that has an offer.
pub struct Offer(Arc<CampaignContent>);

impl Offer {
    /// The offer of a campaign, if it has one. It is null with an error if it can't be read: what it belongs to may be a
    /// change that has been made.
    pub async fn of(ctx: &Context<'_>, campaign: CampaignId) -> Nullable<Self> {
        let loaders = match ctx.data::<Loaders>() {
            Ok(loaders) => loaders,
            Err(error) => return Some(Err(error)),
        };
        let content = loaders.campaign_content(campaign).await.map_err(place(ctx));
        content.map(Self::in_content).transpose()
    }

    /// The offer in the content of a campaign, if it has one.
    pub fn in_content(content: Option<Arc<CampaignContent>>) -> Option<Self> {
        content.filter(|content| content.offer.is_some()).map(Self)
    }

    fn get(&self) -> Option<&promotions::Offer> {
        self.0.offer.as_ref()
    }
}

/// What shoppers are told about a campaign's promotions.
#[Object]
impl Offer {
    /// The headline, plain text: 1 to 200 characters. Access: storefront and above.
    #[graphql(directive = access::apply(Role::Storefront))]
    async fn title(&self) -> Option<&str> {
        self.get()?.title.as_deref()
    }

    /// The description, plain text of one or more lines: 1 to 2000 characters. Access: storefront and above.
    #[graphql(directive = access::apply(Role::Storefront))]
    async fn description(&self, ctx: &Context<'_>) -> Result<Option<&str>> {
        let description = self.get().and_then(|offer| offer.description.as_deref());
        ctx.data::<Loaders>()?.take_text(description.map_or(0, str::len)).map_err(place(ctx))?;
        Ok(description)
    }

    /// What a promotion is worth. Access: storefront and above.
    #[graphql(directive = access::apply(Role::Storefront))]
    async fn benefit(&self) -> Option<Benefit> {
        self.get()?.benefit.clone().map(Benefit)
    }

    /// The https:// URL of the terms and conditions. Access: storefront and above.
    #[graphql(directive = access::apply(Role::Storefront))]
    async fn terms_url(&self) -> Option<&str> {
        self.get()?.terms_url.as_deref()
    }

    /// The https:// URL of a picture. Access: storefront and above.
    #[graphql(directive = access::apply(Role::Storefront))]
    async fn image_url(&self) -> Option<&str> {
        self.get()?.image_url.as_deref()
    }

    /// Entries for the organisation's own apps, in the order in which they were given: at most 50.
    /// Access: storefront and above.
    #[graphql(directive = access::apply(Role::Storefront), directive = list_size::apply(Some(50), None, None, None))]
    async fn metadata(&self, ctx: &Context<'_>) -> Result<Vec<MetadataEntry>> {
        metadata(ctx, self.get().map_or(&[], |offer| &offer.metadata))
    }
}
