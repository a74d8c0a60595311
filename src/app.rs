//! The composition root: store, service, schema and routes become a server.

use std::{future::Future, io, sync::Arc};

use tokio::net::TcpListener;

use crate::{
    auth::Principal,
    graphql::Api,
    http,
    promotions::{Clock, PromotionRepository, PromotionService},
};

/// Link workers. Two keep the database busy: one batch is decided while the other commits.
const LINK_WORKERS: usize = 2;

/// Serves until `shutdown` completes, then finishes what is under way.
pub async fn run(
    repository: Arc<dyn PromotionRepository>,
    clock: Arc<dyn Clock>,
    principal: Principal,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let (service, workers) = PromotionService::start(repository, clock, LINK_WORKERS);
    let router = http::router(Api::new(Arc::new(service)), principal);
    let served = axum::serve(listener, router).with_graceful_shutdown(shutdown).await;
    // The service went with the router: the workers see the end of their queue and stop.
    workers.finished().await;
    served
}
