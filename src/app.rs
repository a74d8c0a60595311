//! The composition root: store, service, schema and routes become a server.

use std::{future::Future, sync::Arc, time::Duration};

use tokio::{net::TcpListener, sync::oneshot, time};

use crate::{
    auth::{Authenticator, Limiter, Limits},
    graphql::{Api, ApiSettings},
    http::{self, Shared, Turns, WireSettings},
    promotions::{Clock, PromotionRepository, PromotionService},
};

/// How long connections may go on after the server was asked to end, and after them the links under way.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(10);

/// What a server is made of.
pub struct App {
    /// Where promotions are kept.
    pub promotions: Arc<dyn PromotionRepository>,
    /// Where the time is read.
    pub clock: Arc<dyn Clock>,
    /// Who lets callers in.
    pub authenticator: Authenticator,
    /// How much they may do.
    pub limits: Limits,
    /// How the schema is offered.
    pub api: ApiSettings,
    /// How the server is called.
    pub wire: WireSettings,
}

/// Serves until `shutdown` completes, then finishes what is under way.
pub async fn run(app: App, listener: TcpListener, shutdown: impl Future<Output = ()> + Send + 'static) {
    let (service, workers) = PromotionService::start(app.promotions, app.clock);
    let limiter = Arc::new(Limiter::new(&app.limits));
    let api = Api::new(Arc::new(service), Arc::clone(&limiter), app.api);
    let router = http::router(
        Shared { api, authenticator: Arc::new(app.authenticator), limiter, turns: Turns::default() },
        app.wire,
    );
    let (ending, ended) = oneshot::channel();
    let shutdown = async {
        shutdown.await;
        // Nobody listens if the server has ended by itself.
        let _ = ending.send(());
    };
    let patience = async {
        let _ = ended.await;
        time::sleep(SHUTDOWN_GRACE).await;
    };
    tokio::select! {
        () = http::serve(listener, router, shutdown) => {}
        () = patience => {
            tracing::warn!("connections are still open after {} seconds; ending without them", SHUTDOWN_GRACE.as_secs());
        }
    }
    // With the last connection the service goes, the workers see the end of their queue and stop.
    if time::timeout(SHUTDOWN_GRACE, workers.finished()).await.is_err() {
        tracing::warn!("ending while links are still under way");
    }
}
