//! Clients that link, redeem, give up and give back without end, note what was acknowledged, and go on whatever happens
//! to the servers.

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
    requests: AtomicUsize,
    next_customer: AtomicI64,
    acknowledged: Mutex<Acknowledged>,
}

/// What each customer was promised whose link was acknowledged.
pub type Acknowledged = HashMap<i64, Vec<Promise>>;

/// A request, and the data that it must be answered with from now on.
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
    /// So many clients, who show this key.
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
            load.clients.spawn(async move { shared.link_on(&failed, &overloaded).await });
        }
        load
    }

    /// Waits until so many more links are acknowledged.
    pub async fn wait_for_links(&self, more: usize) {
        let wanted = self.shared.acknowledged.lock().unwrap().len() + more;
        let started = Instant::now();
        while self.shared.acknowledged.lock().unwrap().len() < wanted {
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
        std::mem::take(&mut *self.shared.acknowledged.lock().unwrap())
    }
}

impl Shared {
    async fn link_on(&self, failed: &AtomicUsize, overloaded: &AtomicUsize) {
        let client = Client::new();
        loop {
            let customer = self.next_customer.fetch_add(1, Ordering::Relaxed);
            let acknowledged = async |query, variables: &Value| {
                // What came to nothing, or of which nobody knows, is asked for again.
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
                    // Whoever asked for the link again, while it is being given up, might get a new one.
                    note(Vec::new());
                    let unlinked = acknowledged(UNLINK, &hold).await;
                    let data = json!({ "promotion": unlinked["unlinkPromotion"] });
                    note(vec![Promise { query: LOOK_AT_HOLD, variables: hold, data }]);
                }
                _ => drop(note(vec![link])),
            }
        }
    }

    /// The status and the body of the answer, if there is one.
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

/// What was acknowledged is there, once: what is asked again is answered with the same.
pub async fn stand(acknowledged: Acknowledged, caller: &Caller) {
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
