//! The limits of documents, each with its reason. Storefronts and customers send small documents, so their limits are lower
//! than those of backends.

mod exceeded;

pub(super) use self::exceeded::{Counted, LimitExceeded, check};

/// Nested selection sets, lists and objects in the text. The parser recurses as deep; a debug build on a thread with 2 MiB
/// overflows its stack beyond 400. The full introspection query needs 16.
const MAX_NESTING: usize = 64;

/// Tokens of the text, including the white space, commas and comments between them. 1,000 aliased links with all fields of a
/// promotion have 67,000. The parser takes 20 ms for 100,000.
const MAX_TOKENS: usize = 100_000;

/// Bytes of one name. The longest names that tools generate from components and files have about 100. The response repeats an
/// alias for every row.
const MAX_NAME: usize = 256;

/// Operations of a document. Each is validated separately, including all the fragments that they share.
const MAX_OPERATIONS: usize = 50;

/// Variables of an operation: one for each of 1,000 aliased links. Execution searches all of them at each use of one.
const MAX_VARIABLES: usize = 1_000;

/// Fields, spreads and inline fragments of a document. Those of a fragment count once for the fragment and once for each
/// spread. 1,000 aliased links with all fields of a promotion have 14,000.
const MAX_SELECTIONS: usize = 25_000;

/// Nested selection sets, after fragments are expanded. The full introspection query needs 18. async-graphql's own limit is
/// just above.
const MAX_DEPTH: usize = 32;

/// Aliased fields, counted like selections: 1,000 links and one alias in each. Each may be a query of its own.
const MAX_ALIASES: usize = 2_000;

/// Directives, counted like selections: one on each of 1,000 links and one in each.
const MAX_DIRECTIVES: usize = 2_000;

/// Fields at the root of an operation, after fragments are expanded. Each is a mutation or query of its own.
const MAX_ROOT_FIELDS: usize = 1_000;

/// Values that an operation reads and returns if every page that it selects is full. 500,000 take 100 MB and a third of a
/// second without the database. 100 campaigns with 100 codes each, and 50 fields of each code, have as many.
const MAX_VALUES: usize = 500_000;

/// The limits of a document.
#[derive(Debug, Clone)]
pub struct DocumentLimits {
    /// Nested selection sets, lists and objects.
    pub nesting: usize,
    /// Tokens of the text, including the white space, commas and comments between them.
    pub tokens: usize,
    /// Bytes of one name.
    pub name: usize,
    /// Operations of the document.
    pub operations: usize,
    /// Variables of an operation.
    pub variables: usize,
    /// Fields, spreads and inline fragments, after fragments are expanded.
    pub selections: usize,
    /// Nested selection sets, after fragments are expanded.
    pub depth: usize,
    /// Aliased fields, after fragments are expanded.
    pub aliases: usize,
    /// Directives, after fragments are expanded.
    pub directives: usize,
    /// Fields at the root of an operation, after fragments are expanded.
    pub root_fields: usize,
    /// Values that an operation reads and returns if every page that it selects is full.
    pub values: usize,
}

impl Default for DocumentLimits {
    fn default() -> Self {
        Self {
            nesting: MAX_NESTING,
            tokens: MAX_TOKENS,
            name: MAX_NAME,
            operations: MAX_OPERATIONS,
            variables: MAX_VARIABLES,
            selections: MAX_SELECTIONS,
            depth: MAX_DEPTH,
            aliases: MAX_ALIASES,
            directives: MAX_DIRECTIVES,
            root_fields: MAX_ROOT_FIELDS,
            values: MAX_VALUES,
        }
    }
}

impl DocumentLimits {
    /// The default limits of storefronts and customers, which are not trusted. They permit the full introspection query, and
    /// 500 links in one list with all fields of a promotion.
    #[must_use]
    pub const fn untrusted() -> Self {
        Self {
            nesting: MAX_NESTING,
            tokens: 5_000,
            name: MAX_NAME,
            operations: 10,
            variables: 100,
            selections: 1_000,
            depth: 20,
            aliases: 100,
            directives: 100,
            root_fields: 50,
            // A wallet of 100 promotions with 20 redemptions each has 17,000.
            values: 20_000,
        }
    }

    /// Sets one limit, given as `NAME=NUMBER`.
    pub fn set(&mut self, setting: &str) -> Result<(), InvalidLimit> {
        let (name, number) = setting.split_once('=').ok_or(InvalidLimit::NotASetting)?;
        let name = name.trim();
        let (limit, max) = match name {
            // Beyond these, a document could overflow the stack.
            "nesting" => (&mut self.nesting, MAX_NESTING),
            "depth" => (&mut self.depth, MAX_DEPTH),
            "tokens" => (&mut self.tokens, usize::MAX),
            "name" => (&mut self.name, usize::MAX),
            "operations" => (&mut self.operations, usize::MAX),
            "variables" => (&mut self.variables, usize::MAX),
            "selections" => (&mut self.selections, usize::MAX),
            "aliases" => (&mut self.aliases, usize::MAX),
            "directives" => (&mut self.directives, usize::MAX),
            "root-fields" => (&mut self.root_fields, usize::MAX),
            "values" => (&mut self.values, usize::MAX),
            _ => return Err(InvalidLimit::UnknownName(name.to_owned())),
        };
        match number.trim().parse() {
            Ok(number) if (1..=max).contains(&number) => *limit = number,
            _ => return Err(InvalidLimit::OutOfRange { name: name.to_owned(), max }),
        }
        Ok(())
    }
}

/// Why a setting is not a limit of documents.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum InvalidLimit {
    /// It has no `=`.
    #[error("NAME=NUMBER is required, such as selections=50000")]
    NotASetting,
    /// There is no limit with this name.
    #[error(
        "{0:?} is not a limit: use nesting, depth, tokens, name, operations, variables, selections, aliases, directives, \
         root-fields or values, with the prefix untrusted. for storefronts and customers"
    )]
    UnknownName(String),
    /// The number is malformed or out of range.
    #[error("{name} must be a number from 1 to {max}")]
    OutOfRange {
        /// The name of the limit.
        name: String,
        /// The largest number that is accepted.
        max: usize,
    },
}
