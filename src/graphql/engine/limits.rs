//! The limits of documents, each with its reason: those of backends, and those of storefronts and customers, whose
//! documents are small.

use super::RequestError;

/// Nested selection sets, lists and objects. The parser recurses as deep; a debug build on a thread with 2 MiB
/// overflows its stack beyond 400. The full introspection query needs 16.
const MAX_NESTING: usize = 64;

/// Tokens of the text; white space, commas and comments between them count too. 1,000 aliased links with all of a
/// promotion's fields have 67,000. The parser takes 20 ms for as many as are permitted.
const MAX_TOKENS: usize = 100_000;

/// Bytes of one name. The longest that tools generate from the names of components and files have about 100; the response
/// repeats an alias for every row.
const MAX_NAME: usize = 256;

/// Operations of a document. Each is validated on its own, through all the fragments that it shares.
const MAX_OPERATIONS: usize = 50;

/// Variables of an operation: one for each of 1,000 aliased links. Execution looks through them wherever one is used.
const MAX_VARIABLES: usize = 1_000;

/// Fields, spreads and inline fragments of a document, those of a fragment counted wherever it is spread, and for
/// itself. 1,000 aliased links with all of a promotion's fields have 14,000.
const MAX_SELECTIONS: usize = 25_000;

/// Nested selection sets, through fragments. The full introspection query needs 18. async-graphql has a limit
/// of its own right above.
const MAX_DEPTH: usize = 32;

/// Aliased fields, counted like selections: 1,000 links and as many below them. Each may be a query of its own.
const MAX_ALIASES: usize = 2_000;

/// Directives, counted like selections: on every one of 1,000 links and once below it.
const MAX_DIRECTIVES: usize = 2_000;

/// Fields of an operation's own selection set, through fragments: each is a change, or a query, of its own.
const MAX_ROOT_FIELDS: usize = 1_000;

/// Values that an operation reads and returns if every page that it selects is full. Half a million take 100 MB and a
/// third of a second, the database aside. 100 campaigns with 100 codes each, and 50 fields of every code, have as many.
const MAX_VALUES: usize = 500_000;

/// The limits of a document.
#[derive(Debug, Clone)]
pub struct DocumentLimits {
    /// Selection sets, lists and objects within each other.
    pub nesting: usize,
    /// Tokens of the text, with the white space, commas and comments between them.
    pub tokens: usize,
    /// Bytes of one name.
    pub name: usize,
    /// Operations.
    pub operations: usize,
    /// Variables of an operation.
    pub variables: usize,
    /// Fields, spreads and inline fragments, after the fragments' expansion.
    pub selections: usize,
    /// Selection sets within each other, after the fragments' expansion.
    pub depth: usize,
    /// Aliased fields, after the fragments' expansion.
    pub aliases: usize,
    /// Directives, after the fragments' expansion.
    pub directives: usize,
    /// Fields of an operation's own selection set.
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
    /// The default limits of storefronts and customers, which are not trusted. The full introspection query is within
    /// them, and so are 500 links in one list with all of a promotion's fields.
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

    /// Sets one limit, as `NAME=NUMBER`.
    pub fn set(&mut self, setting: &str) -> Result<(), String> {
        let (name, number) = setting.split_once('=').ok_or("NAME=NUMBER is required, such as selections=50000")?;
        let (limit, most) = match name.trim() {
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
            _ => {
                return Err(format!(
                    "{name} is none of {}. Put untrusted. before a name for storefronts and customers",
                    Self::NAMES
                ));
            }
        };
        match number.trim().parse() {
            Ok(number) if (1..=most).contains(&number) => *limit = number,
            _ if most < usize::MAX => return Err(format!("{name}: a number from 1 to {most} is required")),
            _ => return Err(format!("{name}: a number from 1 to 18446744073709551615 is required")),
        }
        Ok(())
    }

    const NAMES: &str = "nesting, depth, tokens, name, operations, variables, selections, aliases, directives, \
                         root-fields and values";
}

/// Rejects a document that has more of something than its limit permits.
pub(super) fn check(limit: usize, found: usize, what: &'static str) -> Result<(), RequestError> {
    if found > limit { Err(RequestError::limit_exceeded(limit, what)) } else { Ok(()) }
}
