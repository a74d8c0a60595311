//! Recording events.

use diesel::{
    pg::Pg,
    prelude::*,
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    sql_types::{Array, BigInt, Nullable, SmallInt, Text},
};

use super::{Orgs, query_id};
use crate::{
    promotions::{NewEvent, OrgId},
    store::{
        rows::{Id, NewEventRow},
        schema::PublicId,
        sql::SqlFile,
    },
};

query_id!(InsertEvents);

/// Records events of an organisation.
#[derive(Debug)]
pub struct InsertEvents<'a> {
    org: i64,
    events: Events<'a>,
}

impl<'a> InsertEvents<'a> {
    pub fn new(org: OrgId, events: &'a [NewEvent]) -> Self {
        Self { org: org.get(), events: events.iter().collect() }
    }
}

impl QueryFragment<Pg> for InsertEvents<'_> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let mut sql = SqlFile::new(include_str!("../../sql/insert_events.sql"), out);
        sql.bind::<BigInt, _>("org", &self.org)?;
        sql.bind::<BigInt, _>("org", &self.org)?;
        sql.insert("events", &self.events)?;
        sql.finish()
    }
}

/// Takes numbers for events of an organisation.
#[derive(Debug, QueryId)]
pub struct TakeEventNumbers {
    pub org: i64,
    pub count: i64,
}

impl QueryFragment<Pg> for TakeEventNumbers {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let mut sql = SqlFile::new(include_str!("../../sql/take_event_numbers.sql"), out);
        sql.bind::<BigInt, _>("org", &self.org)?;
        sql.bind::<BigInt, _>("count", &self.count)?;
        sql.finish()
    }
}

impl Query for TakeEventNumbers {
    type SqlType = BigInt;
}

/// Records the events of new promotions.
#[derive(Debug)]
pub struct RecordLinks<'a> {
    orgs: Orgs,
    numbers: Vec<i64>,
    events: Events<'a>,
}

impl QueryId for RecordLinks<'_> {
    type QueryId = ();
    // The text depends on whether the tables are distributed.
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<'a> RecordLinks<'a> {
    /// In a distributed database, events need numbers.
    pub fn new(events: &'a [NewEvent], numbers: Option<Vec<i64>>) -> Self {
        let orgs = events.iter().map(|event| event.org.get()).collect();
        let orgs = Orgs::new(orgs, numbers.is_some());
        Self { orgs, numbers: numbers.unwrap_or_default(), events: events.iter().collect() }
    }
}

impl QueryFragment<Pg> for RecordLinks<'_> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let (number_column, number) = if self.orgs.only.is_some() { ("number,", "event.number,") } else { ("", "") };
        let mut sql = SqlFile::new(include_str!("../../sql/record_links.sql"), out);
        sql.insert_text("number_column", number_column)?;
        self.orgs.push_column(&mut sql, "event.org_id")?;
        sql.insert_text("number", number)?;
        self.orgs.push_place(&mut sql)?;
        sql.bind::<Array<BigInt>, _>("orgs", &self.orgs.all)?;
        sql.bind::<Array<BigInt>, _>("numbers", &self.numbers)?;
        sql.insert("events", &self.events)?;
        sql.finish()
    }
}

/// The columns of events, bound as arrays.
#[derive(Debug, Default)]
struct Events<'a> {
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

impl<'a> FromIterator<&'a NewEvent> for Events<'a> {
    fn from_iter<I: IntoIterator<Item = &'a NewEvent>>(events: I) -> Self {
        let mut arrays = Self::default();
        for row in events.into_iter().map(NewEventRow::from) {
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

impl QueryFragment<Pg> for Events<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_bind_param::<Array<PublicId>, _>(&self.ids)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<SmallInt>, _>(&self.types)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<BigInt>, _>(&self.occurred_on)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<SmallInt>, _>(&self.actors)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Nullable<Text>>, _>(&self.actor_ids)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Nullable<Text>>, _>(&self.request_ids)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Nullable<Text>>, _>(&self.reasons)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<PublicId>, _>(&self.subjects)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Nullable<PublicId>>, _>(&self.campaigns)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Nullable<BigInt>>, _>(&self.customers)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Text>, _>(&self.data)
    }
}
