//! Settings: the options of the servers with their variables and defaults, one struct per concern.
//!
//! A struct reads its options and converts them into the settings types of the layers below, which know nothing of this
//! module. Commands flatten the structs that they need. The head of each file lists its options and variables;
//! `docs/configuration.md` has all of them in one table. `tests/it/settings.rs` compares both with clap.
//!
//! Errors are [`ConfigError`], except those of value parsers: clap prints them behind the value and the name of the option,
//! and never looks at their type, so a text is enough there.

mod caller;
mod database;
mod documents;
mod environment;
mod error;
mod events;
mod http;
mod limits;
mod shutdown;
mod telemetry;
mod tokens;
mod values;
mod webhooks;

pub use self::{
    caller::CallerArgs,
    database::{DatabaseArgs, ReplicaArgs, is_fallback},
    documents::DocumentArgs,
    environment::{VARIABLES, Variable, trim_variables, unknown_variables},
    error::ConfigError,
    events::EventArgs,
    http::{HttpArgs, LocalHttpArgs},
    limits::LimitArgs,
    shutdown::ShutdownArgs,
    telemetry::{TelemetryArgs, log_filter, unused_trace_variables},
    tokens::{TokenArgs, start_tokens},
    values::parse_duration,
    webhooks::WebhookArgs,
};
