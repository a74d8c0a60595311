//! Traces for OpenTelemetry, sent by OTLP over HTTP. Where to, and how, is told by the variables that OpenTelemetry names
//! for exporters (<https://opentelemetry.io/docs/specs/otel/protocol/exporter/>): without an endpoint there are none.

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

/// What sends spans to where the environment says, if it says so.
pub fn layer<S: Subscriber + for<'a> LookupSpan<'a>>() -> Option<impl Layer<S>> {
    if !super::TRACE_ENDPOINTS.iter().any(|name| env::var(name).is_ok_and(|endpoint| !endpoint.is_empty())) {
        return None;
    }
    let exporter = match SpanExporter::builder().with_http().build() {
        Ok(exporter) => exporter,
        Err(error) => {
            let _ = writeln!(io::stderr(), "no traces are sent: {error}");
            return None;
        }
    };
    let resource = Resource::builder().with_service_name("promolink").build();
    let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build();
    let tracer = provider.tracer("promolink");
    let _ = PROVIDER.set(provider);
    Some(tracing_opentelemetry::layer().with_tracer(tracer))
}

/// The headers that name a caller's trace (<https://www.w3.org/TR/trace-context/>).
const TRACE_HEADERS: [&str; 2] = ["traceparent", "tracestate"];

/// Makes a span part of the trace that the headers of a request name, if they name one.
pub fn adopt(span: &Span, header: impl Fn(&str) -> Option<String>) {
    let named = TRACE_HEADERS.into_iter().filter_map(|name| Some((name.to_owned(), header(name)?)));
    // It fails where no traces are sent, and then there is nothing to be part of.
    let _ = span.set_parent(TraceContextPropagator::new().extract(&named.collect::<HashMap<_, _>>()));
}

/// Sends what has not been sent.
pub fn finish() {
    if let Some(provider) = PROVIDER.get()
        && let Err(error) = provider.shutdown()
    {
        let _ = writeln!(io::stderr(), "the last traces are not sent: {error}");
    }
}
