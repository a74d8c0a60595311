//! Promolink links promotion codes to customers, over GraphQL.
//!
//! The modules, in the order in which a request passes through them:
//!
//! - [`commands`]: the command line, one file per command.
//! - [`config`]: the options and variables, one struct per concern, as settings for the modules below.
//! - [`app`]: the composition root. Builds the server from its parts and runs it.
//! - [`http`]: connections, routes, the concurrency limit, the access log, and the GraphQL endpoint.
//! - [`auth`]: credentials, the organisation that they belong to, and their limits.
//! - [`graphql`]: the public API. `types` is what clients see; `engine` turns a document into a response.
//! - [`service`]: the use cases, the batcher that lets links share transactions, and retries.
//! - [`events`]: what happens after a change: the removal of old events.
//! - [`promotions`]: the domain: vocabulary and rules, as pure functions.
//! - [`store`]: both databases behind one trait of the domain. The only module that uses Diesel.
//! - [`telemetry`]: logs, metrics and traces. Any module may use it.
//!
//! A module uses only modules below it, and `graphql` uses `auth`. The store implements traits that `auth` and `promotions`
//! declare. `tests/it/house.rs` enforces which module uses which, and that this list and the map in `docs/architecture.md`
//! equal the tree.

#![warn(clippy::print_stdout, clippy::print_stderr)]

pub mod app;
pub mod auth;
pub mod commands;
pub mod config;
pub mod events;
pub mod graphql;
pub mod http;
pub mod promotions;
pub mod service;
pub mod store;
pub mod telemetry;
