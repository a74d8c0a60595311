//! The scalars of the schema.

use async_graphql::{Error, InputValueError, InputValueResult, Scalar, ScalarType, Value};

use super::error::invalid_input;
use crate::promotions;

/// What is out of range is kept as `None` rather than refused here, where nobody knows the field's name:
/// [`Long::parse_as`] names it.
pub struct Long(Option<i64>);

/// A whole number from 0 to 9007199254740991 (2^53 - 1, the largest that every JSON client keeps exactly), sent as a
/// JSON number. Accepts a JSON integer or a string of decimal digits; anything else is INVALID_INPUT.
#[Scalar]
impl ScalarType for Long {
    fn parse(value: Value) -> InputValueResult<Self> {
        Ok(Self(match value {
            Value::Number(number) => number.as_i64(),
            // Digits alone: the standard parser would take a sign as well.
            Value::String(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
            _ => None,
        }))
    }

    fn to_value(&self) -> Value {
        self.0.map_or(Value::Null, Value::from)
    }
}

impl Long {
    /// The domain type that the field wants.
    pub fn parse_as<T: TryFrom<i64, Error = promotions::OutOfRange>>(&self, field: &str) -> Result<T, Error> {
        self.0.ok_or(promotions::OutOfRange).and_then(T::try_from).map_err(|reason| invalid_input(field, reason))
    }
}

impl From<promotions::OrgId> for Long {
    fn from(org: promotions::OrgId) -> Self {
        Self(Some(org.get()))
    }
}

impl From<promotions::CustomerId> for Long {
    fn from(customer: promotions::CustomerId) -> Self {
        Self(Some(customer.get()))
    }
}

/// The domain's moment, as clients see it.
pub struct Timestamp(promotions::Timestamp);

/// A moment: milliseconds since the Unix epoch (1970-01-01T00:00:00Z), as a JSON number.
#[Scalar]
impl ScalarType for Timestamp {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::Number(number) if number.is_i64() => {
                Ok(Self(promotions::Timestamp::from_millis(number.as_i64().unwrap_or_default())))
            }
            _ => Err(InputValueError::expected_type(value)),
        }
    }

    fn to_value(&self) -> Value {
        self.0.millis().into()
    }
}

impl From<promotions::Timestamp> for Timestamp {
    fn from(moment: promotions::Timestamp) -> Self {
        Self(moment)
    }
}
