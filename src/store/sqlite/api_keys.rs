//! API keys in SQLite.

use std::collections::BTreeSet;

use async_trait::async_trait;
use diesel::prelude::*;

use super::{SqliteStore, events};
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
impl ApiKeyRepository for SqliteStore {
    async fn create_key(&self, key: &ApiKey, by: &Attribution) -> StoreResult<bool> {
        let (organisation, row) = (OrganisationRow::new(key.org, key.created_on), ApiKeyRow::from(key));
        let event = key.created_event(by);
        self.write(move |connection| {
            let new = diesel::insert_into(organisations::table)
                .values(organisation)
                .on_conflict_do_nothing()
                .execute(connection)?;
            diesel::insert_into(api_keys::table).values(row).execute(connection)?;
            events::record(connection, &[event])?;
            Ok(new > 0)
        })
        .await
    }

    async fn keys_by_id(&self, keys: &BTreeSet<(OrgId, ApiKeyId)>) -> StoreResult<Vec<ApiKey>> {
        let keys: Vec<_> = keys.iter().map(|(org, id)| (org.get(), Id(id.get()))).collect();
        self.read(move |connection| {
            // One statement per organisation: the keys are sorted by organisation.
            let organisations = keys.chunk_by(|(one, _), (other, _)| one == other).map(|keys| {
                let query = keyed::api_keys_by_id(keys[0].0, keys.iter().map(|(_, id)| *id).collect());
                query.select(ApiKeyRow::as_select()).load(connection)
            });
            into_domain(organisations.collect::<QueryResult<Vec<Vec<ApiKeyRow>>>>()?.concat())
        })
        .await
    }

    async fn keys(&self, org: OrgId) -> StoreResult<Vec<ApiKey>> {
        let query = keyed::api_keys_of(org.get());
        self.read(move |connection| into_domain(query.select(ApiKeyRow::as_select()).load(connection)?)).await
    }

    async fn revoke_key(
        &self,
        org: OrgId,
        id: ApiKeyId,
        by: &Attribution,
        now: Timestamp,
    ) -> StoreResult<Option<ApiKey>> {
        let (org, id, by) = (org.get(), Id(id.get()), by.clone());
        self.write(move |connection| {
            let revoked = diesel::update(keyed::api_key(org, id).filter(api_keys::revoked_on.is_null()))
                .set(api_keys::revoked_on.eq(now.millis()))
                .execute(connection)?;
            let query = keyed::api_key(org, id).select(ApiKeyRow::as_select());
            let Some(row) = query.get_result::<ApiKeyRow>(connection).optional()? else { return Ok(None) };
            let key = ApiKey::try_from(row)?;
            if revoked > 0 {
                events::record(connection, &[key.revoked_event(&by, now)])?;
            }
            Ok(Some(key))
        })
        .await
    }

    async fn key_used(&self, org: OrgId, id: ApiKeyId, now: Timestamp) -> StoreResult<()> {
        let query = keyed::api_key(org.get(), Id(id.get()));
        self.write(move |connection| {
            diesel::update(query).set(api_keys::last_used_on.eq(now.millis())).execute(connection)?;
            Ok(())
        })
        .await
    }
}
