//! Metrics: what each is about, and where they are kept.

use std::{sync::OnceLock, time::Duration};

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram, gauge};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::time::interval;

use super::log_queue;

/// The media type of the text that Prometheus reads.
pub const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The bounds of the histograms of times, in seconds: from a lone link's to a request's time limit.
const SECONDS: [f64; 14] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0];

/// The bounds of the histogram of batch sizes.
const SIZES: [f64; 10] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0];

/// How often what was measured is counted into the histograms, so that it takes no more and more memory when nobody asks.
const KEPT_EVERY: Duration = Duration::from_secs(5);

static METRICS: OnceLock<PrometheusHandle> = OnceLock::new();

/// Starts counting.
pub fn start() {
    let builder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
        .and_then(|builder| builder.set_buckets_for_metric(Matcher::Suffix("_size".to_owned()), &SIZES));
    let recorder = builder.expect("there are bounds").build_recorder();
    let handle = recorder.handle();
    if metrics::set_global_recorder(recorder).is_ok() {
        let _ = METRICS.set(handle);
        describe();
        log_queue::count_dropped();
        gauge!("promolink_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1);
    }
}

fn describe() {
    describe_gauge!("promolink_build_info", "Always 1; the label tells the version.");
    describe_counter!("promolink_requests_total", "GraphQL requests, by operation, HTTP status and first error.");
    describe_histogram!("promolink_request_seconds", Unit::Seconds, "How long GraphQL requests took, by operation.");
    describe_counter!("promolink_links_total", "Links asked for, by outcome: LINKED or an error code.");
    describe_histogram!("promolink_link_batch_size", Unit::Count, "Links that shared a transaction.");
    describe_histogram!("promolink_link_batch_seconds", Unit::Seconds, "How long a batch of links took.");
    describe_gauge!("promolink_link_queue_length", Unit::Count, "Links that wait for a batch.");
    describe_histogram!("promolink_link_queue_seconds", Unit::Seconds, "How long links waited for their batch.");
    describe_gauge!("promolink_database_connections", Unit::Count, "Connections to PostgreSQL, by state.");
    describe_gauge!("promolink_replica_available", "1 if queries read from the replica, 0 while it is away.");
    describe_counter!("promolink_documents_total", "GraphQL documents, by whether they were in the cache.");
    describe_gauge!(
        "promolink_concurrency",
        Unit::Count,
        "Requests that may go on at once: fewer under too much load."
    );
    describe_counter!("promolink_refusals_total", "What was refused, by the limit that it was above.");
    describe_counter!(
        "promolink_log_lines_dropped_total",
        "Lines of the log that were dropped, as its reader was too slow."
    );
}

/// All metrics, as text.
#[must_use]
pub fn metrics() -> String {
    log_queue::count_dropped();
    METRICS.get().map(PrometheusHandle::render).unwrap_or_default()
}

/// Keeps the metrics small, and logs how many lines of the log were dropped, for ever.
pub async fn keep_metrics() {
    let mut turns = interval(KEPT_EVERY);
    loop {
        turns.tick().await;
        if let Some(metrics) = METRICS.get() {
            metrics.run_upkeep();
        }
        log_queue::warn_of_dropped();
    }
}
