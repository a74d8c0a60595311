//! Lines of the log as JSON.

use std::fmt;

use tracing::{Event, Subscriber};
use tracing_subscriber::{
    fmt::{
        FmtContext, FormatEvent, FormatFields,
        format::{Format, Json, Writer},
    },
    registry::LookupSpan,
};

/// Each event is an object, with its request's id where there is one. The line that ends a request has that itself: to
/// read it out of the span would take longer than all else about the line.
pub struct JsonLines {
    events: Format<Json>,
    requests: Format<Json>,
}

impl JsonLines {
    pub fn new() -> Self {
        let format = || tracing_subscriber::fmt::format().json().flatten_event(true).with_span_list(false);
        Self { events: format(), requests: format().with_current_span(false) }
    }
}

impl<S, N> FormatEvent<S, N> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let ends_a_request = event.metadata().target() == "promolink::request";
        let format = if ends_a_request { &self.requests } else { &self.events };
        format.format_event(context, writer, event)
    }
}
