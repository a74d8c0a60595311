//! What a document may be before anything is done about it. async-graphql 7.2.1 recurses as deep as a document nests and
//! works as long as its fragments and variables multiply, whatever its own limits say; so the text is looked at before
//! it is parsed ([`scan()`]), the document before it is validated ([`bounds()`]), and with its variables before it is
//! executed ([`load()`]). None of these takes longer than the request is long.

mod bounds;
mod expansion;
mod limits;
mod load;
mod scan;
#[cfg(test)]
mod tests;

use async_graphql::{
    Pos,
    parser::{
        parse_query,
        types::{BaseType, ExecutableDocument, VariableDefinition},
    },
};
use thiserror::Error;

use self::bounds::bounds;
pub use self::{limits::DocumentLimits, load::load, scan::scan};
use super::text::SchemaText;

/// Why a document is not executed. None of these repeats any of it.
#[derive(Debug, Clone, Error)]
pub enum Unfit {
    /// It is more of something than may be.
    #[error("The document has more than {limit} {what}.")]
    Exceeded {
        /// What there is too much of.
        what: &'static str,
        /// How much there may be.
        limit: usize,
    },
    /// A string of it does not end.
    #[error("A string does not end.")]
    Unterminated(Pos),
    /// It is no GraphQL.
    #[error(transparent)]
    Syntax(#[from] async_graphql::parser::Error),
    /// A fragment of it goes on for ever.
    #[error("A fragment spreads itself, directly or through others.")]
    Ring,
    /// A variable with a default value is of no type of the schema, at which the library's validation panics.
    #[error("A variable is of a type that the schema does not have.")]
    UnknownType(Pos),
}

impl Unfit {
    /// Refuses what is more than the limit.
    fn above(limit: usize, found: usize, what: &'static str) -> Result<(), Self> {
        if found > limit { Err(Self::Exceeded { what, limit }) } else { Ok(()) }
    }
}

/// Parses a document within its bounds. What this says of a text it says again whoever sends it.
pub fn parse(text: &str, schema: &SchemaText, limits: &DocumentLimits) -> Result<ExecutableDocument, Unfit> {
    scan(text, limits)?;
    let document = parse_query(text)?;
    bounds(&document, limits)?;
    let definitions = document.operations.iter().flat_map(|(_, operation)| &operation.node.variable_definitions);
    match definitions.into_iter().find(|definition| !has_known_default(&definition.node, schema)) {
        Some(unknown) => Err(Unfit::UnknownType(unknown.pos)),
        None => Ok(document),
    }
}

fn has_known_default(definition: &VariableDefinition, schema: &SchemaText) -> bool {
    let mut base = &definition.var_type.node.base;
    while let BaseType::List(item) = base {
        base = &item.base;
    }
    definition.default_value.is_none() || matches!(base, BaseType::Named(name) if schema.has_type(name))
}
