//! API keys in PostgreSQL.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use diesel::{SelectableHelper, prelude::*};
use diesel_async::RunQueryDsl;

use super::{PostgresStore, events, keyed::api_keys_by_id, pipeline::pipeline};
use crate::{
    auth::{ApiKey, ApiKeyId, ApiKeyRepository},
    promotions::{Attribution, OrgId, Timestamp},
    store::{
        error::StoreResult,
        keyed,
        rows::{ApiKeyRow, Id, OrganisationRow, into_domain},
        schema::{api_keys, organisations},
    },
};

#[async_trait]
impl ApiKeyRepository for PostgresStore {
    async fn create_key(&self, key: &ApiKey, by: &Attribution) -> StoreResult<bool> {
        let (organisation, row) = (OrganisationRow::new(key.org, key.created_on), ApiKeyRow::from(key));
        let event = key.created_event(by);
        self.change(key.org, async |connection| {
            let new = diesel::insert_into(organisations::table)
                .values(organisation)
                .on_conflict_do_nothing()
                .execute(connection)
                .await?;
            diesel::insert_into(api_keys::table).values(row).execute(connection).await?;
            events::record(connection, &[event]).await?;
            Ok(new > 0)
        })
        .await
    }

    async fn keys_by_id(&self, keys: &BTreeSet<(OrgId, ApiKeyId)>) -> StoreResult<Vec<ApiKey>> {
        let mut by_org: BTreeMap<OrgId, Vec<Id>> = BTreeMap::new();
        for (org, id) in keys {
            by_org.entry(*org).or_default().push(Id(id.get()));
        }
        self.run(async |connection| {
            let connection = &*connection;
            let reads = by_org
                .into_iter()
                .map(async |(org, ids)| api_keys_by_id(org, ids).load::<ApiKeyRow>(&mut &*connection).await);
            let rows: QueryResult<Vec<Vec<ApiKeyRow>>> = pipeline(reads).await.into_iter().collect();
            into_domain(rows?.into_iter().flatten().collect())
        })
        .await
    }

    async fn keys(&self, org: OrgId) -> StoreResult<Vec<ApiKey>> {
        let query = keyed::api_keys_of(org.get());
        let query = query.select(ApiKeyRow::as_select());
        self.run(async |connection| into_domain(query.load(connection).await?)).await
    }

    async fn revoke_key(
        &self,
        org: OrgId,
        id: ApiKeyId,
        by: &Attribution,
        now: Timestamp,
    ) -> StoreResult<Option<ApiKey>> {
        let query = keyed::api_key(org.get(), Id(id.get()));
        self.change(org, async |connection| {
            let revoked = diesel::update(query.filter(api_keys::revoked_on.is_null()))
                .set(api_keys::revoked_on.eq(now.millis()))
                .execute(connection)
                .await?;
            let query = query.select(ApiKeyRow::as_select());
            let row: Option<ApiKeyRow> = query.first(connection).await.optional()?;
            let Some(row) = row else { return Ok(None) };
            let key = ApiKey::try_from(row)?;
            if revoked > 0 {
                events::record(connection, &[key.revoked_event(by, now)]).await?;
            }
            Ok(Some(key))
        })
        .await
    }

    async fn key_used(&self, org: OrgId, id: ApiKeyId, now: Timestamp) -> StoreResult<()> {
        let query = keyed::api_key(org.get(), Id(id.get()));
        self.run(async |connection| {
            diesel::update(query).set(api_keys::last_used_on.eq(now.millis())).execute(connection).await?;
            Ok(())
        })
        .await
    }
}
