//! Reads by page: one read returns pages for many parents, cursors and page sizes.
//!
//! Pages of similar sizes share a read. Its limit is the largest of their sizes, and its rows are divided among them. Sizes
//! are similar if they round up to the same power of two, so that no read returns twice the rows that were requested. Page
//! sizes are 1 to 100, plus one row that shows whether there is a next page. This makes at most seven reads.

use std::{
    collections::{HashMap, HashSet},
    fmt::Debug,
    future::Future,
    hash::Hash,
    marker::PhantomData,
};

use super::batch_loader::Source;
use crate::{
    promotions::{OrgId, Page, PromotionReads, Start, StoreError},
    service::PromotionService,
};

/// A relation from parents to pages of their children.
pub trait Relation: Send + 'static {
    type Parent: Clone + Eq + Hash + Debug + Send + Sync + 'static;
    /// A condition on the children, other than their parent.
    type Filter: Clone + Eq + Hash + Debug + Send + Sync + 'static;
    type Cursor: Clone + Eq + Hash + Debug + Send + Sync + 'static;
    type Child: Clone + Send + Sync + 'static;

    /// Reads the children on these pages, in the order of the list.
    fn read(
        reads: &dyn PromotionReads,
        org: OrgId,
        starts: &[Start<Self::Parent, Self::Cursor>],
        filter: &Self::Filter,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<Self::Child>, StoreError>> + Send;

    /// The parent of a child.
    fn parent(child: &Self::Child) -> Self::Parent;

    /// Whether a child comes after the row with this cursor.
    fn is_after(child: &Self::Child, cursor: &Self::Cursor) -> bool;
}

/// A page of the children of one parent.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PageKey<Parent, Filter, Cursor> {
    pub parent: Parent,
    pub filter: Filter,
    pub page: Page<Cursor>,
}

/// Pages of a relation.
pub struct Pages<R>(PhantomData<R>);

impl<R: Relation> Source for Pages<R> {
    type Key = PageKey<R::Parent, R::Filter, R::Cursor>;
    type Value = Vec<R::Child>;

    /// One statement for each filter and group of similar sizes.
    async fn read(
        service: &PromotionService,
        org: OrgId,
        keys: &[Self::Key],
    ) -> Result<HashMap<Self::Key, Self::Value>, StoreError> {
        let mut reads: HashMap<(&R::Filter, u32), Vec<&Self::Key>> = HashMap::new();
        for key in keys {
            reads.entry((&key.filter, key.page.limit.next_power_of_two())).or_default().push(key);
        }
        let mut found = HashMap::with_capacity(keys.len());
        for ((filter, _), keys) in reads {
            let limit = keys.iter().map(|key| key.page.limit).max().unwrap_or_default();
            let starts: HashSet<_> = keys.iter().map(|key| (key.parent.clone(), key.page.after.clone())).collect();
            let starts: Vec<_> = starts.into_iter().collect();
            let read = R::read(service.reads(), org, &starts, filter, limit).await?;
            if let [key] = keys[..] {
                found.insert(key.clone(), read);
                continue;
            }
            let mut children: HashMap<R::Parent, Vec<R::Child>> = HashMap::new();
            for child in read {
                children.entry(R::parent(&child)).or_default().push(child);
            }
            let page = |key: &Self::Key| Some((key.clone(), on_page::<R>(children.get(&key.parent)?, &key.page)));
            found.extend(keys.into_iter().filter_map(page));
        }
        Ok(found)
    }
}

/// The children on a page. They are consecutive in the children that were read, which may have others before and after.
fn on_page<R: Relation>(children: &[R::Child], page: &Page<R::Cursor>) -> Vec<R::Child> {
    let is_before = |child: &R::Child| page.after.as_ref().is_some_and(|cursor| !R::is_after(child, cursor));
    let start = children.partition_point(is_before);
    children[start..].iter().take(page.limit as usize).cloned().collect()
}
