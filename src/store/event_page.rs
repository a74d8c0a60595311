//! The statement that reads a page of an organisation's events. The same for both databases.
//!
//! Each filter reads an index in the order of positions, and stops at the end of the page. A filter with types reads a range
//! of the index for each type, and the page is merged from these. Without types, an index that has them is read for all
//! types. Conditions that the index lacks are checked row by row: a customer has few events, and the events of a campaign
//! mostly have one actor.

use diesel::{
    backend::Backend,
    prelude::*,
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    serialize::ToSql,
    sql_types::{BigInt, HasSqlType, Nullable, SmallInt, Text},
};

use super::{
    rows::{Id, actor_to_db, event_type_to_db},
    schema::PublicId,
};
use crate::promotions::{CustomerId, EventOrder, EventPage, EventType, OrgId, Timestamp};

/// The columns of [`EventRow`](super::rows::EventRow).
const COLUMNS: &str = "org_id, position, id, type, occurred_on, actor, actor_id, request_id, reason, data";

/// Selects the rows of a page, in its order.
#[derive(Debug)]
pub struct SelectPage {
    org: i64,
    types: Vec<i16>,
    campaign: Option<Id>,
    customer: Option<i64>,
    actor: Option<(i16, String)>,
    from: Option<i64>,
    to: Option<i64>,
    order: EventOrder,
    after: Option<i64>,
    limit: u32,
}

impl SelectPage {
    pub fn new(org: OrgId, page: &EventPage) -> Self {
        let EventPage { filter, order, after, limit } = page;
        let customer = filter.customer_id.map(CustomerId::get);
        // The indexes of campaigns and actors have types.
        let reads_types = customer.is_none() && (filter.campaign_id.is_some() || filter.actor.is_some());
        let types: &[EventType] = if filter.types.is_empty() && reads_types { &EventType::ALL } else { &filter.types };
        let mut types: Vec<i16> = types.iter().map(|event_type| event_type_to_db(*event_type)).collect();
        types.sort_unstable();
        types.dedup();
        Self {
            org: org.get(),
            types,
            campaign: filter.campaign_id.map(|id| Id(id.get())),
            customer,
            actor: filter.actor.map(actor_to_db),
            from: filter.from.map(Timestamp::millis),
            to: filter.to.map(Timestamp::millis),
            order: *order,
            after: *after,
            limit: *limit,
        }
    }

    /// Writes the order and the limit. The limit is not a value: SQLite would prepare the statement again for each one.
    fn push_end<DB: Backend>(&self, out: &mut AstPass<'_, '_, DB>) {
        let direction = match self.order {
            EventOrder::OldestFirst => "ASC",
            EventOrder::NewestFirst => "DESC",
        };
        out.push_sql(&format!(" ORDER BY position {direction} LIMIT {}", self.limit));
    }

    /// Writes a query of the rows of the page, or of those of one type that may be on it.
    fn push_rows<'b, DB>(&'b self, event_type: Option<i16>, out: &mut AstPass<'_, 'b, DB>) -> QueryResult<()>
    where
        DB: Backend + HasSqlType<BigInt> + HasSqlType<PublicId> + HasSqlType<SmallInt> + HasSqlType<Text>,
        i64: ToSql<BigInt, DB>,
        i16: ToSql<SmallInt, DB>,
        Id: ToSql<PublicId, DB>,
        String: ToSql<Text, DB>,
    {
        out.push_sql(&format!("SELECT {COLUMNS} FROM events WHERE org_id = "));
        out.push_bind_param::<BigInt, _>(&self.org)?;
        if let Some(customer) = &self.customer {
            out.push_sql(" AND customer_id = ");
            out.push_bind_param::<BigInt, _>(customer)?;
        }
        if let Some(campaign) = &self.campaign {
            out.push_sql(" AND campaign_id = ");
            out.push_bind_param::<PublicId, _>(campaign)?;
        }
        if let Some((kind, id)) = &self.actor {
            out.push_sql(" AND actor_id = ");
            out.push_bind_param::<Text, _>(id)?;
            out.push_sql(" AND actor = ");
            out.push_bind_param::<SmallInt, _>(kind)?;
        }
        if let Some(event_type) = event_type {
            out.push_sql(&format!(" AND type = {event_type}"));
        } else if !self.types.is_empty() {
            let types: Vec<String> = self.types.iter().map(i16::to_string).collect();
            out.push_sql(&format!(" AND type IN ({})", types.join(", ")));
        }
        if let Some(after) = &self.after {
            out.push_sql(match self.order {
                EventOrder::OldestFirst => " AND position > ",
                EventOrder::NewestFirst => " AND position < ",
            });
            out.push_bind_param::<BigInt, _>(after)?;
        }
        // Later positions never occurred earlier, so a period is a range of positions.
        if let Some(from) = &self.from {
            out.push_sql(" AND position >= (SELECT position FROM events WHERE org_id = ");
            out.push_bind_param::<BigInt, _>(&self.org)?;
            out.push_sql(" AND occurred_on >= ");
            out.push_bind_param::<BigInt, _>(from)?;
            out.push_sql(" ORDER BY occurred_on, position LIMIT 1)");
        }
        if let Some(to) = &self.to {
            out.push_sql(" AND position <= (SELECT position FROM events WHERE org_id = ");
            out.push_bind_param::<BigInt, _>(&self.org)?;
            out.push_sql(" AND occurred_on <= ");
            out.push_bind_param::<BigInt, _>(to)?;
            out.push_sql(" ORDER BY occurred_on DESC, position DESC LIMIT 1)");
        }
        self.push_end(out);
        Ok(())
    }
}

impl<DB> QueryFragment<DB> for SelectPage
where
    DB: Backend + HasSqlType<BigInt> + HasSqlType<PublicId> + HasSqlType<SmallInt> + HasSqlType<Text>,
    i64: ToSql<BigInt, DB>,
    i16: ToSql<SmallInt, DB>,
    Id: ToSql<PublicId, DB>,
    String: ToSql<Text, DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        // A customer's events are few: their types are checked row by row.
        let types: &[i16] = if self.customer.is_some() { &[] } else { &self.types };
        match types {
            [] => self.push_rows(None, &mut out),
            [event_type] => self.push_rows(Some(*event_type), &mut out),
            types => {
                for (index, event_type) in types.iter().enumerate() {
                    out.push_sql(if index == 0 { "SELECT * FROM (" } else { ") AS of_type UNION ALL SELECT * FROM (" });
                    self.push_rows(Some(*event_type), &mut out)?;
                }
                out.push_sql(") AS of_type");
                self.push_end(&mut out);
                Ok(())
            }
        }
    }
}

impl QueryId for SelectPage {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for SelectPage {
    type SqlType =
        (BigInt, BigInt, PublicId, SmallInt, BigInt, SmallInt, Nullable<Text>, Nullable<Text>, Nullable<Text>, Text);
}

impl<Connection> RunQueryDsl<Connection> for SelectPage {}
