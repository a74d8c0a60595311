//! Integration tests. Each calls a real server process on a free port, over a real database.

#![allow(clippy::unwrap_used, reason = "an unexpected error fails the test")]

mod abuse;
mod access;
mod campaigns;
mod check;
mod checks;
mod codes;
mod commands;
mod connections;
mod credentials;
mod distribution;
mod events;
mod example;
mod fairness;
mod faults;
mod federation;
mod file_lock;
mod folding;
mod graphiql;
mod hostile;
mod house;
mod large_bodies;
mod lifecycle;
mod link;
mod offers;
mod operations;
mod output;
mod overload;
mod pages;
mod persisted_queries;
mod plans;
mod pooler;
mod properties;
mod races;
mod redeem;
mod responses;
mod schema;
mod sessions;
mod settings;
mod shared_budgets;
mod sqlite;
mod statements;
mod support;
mod tenancy;
mod tls;
#[cfg(feature = "otlp")]
mod traces;
mod transactions;
mod upgrades;
mod validation;
mod wallet;
mod webhooks;
mod wire;
