//! Tests with small receivers, and what these tests share.

mod connections;
mod responses;

use hyper::body::Bytes;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use super::*;
use crate::{events::WebhookSecret, promotions::Timestamp};

/// 2026-11-27 05:00:00 UTC.
const NOW: Timestamp = Timestamp::from_millis(1_795_755_600_000);

const TIMEOUTS: Timeouts = Timeouts { connect: Duration::from_millis(400), total: Duration::from_millis(400) };

struct FixedClock;

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        NOW
    }
}

fn policy(allowed: &str) -> AddressPolicy {
    AddressPolicy::new(vec![allowed.parse().unwrap()])
}

fn client(policy: AddressPolicy) -> WebhookClient {
    WebhookClient::with_timeouts(policy, Arc::new(FixedClock), TIMEOUTS).unwrap()
}

fn url(text: &str) -> EndpointUrl {
    EndpointUrl::parse(text, &policy("0.0.0.0/0"), true).unwrap()
}

fn message() -> SignedMessage {
    let secret = WebhookSecret::from([7; 32]);
    SignedMessage::sign("evt_1", NOW, Bytes::from_static(b"{\"type\":\"a\"}"), &[&secret])
}

/// Posts a message to this machine.
async fn post(url: &EndpointUrl) -> Result<(), DeliveryError> {
    client(policy("127.0.0.1/32")).post(url, message()).await
}

/// Reads a request, up to the end of its short body.
async fn read_request(connection: &mut TcpStream) -> String {
    let mut request = Vec::new();
    while !request.ends_with(b"}") {
        assert_ne!(connection.read_buf(&mut request).await.unwrap(), 0, "the client closed the connection");
    }
    String::from_utf8(request).unwrap()
}

/// Accepts connections and writes the response to each request. Returns all requests and the number of connections.
async fn receiver(response: &'static str, requests: usize) -> (EndpointUrl, JoinHandle<(Vec<String>, usize)>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = url(&format!("http://{}/hook?a=b", listener.local_addr().unwrap()));
    let task = tokio::spawn(async move {
        let (mut seen, mut connections) = (Vec::new(), 0);
        while seen.len() < requests {
            let (mut connection, _) = listener.accept().await.unwrap();
            connections += 1;
            while seen.len() < requests && connection.readable().await.is_ok() {
                if connection.peek(&mut [0]).await.unwrap_or(0) == 0 {
                    break;
                }
                seen.push(read_request(&mut connection).await);
                connection.write_all(response.as_bytes()).await.unwrap();
            }
        }
        (seen, connections)
    });
    (url, task)
}

/// Posts a message to a receiver that responds like this.
async fn post_to(response: &'static str) -> Result<(), DeliveryError> {
    let (url, _task) = receiver(response, 1).await;
    post(&url).await
}
