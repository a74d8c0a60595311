//! Webhook endpoints in SQLite.

use async_trait::async_trait;
use diesel::{dsl::count_star, prelude::*};

use super::{SqliteStore, events};
use crate::{
    events::{Backlog, Endpoint, EndpointChange, EndpointId, EndpointStates, WebhookRepository},
    promotions::{Attribution, OrgId, Timestamp},
    store::{
        error::StoreResult,
        keyed,
        rows::{BacklogRow, EndpointRow, Id, backlogs, endpoints_to_serve, into_domain},
        schema::{event_feeds, webhook_endpoints},
    },
};

#[async_trait]
impl WebhookRepository for SqliteStore {
    async fn create_endpoint(
        &self,
        mut endpoint: Endpoint,
        limit: usize,
        by: &Attribution,
    ) -> StoreResult<Option<Endpoint>> {
        let by = by.clone();
        self.write(move |connection| {
            let org = endpoint.org.get();
            let count: i64 = webhook_endpoints::table
                .filter(webhook_endpoints::org_id.eq(org))
                .select(count_star())
                .get_result(connection)?;
            if usize::try_from(count)? >= limit {
                return Ok(None);
            }
            let last = keyed::feed(org).select(event_feeds::last_position).get_result(connection).optional()?;
            endpoint.delivered_position = last.unwrap_or(0);
            diesel::insert_into(webhook_endpoints::table).values(EndpointRow::from(&endpoint)).execute(connection)?;
            events::record(connection, &[endpoint.created_event(&by)])?;
            Ok(Some(endpoint))
        })
        .await
    }

    async fn endpoints(&self, org: OrgId) -> StoreResult<Vec<Endpoint>> {
        let query = keyed::endpoints_of(org.get());
        self.read(move |connection| into_domain(query.select(EndpointRow::as_select()).load(connection)?)).await
    }

    async fn change_endpoint(
        &self,
        org: OrgId,
        id: EndpointId,
        change: EndpointChange,
    ) -> StoreResult<Option<Endpoint>> {
        let (org, id) = (org.get(), Id(id.get()));
        self.write(move |connection| {
            let query = keyed::endpoint(org, id).select(EndpointRow::as_select());
            let Some(row) = query.get_result::<EndpointRow>(connection).optional()? else { return Ok(None) };
            let mut endpoint = Endpoint::try_from(row)?;
            let event = change(&mut endpoint);
            diesel::update(keyed::endpoint(org, id)).set(EndpointRow::from(&endpoint)).execute(connection)?;
            events::record(connection, event.as_slice())?;
            Ok(Some(endpoint))
        })
        .await
    }

    async fn delete_endpoint(
        &self,
        org: OrgId,
        id: EndpointId,
        by: &Attribution,
        now: Timestamp,
    ) -> StoreResult<Option<Endpoint>> {
        let (org, id, by) = (org.get(), Id(id.get()), by.clone());
        self.write(move |connection| {
            let query = keyed::endpoint(org, id).select(EndpointRow::as_select());
            let Some(row) = query.get_result::<EndpointRow>(connection).optional()? else { return Ok(None) };
            let endpoint = Endpoint::try_from(row)?;
            diesel::delete(keyed::endpoint(org, id)).execute(connection)?;
            events::record(connection, &[endpoint.deleted_event(&by, now)])?;
            Ok(Some(endpoint))
        })
        .await
    }

    async fn due_endpoints(&self, now: Timestamp, limit: u32) -> StoreResult<Vec<Endpoint>> {
        let query = keyed::due_endpoints(now.millis(), limit.into()).select(EndpointRow::as_select());
        self.read(move |connection| Ok(endpoints_to_serve(query.load(connection)?))).await
    }

    async fn backlogs(&self, limit: u32) -> StoreResult<Vec<Backlog>> {
        let query = keyed::backlogs(limit.into());
        self.read(move |connection| Ok(backlogs(query.load::<BacklogRow>(connection)?))).await
    }

    async fn endpoint_states(&self) -> StoreResult<EndpointStates> {
        self.read(|connection| {
            let failing = keyed::count_endpoints(true, 1).first(connection)?;
            Ok(EndpointStates { failing, disabled: keyed::count_endpoints(false, 0).first(connection)? })
        })
        .await
    }
}
