//! Metrics: their descriptions and buckets, and the recorder that keeps them.

use std::{sync::OnceLock, time::Duration};

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram, gauge};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::time::interval;

use super::log_queue;

/// The media type of the metrics, in the text format of Prometheus.
pub const METRICS_CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The buckets of latency histograms, in seconds: from a single link to the timeout of a request.
const LATENCY_BUCKETS: [f64; 14] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0];

/// The buckets of the histogram of batch sizes.
const SIZE_BUCKETS: [f64; 10] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0];

/// How often samples are moved into the histograms. Without that, their memory would grow until the next scrape.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

static METRICS: OnceLock<PrometheusHandle> = OnceLock::new();

/// Installs the recorder.
pub fn start() {
    let builder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &LATENCY_BUCKETS)
        .and_then(|builder| builder.set_buckets_for_metric(Matcher::Suffix("_size".to_owned()), &SIZE_BUCKETS));
    let recorder = builder.expect("no list of buckets is empty").build_recorder();
    let handle = recorder.handle();
    if metrics::set_global_recorder(recorder).is_ok() {
        let _ = METRICS.set(handle);
        describe();
        log_queue::count_dropped();
        gauge!("promolink_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1);
    }
}

fn describe() {
    describe_gauge!("promolink_build_info", "Always 1. The label version is the version of the server.");
    describe_counter!(
        "promolink_requests_total",
        "GraphQL requests, by operation, HTTP status and code of the first error."
    );
    describe_histogram!("promolink_request_seconds", Unit::Seconds, "Latency of GraphQL requests, by operation.");
    describe_counter!("promolink_links_total", "Requested links, by outcome: LINKED or an error code.");
    describe_counter!("promolink_link_checks_total", "Checked codes, by outcome: LINKABLE or an error code.");
    describe_histogram!("promolink_link_batch_size", Unit::Count, "Links per batch: those that shared a transaction.");
    describe_histogram!(
        "promolink_link_batch_seconds",
        Unit::Seconds,
        "Time to link a batch, including waits for a connection and retries."
    );
    describe_gauge!("promolink_link_queue_length", Unit::Count, "Links that are waiting for a batch.");
    describe_histogram!("promolink_link_queue_seconds", Unit::Seconds, "Time that links waited for their batch.");
    describe_gauge!("promolink_database_connections", Unit::Count, "Connections to PostgreSQL, by state.");
    describe_gauge!("promolink_replica_available", "1 while queries read from the replica, 0 while it is unavailable.");
    describe_counter!("promolink_documents_total", "GraphQL documents, by whether they were in the cache.");
    describe_gauge!(
        "promolink_concurrency",
        Unit::Count,
        "Concurrency permits: --concurrency, or fewer while the server is overloaded."
    );
    describe_counter!("promolink_refusals_total", "Rejections, by the limit that was exceeded.");
    describe_histogram!(
        "promolink_event_lag_seconds",
        Unit::Seconds,
        "Age of the oldest event of an organisation when it got its position, on PostgreSQL."
    );
    describe_counter!("promolink_events_removed_total", "Events removed because they were older than --events-kept.");
    describe_counter!(
        "promolink_events_removed_undelivered_total",
        "Removed events that an enabled webhook endpoint waited for."
    );
    describe_counter!(
        "promolink_webhook_deliveries_total",
        "Attempts to deliver a message to a webhook endpoint, by outcome."
    );
    describe_counter!("promolink_webhook_events_delivered_total", "Events delivered to webhook endpoints.");
    describe_gauge!("promolink_webhook_endpoints", Unit::Count, "Webhook endpoints that get nothing, by state.");
    describe_gauge!("promolink_webhook_backlog", Unit::Count, "Positions that a webhook endpoint is behind.");
    describe_gauge!(
        "promolink_webhook_backlog_seconds",
        Unit::Seconds,
        "Age of the oldest event after an endpoint's position."
    );
    describe_counter!(
        "promolink_log_lines_dropped_total",
        "Log lines dropped because the reader of the log was too slow."
    );
}

/// All metrics, in the text format of Prometheus.
#[must_use]
pub fn render_metrics() -> String {
    log_queue::count_dropped();
    METRICS.get().map(PrometheusHandle::render).unwrap_or_default()
}

/// Bounds the memory of the metrics, and logs the number of dropped log lines. Never completes.
pub async fn run_upkeep() -> ! {
    let mut interval = interval(UPKEEP_INTERVAL);
    loop {
        interval.tick().await;
        if let Some(metrics) = METRICS.get() {
            metrics.run_upkeep();
        }
        log_queue::warn_of_dropped();
    }
}
