//! The values of variables: coerced by apollo-compiler (GraphQL specification, section 6.1.2), then converted to values of
//! async-graphql.

use apollo_compiler::{
    Schema,
    executable::Operation,
    request::coerce_variable_values,
    response::{JsonMap, JsonValue},
    validation::Valid,
};
use async_graphql::{Name, Value, Variables};

use super::RequestError;
use crate::graphql::error::ErrorCode;

/// 2^63: the limit of integers of 64 bits.
const TWO_TO_63: f64 = 9_223_372_036_854_775_808.0;

/// Coerces the values of an operation's variables, and adds the defaults of variables without a value.
pub fn coerce(schema: &Valid<Schema>, operation: &Operation, values: &JsonMap) -> Result<Valid<JsonMap>, RequestError> {
    coerce_variable_values(schema, operation, values).map_err(|error| {
        let message = format!("The variables do not match their definitions: {}.", error.message());
        RequestError::document(ErrorCode::BadUserInput, message)
    })
}

/// Converts coerced values to those of async-graphql.
pub fn into_values(variables: Valid<JsonMap>) -> Variables {
    let values = variables.into_inner().into_iter();
    let mut variables = Variables::default();
    variables.extend(values.map(|(name, value)| (Name::new(name.as_str()), into_value(value))));
    variables
}

fn into_value(value: JsonValue) -> Value {
    match value {
        JsonValue::Null => Value::Null,
        JsonValue::Bool(value) => Value::Boolean(value),
        // The default value of an ID may be any integer; async-graphql accepts those of 64 bits.
        JsonValue::Number(number)
            if !number.is_i64() && number.as_f64().is_none_or(|float| float.abs() >= TWO_TO_63) =>
        {
            Value::String(number.to_string())
        }
        JsonValue::Number(number) => Value::Number(number),
        JsonValue::String(text) => Value::String(text.as_str().to_owned()),
        JsonValue::Array(items) => Value::List(items.into_iter().map(into_value).collect()),
        JsonValue::Object(fields) => Value::Object(
            fields.into_iter().map(|(name, value)| (Name::new(name.as_str()), into_value(value))).collect(),
        ),
    }
}
