//! API keys in PostgreSQL.

use async_trait::async_trait;
use diesel::{SelectableHelper, prelude::*};
use diesel_async::{AsyncConnection, RunQueryDsl};

use super::PostgresStore;
use crate::{
    auth::{ApiKey, ApiKeyId, ApiKeyRepository},
    promotions::{OrgId, Timestamp},
    store::{
        error::StoreResult,
        queries,
        rows::{ApiKeyRow, Id, OrganisationRow, into_domain},
        schema::{api_keys, organisations},
    },
};

#[async_trait]
impl ApiKeyRepository for PostgresStore {
    async fn create_key(&self, key: &ApiKey) -> StoreResult<bool> {
        let (organisation, row) = (OrganisationRow::new(key.org, key.created_on), ApiKeyRow::from(key));
        self.connection()
            .await?
            .transaction(async |connection| {
                let new = diesel::insert_into(organisations::table)
                    .values(organisation)
                    .on_conflict_do_nothing()
                    .execute(connection)
                    .await?;
                diesel::insert_into(api_keys::table).values(row).execute(connection).await?;
                Ok(new > 0)
            })
            .await
    }

    async fn key(&self, org: OrgId, id: ApiKeyId) -> StoreResult<Option<ApiKey>> {
        let query = queries::api_key(org.get(), Id(id.get()));
        let row = query.select(ApiKeyRow::as_select()).first(&mut self.connection().await?).await.optional()?;
        row.map(TryInto::try_into).transpose()
    }

    async fn keys(&self, org: OrgId) -> StoreResult<Vec<ApiKey>> {
        let query = queries::api_keys_of(org.get());
        into_domain(query.select(ApiKeyRow::as_select()).load(&mut self.connection().await?).await?)
    }

    async fn revoke_key(&self, org: OrgId, id: ApiKeyId, now: Timestamp) -> StoreResult<Option<ApiKey>> {
        let (org, id) = (org.get(), Id(id.get()));
        self.connection()
            .await?
            .transaction(async |connection| {
                diesel::update(queries::api_key(org, id).filter(api_keys::revoked_on.is_null()))
                    .set(api_keys::revoked_on.eq(now.millis()))
                    .execute(connection)
                    .await?;
                let row =
                    queries::api_key(org, id).select(ApiKeyRow::as_select()).first(connection).await.optional()?;
                row.map(TryInto::try_into).transpose()
            })
            .await
    }

    async fn key_used(&self, org: OrgId, id: ApiKeyId, now: Timestamp) -> StoreResult<()> {
        diesel::update(queries::api_key(org.get(), Id(id.get())))
            .set(api_keys::last_used_on.eq(now.millis()))
            .execute(&mut self.connection().await?)
            .await?;
        Ok(())
    }
}
