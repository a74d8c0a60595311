//! Sums over what a document selects, the selections of a fragment counted wherever it is spread. Each selection is
//! looked at once: a fragment's sum is kept. Nothing is validated yet: fragments may be missing, or go round in a ring.

use std::collections::HashMap;

use async_graphql::parser::types::{ExecutableDocument, Selection, SelectionSet};

use super::Unfit;

/// What is summed up.
pub trait Sum: Copy + Default {
    /// Both together.
    fn plus(self, other: Self) -> Self;
}

/// The sums of a document's selection sets.
pub struct Expansion<'a, Total, Weigh> {
    document: &'a ExecutableDocument,
    /// What a selection comes to, from what is selected below it.
    weigh: Weigh,
    /// How deep selection sets may be within each other: this recurses as deep, through fragments too.
    max_depth: usize,
    /// The sums of fragments. `None`: it is under way.
    fragments: HashMap<&'a str, Option<Total>>,
}

impl<'a, Total: Sum, Weigh: Fn(&'a Selection, Total) -> Total> Expansion<'a, Total, Weigh> {
    pub fn new(document: &'a ExecutableDocument, max_depth: usize, weigh: Weigh) -> Self {
        Self { document, weigh, max_depth, fragments: HashMap::new() }
    }

    /// The sum of an operation's selection set.
    pub fn operation(&mut self, set: &'a SelectionSet) -> Result<Total, Unfit> {
        self.set(set, 1)
    }

    /// The sum of a fragment.
    pub fn fragment(&mut self, name: &'a str) -> Result<Total, Unfit> {
        self.spread(name, 1)
    }

    fn set(&mut self, set: &'a SelectionSet, depth: usize) -> Result<Total, Unfit> {
        Unfit::above(self.max_depth, depth, "selection sets within each other")?;
        let mut total = Total::default();
        for selection in &set.items {
            let below = match &selection.node {
                Selection::Field(field) if field.node.selection_set.node.items.is_empty() => Total::default(),
                Selection::Field(field) => self.set(&field.node.selection_set.node, depth + 1)?,
                Selection::FragmentSpread(spread) => self.spread(&spread.node.fragment_name.node, depth + 1)?,
                Selection::InlineFragment(fragment) => self.set(&fragment.node.selection_set.node, depth + 1)?,
            };
            total = total.plus((self.weigh)(&selection.node, below));
        }
        Ok(total)
    }

    fn spread(&mut self, name: &'a str, depth: usize) -> Result<Total, Unfit> {
        match self.fragments.get(name) {
            Some(Some(total)) => return Ok(*total),
            Some(None) => return Err(Unfit::Ring),
            None => {}
        }
        let Some(fragment) = self.document.fragments.get(name) else { return Ok(Total::default()) };
        self.fragments.insert(name, None);
        let total = self.set(&fragment.node.selection_set.node, depth)?;
        self.fragments.insert(name, Some(total));
        Ok(total)
    }
}
