//! Clients that link without end, note what was acknowledged, and go on whatever happens to the servers.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, RwLock,
        atomic::{AtomicI64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use reqwest::Client;
use serde_json::{Value, json};
use tokio::{task::JoinSet, time::sleep};

use crate::support::{Caller, TestCampaign, campaign, code_of};

/// Codes that the clients link, each for many customers.
pub const CODES: usize = 100;

/// The campaign with those codes.
pub fn codes() -> TestCampaign {
    (0..CODES).fold(campaign("Spring"), |campaign, number| campaign.code(&format!("CODE-{number}"), None))
}

fn code(customer: i64) -> String {
    format!("CODE-{}", customer.unsigned_abs() % CODES as u64)
}

/// The clients.
pub struct Load {
    shared: Arc<Shared>,
    clients: JoinSet<()>,
    /// Requests that got no answer, or none that a client expects.
    pub failed: Arc<AtomicUsize>,
    /// Requests that were answered with OVERLOADED and nothing else.
    pub overloaded: Arc<AtomicUsize>,
}

struct Shared {
    key: String,
    /// Where requests are sent, in turns.
    addresses: RwLock<Vec<String>>,
    next_customer: AtomicI64,
    /// The promotion of each customer whose link was acknowledged.
    links: Mutex<HashMap<i64, String>>,
}

/// What was acknowledged.
pub struct Acknowledged {
    pub links: HashMap<i64, String>,
}

impl Load {
    /// So many clients, who show this key.
    pub fn start(clients: usize, key: &str, addresses: &[&str]) -> Self {
        let shared = Arc::new(Shared {
            key: key.to_owned(),
            addresses: RwLock::new(addresses.iter().map(|&address| address.to_owned()).collect()),
            next_customer: AtomicI64::new(0),
            links: Mutex::default(),
        });
        let mut load = Self { shared, clients: JoinSet::new(), failed: Arc::default(), overloaded: Arc::default() };
        for _ in 0..clients {
            let (shared, failed, overloaded) =
                (Arc::clone(&load.shared), Arc::clone(&load.failed), Arc::clone(&load.overloaded));
            load.clients.spawn(async move { shared.link_on(&failed, &overloaded).await });
        }
        load
    }

    /// Waits until so many more links are acknowledged.
    pub async fn wait_for_links(&self, more: usize) {
        let wanted = self.shared.links.lock().unwrap().len() + more;
        let started = Instant::now();
        while self.shared.links.lock().unwrap().len() < wanted {
            assert!(started.elapsed() < Duration::from_secs(30), "the clients get nowhere");
            sleep(Duration::from_millis(1)).await;
        }
    }

    /// Sends requests elsewhere once the server at that place is not ready any more, as a balancer does.
    pub async fn replace(&self, place: usize, address: &str) {
        let old = self.shared.addresses.read().unwrap()[place].clone();
        loop {
            let ready = reqwest::get(format!("http://{old}/ready")).await.expect("it answers until nobody asks");
            if ready.status() == 503 {
                break;
            }
            sleep(Duration::from_millis(10)).await;
        }
        address.clone_into(&mut self.shared.addresses.write().unwrap()[place]);
    }

    /// Ends the clients.
    pub async fn stop(mut self) -> Acknowledged {
        self.clients.abort_all();
        while let Some(ended) = self.clients.join_next().await {
            assert!(ended.is_err_and(|error| error.is_cancelled()), "a client met what it did not expect");
        }
        Acknowledged { links: std::mem::take(&mut *self.shared.links.lock().unwrap()) }
    }
}

impl Shared {
    async fn link_on(&self, failed: &AtomicUsize, overloaded: &AtomicUsize) {
        let client = Client::new();
        loop {
            let customer = self.next_customer.fetch_add(1, Ordering::Relaxed);
            // A link that came to nothing, or of which nobody knows, is asked for again.
            loop {
                let address = {
                    let addresses = self.addresses.read().unwrap();
                    addresses[usize::try_from(customer).unwrap() % addresses.len()].clone()
                };
                match self.link(&client, &address, customer).await {
                    Some((200, response)) if code_of(&response) == "OK" => {
                        let id = response["data"]["linkPromotionCode"]["id"].as_str().unwrap().to_owned();
                        self.links.lock().unwrap().insert(customer, id);
                        break;
                    }
                    Some((503, response)) if code_of(&response) == "OVERLOADED" => {
                        assert_eq!(response["errors"][0]["extensions"]["retryable"], true);
                        overloaded.fetch_add(1, Ordering::Relaxed);
                    }
                    Some(other) => panic!("{other:?}"),
                    None => drop(failed.fetch_add(1, Ordering::Relaxed)),
                }
                sleep(Duration::from_millis(5)).await;
            }
        }
    }

    /// The status and the body of the answer, if there is one.
    async fn link(&self, client: &Client, address: &str, customer: i64) -> Option<(u16, Value)> {
        let query = "mutation($input: LinkPromotionCodeInput!) { linkPromotionCode(input: $input) { id } }";
        let input = json!({ "customerId": customer, "code": code(customer), "mode": "DISCOUNT" });
        let request = client.post(format!("http://{address}/graphql")).bearer_auth(&self.key);
        let body = json!({ "query": query, "variables": { "input": input } });
        let response = request.json(&body).timeout(Duration::from_secs(5)).send().await.ok()?;
        let status = response.status().as_u16();
        Some((status, response.json().await.ok()?))
    }
}

impl Acknowledged {
    /// Each link is there: to ask for it again answers with the same promotion.
    pub async fn stand(&self, caller: &Caller) {
        let mut asked = JoinSet::new();
        for (&customer, id) in &self.links {
            let (caller, id) = (caller.clone(), id.clone());
            asked.spawn(async move {
                let again = caller.link(customer, &code(customer)).await;
                assert_eq!(again["data"]["linkPromotionCode"]["id"], id, "{again:#}");
            });
            if asked.len() >= 64 {
                asked.join_next().await.unwrap().unwrap();
            }
        }
        while let Some(done) = asked.join_next().await {
            done.unwrap();
        }
    }
}
