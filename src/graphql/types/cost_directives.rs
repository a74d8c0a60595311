//! The directives `@cost` and `@listSize` (<https://ibm.github.io/graphql-specs/cost-spec.html>): what a field costs and how many
//! items it returns, so that gateways can estimate the cost of an operation. This server measures the cost itself, more exactly:
//! see `engine::cost`.

use std::borrow::Cow;

use async_graphql::{
    TypeDirective,
    registry::{MetaDirectiveInvocation, Registry, location_traits::Directive_At_FIELD_DEFINITION},
};

/// The weight of a field that looks up an id, a code or a page: the database searches an index for its key.
pub const LOOKUP_WEIGHT: i32 = 10;

/// The cost of the field, for gateways that limit the cost of operations. The cost of a scalar is 0, and that of an object
/// is 1 by default.
#[TypeDirective(location = "FieldDefinition")]
pub fn cost(weight: i32) {}

/// How many items the field returns, for gateways that limit the cost of operations: at most `assumedSize`, or the value
/// of the argument in `slicingArguments`. With `sizedFields`, it is the size of the lists in these fields of the object
/// that the field returns.
#[TypeDirective(name = "listSize", location = "FieldDefinition")]
pub fn list_size(
    assumed_size: Option<i32>,
    slicing_arguments: Option<Vec<String>>,
    sized_fields: Option<Vec<String>>,
    #[graphql(default_with = "Some(true)")] require_one_slicing_argument: Option<bool>,
) {
}

/// `@listSize` of a field that returns a page: as many rows as its argument `first` says, which has a default.
#[allow(non_camel_case_types, reason = "used as a directive, beside those that a macro names after functions")]
pub struct page_size;

impl page_size {
    pub fn apply() -> MetaDirectiveInvocation {
        let names = |names: &[&str]| Some(names.iter().map(ToString::to_string).collect());
        list_size::apply(None, names(&["first"]), names(&["nodes", "edges"]), Some(false))
    }
}

impl TypeDirective for page_size {
    fn name(&self) -> Cow<'static, str> {
        list_size.name()
    }

    fn register(&self, registry: &mut Registry) {
        list_size.register(registry);
    }
}

impl Directive_At_FIELD_DEFINITION for page_size {}
