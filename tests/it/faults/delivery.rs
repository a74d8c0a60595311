//! A webhook endpoint with a receiver, which must get every event although servers and databases fail.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::time::sleep;

use crate::support::{Answer, Caller, Receiver};

/// An endpoint and its receiver.
pub struct Delivery {
    receiver: Receiver,
    first: i64,
}

impl Delivery {
    /// Creates an endpoint with batches of 100 events.
    pub async fn start(admin: &Caller) -> Self {
        let receiver = Receiver::start(|_| Answer::After(Duration::from_millis(5))).await;
        let query = "mutation($url: String!) { createWebhookEndpoint(input: { url: $url, batchSize: 100 })
            { endpoint { deliveredPosition } } }";
        let created = admin.data(query, json!({ "url": receiver.url })).await;
        let before = created["createWebhookEndpoint"]["endpoint"]["deliveredPosition"].as_i64().unwrap();
        Self { receiver, first: before + 1 }
    }

    /// Waits until nothing waits. Asserts that the receiver has all events of the feed, in order, after it drops those that
    /// were repeated.
    pub async fn assert_complete(self, admin: &Caller) {
        // A server that was killed keeps its lease for 30 seconds.
        let (started, pending) = (Instant::now(), "{ webhookEndpoints { pending } }");
        while admin.data(pending, json!({})).await["webhookEndpoints"][0]["pending"] != 0 {
            assert!(started.elapsed() < Duration::from_secs(90), "events still wait");
            sleep(Duration::from_millis(100)).await;
        }
        let mut positions = Vec::new();
        for message in self.receiver.received().await {
            let body: Value = serde_json::from_slice(&message.body).unwrap();
            for event in body["data"]["events"].as_array().unwrap() {
                let position = event["position"].as_i64().unwrap();
                if positions.last().is_none_or(|last| *last < position) {
                    positions.push(position);
                }
            }
        }
        let newest = "{ events(first: 1, order: NEWEST_FIRST) { nodes { position } } }";
        let last = admin.data(newest, json!({})).await["events"]["nodes"][0]["position"].as_i64().unwrap();
        assert!(last > self.first, "{last}");
        assert_eq!(positions, (self.first..=last).collect::<Vec<_>>());
        assert_eq!(self.receiver.most_concurrent(), 1);
    }
}
