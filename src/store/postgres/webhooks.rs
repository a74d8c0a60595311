//! Webhook endpoints in PostgreSQL.

use async_trait::async_trait;
use diesel::{dsl::count_star, prelude::*};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::{PostgresStore, events, statements};
use crate::{
    events::{Backlog, Endpoint, EndpointChange, EndpointId, WebhookRepository},
    promotions::{Attribution, OrgId, Timestamp},
    store::{
        error::StoreResult,
        keyed,
        rows::{EndpointRow, Id, into_domain},
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
            statements::InsertFeeds(vec![org]).execute(connection).await?;
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
        self.change(org, async |connection| {
            let Some(mut endpoint) = lock(connection, org, id).await? else { return Ok(None) };
            let event = change(&mut endpoint);
            let row = EndpointRow::from(&endpoint);
            diesel::update(keyed::endpoint(org.get(), id)).set(row).execute(connection).await?;
            if let Some(event) = event {
                events::record(connection, &[event]).await?;
            }
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
        let id = Id(id.get());
        self.change(org, async |connection| {
            let Some(endpoint) = lock(connection, org, id).await? else { return Ok(None) };
            diesel::delete(keyed::endpoint(org.get(), id)).execute(connection).await?;
            events::record(connection, &[endpoint.deleted_event(by, now)]).await?;
            Ok(Some(endpoint))
        })
        .await
    }

    async fn due_endpoints(&self, now: Timestamp, limit: u32) -> StoreResult<Vec<(OrgId, EndpointId)>> {
        let query = keyed::due_endpoints(now.millis(), limit.into());
        let due: Vec<(i64, Id)> = self.run(async |connection| Ok(query.load(connection).await?)).await?;
        due.into_iter().map(|(org, id)| Ok((org.try_into()?, id.0.into()))).collect()
    }

    async fn backlogs(&self, limit: u32) -> StoreResult<Vec<Backlog>> {
        let query = keyed::backlogs(limit.into());
        let found: Vec<(Id, i64, i64, Option<i64>)> =
            self.run(async |connection| Ok(query.load(connection).await?)).await?;
        let backlog = |(id, delivered, last, since): (Id, i64, i64, Option<i64>)| Backlog {
            endpoint: id.0.into(),
            positions: last - delivered,
            since: since.map(Timestamp::from_millis),
        };
        Ok(found.into_iter().map(backlog).collect())
    }
}

async fn lock(connection: &mut AsyncPgConnection, org: OrgId, id: Id) -> StoreResult<Option<Endpoint>> {
    let query = keyed::endpoint(org.get(), id).select(EndpointRow::as_select()).for_no_key_update();
    let row: Option<EndpointRow> = query.first(connection).await.optional()?;
    row.map(TryInto::try_into).transpose()
}
