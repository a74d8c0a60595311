//! Logs failures whose cause callers do not see. Failures that can come in floods share a throttle for each kind.

use std::{fmt::Display, sync::LazyLock};

use crate::{promotions::StoreError, telemetry::LogThrottle};

/// Logs a failure of the store.
pub fn log_store_error(error: &StoreError) {
    match error {
        StoreError::Overloaded | StoreError::Contended(_) => log_overload(error),
        StoreError::Unavailable(_) | StoreError::Full(_) => {
            static THROTTLE: LazyLock<LogThrottle> = LazyLock::new(LogThrottle::default);
            if let Some(left_out) = THROTTLE.allow_line() {
                tracing::error!(%error, left_out, "request failed");
            }
        }
        StoreError::Failed(_) => tracing::error!(%error, "request failed"),
    }
}

/// Logs that a request was rejected because the server is overloaded.
pub fn log_overload(error: impl Display) {
    static THROTTLE: LazyLock<LogThrottle> = LazyLock::new(LogThrottle::default);
    if let Some(left_out) = THROTTLE.allow_line() {
        tracing::warn!(%error, left_out, "request rejected");
    }
}
