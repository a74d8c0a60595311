//! The cost of an operation: the values in its arguments, with variables substituted, and the values that it returns if every
//! page that it selects is full.
//!
//! async-graphql copies the value of a variable at each use, for each parent of the field, and resolves nested lists of any
//! size: short requests can cause much work.

mod amount;
mod arguments;
pub(in crate::graphql::engine) mod field_weights;

use async_graphql::{
    Number, Value as Constant, Variables,
    parser::types::{Field, OperationDefinition, Selection, SelectionSet},
};

pub use self::amount::Amount;
use self::{
    amount::SetAmount,
    arguments::{Arguments, as_number, sum},
    field_weights::{
        FILTERS, LOOKUPS_PER_FILTERED_LIST, TextWeight, introspection_text_weight, is_filterable, is_lookup,
        list_items, text_weight,
    },
};
use super::{
    RequestError,
    document_limits::{self, Counted, DocumentLimits},
};
use crate::graphql::types::{DEFAULT_FIRST, MAX_FIRST};

/// Bytes of a string that count as one more value.
pub const STRING_BYTES: usize = 64;

/// Measures what a normalised operation reads and returns. Rejects one that exceeds its limit of values.
pub fn measure(
    operation: &OperationDefinition,
    variables: &Variables,
    limits: &DocumentLimits,
) -> Result<Amount, RequestError> {
    let meter = CostMeter { arguments: Arguments::new(variables) };
    let total = meter.set(&operation.selection_set.node, text_weight).total();
    document_limits::check(Counted::Values, limits.values, total.values.saturating_add(total.texts))?;
    Ok(total)
}

struct CostMeter<'a> {
    arguments: Arguments<'a>,
}

impl CostMeter<'_> {
    fn set(&self, set: &SelectionSet, text_weight: TextWeight) -> SetAmount {
        let (mut fields, mut fragment) = (SetAmount::default(), SetAmount::default());
        for selection in &set.items {
            match &selection.node {
                Selection::Field(field) => fields = fields.plus(self.field(&field.node, text_weight)),
                // One for each type of a union. An object has one type, so the most expensive counts.
                Selection::InlineFragment(inline) => {
                    let amount = self.set(&inline.node.selection_set.node, text_weight);
                    fragment = if amount.total().cost() > fragment.total().cost() { amount } else { fragment };
                }
                Selection::FragmentSpread(_) => {}
            }
        }
        fields.plus(fragment)
    }

    fn field(&self, field: &Field, text_weight: TextWeight) -> SetAmount {
        let name = field.name.node.as_str();
        let text_weight = if matches!(name, "__schema" | "__type") { introspection_text_weight } else { text_weight };
        let below = self.set(&field.selection_set.node, text_weight);
        // A field that takes a list, such as codes to look up, returns a list of the same length.
        let lists = field.arguments.iter().filter_map(|(_, value)| self.arguments.length(&value.node));
        let times = lists.max().unwrap_or(1).max(list_items(name));
        let below = below.once.plus(below.each_row.times(self.rows(field))).times(times);
        let alias = field.response_key().node.len() / STRING_BYTES;
        let arguments = sum(field.arguments.iter().map(|(_, value)| self.arguments.weight(&value.node)));
        let values = arguments.saturating_add(1 + alias).saturating_add(self.generated_codes(field));
        let own = Amount { values, texts: text_weight(name), lookups: self.lookups(field).saturating_mul(times) };
        match name {
            "nodes" | "edges" => SetAmount { each_row: own.plus(below), ..SetAmount::default() },
            _ => SetAmount { once: own.plus(below), ..SetAmount::default() },
        }
    }

    /// The most rows of a field's page, if the field returns one.
    fn rows(&self, field: &Field) -> usize {
        let rows = match field.get_argument("first").map(|first| self.arguments.scalar(&first.node)) {
            None | Some(Some(Constant::Null)) => Some(DEFAULT_FIRST.into()),
            Some(first) => first.as_ref().and_then(as_number).and_then(Number::as_i64),
        };
        // The field rejects other values.
        rows.map_or(0, |rows| usize::try_from(rows.min(MAX_FIRST.into())).unwrap_or(0))
    }

    /// The lookups of a field for one parent.
    fn lookups(&self, field: &Field) -> usize {
        let name = field.name.node.as_str();
        if !is_lookup(name) {
            return 0;
        }
        let is_set = |filter| field.get_argument(filter).is_some_and(|filter| self.arguments.is_set(&filter.node));
        if is_filterable(name) && FILTERS.into_iter().any(is_set) { LOOKUPS_PER_FILTERED_LIST } else { 1 }
    }

    /// The number of codes that a field generates. The response contains all of them.
    fn generated_codes(&self, field: &Field) -> usize {
        if field.name.node != "generatePromotionCodes" {
            return 0;
        }
        let input = field.get_argument("input");
        let count = input.and_then(|input| self.arguments.input_field(&input.node, "count"));
        // The field rejects other values.
        let count = count.as_ref().and_then(as_number).and_then(Number::as_u64);
        count.and_then(|count| usize::try_from(count).ok()).unwrap_or(0)
    }
}
