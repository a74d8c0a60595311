//! Recording events.

use diesel::{
    pg::Pg,
    prelude::*,
    query_builder::{AstPass, QueryFragment, QueryId},
    sql_types::{Array, BigInt, Nullable, SmallInt, Text},
};

use super::query_id;
use crate::{
    promotions::NewEvent,
    store::{
        rows::{Id, NewEventRow},
        schema::PublicId,
        sql::SqlFile,
    },
};

query_id!(InsertEvents);

/// Inserts events into the outbox.
#[derive(Debug, Default)]
pub struct InsertEvents<'a> {
    orgs: Vec<i64>,
    ids: Vec<Id>,
    types: Vec<i16>,
    occurred_on: Vec<i64>,
    actors: Vec<i16>,
    actor_ids: Vec<Option<String>>,
    request_ids: Vec<Option<&'a str>>,
    reasons: Vec<Option<&'a str>>,
    subjects: Vec<Id>,
    campaigns: Vec<Option<Id>>,
    customers: Vec<Option<i64>>,
    data: Vec<&'a str>,
}

impl<'a> InsertEvents<'a> {
    pub fn new(events: &'a [NewEvent]) -> Self {
        let mut arrays = Self::default();
        for row in events.iter().map(NewEventRow::from) {
            arrays.orgs.push(row.org_id);
            arrays.ids.push(row.id);
            arrays.types.push(row.event_type);
            arrays.occurred_on.push(row.occurred_on);
            arrays.actors.push(row.actor);
            arrays.actor_ids.push(row.actor_id);
            arrays.request_ids.push(row.request_id);
            arrays.reasons.push(row.reason);
            arrays.subjects.push(row.subject_id);
            arrays.campaigns.push(row.campaign_id);
            arrays.customers.push(row.customer_id);
            arrays.data.push(row.data);
        }
        arrays
    }
}

impl QueryFragment<Pg> for InsertEvents<'_> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let mut sql = SqlFile::new(include_str!("../../sql/insert_events.sql"), out);
        sql.bind::<Array<BigInt>, _>("orgs", &self.orgs)?;
        sql.bind::<Array<PublicId>, _>("ids", &self.ids)?;
        sql.bind::<Array<SmallInt>, _>("types", &self.types)?;
        sql.bind::<Array<BigInt>, _>("occurred_on", &self.occurred_on)?;
        sql.bind::<Array<SmallInt>, _>("actors", &self.actors)?;
        sql.bind::<Array<Nullable<Text>>, _>("actor_ids", &self.actor_ids)?;
        sql.bind::<Array<Nullable<Text>>, _>("request_ids", &self.request_ids)?;
        sql.bind::<Array<Nullable<Text>>, _>("reasons", &self.reasons)?;
        sql.bind::<Array<PublicId>, _>("subjects", &self.subjects)?;
        sql.bind::<Array<Nullable<PublicId>>, _>("campaigns", &self.campaigns)?;
        sql.bind::<Array<Nullable<BigInt>>, _>("customers", &self.customers)?;
        sql.bind::<Array<Text>, _>("data", &self.data)?;
        sql.finish()
    }
}
