//! Verifies a webhook of Promolink and returns its events: `cargo run --example verify_webhook -- whsec_… < message.json` with
//! the headers in the variables `WEBHOOK_ID`, `WEBHOOK_TIMESTAMP` and `WEBHOOK_SIGNATURE`.

use std::{env, error::Error, io::Read};

use reqwest::header::{HeaderMap, HeaderName};
use serde::Deserialize;
use serde_json::Value;
use standardwebhooks::Webhook;

/// An event. Remember the last position that was handled: a message may arrive more than once.
#[derive(Debug, Deserialize)]
pub struct Event {
    /// 1, 2, 3 and so on in the organisation.
    pub position: i64,
    /// Its type, such as `promotion.linked`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What changed.
    pub data: Value,
}

/// Returns the events of a message, in order. Fails if the message was not signed with this secret, or is too old.
pub fn events(secret: &str, headers: &HeaderMap, body: &[u8]) -> Result<Vec<Event>, Box<dyn Error>> {
    Webhook::new(secret)?.verify(body, headers)?;
    let message: Value = serde_json::from_slice(body)?;
    Ok(match message["type"].as_str() {
        Some("events.batch") => serde_json::from_value(message["data"]["events"].clone())?,
        // A test, or a type of a later version.
        _ if message["position"].is_null() => Vec::new(),
        _ => vec![serde_json::from_value(message)?],
    })
}

fn main() -> Result<(), Box<dyn Error>> {
    let secret = env::args().nth(1).ok_or("the secret is missing")?;
    let mut headers = HeaderMap::new();
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        let value = env::var(name.to_uppercase().replace('-', "_"))?;
        headers.insert(HeaderName::from_static(name), value.parse()?);
    }
    let mut body = Vec::new();
    std::io::stdin().read_to_end(&mut body)?;
    for event in events(&secret, &headers, &body)? {
        println!("{} {} {}", event.position, event.kind, event.data);
    }
    Ok(())
}
