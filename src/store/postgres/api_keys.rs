//! API keys in PostgreSQL.

use std::collections::BTreeSet;

use async_trait::async_trait;
use diesel::{
    SelectableHelper,
    dsl::AsSelect,
    pg::Pg,
    prelude::*,
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    sql_types::{Array, BigInt},
};
use diesel_async::RunQueryDsl;

use super::{PostgresStore, events};
use crate::{
    auth::{ApiKey, ApiKeyId, ApiKeyRepository},
    promotions::{Attribution, OrgId, Timestamp},
    store::{
        error::StoreResult,
        keyed,
        rows::{ApiKeyRow, Id, OrganisationRow, into_domain},
        schema::{PublicId, api_keys, organisations},
        sql::SqlFile,
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
        let (orgs, ids) = keys.iter().map(|(org, id)| (org.get(), Id(id.get()))).unzip();
        let query = ReadKeys { columns: ApiKeyRow::as_select(), orgs, ids };
        self.run(async |connection| into_domain::<ApiKeyRow, _>(query.load(connection).await?)).await
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

/// Reads keys of any organisations.
#[derive(QueryId)]
struct ReadKeys {
    columns: AsSelect<ApiKeyRow, Pg>,
    orgs: Vec<i64>,
    ids: Vec<Id>,
}

impl QueryFragment<Pg> for ReadKeys {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let mut sql = SqlFile::new(include_str!("../sql/read_api_keys.sql"), out);
        sql.insert("columns", &self.columns)?;
        sql.bind::<Array<BigInt>, _>("orgs", &self.orgs)?;
        sql.bind::<Array<PublicId>, _>("ids", &self.ids)?;
        sql.finish()
    }
}

impl Query for ReadKeys {
    type SqlType = api_keys::SqlType;
}
