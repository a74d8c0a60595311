//! The scalars of the schema, and parsers of arguments whose errors name the field.

use async_graphql::{Context, ID, InputValueResult, Number, Scalar, ScalarType, Value};
use serde::Serialize;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use uuid::Uuid;

use crate::{
    graphql::error::{ApiError, invalid_input, invalid_item},
    promotions::{self, Attribution, Code, InvalidCode, Reason},
};

/// `None` if the value is malformed or out of range. The name of the field is not known here: [`Long::parse_as`]
/// rejects the value with its name.
#[derive(Serialize)]
pub struct Long(Option<i64>);

/// A whole number from 0 to 9007199254740991 (2^53 - 1, the largest number that every JSON client represents exactly).
/// Responses contain a JSON number. Arguments accept a whole JSON number or a string of decimal digits. Any other value
/// fails with INVALID_INPUT.
#[Scalar(specified_by_url = "https://www.rfc-editor.org/rfc/rfc8259#section-6")]
impl ScalarType for Long {
    fn parse(value: Value) -> InputValueResult<Self> {
        Ok(Self(match value {
            Value::Number(number) => whole(&number),
            Value::String(text) => return Ok(Self::from_text(&text)),
            _ => None,
        }))
    }

    fn to_value(&self) -> Value {
        self.0.map_or(Value::Null, Value::from)
    }
}

impl Long {
    /// Parses a text of decimal digits.
    pub fn from_text(text: &str) -> Self {
        // Only digits: the standard parser accepts a sign, too.
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
        Self(is_number.then(|| text.parse().ok()).flatten())
    }

    /// A number that is in range.
    pub const fn from_i64(number: i64) -> Self {
        Self(Some(number))
    }

    /// The number, or the error of the field.
    pub fn parse(&self, field: &str) -> Result<i64, ApiError> {
        let in_range = |number: &i64| (0..=promotions::MAX_SAFE_INTEGER).contains(number);
        self.0.filter(in_range).ok_or_else(|| invalid_input(field, promotions::OutOfRange))
    }

    /// Converts to the domain type of the field.
    pub fn parse_as<T: TryFrom<i64, Error = promotions::OutOfRange>>(&self, field: &str) -> Result<T, ApiError> {
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

/// Returns a JSON number as a whole number. Some clients write 5 as 5.0.
fn whole(number: &Number) -> Option<i64> {
    /// 2^53. A float represents every whole number below it exactly.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let float = || number.as_f64().filter(|float| float.fract() == 0.0 && float.abs() < EXACT);
    #[expect(clippy::cast_possible_truncation, reason = "it is whole and in range")]
    number.as_i64().or_else(|| float().map(|float| float as i64))
}

/// The latest moment, in milliseconds since the Unix epoch: that of ECMAScript's `Date` (ECMA-262, time values).
const LATEST_MILLIS: i64 = 8_640_000_000_000_000;

/// An invalid value is kept, as in [`Long`]: [`Timestamp::parse`] rejects it with the name of the field.
pub struct Timestamp(Result<promotions::Timestamp, InvalidTimestamp>);

/// Why a value is not a timestamp.
#[derive(Debug, Clone, Copy, thiserror::Error)]
enum InvalidTimestamp {
    #[error(
        "must be whole milliseconds since 1970-01-01T00:00:00Z, such as 1830297599000, or a date and time with a time zone, \
         such as \"2027-12-31T23:59:59Z\""
    )]
    Unreadable,
    #[error("must have a time zone: append Z for UTC, or an offset such as +01:00")]
    NoTimeZone,
    #[error("must be 0 to {LATEST_MILLIS} milliseconds since 1970-01-01T00:00:00Z")]
    OutOfRange,
}

/// A point in time, in milliseconds since the Unix epoch (1970-01-01T00:00:00Z), from 0 to 8640000000000000. Responses
/// contain a JSON number. Arguments accept a whole JSON number, a string of decimal digits, or a date and time with a
/// time zone (RFC 3339), such as "2027-12-31T23:59:59Z" or "2028-01-01T00:59:59.999+01:00". Fractions of milliseconds
/// are truncated. Any other value fails with INVALID_INPUT.
#[Scalar(specified_by_url = "https://tc39.es/ecma262/#sec-time-values-and-time-range")]
impl ScalarType for Timestamp {
    fn parse(value: Value) -> InputValueResult<Self> {
        let millis = match value {
            Value::Number(number) => whole(&number).ok_or(InvalidTimestamp::Unreadable),
            Value::String(text) => millis(&text),
            _ => Err(InvalidTimestamp::Unreadable),
        };
        let in_range = |millis: &i64| (0..=LATEST_MILLIS).contains(millis);
        let millis = millis.and_then(|millis| Some(millis).filter(in_range).ok_or(InvalidTimestamp::OutOfRange));
        Ok(Self(millis.map(promotions::Timestamp::from_millis)))
    }

    fn to_value(&self) -> Value {
        self.0.map_or(Value::Null, |moment| moment.millis().into())
    }
}

impl Timestamp {
    /// Returns the moment, or the error of the field.
    pub fn parse(&self, field: &str) -> Result<promotions::Timestamp, ApiError> {
        self.0.map_err(|reason| invalid_input(field, reason))
    }
}

/// Parses decimal digits, or a date and time with a time zone, as milliseconds since the Unix epoch.
fn millis(text: &str) -> Result<i64, InvalidTimestamp> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().map_err(|_| InvalidTimestamp::OutOfRange);
    }
    let nanos = |text: &str| OffsetDateTime::parse(text, &Rfc3339).map(OffsetDateTime::unix_timestamp_nanos);
    match nanos(text) {
        Ok(nanos) => i64::try_from(nanos.div_euclid(1_000_000)).map_err(|_| InvalidTimestamp::OutOfRange),
        Err(_) if nanos(&format!("{text}Z")).is_ok() => Err(InvalidTimestamp::NoTimeZone),
        Err(_) => Err(InvalidTimestamp::Unreadable),
    }
}

impl From<promotions::Timestamp> for Timestamp {
    fn from(moment: promotions::Timestamp) -> Self {
        Self(Ok(moment))
    }
}

/// Parses an id, which is a UUID.
pub fn parse_id<Id: From<Uuid>>(id: &ID, field: &str) -> Result<Id, ApiError> {
    Uuid::parse_str(id).map(Into::into).map_err(|_| invalid_input(field, "must be a UUID"))
}

/// The attribution of a change by this request, with the reason that the caller gives.
pub fn attribution(ctx: &Context<'_>, reason: Option<String>) -> async_graphql::Result<Attribution> {
    let reason =
        reason.map(|text| Reason::parse(&text).map_err(|invalid| invalid_input("reason", invalid))).transpose()?;
    Ok(ctx.data::<Attribution>()?.clone().because(reason))
}

/// Parses a promotion code.
pub fn parse_code(spelling: &str, field: &str) -> Result<Code, ApiError> {
    Code::parse(spelling).map_err(|reason| invalid_input(field, reason))
}

/// Parses a limit of at least 1. Null is no limit.
pub fn parse_limit(limit: Option<i32>, field: &str) -> Result<Option<u32>, ApiError> {
    limit.map(|limit| at_least_one(limit, field)).transpose()
}

/// Parses a number of at least 1.
pub fn at_least_one(number: i32, field: &str) -> Result<u32, ApiError> {
    u32::try_from(number).ok().filter(|number| *number >= 1).ok_or_else(|| invalid_input(field, "must be at least 1"))
}

/// Parses a list of codes, each by `parse`. The error has the position of the first one that is malformed.
pub fn parse_codes(
    spellings: &[String],
    field: &str,
    parse: fn(&str) -> Result<Code, InvalidCode>,
) -> Result<Vec<Code>, ApiError> {
    let parse = |(position, spelling): (usize, &String)| {
        parse(spelling).map_err(|reason| invalid_item(field, position, reason))
    };
    spellings.iter().enumerate().map(parse).collect()
}
