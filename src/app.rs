//! The composition root: store, service, schema and routes become a server.

use std::{future::Future, sync::Arc, time::Duration};

use tokio::{net::TcpListener, sync::oneshot, time};

use crate::{
    auth::{Authenticator, Limiter, Limits},
    graphql::{Engine, EngineSettings, Services},
    http::{self, Concurrency, DatabaseCheck, HttpSettings, Readiness, Shared, Unsent},
    promotions::{Clock, PromotionReads, PromotionRepository},
    service::PromotionService,
    telemetry,
};

/// What a server is made of.
pub struct App {
    /// Where promotions are kept.
    pub promotions: Arc<dyn PromotionRepository>,
    /// A copy of it that queries may read from, and that may lag behind.
    pub replica: Option<Arc<dyn PromotionReads>>,
    /// Looks whether the database can be used.
    pub database_check: DatabaseCheck,
    /// Where the time is read.
    pub clock: Arc<dyn Clock>,
    /// Who lets callers in.
    pub authenticator: Authenticator,
    /// How much they may do.
    pub limits: Limits,
    /// How many operations are executed concurrently.
    pub concurrency: usize,
    /// How the schema is offered.
    pub engine: EngineSettings,
    /// How the server is called.
    pub wire: HttpSettings,
    /// How it ends.
    pub shutdown: Shutdown,
}

/// How a server ends.
#[derive(Debug, Clone, Copy)]
pub struct Shutdown {
    /// How long it goes on as before, but says that it is not ready.
    pub delay: Duration,
    /// How long requests and links that are under way may then take.
    pub grace: Duration,
}

/// Serves until `asked_to_end` completes, with the name of the signal, then finishes what is under way. Operators may have a listener of their own.
pub async fn run(
    app: App,
    listener: TcpListener,
    operators: Option<TcpListener>,
    asked_to_end: impl Future<Output = &'static str> + Send + 'static,
) {
    let Shutdown { delay, grace } = app.shutdown;
    let (service, workers) = PromotionService::start(app.promotions, app.clock);
    let queries = Arc::new(app.replica.map_or_else(|| service.clone(), |replica| service.reading_from(replica)));
    let services = Services { changes: Arc::new(service), queries };
    let limiter = Arc::new(Limiter::new(&app.limits));
    let engine = Engine::new(services, &limiter, app.engine);
    let invalid = engine.invalid_persisted_documents();
    if let Some((id, reason)) = invalid.first() {
        let count = invalid.len();
        tracing::warn!(
            count,
            id,
            %reason,
            "the schema does not permit some persisted documents: requests for them fail"
        );
    }
    let shared = Shared {
        engine,
        authenticator: Arc::new(app.authenticator),
        limiter,
        concurrency: Concurrency::new(app.concurrency),
        heavy: Concurrency::heavy(),
        large_bodies: Concurrency::large_bodies(),
        unsent: Unsent::default(),
    };
    let readiness = Arc::new(Readiness::new(app.database_check));
    let router = http::router(shared, app.wire, Arc::clone(&readiness));
    tokio::spawn(telemetry::keep_metrics());
    if let Some(listener) = operators {
        // To the very end, so that they see it.
        tokio::spawn(http::serve(listener, http::operators(Arc::clone(&readiness)), std::future::pending()));
    }
    let (ending, ended) = oneshot::channel();
    let shutdown = async move {
        let signal = asked_to_end.await;
        readiness.end();
        tracing::info!(signal, delay_seconds = delay.as_secs_f64(), "the server is shutting down: /ready is off");
        time::sleep(delay).await;
        tracing::info!(
            grace_seconds = grace.as_secs_f64(),
            "no more connections are accepted; finishing what is under way"
        );
        // Nobody listens if the server has ended by itself.
        let _ = ending.send(());
    };
    let patience = async {
        let _ = ended.await;
        time::sleep(grace).await;
    };
    let complete = async {
        http::serve(listener, router, shutdown).await;
        // With the last connection the service goes, the workers see the end of their queue and stop.
        workers.finished().await;
    };
    tokio::select! {
        biased;
        () = complete => tracing::info!("the server has ended"),
        () = patience => tracing::warn!("the server has ended without what was still under way after {grace:?}"),
    }
}
