//! Traces for OpenTelemetry, sent by OTLP over HTTP. Where to, and the rest, is told by the variables that OpenTelemetry
//! itself names (<https://opentelemetry.io/docs/specs/otel/protocol/exporter/>): without an endpoint there are none.

use std::{env, sync::OnceLock};

use opentelemetry::{
    propagation::{Extractor, TextMapPropagator},
    trace::TracerProvider,
};
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::{Resource, propagation::TraceContextPropagator, trace::SdkTracerProvider};
use tracing::{Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::{Layer, registry::LookupSpan};

/// Either says where traces go.
const ENDPOINTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"];

static PROVIDER: OnceLock<SdkTracerProvider> = OnceLock::new();

/// What sends spans to where the environment says, if it says so.
pub fn layer<S: Subscriber + for<'a> LookupSpan<'a>>() -> Option<impl Layer<S>> {
    if !ENDPOINTS.iter().any(|name| env::var(name).is_ok_and(|endpoint| !endpoint.is_empty())) {
        return None;
    }
    let exporter = match SpanExporter::builder().with_http().build() {
        Ok(exporter) => exporter,
        Err(error) => {
            eprintln!("no traces are sent: {error}");
            return None;
        }
    };
    let resource = Resource::builder().with_service_name("promolink").build();
    let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build();
    let tracer = provider.tracer("promolink");
    let _ = PROVIDER.set(provider);
    Some(tracing_opentelemetry::layer().with_tracer(tracer))
}

/// Makes a span part of the trace that a caller's headers name (W3C Trace Context), if they name one.
pub fn adopt<'a>(span: &Span, header: impl Fn(&str) -> Option<&'a str>) {
    let parent = TraceContextPropagator::new().extract(&Headers(header));
    // It fails where no traces are sent, and then there is nothing to be part of.
    let _ = span.set_parent(parent);
}

struct Headers<F>(F);

impl<'a, F: Fn(&str) -> Option<&'a str>> Extractor for Headers<F> {
    fn get(&self, name: &str) -> Option<&str> {
        (self.0)(name)
    }

    fn keys(&self) -> Vec<&str> {
        Vec::new()
    }
}

/// Sends what has not been sent.
pub fn finish() {
    if let Some(provider) = PROVIDER.get()
        && let Err(error) = provider.shutdown()
    {
        eprintln!("the last traces are not sent: {error}");
    }
}
