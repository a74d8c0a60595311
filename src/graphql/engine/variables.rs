//! The values of variables: coerced by apollo-compiler (GraphQL specification, section 6.1.2), then turned into values of
//! async-graphql.

use apollo_compiler::{
    Schema,
    executable::Operation,
    request::coerce_variable_values,
    response::{JsonMap, JsonValue},
    validation::Valid,
};
use async_graphql::{Name, Number, Value, Variables};

use super::RequestError;
use crate::graphql::error::ErrorCode;

/// Coerces the values of an operation's variables, and adds the defaults of those that have none.
pub fn coerce(schema: &Valid<Schema>, operation: &Operation, values: &JsonMap) -> Result<Valid<JsonMap>, RequestError> {
    coerce_variable_values(schema, operation, values).map_err(|error| {
        let message = format!("Invalid variables: {}.", error.message());
        RequestError::document(ErrorCode::BadUserInput, message)
    })
}

/// Coerced values as async-graphql takes them.
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
        JsonValue::Number(number) => number_or_text(number).map_or_else(Value::String, Value::Number),
        JsonValue::String(text) => Value::String(text.as_str().to_owned()),
        JsonValue::Array(items) => Value::List(items.into_iter().map(into_value).collect()),
        JsonValue::Object(fields) => Value::Object(
            fields.into_iter().map(|(name, value)| (Name::new(name.as_str()), into_value(value))).collect(),
        ),
    }
}

/// A number that a scalar of the schema may accept, or the text of another: as an ID it is that text, and nothing else
/// accepts it.
pub fn number_or_text(number: Number) -> Result<Number, String> {
    /// 2^53: below it a float holds every whole number.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let is_exact = number.is_i64() || number.is_f64() && number.as_f64().is_some_and(|float| float.abs() < EXACT);
    if is_exact { Ok(number) } else { Err(number.to_string()) }
}
