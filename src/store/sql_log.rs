//! SQL statements in the log, to find slow ones: `RUST_LOG=promolink::sql=debug`.

use diesel::connection::{Instrumentation, InstrumentationEvent, set_default_instrumentation};

/// The log target of statements.
const TARGET: &str = "promolink::sql";

/// Lets new connections log their statements, if the log's filter includes them.
pub fn install() {
    if tracing::enabled!(target: TARGET, tracing::Level::DEBUG) {
        // It fails if another thread is doing the same.
        let _ = set_default_instrumentation(|| Some(Box::new(SqlLog)));
    }
}

struct SqlLog;

impl Instrumentation for SqlLog {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        if let InstrumentationEvent::StartQuery { query, .. } = event {
            tracing::debug!(target: TARGET, sql = one_line(&query.to_string()));
        }
    }
}

/// A statement in one line, without comments and without its values: codes and customer ids must not reach the log.
fn one_line(query: &str) -> String {
    let sql = query.split(" -- binds").next().unwrap_or_default();
    let code = sql.lines().map(|line| line.split("--").next().unwrap_or_default().trim());
    code.filter(|code| !code.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_logged_in_one_line_without_comments_and_values() {
        assert_eq!(
            one_line("-- Why.\nSELECT 1 -- Why.\n    FROM codes\n -- binds: [\"SECRET\"]"),
            "SELECT 1 FROM codes"
        );
    }
}
