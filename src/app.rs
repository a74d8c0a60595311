//! The composition root: builds the server from store, service, schema and routes, and runs it.

use std::{future::Future, sync::Arc, time::Duration};

use tokio::{net::TcpListener, sync::oneshot, time};
use tokio_util::sync::CancellationToken;

use crate::{
    auth::{Authenticator, Limiter, Limits, SharedBudgets, remove_full_budgets},
    events::{self, WebhookRepository, WebhookSender, WebhookService, WebhookSettings},
    graphql::{Engine, EngineSettings, Services},
    http::{self, ConcurrencyLimit, DatabaseCheck, HttpSettings, Readiness, Shared, UnsentResponses},
    promotions::{Clock, EventRepository, PromotionReads, PromotionRepository},
    service::{EventFeed, PromotionService},
    telemetry,
};

/// The parts and settings of a server.
pub struct App {
    /// The store of promotions.
    pub promotions: Arc<dyn PromotionRepository>,
    /// The events of all changes.
    pub events: Arc<dyn EventRepository>,
    /// Webhook endpoints.
    pub webhooks: Arc<dyn WebhookRepository>,
    /// Where webhooks may be sent.
    pub webhook_settings: Arc<WebhookSettings>,
    /// How long events are kept.
    pub events_kept: Duration,
    /// A replica of the store for queries. It may lag behind.
    pub replica: Option<Arc<dyn PromotionReads>>,
    /// Checks whether the database can be used.
    pub database_check: DatabaseCheck,
    /// The source of the current time.
    pub clock: Arc<dyn Clock>,
    /// Authenticates callers.
    pub authenticator: Authenticator,
    /// The rate limits of callers.
    pub limits: Limits,
    /// The budgets of failed links that the servers of the database share.
    pub shared_budgets: Option<Arc<dyn SharedBudgets>>,
    /// The most operations that are executed concurrently, in permits.
    pub concurrency: usize,
    /// The settings for executing documents.
    pub engine: EngineSettings,
    /// The settings of the HTTP server.
    pub http: HttpSettings,
    /// The timing of the shutdown.
    pub shutdown: Shutdown,
}

/// The timing of a shutdown.
#[derive(Debug, Clone, Copy)]
pub struct Shutdown {
    /// How long the server accepts requests while `/ready` already says that it is not ready.
    pub delay: Duration,
    /// The time after that for requests and links in progress to complete.
    pub grace: Duration,
}

/// Serves until `shutdown_signal` completes with the name of the signal, then completes the requests in progress.
/// `operators` is a separate listener for probes and metrics.
pub async fn run(
    app: App,
    listener: TcpListener,
    operators: Option<TcpListener>,
    shutdown_signal: impl Future<Output = &'static str> + Send + 'static,
) {
    let Shutdown { delay, grace } = app.shutdown;
    let clock = Arc::clone(&app.clock);
    let (service, workers) = PromotionService::start(app.promotions, app.clock);
    let queries = Arc::new(app.replica.map_or_else(|| service.clone(), |replica| service.reading_from(replica)));
    let webhooks =
        Arc::new(WebhookService::new(Arc::clone(&app.webhooks), Arc::clone(&app.webhook_settings), Arc::clone(&clock)));
    let services = Services {
        changes: Arc::new(service),
        queries,
        events: Arc::new(EventFeed::new(Arc::clone(&app.events) as _)),
        webhooks,
    };
    let limiter = Arc::new(Limiter::new(&app.limits, app.shared_budgets.clone()));
    let engine = Engine::new(services, &limiter, app.engine);
    let invalid = engine.invalid_persisted_documents();
    if let Some((id, reason)) = invalid.first() {
        let count = invalid.len();
        tracing::warn!(count, id, %reason, "some persisted documents are invalid by the schema: requests for them fail");
    }
    let shared = Shared {
        engine,
        authenticator: Arc::new(app.authenticator),
        limiter,
        concurrency: ConcurrencyLimit::new(app.concurrency),
        heavy: ConcurrencyLimit::heavy(),
        large_bodies: ConcurrencyLimit::large_bodies(),
        unsent_responses: UnsentResponses::default(),
    };
    let readiness = Arc::new(Readiness::new(app.database_check));
    let router = http::router(shared, app.http, Arc::clone(&readiness));
    let (sending, stop_sending) = (Arc::clone(&app.events) as _, CancellationToken::new());
    let sender = WebhookSender::new(app.webhooks, sending, app.webhook_settings, Arc::clone(&clock));
    let sender = tokio::spawn(sender.run(stop_sending.clone()));
    tokio::spawn(remove_full_budgets(app.shared_budgets, Arc::clone(&clock)));
    tokio::spawn(events::remove_old_events(Arc::clone(&app.events), clock, app.events_kept));
    tokio::spawn(telemetry::run_upkeep());
    if let Some(listener) = operators {
        // It serves until the process ends, so that operators can watch the shutdown.
        tokio::spawn(http::serve(listener, http::operator_routes(Arc::clone(&readiness)), std::future::pending()));
    }
    let (draining, drain_started) = oneshot::channel();
    let shutdown = async move {
        let signal = shutdown_signal.await;
        readiness.shut_down();
        // The messages under way have until the end of the grace period.
        stop_sending.cancel();
        tracing::info!(
            signal,
            delay_seconds = delay.as_secs_f64(),
            "the server is shutting down: /ready says that it is not ready"
        );
        time::sleep(delay).await;
        tracing::info!(
            grace_seconds = grace.as_secs_f64(),
            "no more connections are accepted; completing requests in progress"
        );
        // The receiver may be gone if the server has ended.
        let _ = draining.send(());
    };
    let grace_period = async {
        let _ = drain_started.await;
        time::sleep(grace).await;
    };
    let complete = async {
        http::serve(listener, router, shutdown).await;
        // The last connection drops the service, which closes the workers' queue.
        workers.finished().await;
        // If this fails, another server does it, or this one when it starts again.
        let _ = app.events.settle().await;
        // A panic of the sender has been logged.
        let _ = sender.await;
    };
    tokio::select! {
        biased;
        () = complete => tracing::info!("the server has ended"),
        () = grace_period => tracing::warn!("the server has ended: work in progress was aborted after {grace:?}"),
    }
}
