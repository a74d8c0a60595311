//! Amounts of money and percentages, exact as they were given.

use iso_currency::{Currency, Flag};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

use super::{
    ids::{MAX_SAFE_INTEGER, OutOfRange},
    offer::InvalidContent,
};

/// An amount of money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Money {
    minor_units: i64,
    currency: CurrencyCode,
}

/// An ISO 4217 code. Checked when an amount is given, and not when it is read from the store: currencies come and go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct CurrencyCode([u8; 3]);

impl CurrencyCode {
    fn from_stored(text: &str) -> Option<Self> {
        text.as_bytes().try_into().ok().filter(|code: &[u8; 3]| code.iter().all(u8::is_ascii_uppercase)).map(Self)
    }

    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl Serialize for CurrencyCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for CurrencyCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::from_stored(&text).ok_or_else(|| Error::custom("not the code of a currency"))
    }
}

/// An amount as the caller gives it.
#[derive(Debug, Clone)]
pub struct NewMoney {
    /// From 0, in the currency's minor unit.
    pub minor_units: i64,
    /// An ISO 4217 code in upper case, such as EUR.
    pub currency: String,
}

impl NewMoney {
    /// Checks an amount. `field` is the API's name of it.
    pub fn parse(&self, field: &str) -> Result<Money, InvalidContent> {
        let invalid = |part: &str, reason: &dyn ToString| InvalidContent {
            field: format!("{field}.{part}"),
            reason: reason.to_string(),
        };
        if !(0..=MAX_SAFE_INTEGER).contains(&self.minor_units) {
            return Err(invalid("minorUnits", &OutOfRange));
        }
        let known = Currency::from_code(&self.currency)
            .filter(|known| !known.has_flag(Flag::Special) && known.is_superseded().is_none());
        let currency = known.and_then(|known| CurrencyCode::from_stored(known.code()));
        let currency = currency.ok_or_else(|| invalid("currency", &"must be an ISO 4217 code such as EUR"))?;
        Ok(Money { minor_units: self.minor_units, currency })
    }
}

impl Money {
    /// In the currency's minor unit, such as cents.
    #[must_use]
    pub const fn minor_units(self) -> i64 {
        self.minor_units
    }

    /// The ISO 4217 code of the currency.
    #[must_use]
    pub fn currency(&self) -> &str {
        self.currency.as_str()
    }

    /// An amount read from the store. `None` if the database was edited by hand.
    pub(crate) fn from_stored(minor_units: i64, currency: &str) -> Option<Self> {
        Some(Self { minor_units, currency: CurrencyCode::from_stored(currency)? })
    }
}

/// A percentage, in hundredths of a percent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Percent(u16);

/// A number is not a percentage. The message follows the field's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be more than 0 and at most 100, with at most two decimal places")]
pub struct InvalidPercent;

impl Percent {
    /// A percentage.
    pub fn new(percent: f64) -> Result<Self, InvalidPercent> {
        let hundredths = (1..=10_000_u16).contains(&Self::nearest(percent)).then(|| Self::nearest(percent));
        // Two decimal places have no exact binary form: the nearest number with two places must be the same number.
        let percentage = hundredths.map(Self).filter(|nearest| nearest.get().to_bits() == percent.to_bits());
        percentage.ok_or(InvalidPercent)
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast saturates")]
    fn nearest(percent: f64) -> u16 {
        (percent * 100.0).round() as u16
    }

    /// The percentage.
    #[must_use]
    pub fn get(self) -> f64 {
        f64::from(self.0) / 100.0
    }
}

impl Serialize for Percent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.get())
    }
}

impl<'de> Deserialize<'de> for Percent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(f64::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_have_two_decimal_places() {
        for (percent, hundredths) in [(0.01, 1), (12.5, 1_250), (33.33, 3_333), (100.0, 10_000), (19.99, 1_999)] {
            assert_eq!(Percent::new(percent), Ok(Percent(hundredths)), "{percent}");
        }
        for percent in [0.0, -1.0, 0.001, 33.333, 100.01, f64::NAN, f64::INFINITY, 1e300] {
            assert_eq!(Percent::new(percent), Err(InvalidPercent), "{percent}");
        }
    }

    #[test]
    fn every_percentage_survives_the_store() {
        for hundredths in 1..=10_000 {
            let text = serde_json::to_string(&Percent(hundredths)).unwrap();
            assert_eq!(serde_json::from_str::<Percent>(&text).unwrap(), Percent(hundredths));
        }
    }
}
