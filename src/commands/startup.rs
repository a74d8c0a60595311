//! What `dev` and `serve` do when they start.

use std::net::SocketAddr;

use anyhow::Context;
use futures_util::FutureExt;
use tokio::net::TcpListener;

use super::{command_line, output};
use crate::{
    config,
    http::{self, DatabaseCheck, NotReady},
    store::Readiness,
};

/// Listens on the address that an option gives.
pub async fn listen(address: SocketAddr, option: &str) -> anyhow::Result<TcpListener> {
    let listening = http::bind(address);
    listening.with_context(|| format!("cannot listen on {address}; choose another address with {option}"))
}

/// Checks whether the server is ready, which it is if its database is.
pub fn database_check(readiness: Readiness) -> DatabaseCheck {
    Box::new(move || {
        let readiness = readiness.clone();
        let check = async move {
            readiness.check().await.map_err(|reason| {
                let shown = NotReady::Database(reason.to_string());
                tracing::warn!(reason = format!("{:#}", anyhow::Error::from(reason)), "the server is not ready");
                shown
            })
        };
        check.boxed()
    })
}

/// Tells a person at a terminal that the server has started. There need not be a terminal, so a failure is only logged.
pub fn greet(greeting: &str) {
    if let Err(error) = output::print(greeting) {
        tracing::warn!(error = format!("{error:#}"), "the greeting could not be printed");
    }
}

/// Logs the settings that have no effect.
pub fn warn_of_ineffective_settings() {
    for variable in config::unused_trace_variables() {
        tracing::warn!(variable, "this variable has no effect: the program was built without the feature otlp");
    }
    let unknown = config::unknown_variables(&command_line());
    if !unknown.is_empty() {
        tracing::warn!(variables = unknown.join(", "), "these variables have no effect: no settings have these names");
    }
}
