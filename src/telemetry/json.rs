//! Log lines as JSON.

use std::fmt;

use tracing::{Event, Subscriber};
use tracing_subscriber::{
    fmt::{
        FmtContext, FormatEvent, FormatFields,
        format::{Format, Json, Writer},
    },
    registry::LookupSpan,
};

/// Formats each event as an object, with the span of its request, if any. The access log's lines carry the request's id
/// themselves: reading it from the span would take longer than the rest of the line.
pub struct JsonLines {
    events: Format<Json>,
    access_log: Format<Json>,
}

impl JsonLines {
    pub fn new() -> Self {
        let format = || tracing_subscriber::fmt::format().json().flatten_event(true).with_span_list(false);
        Self { events: format(), access_log: format().with_current_span(false) }
    }
}

impl<S, N> FormatEvent<S, N> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let is_access_log = event.metadata().target() == "promolink::request";
        let format = if is_access_log { &self.access_log } else { &self.events };
        format.format_event(context, writer, event)
    }
}
