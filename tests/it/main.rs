//! The tests come in through the front door: a real server process on a free port, over real databases.

#![allow(clippy::unwrap_used, reason = "what a test takes for granted it unwraps")]

mod commands;
mod house;
mod link;
mod properties;
mod races;
mod schema;
mod support;
