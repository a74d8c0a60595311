//! The composition root: store, service, schema and routes become a server.

use std::{future::Future, io, sync::Arc, time::Duration};

use tokio::{net::TcpListener, sync::oneshot, time};

use crate::{
    auth::Principal,
    graphql::Api,
    http,
    promotions::{Clock, PromotionRepository, PromotionService},
};

/// How long connections may go on after the server was asked to end, and after them the links under way.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(10);

/// Serves until `shutdown` completes, then finishes what is under way.
pub async fn run(
    repository: Arc<dyn PromotionRepository>,
    clock: Arc<dyn Clock>,
    principal: Principal,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let (service, workers) = PromotionService::start(repository, clock);
    let router = http::router(Api::new(Arc::new(service)), principal);
    let (ending, ended) = oneshot::channel();
    let shutdown = async {
        shutdown.await;
        // Nobody listens if the server has ended by itself.
        let _ = ending.send(());
    };
    let serving = axum::serve(listener, router).with_graceful_shutdown(shutdown).into_future();
    let patience = async {
        let _ = ended.await;
        time::sleep(SHUTDOWN_GRACE).await;
    };
    let result = tokio::select! {
        result = serving => result,
        () = patience => {
            tracing::warn!("connections are still open after {} seconds; ending without them", SHUTDOWN_GRACE.as_secs());
            Ok(())
        }
    };
    // With the last connection the service goes, the workers see the end of their queue and stop.
    if time::timeout(SHUTDOWN_GRACE, workers.finished()).await.is_err() {
        tracing::warn!("ending while links are still under way");
    }
    result
}
