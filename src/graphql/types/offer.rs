//! `Offer` and its parts, and the inputs of these.

use async_graphql::{Enum, InputObject, Object, Result};

use super::{
    access_directive::{Role, access},
    scalars::Long,
};
use crate::{
    graphql::error::{ApiError, invalid_input},
    promotions::{self, CampaignContent, InvalidContent, NewBenefit, NewMoney, NewOffer},
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
    async fn currency(&self) -> &'static str {
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
pub fn metadata(entries: &[promotions::MetadataEntry]) -> Vec<MetadataEntry> {
    entries.iter().cloned().map(MetadataEntry).collect()
}

pub struct Offer(promotions::Offer);

impl Offer {
    /// The offer of a campaign, if it has one.
    pub fn of(content: &CampaignContent) -> Option<Self> {
        content.offer.clone().map(Self)
    }
}

/// What shoppers are told about a campaign's promotions.
#[Object]
impl Offer {
    /// The headline: 1 to 200 characters. Access: storefront and above.
    #[graphql(directive = access::apply(Role::Storefront))]
    async fn title(&self) -> Option<&str> {
        self.0.title.as_deref()
    }

    /// The description, plain text of one or more lines: 1 to 2000 characters. Access: storefront and above.
    #[graphql(directive = access::apply(Role::Storefront))]
    async fn description(&self) -> Option<&str> {
        self.0.description.as_deref()
    }

    /// What a promotion is worth. Access: storefront and above.
    #[graphql(directive = access::apply(Role::Storefront))]
    async fn benefit(&self) -> Option<Benefit> {
        self.0.benefit.clone().map(Benefit)
    }

    /// The https:// URL of the terms and conditions. Access: storefront and above.
    #[graphql(directive = access::apply(Role::Storefront))]
    async fn terms_url(&self) -> Option<&str> {
        self.0.terms_url.as_deref()
    }

    /// The https:// URL of a picture. Access: storefront and above.
    #[graphql(directive = access::apply(Role::Storefront))]
    async fn image_url(&self) -> Option<&str> {
        self.0.image_url.as_deref()
    }

    /// Entries for the organisation's own apps, in the order in which they were given: at most 50.
    /// Access: storefront and above.
    #[graphql(directive = access::apply(Role::Storefront))]
    async fn metadata(&self) -> Vec<MetadataEntry> {
        metadata(&self.0.metadata)
    }
}

/// An amount of money.
#[derive(InputObject)]
pub struct MoneyInput {
    /// The amount, in the currency's minor unit, such as cents.
    minor_units: Long,
    /// The currency, an ISO 4217 code in upper case, such as EUR.
    currency: String,
}

/// What a promotion is worth.
#[derive(InputObject)]
pub struct BenefitInput {
    /// What the benefit is.
    kind: BenefitKind,
    /// Required with PERCENT_OFF, and invalid otherwise: more than 0, at most 100, with at most two decimal places.
    percent_off: Option<f64>,
    /// Required with AMOUNT_OFF and PAYMENT, and invalid otherwise: at least 1 minor unit.
    amount: Option<MoneyInput>,
}

/// A key and its value.
#[derive(InputObject)]
pub struct MetadataEntryInput {
    /// The key: 1 to 40 visible characters, unique in the list.
    key: String,
    /// The value: at most 500 visible characters and line breaks.
    value: String,
}

/// What shoppers are told about a campaign's promotions.
#[derive(InputObject)]
pub struct OfferInput {
    /// The headline: 1 to 200 visible characters after trimming. Null: none.
    title: Option<String>,
    /// The description: 1 to 2000 visible characters and line breaks after trimming. Null: none.
    description: Option<String>,
    /// What a promotion is worth. Null: not stated.
    benefit: Option<BenefitInput>,
    /// The URL of the terms and conditions. It must begin with https:// and have at most 2048 characters. Null: none.
    terms_url: Option<String>,
    /// The URL of a picture. It must begin with https:// and have at most 2048 characters. Null: none.
    image_url: Option<String>,
    /// Entries for your own apps, at most 50. Everyone who may read the promotion can read them.
    #[graphql(default_with = "Some(Vec::new())")]
    metadata: Option<Vec<MetadataEntryInput>>,
}

impl MoneyInput {
    /// Checks the amount. `field` is its name.
    pub fn parse(&self, field: &str) -> Result<promotions::Money, ApiError> {
        self.as_new(field)?.parse(field).map_err(|invalid| invalid_content(&invalid))
    }

    fn as_new(&self, field: &str) -> Result<NewMoney, ApiError> {
        let minor_units = self.minor_units.parse(&format!("{field}.minorUnits"))?;
        Ok(NewMoney { minor_units, currency: self.currency.clone() })
    }
}

impl OfferInput {
    /// Checks the offer.
    pub fn parse(self) -> Result<promotions::Offer, ApiError> {
        let amount = |amount: MoneyInput| amount.as_new("offer.benefit.amount");
        let benefit = |benefit: BenefitInput| {
            let amount = benefit.amount.map(amount).transpose()?;
            Ok::<_, ApiError>(NewBenefit { kind: benefit.kind.into(), percent_off: benefit.percent_off, amount })
        };
        let new = NewOffer {
            title: self.title,
            description: self.description,
            benefit: self.benefit.map(benefit).transpose()?,
            terms_url: self.terms_url,
            image_url: self.image_url,
            metadata: entries(self.metadata),
        };
        new.parse().map_err(|invalid| invalid_content(&invalid))
    }
}

/// Checks entries of metadata.
pub fn parse_metadata(input: Option<Vec<MetadataEntryInput>>) -> Result<Vec<promotions::MetadataEntry>, ApiError> {
    promotions::parse_metadata(entries(input), "metadata").map_err(|invalid| invalid_content(&invalid))
}

fn entries(input: Option<Vec<MetadataEntryInput>>) -> Vec<promotions::MetadataEntry> {
    let entry = |MetadataEntryInput { key, value }| promotions::MetadataEntry { key, value };
    input.unwrap_or_default().into_iter().map(entry).collect()
}

fn invalid_content(invalid: &InvalidContent) -> ApiError {
    invalid_input(&invalid.field, &invalid.reason)
}
