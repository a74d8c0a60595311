//! The cost of an operation: the values in its arguments, with variables substituted, and those that it returns if every
//! selected page is full.
//!
//! async-graphql copies the value of a variable wherever it is used, for every parent of the field, and resolves lists
//! within lists within lists: short requests can be long work.

use std::collections::HashMap;

use async_graphql::{
    Number, Value as Constant, Variables,
    parser::types::{Field, OperationDefinition, Selection, SelectionSet},
};
use async_graphql_value::Value;

use super::{
    RequestError,
    limits::{self, DocumentLimits},
};
use crate::graphql::types::{DEFAULT_FIRST, MAX_FIRST};

/// Bytes of a string that count like one more value.
pub const STRING_BYTES: usize = 64;

/// The approximate number of items in the lists of introspection: types of the schema, and parts of each type.
const INTROSPECTION: [(&str, usize); 8] = [
    ("types", 64),
    ("directives", 8),
    ("fields", 8),
    ("inputFields", 4),
    ("enumValues", 4),
    ("args", 2),
    ("interfaces", 1),
    ("possibleTypes", 1),
];

/// The values that a look-up costs as much as: the database searches an index for its key.
const VALUES_PER_LOOK_UP: usize = 10;

/// The fields that look something up, by an id or a page. Several look-ups of one kind share a statement.
const LOOK_UPS: [&str; 9] = [
    "promotion",
    "promotionCodes",
    "campaign",
    "customerPromotions",
    "campaigns",
    "promotions",
    "codes",
    "redemptions",
    "_entities",
];

/// The arguments that filter a list. To fill its page, the database also reads what they leave out.
const FILTERS: [&str; 2] = ["active", "mode"];

/// The look-ups that a filtered list counts as.
const LOOK_UPS_PER_FILTERED_LIST: usize = 10;

/// The values that the text of a field counts for, if it can be long. Names may have 4 bytes for each character; codes and
/// ids of transactions hardly ever have.
fn texts(field: &str) -> usize {
    let bytes = match field {
        // The whole schema.
        "sdl" => 40_000,
        "name" | "promotionName" => 200 * 4,
        "transactionId" => 128,
        // A cursor has a code, among others.
        "code" | "cursor" | "endCursor" => 64,
        _ => 0,
    };
    bytes / STRING_BYTES
}

/// The values that the text of a field counts for.
type Texts = fn(&str) -> usize;

/// The same as [`texts`] for the fields of introspection.
fn texts_of_schema(field: &str) -> usize {
    if field == "description" { 200 / STRING_BYTES } else { 0 }
}

/// What an operation reads and returns, if every page that it selects is full.
#[derive(Debug, Default, Clone, Copy)]
pub struct Amount {
    values: usize,
    /// The values that long texts count for.
    texts: usize,
    /// By an id or a page.
    pub look_ups: usize,
}

impl Amount {
    fn plus(self, other: Self) -> Self {
        Self {
            values: self.values.saturating_add(other.values),
            texts: self.texts.saturating_add(other.texts),
            look_ups: self.look_ups.saturating_add(other.look_ups),
        }
    }

    fn times(self, times: usize) -> Self {
        Self {
            values: self.values.saturating_mul(times),
            texts: self.texts.saturating_mul(times),
            look_ups: self.look_ups.saturating_mul(times),
        }
    }

    /// In values, with ten for each look-up. Texts take memory, but hardly any time.
    pub fn cost(self) -> usize {
        self.values.saturating_add(self.look_ups.saturating_mul(VALUES_PER_LOOK_UP))
    }
}

/// The cost of a selection set.
#[derive(Debug, Default, Clone, Copy)]
struct Cost {
    /// Once.
    once: Amount,
    /// For every row of the list that the set belongs to: below `nodes` and `edges`.
    each_row: Amount,
}

impl Cost {
    fn plus(self, other: Self) -> Self {
        Self { once: self.once.plus(other.once), each_row: self.each_row.plus(other.each_row) }
    }

    fn total(self) -> Amount {
        self.once.plus(self.each_row)
    }
}

/// What a normalised operation reads and returns. Rejects one that reads and returns more values than its limit permits.
pub fn cost(
    operation: &OperationDefinition,
    variables: &Variables,
    limits: &DocumentLimits,
) -> Result<Amount, RequestError> {
    let weights = variables.iter().map(|(name, value)| (name.as_str(), constant_weight(value))).collect();
    let total = Given { variables, weights }.set(&operation.selection_set.node, texts).total();
    let values = total.values.saturating_add(total.texts);
    limits::check(limits.values, values, "values to read and return, if every page is full")?;
    Ok(total)
}

/// The variables of an operation.
struct Given<'a> {
    variables: &'a Variables,
    /// How many values each of them is.
    weights: HashMap<&'a str, usize>,
}

impl Given<'_> {
    fn set(&self, set: &SelectionSet, texts: Texts) -> Cost {
        let (mut fields, mut fragment) = (Cost::default(), Cost::default());
        for selection in &set.items {
            match &selection.node {
                Selection::Field(field) => fields = fields.plus(self.field(&field.node, texts)),
                // One for each type of a union: an object is of one of them.
                Selection::InlineFragment(inline) => {
                    let cost = self.set(&inline.node.selection_set.node, texts);
                    fragment = if cost.total().cost() > fragment.total().cost() { cost } else { fragment };
                }
                Selection::FragmentSpread(_) => {}
            }
        }
        fields.plus(fragment)
    }

    fn field(&self, field: &Field, texts: Texts) -> Cost {
        let name = field.name.node.as_str();
        let texts = if matches!(name, "__schema" | "__type") { texts_of_schema } else { texts };
        let below = self.set(&field.selection_set.node, texts);
        let introspected = INTROSPECTION.iter().find(|(list, _)| *list == name).map_or(1, |(_, length)| *length);
        // A field that takes a list, such as codes to look up, returns as many items.
        let lists = field.arguments.iter().filter_map(|(_, value)| self.length(&value.node));
        let times = lists.max().unwrap_or(1).max(introspected);
        let rows = self.rows(field);
        let below = below.once.plus(below.each_row.times(rows)).times(times);
        let alias = field.response_key().node.len() / STRING_BYTES;
        let arguments = sum(field.arguments.iter().map(|(_, value)| self.weight(&value.node)));
        let values = arguments.saturating_add(1 + alias).saturating_add(self.generated(field));
        let own = Amount { values, texts: texts(name), look_ups: self.look_ups(field).saturating_mul(times) };
        match name {
            "nodes" | "edges" => Cost { each_row: own.plus(below), ..Cost::default() },
            _ => Cost { once: own.plus(below), ..Cost::default() },
        }
    }

    /// The most rows that a field's page has, if it is a list.
    fn rows(&self, field: &Field) -> usize {
        let rows = match field.get_argument("first").map(|first| self.constant(&first.node)) {
            None | Some(Some(Constant::Null)) => Some(DEFAULT_FIRST.into()),
            Some(first) => first.as_ref().and_then(as_number).and_then(Number::as_i64),
        };
        // The field rejects what is not a number of rows.
        rows.map_or(0, |rows| usize::try_from(rows.min(MAX_FIRST.into())).unwrap_or(0))
    }

    /// The look-ups of a field for one parent.
    fn look_ups(&self, field: &Field) -> usize {
        let name = field.name.node.as_str();
        if !LOOK_UPS.contains(&name) {
            return 0;
        }
        // A filter that is null, or whose variable is omitted, filters nothing.
        let is_set = |filter| {
            let value = field.get_argument(filter).map(|filter| &filter.node);
            value.is_some_and(|value| {
                !matches!(value, Value::Variable(_) | Value::Null)
                    || self.constant(value).is_some_and(|value| value != Constant::Null)
            })
        };
        // Codes are looked up in a mode: it is part of their key.
        if name != "promotionCodes" && FILTERS.into_iter().any(is_set) { LOOK_UPS_PER_FILTERED_LIST } else { 1 }
    }

    /// How many codes are to be generated: the response has them all.
    fn generated(&self, field: &Field) -> usize {
        if field.name.node != "generatePromotionCodes" {
            return 0;
        }
        let count = field.get_argument("input").and_then(|input| match &input.node {
            Value::Object(input) => self.constant(input.get("count")?),
            Value::Variable(name) => match self.variables.get(name)? {
                Constant::Object(input) => input.get("count").cloned(),
                _ => None,
            },
            _ => None,
        });
        // The field rejects what is not a count.
        let count = count.as_ref().and_then(as_number).and_then(Number::as_u64);
        count.and_then(|count| usize::try_from(count).ok()).unwrap_or(0)
    }

    /// A scalar, given as it is or by a variable.
    fn constant(&self, value: &Value) -> Option<Constant> {
        match value {
            Value::Number(number) => Some(Constant::Number(number.clone())),
            Value::Null => Some(Constant::Null),
            Value::Variable(name) => self.variables.get(name).cloned(),
            _ => None,
        }
    }

    /// The length of an argument that is a list, or `None` if it is not one.
    fn length(&self, value: &Value) -> Option<usize> {
        match value {
            Value::List(items) => Some(items.len()),
            Value::Variable(name) => match self.variables.get(name) {
                Some(Constant::List(items)) => Some(items.len()),
                _ => None,
            },
            _ => None,
        }
    }

    /// How many values a value is, those of the variables in it counted.
    fn weight(&self, value: &Value) -> usize {
        let parts = match value {
            Value::Variable(name) => self.weights.get(name.as_str()).copied().unwrap_or_default(),
            Value::String(text) => text.len() / STRING_BYTES,
            Value::List(items) => sum(items.iter().map(|item| self.weight(item))),
            Value::Object(fields) => sum(fields.values().map(|field| self.weight(field))),
            _ => 0,
        };
        parts.saturating_add(1)
    }
}

const fn as_number(value: &Constant) -> Option<&Number> {
    match value {
        Constant::Number(number) => Some(number),
        _ => None,
    }
}

/// How many values a value without variables is.
fn constant_weight(value: &Constant) -> usize {
    let parts = match value {
        Constant::String(text) => text.len() / STRING_BYTES,
        Constant::List(items) => sum(items.iter().map(constant_weight)),
        Constant::Object(fields) => sum(fields.values().map(constant_weight)),
        _ => 0,
    };
    parts + 1
}

fn sum(weights: impl Iterator<Item = usize>) -> usize {
    weights.fold(0, usize::saturating_add)
}
