//! The inputs of offers.

use async_graphql::{InputObject, Result};

use super::BenefitKind;
use crate::{
    graphql::{
        error::{ApiError, invalid_input},
        types::scalars::Long,
    },
    promotions::{self, InvalidContent, NewBenefit, NewMoney, NewOffer},
};

/// An amount of money.
#[derive(InputObject)]
pub struct MoneyInput {
    /// The amount, in the currency's minor unit, such as cents: 0 to 9007199254740991.
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
    /// The URL of the terms and conditions. It must begin with https:// and have at most 2048
    /// characters after percent-encoding, in which form it is returned. Null: none.
    terms_url: Option<String>,
    /// The URL of a picture. It must begin with https:// and have at most 2048
    /// characters after percent-encoding, in which form it is returned. Null: none.
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
