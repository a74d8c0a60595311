//! Offers: what shoppers are told about a campaign's promotions, and what these are worth. Described, never calculated.

mod text;

use std::fmt::Display;

use serde::{Deserialize, Serialize};

use self::text::{check_lines, invisible, parse_text, parse_url};
use super::{
    money::{Money, NewMoney, Percent},
    visibility::check_visible,
};

/// The longest title, in characters after trimming.
const MAX_TITLE_CHARS: usize = 200;

/// The longest description, in characters after trimming.
const MAX_DESCRIPTION_CHARS: usize = 2_000;

/// The most entries of metadata.
pub const MAX_METADATA: usize = 50;

/// The longest key of metadata, in characters.
const MAX_KEY_CHARS: usize = 40;

/// The longest value of metadata, in characters.
const MAX_VALUE_CHARS: usize = 500;

/// What a benefit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum BenefitKind {
    /// A percentage off the cart.
    PercentOff,
    /// An amount off the cart.
    AmountOff,
    /// An amount that pays for the cart.
    Payment,
    /// Something else, which the offer describes.
    Other,
}

/// What a promotion is worth.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Benefit {
    /// What it is.
    pub kind: BenefitKind,
    /// With `PercentOff`.
    pub percent_off: Option<Percent>,
    /// With `AmountOff` and `Payment`.
    pub amount: Option<Money>,
}

/// An entry of metadata.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetadataEntry {
    /// Its key, unique among the entries.
    pub key: String,
    /// Its value.
    pub value: String,
}

/// What shoppers are told about a campaign's promotions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Offer {
    /// A headline.
    pub title: Option<String>,
    /// A text of one or more lines.
    pub description: Option<String>,
    /// What a promotion is worth.
    pub benefit: Option<Benefit>,
    /// The address of the terms and conditions.
    pub terms_url: Option<String>,
    /// The address of a picture.
    pub image_url: Option<String>,
    /// Entries for the organisation's own apps.
    pub metadata: Vec<MetadataEntry>,
}

impl Offer {
    /// The bytes of its texts.
    #[must_use]
    pub fn text_bytes(&self) -> usize {
        let texts = [&self.title, &self.description, &self.terms_url, &self.image_url].into_iter().flatten();
        let entries = self.metadata.iter().map(|entry| entry.key.len() + entry.value.len());
        texts.map(String::len).chain(entries).sum()
    }
}

/// What a campaign says besides its terms. Linking does not read it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CampaignContent {
    /// For shoppers.
    pub offer: Option<Offer>,
    /// For operators.
    pub metadata: Vec<MetadataEntry>,
}

/// An offer as the caller gives it.
#[derive(Debug, Clone, Default)]
pub struct NewOffer {
    /// 1 to 200 visible characters after trimming.
    pub title: Option<String>,
    /// 1 to 2,000 visible characters and line breaks after trimming.
    pub description: Option<String>,
    /// What a promotion is worth.
    pub benefit: Option<NewBenefit>,
    /// An HTTPS URL.
    pub terms_url: Option<String>,
    /// An HTTPS URL.
    pub image_url: Option<String>,
    /// At most 50 entries.
    pub metadata: Vec<MetadataEntry>,
}

/// A benefit as the caller gives it.
#[derive(Debug, Clone)]
pub struct NewBenefit {
    /// What it is.
    pub kind: BenefitKind,
    /// More than 0, at most 100, with at most two decimal places.
    pub percent_off: Option<f64>,
    /// An amount above 0.
    pub amount: Option<NewMoney>,
}

/// A field of an offer or of metadata is invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct InvalidContent {
    /// The field, as the API names it, such as `offer.benefit.amount`.
    pub field: String,
    /// Why. The text follows the field's name.
    pub reason: String,
}

fn invalid(field: impl Into<String>, reason: impl Display) -> InvalidContent {
    InvalidContent { field: field.into(), reason: reason.to_string() }
}

impl NewOffer {
    /// Checks an offer.
    pub fn parse(self) -> Result<Offer, InvalidContent> {
        let title =
            self.title.map(|text| parse_text(&text, "offer.title", MAX_TITLE_CHARS, check_visible)).transpose()?;
        let description = |text: String| parse_text(&text, "offer.description", MAX_DESCRIPTION_CHARS, check_lines);
        let url = |url: Option<String>, field| url.map(|url| parse_url(&url, field)).transpose();
        Ok(Offer {
            title,
            description: self.description.map(description).transpose()?,
            benefit: self.benefit.map(NewBenefit::parse).transpose()?,
            terms_url: url(self.terms_url, "offer.termsUrl")?,
            image_url: url(self.image_url, "offer.imageUrl")?,
            metadata: parse_metadata(self.metadata, "offer.metadata")?,
        })
    }
}

impl NewBenefit {
    fn parse(self) -> Result<Benefit, InvalidContent> {
        use BenefitKind::{AmountOff, Payment, PercentOff};
        let (percent_field, amount_field) = ("offer.benefit.percentOff", "offer.benefit.amount");
        let (kind, has_percent) = (self.kind, self.kind == PercentOff);
        let has_amount = matches!(kind, AmountOff | Payment);
        let fits = |field, has: bool, is_given: bool| match (has, is_given) {
            (true, false) => Err(invalid(field, "is required for this kind of benefit")),
            (false, true) => Err(invalid(field, "must be omitted for this kind of benefit")),
            _ => Ok(()),
        };
        fits(percent_field, has_percent, self.percent_off.is_some())?;
        fits(amount_field, has_amount, self.amount.is_some())?;
        let percent_off = self.percent_off.map(Percent::new).transpose();
        let amount = self.amount.map(|amount| amount.parse(amount_field)).transpose()?;
        if amount.is_some_and(|amount| amount.minor_units() == 0) {
            return Err(invalid(format!("{amount_field}.minorUnits"), "must be at least 1"));
        }
        Ok(Benefit { kind, percent_off: percent_off.map_err(|reason| invalid(percent_field, reason))?, amount })
    }
}

/// Checks entries of metadata. `field` is the API's name of the list.
pub fn parse_metadata(entries: Vec<MetadataEntry>, field: &str) -> Result<Vec<MetadataEntry>, InvalidContent> {
    if entries.len() > MAX_METADATA {
        return Err(invalid(field, format_args!("must have at most {MAX_METADATA} entries")));
    }
    for (index, entry) in entries.iter().enumerate() {
        let MetadataEntry { key, value } = entry;
        let of_entry = |part: &str, reason: &dyn Display| {
            invalid(format!("{field}.{part}"), format_args!("of entry {} {reason}", index + 1))
        };
        if key.trim() != key || key.is_empty() || key.chars().count() > MAX_KEY_CHARS {
            let reason = format_args!("must have 1 to {MAX_KEY_CHARS} characters, without surrounding white space");
            return Err(of_entry("key", &reason));
        }
        check_visible(key).map_err(|reason| of_entry("key", &invisible(reason)))?;
        if entries[..index].iter().any(|earlier| earlier.key == *key) {
            return Err(of_entry("key", &"must occur only once"));
        }
        if value.chars().count() > MAX_VALUE_CHARS {
            return Err(invalid(
                format!("{field}.value"),
                format_args!("must have at most {MAX_VALUE_CHARS} characters"),
            ));
        }
        check_lines(value).map_err(|reason| invalid(format!("{field}.value"), invisible(reason)))?;
    }
    Ok(entries)
}
