//! Traces for OpenTelemetry, sent by OTLP over HTTP. OpenTelemetry's variables for exporters configure them
//! (<https://opentelemetry.io/docs/specs/otel/protocol/exporter/>). Without an endpoint, no traces are sent.

use std::{
    collections::HashMap,
    env,
    io::{self, Write},
    sync::OnceLock,
};

use opentelemetry::{propagation::TextMapPropagator, trace::TracerProvider};
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::{Resource, propagation::TraceContextPropagator, trace::SdkTracerProvider};
use tracing::{Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::{Layer, registry::LookupSpan};

static PROVIDER: OnceLock<SdkTracerProvider> = OnceLock::new();

/// The layer that sends spans. `None` if no endpoint is set, or the exporter can't be built.
pub fn layer<S: Subscriber + for<'a> LookupSpan<'a>>() -> Option<impl Layer<S>> {
    if !super::TRACE_ENDPOINTS.iter().any(|name| env::var(name).is_ok_and(|endpoint| !endpoint.is_empty())) {
        return None;
    }
    let exporter = match SpanExporter::builder().with_http().build() {
        Ok(exporter) => exporter,
        Err(error) => {
            let _ = writeln!(io::stderr(), "cannot send traces: {error}");
            return None;
        }
    };
    let resource = Resource::builder().with_service_name("promolink").build();
    let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build();
    let tracer = provider.tracer("promolink");
    let _ = PROVIDER.set(provider);
    Some(tracing_opentelemetry::layer().with_tracer(tracer))
}

/// The headers that identify a caller's trace (<https://www.w3.org/TR/trace-context/>).
const TRACE_HEADERS: [&str; 2] = ["traceparent", "tracestate"];

/// Makes a span part of the trace that the headers of a request identify, if any.
pub fn continue_trace(span: &Span, header: impl Fn(&str) -> Option<String>) {
    let headers = TRACE_HEADERS.into_iter().filter_map(|name| Some((name.to_owned(), header(name)?)));
    // It only fails if no traces are sent.
    let _ = span.set_parent(TraceContextPropagator::new().extract(&headers.collect::<HashMap<_, _>>()));
}

/// Sends the remaining spans.
pub fn flush_traces() {
    if let Some(provider) = PROVIDER.get()
        && let Err(error) = provider.shutdown()
    {
        let _ = writeln!(io::stderr(), "cannot send the last traces: {error}");
    }
}
