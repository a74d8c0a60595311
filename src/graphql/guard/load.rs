//! What an operation comes to with its variables: the values that its arguments hold, once the variables are put in, and
//! those that it answers with, if every page that it asks for is full.
//!
//! The library copies a variable's value wherever it is used, for every parent of the field: a list of 20,000 that is
//! used 1,000 times within another list takes 4 seconds and gigabytes. It resolves lists within lists within lists.

use std::collections::HashMap;

use async_graphql::{
    Name, Number, Positioned, Value as Constant, Variables,
    parser::types::{ExecutableDocument, Field, OperationDefinition, Selection},
};
use async_graphql_value::Value;

use super::{
    DocumentLimits, Unfit,
    expansion::{Expansion, Sum},
};
use crate::graphql::paging::{DEFAULT_FIRST, MAX_FIRST};

/// Bytes of a string that count like one more value.
const STRING_BYTES: usize = 64;

const WHAT: &str = "values to read and answer with, if every page is full";

/// About how many there are of what introspection lists: of types in the schema, and for each of them or their fields.
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

/// How much text a field has whose text is long, in values.
fn texts(field: &str) -> usize {
    match field {
        // The whole of the schema.
        "sdl" => 40_000 / STRING_BYTES,
        "description" => 200 / STRING_BYTES,
        _ => 0,
    }
}

/// The values of a selection set.
#[derive(Debug, Default, Clone, Copy)]
struct Load {
    /// Those that are there once.
    once: usize,
    /// Those that are there for every row of the list that the set is about: below `nodes` and `edges`.
    each_row: usize,
}

impl Sum for Load {
    fn plus(self, other: Self) -> Self {
        Self { once: self.once.saturating_add(other.once), each_row: self.each_row.saturating_add(other.each_row) }
    }
}

/// Refuses an operation that comes to too much, or says how many values it comes to. Where the request names none, each of
/// them may be meant.
pub fn load(
    document: &ExecutableDocument,
    operation: Option<&str>,
    variables: &Variables,
    limits: &DocumentLimits,
) -> Result<usize, Unfit> {
    let mut most = 0;
    let mut within = |load: Load| {
        let values = load.once.saturating_add(load.each_row);
        most = values.max(most);
        Unfit::above(limits.values, values, WHAT)
    };
    for (name, definition) in document.operations.iter() {
        // As validation sees it: an operation that is not the one that was named has no variables.
        if operation.zip(name).is_some_and(|(wanted, name)| wanted != name.as_str()) {
            continue;
        }
        let given = Given::new(&definition.node, variables);
        let mut expansion =
            Expansion::new(document, limits.depth, |selection, below| given.selection(selection, below));
        within(expansion.operation(&definition.node.selection_set.node)?)?;
        // Validation puts the variables into fragments that no operation uses, too.
        for name in document.fragments.keys() {
            within(expansion.fragment(name)?)?;
        }
    }
    Ok(most)
}

/// The variables of an operation.
struct Given<'a> {
    values: HashMap<&'a str, &'a Constant>,
    /// How many values each of them is.
    weights: HashMap<&'a str, usize>,
}

type Arguments = [(Positioned<Name>, Positioned<Value>)];

impl<'a> Given<'a> {
    fn new(operation: &'a OperationDefinition, variables: &'a Variables) -> Self {
        let defaults = operation.variable_definitions.iter().filter_map(|definition| {
            let value = &definition.node.default_value.as_ref()?.node;
            Some((definition.node.name.node.as_str(), value))
        });
        let given = variables.iter().map(|(name, value)| (name.as_str(), value));
        let values: HashMap<_, _> = defaults.chain(given).collect();
        let weights = values.iter().map(|(name, value)| (*name, constant_weight(value))).collect();
        Self { values, weights }
    }

    /// What a selection comes to, with all that is below it.
    fn selection(&self, selection: &Selection, below: Load) -> Load {
        let directives = selection.directives().iter();
        let own = sum(directives.map(|directive| self.arguments_weight(&directive.node.arguments)));
        match selection {
            Selection::Field(field) => self.field(&field.node, own, below),
            Selection::FragmentSpread(_) | Selection::InlineFragment(_) => below.plus(Load { once: own, each_row: 0 }),
        }
    }

    fn field(&self, field: &Field, directives: usize, below: Load) -> Load {
        let name = field.name.node.as_str();
        let rows = self.rows(field);
        let introspected = INTROSPECTION.iter().find(|(list, _)| *list == name).map_or(1, |(_, length)| *length);
        // A field that takes a list, such as codes to look up, answers with as many.
        let lists = field.arguments.iter().filter_map(|(_, value)| self.length(&value.node));
        let times = lists.max().unwrap_or(1).max(introspected);
        let below = below.once.saturating_add(below.each_row.saturating_mul(rows)).saturating_mul(times);
        let text = texts(name).saturating_add(field.response_key().node.len() / STRING_BYTES);
        let own = directives.saturating_add(self.arguments_weight(&field.arguments)).saturating_add(1 + text);
        let own = own.saturating_add(self.generated(field));
        match name {
            "nodes" | "edges" => Load { once: 0, each_row: own.saturating_add(below) },
            _ => Load { once: own.saturating_add(below), each_row: 0 },
        }
    }

    /// The most rows that a field's page has, if it is a list.
    fn rows(&self, field: &Field) -> usize {
        let first = field.get_argument("first").and_then(|first| self.number(&first.node));
        let rows = first.map_or(Some(DEFAULT_FIRST.into()), Number::as_i64);
        // What is no number of rows has none: the field refuses it.
        rows.map_or(0, |rows| usize::try_from(rows.min(MAX_FIRST.into())).unwrap_or(0))
    }

    /// How many codes are to be generated: the answer has them all.
    fn generated(&self, field: &Field) -> usize {
        if field.name.node != "generatePromotionCodes" {
            return 0;
        }
        let count = field.get_argument("input").and_then(|input| match &input.node {
            Value::Object(input) => self.number(input.get("count")?),
            Value::Variable(name) => match self.values.get(name.as_str())? {
                Constant::Object(input) => as_number(input.get("count")?),
                _ => None,
            },
            _ => None,
        });
        // What is no count is refused.
        count.and_then(Number::as_u64).and_then(|count| usize::try_from(count).ok()).unwrap_or(0)
    }

    /// The number that a value is, by itself or by a variable. `None`: it is none.
    fn number<'v>(&self, value: &'v Value) -> Option<&'v Number>
    where
        'a: 'v,
    {
        match value {
            Value::Number(number) => Some(number),
            Value::Variable(name) => as_number(self.values.get(name.as_str())?),
            _ => None,
        }
    }

    /// How long the list is that an argument is. `None`: it is none.
    fn length(&self, value: &Value) -> Option<usize> {
        match value {
            Value::List(items) => Some(items.len()),
            Value::Variable(name) => match self.values.get(name.as_str()) {
                Some(Constant::List(items)) => Some(items.len()),
                _ => None,
            },
            _ => None,
        }
    }

    fn arguments_weight(&self, arguments: &Arguments) -> usize {
        sum(arguments.iter().map(|(_, value)| self.weight(&value.node)))
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

fn as_number(value: &Constant) -> Option<&Number> {
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
