//! Promolink links promotion codes to customers, over GraphQL.
//!
//! The map of the house, in the order in which a request passes through it:
//!
//! - [`commands`]: the command line; each command is a file.
//! - [`app`]: builds the server from its parts and runs it.
//! - [`http`]: the wire. Routes, pages and the GraphQL endpoint.
//! - [`auth`]: who is calling, for which organisation.
//! - [`graphql`]: the public API. The engine validates and executes documents; the types are what clients see.
//! - [`promotions`]: the domain. Words, rules, and the batcher that lets links share transactions.
//! - [`store`]: both databases behind one trait of the domain. Diesel is used here and nowhere else.
//!
//! Dependencies run down this list and never up, but that the store implements what the domain declares; a test holds
//! it.

#![warn(clippy::print_stdout, clippy::print_stderr)]

pub mod app;
pub mod auth;
pub mod commands;
pub mod graphql;
pub mod http;
pub mod promotions;
pub mod store;
pub mod telemetry;
