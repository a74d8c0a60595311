//! The scalars of the schema.

use async_graphql::{Error, ID, InputValueResult, Number, Scalar, ScalarType, Value};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use uuid::Uuid;

use crate::{
    graphql::error::invalid_input,
    promotions::{self, Code, InvalidCode},
};

/// What is out of range is kept as `None` rather than refused here, where the field's name is not known:
/// [`Long::parse_as`] names it.
pub struct Long(Option<i64>);

/// A whole number from 0 to 9007199254740991 (2^53 - 1, the largest that every JSON client keeps exactly), sent as a
/// JSON number. Accepts a whole JSON number or a string of decimal digits; anything else is INVALID_INPUT.
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
    /// The number that a text of decimal digits is.
    pub fn from_text(text: &str) -> Self {
        // Digits alone: the standard parser would take a sign as well.
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
        Self(is_number.then(|| text.parse().ok()).flatten())
    }

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

/// The whole number that a JSON number is: some clients write 5 as 5.0.
fn whole(number: &Number) -> Option<i64> {
    /// 2^53: below it a float holds every whole number.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let float = || number.as_f64().filter(|float| float.fract() == 0.0 && float.abs() < EXACT);
    #[expect(clippy::cast_possible_truncation, reason = "it is whole and in range")]
    number.as_i64().or_else(|| float().map(|float| float as i64))
}

/// The latest moment that ECMAScript's `Date` holds (ECMA-262, time values), and so every JSON client.
const LATEST_MILLIS: i64 = 8_640_000_000_000_000;

/// What is invalid is kept rather than refused here, as in [`Long`].
pub struct Timestamp(Result<promotions::Timestamp, InvalidTimestamp>);

/// Why a value is not a moment.
#[derive(Debug, Clone, Copy, thiserror::Error)]
enum InvalidTimestamp {
    #[error(
        "it must be whole milliseconds since 1970-01-01T00:00:00Z, such as 1830297599000, or a date and time with a time \
         zone, such as \"2027-12-31T23:59:59Z\""
    )]
    Unreadable,
    #[error("it has no time zone; append Z for UTC, or an offset such as +01:00")]
    NoTimeZone,
    #[error("it must be from 0 to {LATEST_MILLIS} milliseconds since 1970-01-01T00:00:00Z")]
    OutOfRange,
}

/// A moment, sent as a JSON number: milliseconds since the Unix epoch (1970-01-01T00:00:00Z), from 0 to 8640000000000000.
/// Accepts such a number, a string of its decimal digits, or a date and time with a time zone (ISO 8601, RFC 3339), such
/// as "2027-12-31T23:59:59Z" or "2028-01-01T00:59:59.999+01:00"; what is finer than a millisecond is cut off. Anything
/// else is INVALID_INPUT.
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
    /// The moment that the field wants.
    pub fn parse(&self, field: &str) -> Result<promotions::Timestamp, Error> {
        self.0.map_err(|reason| invalid_input(field, reason))
    }
}

/// The milliseconds that a text of decimal digits, or a date and time with a time zone, means.
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

/// Reads an id, which is a UUID.
pub fn parse_id<Id: From<Uuid>>(id: &ID, field: &str) -> Result<Id, Error> {
    Uuid::parse_str(id).map(Into::into).map_err(|_| invalid_input(field, "a UUID is wanted"))
}

/// Reads a promotion code.
pub fn parse_code(spelling: &str, field: &str) -> Result<Code, Error> {
    Code::parse(spelling).map_err(|reason| invalid_input(field, reason))
}

/// Reads a limit, of at least one; null is none.
pub fn parse_limit(limit: Option<i32>, field: &str) -> Result<Option<u32>, Error> {
    let parse = |limit| u32::try_from(limit).ok().filter(|limit| *limit >= 1);
    limit.map(|limit| parse(limit).ok_or_else(|| invalid_input(field, "must be at least 1"))).transpose()
}

/// Reads a list of codes, each by `parse`; the error tells which one is malformed.
pub fn parse_codes(
    spellings: &[String],
    field: &str,
    parse: fn(&str) -> Result<Code, InvalidCode>,
) -> Result<Vec<Code>, Error> {
    let parse = |(position, spelling): (usize, &String)| {
        parse(spelling).map_err(|reason| invalid_input(field, format_args!("at position {position}, {reason}")))
    };
    spellings.iter().enumerate().map(parse).collect()
}
