//! Statements in the log, for who looks for a slow one: `RUST_LOG=promolink::sql=debug`.

use diesel::connection::{Instrumentation, InstrumentationEvent, set_default_instrumentation};

/// Where the statements go.
const TARGET: &str = "promolink::sql";

/// From now on, new connections log their statements, if anyone wants to know.
pub fn install() {
    if tracing::enabled!(target: TARGET, tracing::Level::DEBUG) {
        // It fails if another thread is doing the same.
        let _ = set_default_instrumentation(|| Some(Box::new(Log)));
    }
}

struct Log;

impl Instrumentation for Log {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        if let InstrumentationEvent::StartQuery { query, .. } = event {
            let text = query.to_string();
            // Without the values: codes and customers are not for the log.
            let sql = text.split(" -- binds").next().unwrap_or_default();
            tracing::debug!(target: TARGET, sql);
        }
    }
}
