//! Webhook endpoints in PostgreSQL.

use async_trait::async_trait;
use diesel::{dsl::count_star, prelude::*};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::{PostgresStore, events, statements};
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
impl WebhookRepository for PostgresStore {
    async fn create_endpoint(
        &self,
        mut endpoint: Endpoint,
        limit: usize,
        by: &Attribution,
    ) -> StoreResult<Option<Endpoint>> {
        let org = endpoint.org.get();
        self.change(endpoint.org, async |connection| {
            // The lock of the feed keeps out other requests that add an endpoint.
            statements::InsertFeed(org).execute(connection).await?;
            let feed = keyed::feed(org).select(event_feeds::last_position).for_update();
            endpoint.delivered_position = feed.first(connection).await?;
            let of_org = webhook_endpoints::table.filter(webhook_endpoints::org_id.eq(org));
            let count: i64 = of_org.select(count_star()).first(connection).await?;
            if usize::try_from(count)? >= limit {
                return Ok(None);
            }
            let row = EndpointRow::from(&endpoint);
            diesel::insert_into(webhook_endpoints::table).values(row).execute(connection).await?;
            events::record(connection, &[endpoint.created_event(by)]).await?;
            Ok(Some(endpoint))
        })
        .await
    }

    async fn endpoints(&self, org: OrgId) -> StoreResult<Vec<Endpoint>> {
        let query = keyed::endpoints_of(org.get()).select(EndpointRow::as_select());
        self.run(async |connection| into_domain(query.load(connection).await?)).await
    }

    async fn change_endpoint(
        &self,
        org: OrgId,
        id: EndpointId,
        change: EndpointChange,
    ) -> StoreResult<Option<Endpoint>> {
        let id = Id(id.get());
        let work = async |connection: &mut AsyncPgConnection| {
            let Some(mut endpoint) = lock(connection, org, id).await? else { return Ok(None) };
            let event = change(&mut endpoint);
            let row = EndpointRow::from(&endpoint);
            diesel::update(keyed::endpoint(org.get(), id)).set(row).execute(connection).await?;
            events::record(connection, event.as_slice()).await?;
            Ok(Some((endpoint, event.is_some())))
        };
        let changed = self.transaction(work).await?;
        Ok(changed.map(|(endpoint, has_event)| {
            // Most changes are those of deliveries, which have none.
            if has_event {
                self.outbox.wake([org]);
            }
            endpoint
        }))
    }

    async fn delete_endpoint(
        &self,
        org: OrgId,
        id: EndpointId,
        by: &Attribution,
        now: Timestamp,
    ) -> StoreResult<Option<Endpoint>> {
        let id = Id(id.get());
        self.change(org, async |connection| {
            let Some(endpoint) = lock(connection, org, id).await? else { return Ok(None) };
            diesel::delete(keyed::endpoint(org.get(), id)).execute(connection).await?;
            events::record(connection, &[endpoint.deleted_event(by, now)]).await?;
            Ok(Some(endpoint))
        })
        .await
    }

    async fn due_endpoints(&self, now: Timestamp, limit: u32) -> StoreResult<Vec<Endpoint>> {
        let query = keyed::due_endpoints(now.millis(), limit.into()).select(EndpointRow::as_select());
        self.run(async |connection| Ok(endpoints_to_serve(query.load(connection).await?))).await
    }

    async fn backlogs(&self, limit: u32) -> StoreResult<Vec<Backlog>> {
        let query = keyed::backlogs(limit.into());
        self.run(async |connection| Ok(backlogs(query.load::<BacklogRow>(connection).await?))).await
    }

    async fn endpoint_states(&self) -> StoreResult<EndpointStates> {
        self.run(async |connection| {
            let failing = keyed::count_endpoints(true, 1).first(connection).await?;
            Ok(EndpointStates { failing, disabled: keyed::count_endpoints(false, 0).first(connection).await? })
        })
        .await
    }
}

async fn lock(connection: &mut AsyncPgConnection, org: OrgId, id: Id) -> StoreResult<Option<Endpoint>> {
    let query = keyed::endpoint(org.get(), id).select(EndpointRow::as_select()).for_no_key_update();
    let row: Option<EndpointRow> = query.first(connection).await.optional()?;
    row.map(TryInto::try_into).transpose()
}
