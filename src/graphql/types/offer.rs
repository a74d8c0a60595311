//! `Offer` and its parts, and the inputs of these.

mod inputs;
mod prepared;

use async_graphql::{Context, Enum, Result, SimpleObject};
use serde::Serialize;

pub use self::{
    inputs::{MetadataEntryInput, MoneyInput, OfferInput, parse_metadata},
    prepared::{OfferCache, PreparedOffer},
};
use super::{
    access_directive::{Role, access},
    cost_directives::list_size,
    scalars::Long,
};
use crate::{
    graphql::{error::place, loaders::Loaders},
    promotions,
};

/// What the benefit of a promotion is.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
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

/// An amount of money.
#[derive(SimpleObject, Serialize)]
#[serde(tag = "__typename", rename_all = "camelCase")]
pub struct Money {
    /// The amount, in the currency's minor unit, such as cents. Access: storefront and above.
    #[graphql(directive = access::apply(Role::Storefront))]
    minor_units: Long,
    /// The currency, an ISO 4217 code such as EUR. Access: storefront and above.
    #[graphql(directive = access::apply(Role::Storefront))]
    currency: String,
}

impl From<promotions::Money> for Money {
    fn from(money: promotions::Money) -> Self {
        Self { minor_units: Long::from_i64(money.minor_units()), currency: money.currency().to_owned() }
    }
}

/// What a promotion is worth. Promolink stores it for the apps that apply it, and calculates nothing.
#[derive(SimpleObject, Serialize)]
#[serde(tag = "__typename", rename_all = "camelCase")]
pub struct Benefit {
    /// What the benefit is. Access: storefront and above.
    #[graphql(directive = access::apply(Role::Storefront))]
    kind: BenefitKind,
    /// The percentage, more than 0, at most 100, with at most two decimal places. Null, unless `kind` is PERCENT_OFF.
    /// Access: storefront and above.
    #[graphql(directive = access::apply(Role::Storefront))]
    percent_off: Option<f64>,
    /// The amount. Null, unless `kind` is AMOUNT_OFF or PAYMENT. Access: storefront and above.
    #[graphql(directive = access::apply(Role::Storefront))]
    amount: Option<Money>,
}

impl From<promotions::Benefit> for Benefit {
    fn from(benefit: promotions::Benefit) -> Self {
        Self {
            kind: benefit.kind.into(),
            percent_off: benefit.percent_off.map(promotions::Percent::get),
            amount: benefit.amount.map(Into::into),
        }
    }
}

/// A key and its value, with a meaning that the organisation defines.
#[derive(SimpleObject, Serialize)]
#[serde(tag = "__typename", rename_all = "camelCase")]
pub struct MetadataEntry {
    /// The key. Access: storefront and above.
    #[graphql(directive = access::apply(Role::Storefront))]
    key: String,
    /// The value. Access: storefront and above.
    #[graphql(directive = access::apply(Role::Storefront))]
    value: String,
}

impl From<promotions::MetadataEntry> for MetadataEntry {
    fn from(promotions::MetadataEntry { key, value }: promotions::MetadataEntry) -> Self {
        Self { key, value }
    }
}

/// The entries of metadata.
pub fn metadata(ctx: &Context<'_>, entries: &[promotions::MetadataEntry]) -> Result<Vec<MetadataEntry>> {
    let bytes = entries.iter().map(|entry| entry.key.len() + entry.value.len()).sum();
    ctx.data::<Loaders>()?.take_text(bytes).map_err(place(ctx))?;
    Ok(entries.iter().cloned().map(Into::into).collect())
}

/// What shoppers are told about a campaign's promotions.
#[derive(SimpleObject, Serialize)]
#[serde(tag = "__typename", rename_all = "camelCase")]
pub struct Offer {
    /// The headline, plain text: 1 to 200 characters. Access: storefront and above.
    #[graphql(directive = access::apply(Role::Storefront))]
    title: Option<String>,
    /// The description, plain text of one or more lines: 1 to 2000 characters. Access: storefront and above.
    #[graphql(directive = access::apply(Role::Storefront))]
    description: Option<String>,
    /// What a promotion is worth. Access: storefront and above.
    #[graphql(directive = access::apply(Role::Storefront))]
    benefit: Option<Benefit>,
    /// The https:// URL of the terms and conditions. Access: storefront and above.
    #[graphql(directive = access::apply(Role::Storefront))]
    terms_url: Option<String>,
    /// The https:// URL of a picture. Access: storefront and above.
    #[graphql(directive = access::apply(Role::Storefront))]
    image_url: Option<String>,
    /// Entries for the organisation's own apps, in the order in which they were given: at most 50.
    /// Access: storefront and above.
    #[graphql(directive = access::apply(Role::Storefront), directive = list_size::apply(Some(50), None, None, None))]
    metadata: Vec<MetadataEntry>,
}

impl From<promotions::Offer> for Offer {
    fn from(offer: promotions::Offer) -> Self {
        Self {
            title: offer.title,
            description: offer.description,
            benefit: offer.benefit.map(Into::into),
            terms_url: offer.terms_url,
            image_url: offer.image_url,
            metadata: offer.metadata.into_iter().map(Into::into).collect(),
        }
    }
}
