//! Clients that link, redeem, unlink and reverse in a loop, record what was acknowledged, and continue through failures
//! of the servers.

use std::{
    collections::{BTreeSet, HashMap},
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

/// The number of codes, each of which the clients link for many customers.
pub const CODES: usize = 100;

/// The campaign with those codes.
pub fn codes() -> TestCampaign {
    (0..CODES).fold(campaign("Spring"), |campaign, number| campaign.code(&format!("CODE-{number}"), None))
}

fn code(customer: i64) -> String {
    format!("CODE-{}", customer.unsigned_abs() % CODES as u64)
}

/// The running clients.
pub struct Load {
    shared: Arc<Shared>,
    clients: JoinSet<()>,
    /// Requests without a complete response.
    pub failed: Arc<AtomicUsize>,
    /// Requests that failed with OVERLOADED.
    pub overloaded: Arc<AtomicUsize>,
}

struct Shared {
    key: String,
    /// The addresses of the servers, to which requests are distributed in turn.
    addresses: RwLock<Vec<String>>,
    requests: AtomicUsize,
    next_customer: AtomicI64,
    acknowledged: Mutex<Acknowledged>,
}

/// The promises to each customer with an acknowledged link.
pub type Acknowledged = HashMap<i64, Vec<Promise>>;

/// A request, and the data that it must return from now on.
#[derive(Clone)]
pub struct Promise {
    query: &'static str,
    variables: Value,
    data: Value,
}

const LINK: &str = "mutation($input: LinkPromotionCodeInput!) { linkPromotionCode(input: $input) { id } }";
const REDEEM: &str = "mutation($input: RedeemPromotionInput!) { redeemPromotion(input: $input) { id } }";
const UNLINK: &str = "mutation($id: ID!) { unlinkPromotion(id: $id) { id state } }";
const REVERSE: &str = "mutation($id: ID!) { reverseRedemption(id: $id) { id reversedOn } }";
const LOOK_AT_HOLD: &str = "query($id: ID!) { promotion(id: $id) { id state } }";
const LOOK_AT_USES: &str = "query($id: ID!) { promotion(id: $id) { redemptions { nodes { id reversedOn } } } }";

impl Load {
    /// Starts clients that use this key.
    pub fn start(clients: usize, key: &str, addresses: &[&str]) -> Self {
        let shared = Arc::new(Shared {
            key: key.to_owned(),
            addresses: RwLock::new(addresses.iter().map(|&address| address.to_owned()).collect()),
            requests: AtomicUsize::new(0),
            next_customer: AtomicI64::new(0),
            acknowledged: Mutex::default(),
        });
        let mut load = Self { shared, clients: JoinSet::new(), failed: Arc::default(), overloaded: Arc::default() };
        for _ in 0..clients {
            let (shared, failed, overloaded) =
                (Arc::clone(&load.shared), Arc::clone(&load.failed), Arc::clone(&load.overloaded));
            load.clients.spawn(async move { shared.run_client(&failed, &overloaded).await });
        }
        load
    }

    /// Waits until `more` further links are acknowledged.
    pub async fn wait_for_links(&self, more: usize) {
        let wanted = self.shared.acknowledged.lock().unwrap().len() + more;
        let started = Instant::now();
        while self.shared.acknowledged.lock().unwrap().len() < wanted {
            assert!(started.elapsed() < Duration::from_secs(30), "the clients make no progress");
            sleep(Duration::from_millis(1)).await;
        }
    }

    /// Waits until the server at this index is no longer ready, then replaces it with another, as a load balancer does.
    pub async fn replace(&self, place: usize, address: &str) {
        let old = self.shared.addresses.read().unwrap()[place].clone();
        loop {
            let ready = reqwest::get(format!("http://{old}/ready")).await.expect("the replaced server responds");
            if ready.status() == 503 {
                break;
            }
            sleep(Duration::from_millis(10)).await;
        }
        address.clone_into(&mut self.shared.addresses.write().unwrap()[place]);
    }

    /// Stops the clients. Returns what was acknowledged.
    pub async fn stop(mut self) -> Acknowledged {
        self.clients.abort_all();
        while let Some(ended) = self.clients.join_next().await {
            assert!(ended.is_err_and(|error| error.is_cancelled()), "a client received an unexpected response");
        }
        std::mem::take(&mut *self.shared.acknowledged.lock().unwrap())
    }
}

impl Shared {
    async fn run_client(&self, failed: &AtomicUsize, overloaded: &AtomicUsize) {
        let client = Client::new();
        loop {
            let customer = self.next_customer.fetch_add(1, Ordering::Relaxed);
            let acknowledged = async |query, variables: &Value| {
                // Retries requests that failed or whose outcome is unknown.
                loop {
                    let address = {
                        let addresses = self.addresses.read().unwrap();
                        addresses[self.requests.fetch_add(1, Ordering::Relaxed) % addresses.len()].clone()
                    };
                    match self.ask(&client, &address, query, variables).await {
                        Some((200, mut response)) if code_of(&response) == "OK" => break response["data"].take(),
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
            let note = |promises: Vec<Promise>| self.acknowledged.lock().unwrap().insert(customer, promises);
            let linking = json!({ "input": link_of(customer) });
            let linked = acknowledged(LINK, &linking).await;
            let hold = json!({ "id": linked["linkPromotionCode"]["id"] });
            let link = Promise { query: LINK, variables: linking, data: linked };
            match customer % 8 {
                0 | 4 => {
                    note(vec![link.clone()]);
                    let redeeming = json!({ "input": use_of(customer) });
                    let redeemed = acknowledged(REDEEM, &redeeming).await;
                    let used = if customer % 8 == 0 {
                        let id = json!({ "id": redeemed["redeemPromotion"]["id"] });
                        let reversed = acknowledged(REVERSE, &id).await;
                        let uses = json!({ "nodes": [reversed["reverseRedemption"]] });
                        let data = json!({ "promotion": { "redemptions": uses } });
                        Promise { query: LOOK_AT_USES, variables: hold, data }
                    } else {
                        Promise { query: REDEEM, variables: redeeming, data: redeemed }
                    };
                    note(vec![link, used]);
                }
                1 | 5 => {
                    // While the promotion is being unlinked, repeating the link might create a new one.
                    note(Vec::new());
                    let unlinked = acknowledged(UNLINK, &hold).await;
                    let data = json!({ "promotion": unlinked["unlinkPromotion"] });
                    note(vec![Promise { query: LOOK_AT_HOLD, variables: hold, data }]);
                }
                _ => drop(note(vec![link])),
            }
        }
    }

    /// Sends a request. Returns the status and body of the response, or `None` if it is incomplete.
    async fn ask(&self, client: &Client, address: &str, query: &str, variables: &Value) -> Option<(u16, Value)> {
        let request = client.post(format!("http://{address}/graphql")).bearer_auth(&self.key);
        let body = json!({ "query": query, "variables": variables });
        let response = request.json(&body).timeout(Duration::from_secs(5)).send().await.ok()?;
        let status = response.status().as_u16();
        Some((status, response.json().await.ok()?))
    }
}

fn link_of(customer: i64) -> Value {
    json!({ "customerId": customer, "code": code(customer), "mode": "DISCOUNT" })
}

fn use_of(customer: i64) -> Value {
    let mut input = link_of(customer);
    input["transactionId"] = json!(format!("order of {customer}"));
    input
}

/// Repeats the acknowledged requests. Each must return the same data, so nothing was lost or duplicated.
pub async fn assert_acknowledged(acknowledged: Acknowledged, caller: &Caller) {
    let promises: Vec<Promise> = acknowledged.into_values().flatten().collect();
    let kinds: BTreeSet<&str> = promises.iter().map(|promise| promise.query).collect();
    assert!([LINK, REDEEM, LOOK_AT_HOLD, LOOK_AT_USES].iter().all(|kind| kinds.contains(kind)), "{kinds:?}");
    let mut asked = JoinSet::new();
    for Promise { query, variables, data } in promises {
        let caller = caller.clone();
        asked.spawn(async move {
            let again = caller.post(&json!({ "query": query, "variables": variables })).await;
            assert_eq!(again, json!({ "data": data }));
        });
        if asked.len() >= 64 {
            asked.join_next().await.unwrap().unwrap();
        }
    }
    while let Some(done) = asked.join_next().await {
        done.unwrap();
    }
}
