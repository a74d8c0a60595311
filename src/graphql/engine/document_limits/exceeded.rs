//! The error for a document that exceeds one of its limits.

use std::fmt;

use crate::graphql::{engine::RequestError, error::ErrorCode};

/// What the limits of a document count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    Nesting,
    Tokens,
    NameBytes,
    Operations,
    Variables,
    Depth,
    Selections,
    Aliases,
    Directives,
    RootFields,
    Arguments,
    InputFields,
    ArgumentValues,
    VariableLookups,
    Values,
}

impl Counted {
    pub const fn noun(self) -> &'static str {
        match self {
            Self::Nesting => "nested selection sets, lists and objects",
            Self::Tokens => "tokens",
            Self::NameBytes => "bytes in one name",
            Self::Operations => "operations",
            Self::Variables => "variables in one operation",
            Self::Depth => "nested selection sets",
            Self::Selections => "selections, counting a fragment's wherever it is spread",
            Self::Aliases => "aliases, counting a fragment's wherever it is spread",
            Self::Directives => "directives, counting a fragment's wherever it is spread",
            Self::RootFields => "fields at the root of one operation",
            Self::Arguments => "arguments of one field or directive",
            Self::InputFields => "fields in one input object",
            Self::ArgumentValues => "values in arguments, counting a fragment's wherever it is spread",
            Self::VariableLookups => "lookups of variables (uses times variables of the operation)",
            Self::Values => "values to read and return if every page is full",
        }
    }

    /// What the author of the document can do.
    const fn advice(self) -> &'static str {
        match self {
            Self::Nesting | Self::Depth => "select fewer levels",
            Self::Tokens | Self::Selections | Self::RootFields => "split it into several requests",
            Self::NameBytes => "use a shorter name",
            Self::Operations => "send only the operation to execute, with its fragments",
            Self::Aliases => "use fewer aliases, or a field that takes a list",
            Self::Directives => "use fewer directives",
            Self::Arguments | Self::InputFields => "remove those that the schema does not define",
            Self::ArgumentValues => "send them as variables",
            Self::Variables | Self::VariableLookups => "combine variables into lists or input objects",
            Self::Values => "request smaller pages or fewer fields",
        }
    }
}

/// A document has more of something than its limit permits.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("The limit is {limit} {}, but the document has {found}: {}.", counted.noun(), counted.advice())]
pub struct LimitExceeded {
    counted: Counted,
    limit: usize,
    found: Found,
}

/// How much the document has.
#[derive(Debug, Clone, Copy)]
enum Found {
    Exactly(usize),
    /// Counting stopped at the limit.
    More,
}

impl fmt::Display for Found {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // Counting saturated.
            Self::Exactly(usize::MAX) | Self::More => formatter.write_str("more"),
            Self::Exactly(count) => count.fmt(formatter),
        }
    }
}

impl LimitExceeded {
    /// The error where counting stopped at the limit.
    pub const fn uncounted(counted: Counted, limit: usize) -> Self {
        Self { counted, limit, found: Found::More }
    }
}

impl From<LimitExceeded> for RequestError {
    fn from(exceeded: LimitExceeded) -> Self {
        Self::document(ErrorCode::LimitExceeded, exceeded.to_string())
    }
}

/// Rejects a document that has more of something than its limit permits.
pub fn check(counted: Counted, limit: usize, found: usize) -> Result<(), LimitExceeded> {
    if found > limit { Err(LimitExceeded { counted, limit, found: Found::Exactly(found) }) } else { Ok(()) }
}
