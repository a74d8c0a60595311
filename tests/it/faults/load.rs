//! Clients that link and redeem without end, note what was acknowledged, and go on whatever happens to the servers.

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
    /// The redemption of each whose use was.
    uses: Mutex<HashMap<i64, String>>,
}

/// What was acknowledged.
pub struct Acknowledged {
    pub links: HashMap<i64, String>,
    uses: HashMap<i64, String>,
}

/// A request's text, and where in its answer the id is.
type Question = (&'static str, &'static str);

const LINK: Question =
    ("mutation($input: LinkPromotionCodeInput!) { linkPromotionCode(input: $input) { id } }", "linkPromotionCode");
const REDEEM: Question =
    ("mutation($input: RedeemPromotionInput!) { redeemPromotion(input: $input) { id } }", "redeemPromotion");

impl Load {
    /// So many clients, who show this key.
    pub fn start(clients: usize, key: &str, addresses: &[&str]) -> Self {
        let shared = Arc::new(Shared {
            key: key.to_owned(),
            addresses: RwLock::new(addresses.iter().map(|&address| address.to_owned()).collect()),
            next_customer: AtomicI64::new(0),
            links: Mutex::default(),
            uses: Mutex::default(),
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
        let taken = |ids: &Mutex<_>| std::mem::take(&mut *ids.lock().unwrap());
        Acknowledged { links: taken(&self.shared.links), uses: taken(&self.shared.uses) }
    }
}

impl Shared {
    async fn link_on(&self, failed: &AtomicUsize, overloaded: &AtomicUsize) {
        let client = Client::new();
        loop {
            let customer = self.next_customer.fetch_add(1, Ordering::Relaxed);
            let promise = async |question: Question, input: Value| {
                // What came to nothing, or of which nobody knows, is asked for again.
                loop {
                    let address = {
                        let addresses = self.addresses.read().unwrap();
                        addresses[usize::try_from(customer).unwrap() % addresses.len()].clone()
                    };
                    match self.ask(&client, &address, question.0, &input).await {
                        Some((200, response)) if code_of(&response) == "OK" => {
                            break response["data"][question.1]["id"].as_str().unwrap().to_owned();
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
            };
            let id = promise(LINK, link_of(customer)).await;
            self.links.lock().unwrap().insert(customer, id);
            if redeems(customer) {
                let id = promise(REDEEM, use_of(customer)).await;
                self.uses.lock().unwrap().insert(customer, id);
            }
        }
    }

    /// The status and the body of the answer, if there is one.
    async fn ask(&self, client: &Client, address: &str, query: &str, input: &Value) -> Option<(u16, Value)> {
        let request = client.post(format!("http://{address}/graphql")).bearer_auth(&self.key);
        let body = json!({ "query": query, "variables": { "input": input } });
        let response = request.json(&body).timeout(Duration::from_secs(5)).send().await.ok()?;
        let status = response.status().as_u16();
        Some((status, response.json().await.ok()?))
    }
}

fn link_of(customer: i64) -> Value {
    json!({ "customerId": customer, "code": code(customer), "mode": "DISCOUNT" })
}

/// Every fourth customer uses the promotion.
const fn redeems(customer: i64) -> bool {
    customer % 4 == 0
}

fn use_of(customer: i64) -> Value {
    let mut input = link_of(customer);
    input["transactionId"] = json!(format!("order of {customer}"));
    input
}

impl Acknowledged {
    /// What was acknowledged is there, once: to ask for it again answers with the same.
    pub async fn stand(&self, caller: &Caller) {
        assert!(!self.uses.is_empty());
        let links = self.links.iter().map(|(&customer, id)| (LINK, link_of(customer), id));
        let uses = self.uses.iter().map(|(&customer, id)| (REDEEM, use_of(customer), id));
        let mut asked = JoinSet::new();
        for ((query, place), input, id) in links.chain(uses) {
            let (caller, id) = (caller.clone(), id.clone());
            asked.spawn(async move {
                let again = caller.post(&json!({ "query": query, "variables": { "input": input } })).await;
                assert_eq!(again["data"][place]["id"], id, "{again:#}");
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
