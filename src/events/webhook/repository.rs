//! The store of webhook endpoints.

use async_trait::async_trait;

use super::endpoint::{Endpoint, EndpointId};
use crate::promotions::{Attribution, NewEvent, OrgId, StoreError, Timestamp};

/// A change of an endpoint. Returns its event, if it has one.
pub type EndpointChange = Box<dyn FnOnce(&mut Endpoint) -> Option<NewEvent> + Send>;

/// How far an endpoint is behind the feed.
#[derive(Debug, Clone, Copy)]
pub struct Backlog {
    /// The endpoint.
    pub endpoint: EndpointId,
    /// The positions after that of the endpoint. Not all of them have events of its types.
    pub positions: i64,
    /// When the event after the endpoint's position occurred. `None` if it was removed.
    pub since: Option<Timestamp>,
}

/// The endpoints to which nothing is delivered at the moment.
#[derive(Debug, Clone, Copy)]
pub struct EndpointStates {
    /// Enabled ones whose last attempt failed.
    pub failing: i64,
    /// Disabled ones.
    pub disabled: i64,
}

/// The store of webhook endpoints. Changes record their events in the same transaction.
#[async_trait]
pub trait WebhookRepository: Send + Sync + 'static {
    /// Adds an endpoint, which gets the events that follow. Returns it, or `None` if the organisation has `limit` already.
    async fn create_endpoint(
        &self,
        endpoint: Endpoint,
        limit: usize,
        by: &Attribution,
    ) -> Result<Option<Endpoint>, StoreError>;

    /// The endpoints of an organisation, oldest first.
    async fn endpoints(&self, org: OrgId) -> Result<Vec<Endpoint>, StoreError>;

    /// Changes an endpoint while it is locked. Returns it after the change. `None` if there is no such endpoint.
    async fn change_endpoint(
        &self,
        org: OrgId,
        id: EndpointId,
        change: EndpointChange,
    ) -> Result<Option<Endpoint>, StoreError>;

    /// Deletes an endpoint. Returns it. `None` if there is no such endpoint.
    async fn delete_endpoint(
        &self,
        org: OrgId,
        id: EndpointId,
        by: &Attribution,
        now: Timestamp,
    ) -> Result<Option<Endpoint>, StoreError>;

    /// Endpoints of any organisations, at most `limit`, to which a message may be sent now: no task has their lease, and
    /// events have been recorded since their position, or a test was requested. If there are more, the choice is random.
    async fn due_endpoints(&self, now: Timestamp, limit: u32) -> Result<Vec<Endpoint>, StoreError>;

    /// The enabled endpoints of any organisations, at most `limit`, that are behind the feed, first those that have waited
    /// longest.
    async fn backlogs(&self, limit: u32) -> Result<Vec<Backlog>, StoreError>;

    /// How many endpoints of all organisations get nothing.
    async fn endpoint_states(&self) -> Result<EndpointStates, StoreError>;
}
