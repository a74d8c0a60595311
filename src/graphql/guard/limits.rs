//! The bounds of documents, each with its reason.

/// Brackets of all kinds within each other. The parser takes its stack apart at 200 to 400 in a debug build, at 800 to
/// 1,600 in a release build, on a thread with 2 MiB; the full introspection query needs 16.
const MAX_NESTING: usize = 64;

/// Tokens of the text. The parser needs 1 to 2 microseconds for each; 1,000 aliased links with all of a promotion's fields
/// have 32,000.
const MAX_TOKENS: usize = 40_000;

/// Bytes of one name. The longest that tools make of components' and files' names have about 100; the answer repeats an
/// alias for every row.
const MAX_NAME: usize = 256;

/// Operations of a document. Each is validated on its own, through all the fragments that it shares.
const MAX_OPERATIONS: usize = 50;

/// Variables of an operation: one for each of 1,000 aliased links. The library looks through them wherever one is used:
/// for as many uses as there can be that takes 100 ms.
const MAX_VARIABLES: usize = 1_000;

/// Fields, spreads and inline fragments of a document, those of a fragment counted wherever it is spread, and for
/// itself. 1,000 aliased links with all of a promotion's fields have 14,000; the library validates 25,000 in 60 ms.
const MAX_SELECTIONS: usize = 25_000;

/// Selection sets within each other, through fragments. The full introspection query needs 18; the library's own limit
/// stands right above, but comes after it has gone through all.
const MAX_DEPTH: usize = 32;

/// Aliased fields, counted like selections: 1,000 links and as many below them. Each may be a query of its own.
const MAX_ALIASES: usize = 2_000;

/// Directives, counted like selections: on every one of 1,000 links and once below it.
const MAX_DIRECTIVES: usize = 2_000;

/// Fields of an operation's own selection set, through fragments: each is a change, or a query, of its own.
const MAX_ROOT_FIELDS: usize = 1_000;

/// Values that an operation reads and answers with, if every page that it asks for is full. Half a million take the
/// library 100 MB and a third of a second, the database aside. 100 campaigns with 100 codes each, and 50 fields of every
/// code, have as many.
const MAX_VALUES: usize = 500_000;

/// The bounds of a document.
#[derive(Debug, Clone)]
pub struct DocumentLimits {
    /// Brackets of all kinds within each other.
    pub nesting: usize,
    /// Tokens of the text.
    pub tokens: usize,
    /// Bytes of one name.
    pub name: usize,
    /// Operations.
    pub operations: usize,
    /// Variables of an operation.
    pub variables: usize,
    /// Fields, spreads and inline fragments, after the fragments' expansion.
    pub selections: usize,
    /// Selection sets within each other, after the fragments' expansion. The library takes 33 at most.
    pub depth: usize,
    /// Aliased fields, after the fragments' expansion.
    pub aliases: usize,
    /// Directives, after the fragments' expansion.
    pub directives: usize,
    /// Fields of an operation's own selection set.
    pub root_fields: usize,
    /// Values that an operation reads and answers with, if every page that it asks for is full.
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
    /// Sets one, as `NAME=NUMBER`.
    pub fn set(&mut self, setting: &str) -> Result<(), String> {
        let (name, number) = setting.split_once('=').ok_or("NAME=NUMBER is wanted, such as selections=50000")?;
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
            _ => return Err(format!("{name} is none of {}", Self::NAMES)),
        };
        match number.trim().parse() {
            Ok(number) if (1..=most).contains(&number) => *limit = number,
            _ if most < usize::MAX => return Err(format!("{name}: a number from 1 to {most} is wanted")),
            _ => return Err(format!("{name}: a number of at least 1 is wanted")),
        }
        Ok(())
    }

    const NAMES: &str = "nesting, depth, tokens, name, operations, variables, selections, aliases, directives, \
                         root-fields and values";
}
