//! Values that several options share.

use std::{net::SocketAddr, time::Duration};

/// Parses a switch.
pub fn parse_switch(text: &str) -> Result<bool, &'static str> {
    match text.to_ascii_lowercase().as_str() {
        "on" | "true" | "1" | "yes" => Ok(true),
        "off" | "false" | "0" | "no" => Ok(false),
        _ => Err("it must be on or off (true, 1, yes, false, 0 and no are accepted too)"),
    }
}

/// Parses an address to listen on.
pub fn parse_address(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse()
        .map_err(|_| "it must be an IP address and a port, such as 127.0.0.1:8080, or 0.0.0.0:8080 for all interfaces")
}

/// Parses a duration with units.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|error| format!("it must be a duration, such as 90d, 10s or 1m 30s: {error}"))
}
