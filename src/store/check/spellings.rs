//! Checks that the folded texts of codes are those that this version computes. Callers' spellings are folded by this
//! version, and would not find a code that another version has folded differently.

use diesel::{dsl::auto_type, prelude::*};

use super::{Checked, Example, MAX_EXAMPLES, example};
use crate::{
    promotions::Code,
    store::{rows::Id, schema::promotion_codes},
};

pub const INVARIANT: &str = "every code is found by its own spelling";

const ADVICE: &str = "run `promolink migrate --fold-codes`; a code without any visible character stays as it is";

/// The codes of all organisations. Read them one by one: there may be more than fit in memory.
#[auto_type]
pub fn codes() -> _ {
    promotion_codes::table.select((
        promotion_codes::org_id,
        promotion_codes::campaign_id,
        promotion_codes::code,
        promotion_codes::folded,
    ))
}

/// The violations so far.
#[derive(Default)]
pub struct Spellings {
    broken: u64,
    examples: Vec<Example>,
}

impl Spellings {
    /// Checks a code.
    pub fn check(&mut self, (org, campaign, code, folded): (i64, Id, String, String)) {
        if Code::parse(&code).is_ok_and(|code| code.folded().as_str() == folded) {
            return;
        }
        self.broken += 1;
        if self.examples.len() < MAX_EXAMPLES {
            let about = "it is stored under another text";
            self.examples.push(example(org, "code of campaign", Some(campaign), about, Some(code)));
        }
    }

    pub fn checked(self) -> Checked {
        let Self { broken, examples } = self;
        Checked { invariant: INVARIANT, excuse: None, broken, examples, advice: ADVICE }
    }
}
