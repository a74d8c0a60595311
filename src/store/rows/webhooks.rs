//! Rows of `webhook_endpoints`.

use diesel::prelude::*;

use super::{Id, corrupt, count_to_db};
use crate::{
    events::{Backlog, Endpoint},
    promotions::{EventType, StoreError, Timestamp},
    store::schema::webhook_endpoints,
};

/// A row of `webhook_endpoints`.
#[derive(Clone, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = webhook_endpoints, primary_key(org_id, id), treat_none_as_null = true)]
pub struct EndpointRow {
    org_id: i64,
    id: Id,
    url: String,
    event_types: String,
    batch_size: i32,
    enabled: bool,
    secret: Vec<u8>,
    previous_secret: Option<Vec<u8>>,
    previous_secret_until: Option<i64>,
    delivered_position: i64,
    failed_attempts: i32,
    next_attempt_on: i64,
    last_error: Option<String>,
    test_requested: bool,
    lease_id: Option<Id>,
    leased_until: i64,
}

impl From<&Endpoint> for EndpointRow {
    fn from(endpoint: &Endpoint) -> Self {
        let types: Vec<&str> = endpoint.event_types.iter().map(|event_type| event_type.name()).collect();
        let (previous_secret, previous_secret_until) = endpoint.previous_secret.clone().unzip();
        let (lease_id, leased_until) = endpoint.lease.unzip();
        Self {
            org_id: endpoint.org.get(),
            id: Id(endpoint.id.get()),
            url: endpoint.url.clone(),
            event_types: types.join(" "),
            batch_size: count_to_db(endpoint.batch_size),
            enabled: endpoint.enabled,
            secret: endpoint.secret.clone(),
            previous_secret,
            previous_secret_until: previous_secret_until.map(Timestamp::millis),
            delivered_position: endpoint.delivered_position,
            failed_attempts: count_to_db(endpoint.failed_attempts),
            next_attempt_on: endpoint.next_attempt_on.millis(),
            last_error: endpoint.last_error.clone(),
            test_requested: endpoint.test_requested,
            lease_id: lease_id.map(|lease| Id(lease.get())),
            leased_until: leased_until.map_or(0, Timestamp::millis),
        }
    }
}

impl TryFrom<EndpointRow> for Endpoint {
    type Error = StoreError;

    fn try_from(row: EndpointRow) -> Result<Self, StoreError> {
        let event_type = |name| EventType::from_name(name).ok_or_else(|| corrupt("an unknown type of events"));
        let time = Timestamp::from_millis;
        Ok(Self {
            org: row.org_id.try_into()?,
            id: row.id.0.into(),
            event_types: row.event_types.split_whitespace().map(event_type).collect::<Result<_, _>>()?,
            url: row.url,
            batch_size: row.batch_size.try_into()?,
            enabled: row.enabled,
            secret: row.secret,
            previous_secret: row.previous_secret.zip(row.previous_secret_until.map(time)),
            delivered_position: row.delivered_position,
            failed_attempts: row.failed_attempts.try_into()?,
            next_attempt_on: time(row.next_attempt_on),
            last_error: row.last_error,
            test_requested: row.test_requested,
            lease: row.lease_id.map(|lease| (lease.0.into(), time(row.leased_until))),
        })
    }
}

/// A row of `keyed::backlogs`.
pub type BacklogRow = (Id, i64, i64, Option<i64>);

/// The backlogs of endpoints.
pub fn backlogs(rows: Vec<BacklogRow>) -> Vec<Backlog> {
    let backlog = |(id, delivered, last, since): BacklogRow| Backlog {
        endpoint: id.0.into(),
        positions: last - delivered,
        since: since.map(Timestamp::from_millis),
    };
    rows.into_iter().map(backlog).collect()
}

/// The endpoints that this version of the program can serve. A later version may know more types of events.
pub fn endpoints_to_serve(rows: Vec<EndpointRow>) -> Vec<Endpoint> {
    rows.into_iter().filter_map(|row| row.try_into().ok()).collect()
}
