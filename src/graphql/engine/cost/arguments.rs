//! The values of arguments, with variables substituted.

use std::collections::HashMap;

use async_graphql::{Number, Value as Constant, Variables};
use async_graphql_value::Value;

use super::STRING_BYTES;

/// Evaluates the arguments of an operation.
pub struct Arguments<'a> {
    variables: &'a Variables,
    /// The number of values in each variable, so that each is counted once and not at each use.
    weights: HashMap<&'a str, usize>,
}

impl<'a> Arguments<'a> {
    pub fn new(variables: &'a Variables) -> Self {
        let weights = variables.iter().map(|(name, value)| (name.as_str(), constant_weight(value))).collect();
        Self { variables, weights }
    }

    /// The number of values in a value.
    pub fn weight(&self, value: &Value) -> usize {
        let parts = match value {
            Value::Variable(name) => self.weights.get(name.as_str()).copied().unwrap_or_default(),
            Value::String(text) => text.len() / STRING_BYTES,
            Value::List(items) => sum(items.iter().map(|item| self.weight(item))),
            Value::Object(fields) => sum(fields.values().map(|field| self.weight(field))),
            _ => 0,
        };
        parts.saturating_add(1)
    }

    /// The length of a list, or `None` for other values.
    pub fn length(&self, value: &Value) -> Option<usize> {
        match value {
            Value::List(items) => Some(items.len()),
            Value::Variable(name) => match self.variables.get(name) {
                Some(Constant::List(items)) => Some(items.len()),
                _ => None,
            },
            _ => None,
        }
    }

    /// Whether a value is given that is not null.
    pub fn is_set(&self, value: &Value) -> bool {
        !matches!(value, Value::Variable(_) | Value::Null)
            || self.scalar(value).is_some_and(|value| value != Constant::Null)
    }

    /// A literal number or null, or the value of a variable.
    pub fn scalar(&self, value: &Value) -> Option<Constant> {
        match value {
            Value::Number(number) => Some(Constant::Number(number.clone())),
            Value::Null => Some(Constant::Null),
            Value::Variable(name) => self.variables.get(name).cloned(),
            _ => None,
        }
    }

    /// A scalar in an input object.
    pub fn input_field(&self, input: &Value, field: &str) -> Option<Constant> {
        match input {
            Value::Object(fields) => self.scalar(fields.get(field)?),
            Value::Variable(name) => match self.variables.get(name)? {
                Constant::Object(fields) => fields.get(field).cloned(),
                _ => None,
            },
            _ => None,
        }
    }
}

pub const fn as_number(value: &Constant) -> Option<&Number> {
    match value {
        Constant::Number(number) => Some(number),
        _ => None,
    }
}

/// The number of values in a value without variables.
fn constant_weight(value: &Constant) -> usize {
    let parts = match value {
        Constant::String(text) => text.len() / STRING_BYTES,
        Constant::List(items) => sum(items.iter().map(constant_weight)),
        Constant::Object(fields) => sum(fields.values().map(constant_weight)),
        _ => 0,
    };
    parts + 1
}

pub fn sum(weights: impl Iterator<Item = usize>) -> usize {
    weights.fold(0, usize::saturating_add)
}
