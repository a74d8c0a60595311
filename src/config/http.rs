//! How callers reach the server.
//!
//! | option | variable |
//! |---|---|
//! | `--listen` | `PROMOLINK_LISTEN` |
//! | `--cors-origin` | `PROMOLINK_CORS_ORIGINS` |
//! | `--graphiql` | `PROMOLINK_GRAPHIQL` |

use std::net::SocketAddr;

use clap::{ArgAction, Args};

use super::values::{parse_address, parse_switch};
use crate::http::{AllowedHosts, HttpSettings, Origin};

/// How callers reach the server.
#[derive(Debug, Args)]
#[command(next_help_heading = "HTTP")]
pub struct HttpArgs {
    /// Listen on this address for plain HTTP; put a proxy that terminates TLS in front. Port 0 selects a free port
    #[arg(
        long,
        env = "PROMOLINK_LISTEN",
        default_value = "127.0.0.1:8080",
        value_name = "ADDRESS",
        value_parser = parse_address
    )]
    pub listen: SocketAddr,
    // Not a doc comment, where rustdoc would want a link.
    #[arg(
        long = "cors-origin",
        env = "PROMOLINK_CORS_ORIGINS",
        value_name = "ORIGIN",
        value_delimiter = ',',
        help = "Permit pages of this origin, such as https://shop.example, to call the API (CORS). May be repeated"
    )]
    cors_origins: Vec<Origin>,
    /// Serve GraphiQL, a page for exploring the API, at /graphiql
    #[arg(
        long,
        env = "PROMOLINK_GRAPHIQL",
        value_name = "ON|OFF",
        default_value = "off",
        action = ArgAction::Set,
        value_parser = parse_switch
    )]
    graphiql: bool,
}

impl HttpArgs {
    /// The settings of the server.
    #[must_use]
    pub fn settings(self) -> HttpSettings {
        HttpSettings { graphiql: self.graphiql, origins: self.cors_origins, allowed_hosts: AllowedHosts::Any }
    }
}

/// The same for a server that only this machine may reach: it listens on loopback only, and has GraphiQL by default.
#[derive(Debug, Args)]
#[command(
    mut_arg("listen", |arg| arg.value_parser(parse_loopback).help("Listen on this loopback address. Port 0 selects a free port")),
    mut_arg("cors_origins", |arg| arg.help(LOCAL_ORIGINS)),
    mut_arg("graphiql", |arg| arg.default_value("on")),
)]
pub struct LocalHttpArgs {
    #[command(flatten)]
    http: HttpArgs,
}

const LOCAL_ORIGINS: &str = "Permit pages of this origin, such as https://shop.example, to call the API (CORS), in addition \
                             to pages of localhost and loopback addresses. May be repeated";

impl LocalHttpArgs {
    /// The address to listen on.
    #[must_use]
    pub const fn listen(&self) -> SocketAddr {
        self.http.listen
    }

    /// The settings of the server.
    #[must_use]
    pub fn settings(self) -> HttpSettings {
        HttpSettings { allowed_hosts: AllowedHosts::Loopback, ..self.http.settings() }
    }
}

fn parse_loopback(text: &str) -> Result<SocketAddr, &'static str> {
    let address = parse_address(text)?;
    if address.ip().is_loopback() {
        Ok(address)
    } else {
        Err("`promolink dev` requires no credential, so it listens on loopback only, such as 127.0.0.1:8080")
    }
}
