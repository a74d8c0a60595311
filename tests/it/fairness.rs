//! The latency of a backend's links while another caller sends as many expensive requests as it can. The bounds are
//! generous, since these tests run a debug build beside others; `cargo bench --bench abuse` measures the release build.

use std::{
    fs,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use reqwest::header::HeaderValue;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::sleep,
};

use crate::support::{Caller, Database, ORG, Server, TestCampaign, campaign, code_of, issuer, on_both_databases};

const OTHER_ORG: i64 = 2;

/// Promotions of customer 42, in both organisations.
const WALLET: usize = 100;

/// The duration of an attack.
const ATTACK: Duration = Duration::from_secs(3);

/// The maximum latency of the backend's links, for a debug build on a busy machine.
const MAX_LATENCY: Duration = Duration::from_secs(2);

/// The maximum peak memory of the server, in MB.
const MEMORY: usize = 400;

struct Attackers {
    /// Customer 42 of the backend's organisation.
    customer: Caller,
    storefront: Caller,
    /// The backend of the other organisation.
    service: Caller,
}

on_both_databases! {
    async fn no_caller_blocks_the_links_of_a_backend(database: Database) {
        let (server, backend, attackers) = set_up(&database).await;
        let Attackers { customer, storefront, service } = &attackers;
        let attacks: [(&str, usize, &Caller, String); 7] = [
            ("a customer's wallet in 990 pages", 16, customer, wallets(990)),
            ("a customer's wallet in 50 pages", 16, customer, wallets(50)),
            ("a storefront's introspection", 16, storefront, INTROSPECTION.to_owned()),
            ("another backend's 990 pages", 16, service, wallets(990)),
            ("another backend's 990 promotions", 16, service, promotions(990)),
            ("another backend's wallets within wallets", 16, service, nested(100)),
            ("another backend's introspection", 16, service, INTROSPECTION.to_owned()),
        ];
        for (name, connections, attacker, document) in attacks {
            let stop = Arc::new(AtomicBool::new(false));
            let mut attack = JoinSet::new();
            for _ in 0..connections {
                let body = json!({ "query": document });
                let (attacker, stop) = (attacker.clone(), Arc::clone(&stop));
                attack.spawn(async move {
                    while !stop.load(Ordering::Relaxed) {
                        let response = attacker.request(&body).header("accept-encoding", "gzip").send().await.unwrap();
                        assert!([200, 429, 503].contains(&response.status().as_u16()), "{}", response.status());
                        response.bytes().await.unwrap();
                    }
                });
            }
            backend.assert_links_well(name).await;
            stop.store(true, Ordering::Relaxed);
            while let Some(ended) = attack.join_next().await {
                ended.unwrap();
            }
        }
        let memory = server.peak_memory();
        assert!(memory < MEMORY, "{memory} MB");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unread_responses_do_not_exhaust_memory() {
    let database = Database::sqlite();
    let (server, backend, Attackers { customer, service, .. }) = set_up(&database).await;
    let mut unread = JoinSet::new();
    for (attacker, document, connections) in [(&service, nested(100), 60), (&customer, nested(10), 60)] {
        for _ in 0..connections {
            let request = attacker.request(&json!({ "query": document })).build().unwrap();
            let body = request.body().unwrap().as_bytes().unwrap().to_vec();
            let header = |(name, value): (&_, &HeaderValue)| format!("{name}: {}\r\n", value.to_str().unwrap());
            let headers = request.headers().iter().map(header).collect::<Vec<_>>().concat();
            let head = format!(
                "POST /graphql HTTP/1.1\r\nhost: {}\r\n{headers}content-length: {}\r\n\r\n",
                attacker.address,
                body.len()
            );
            let mut stream = TcpStream::connect(&attacker.address).await.unwrap();
            unread.spawn(async move {
                stream.write_all(head.as_bytes()).await.unwrap();
                stream.write_all(&body).await.unwrap();
                // Only the start of the head.
                let mut status = [0; 12];
                let _ = stream.read_exact(&mut status).await;
                sleep(Duration::from_mins(1)).await;
            });
        }
    }
    backend.assert_links_well("responses that are not read").await;
    sleep(Duration::from_secs(2)).await;
    let memory = server.peak_memory();
    assert!(memory < MEMORY, "{memory} MB");
    backend.assert_links_well("responses that were not read").await;
}

/// A backend that links codes over four connections.
struct Backend {
    caller: Caller,
    next: AtomicUsize,
}

impl Backend {
    /// Links for the duration of an attack. Every link must succeed, within [`MAX_LATENCY`].
    async fn assert_links_well(&self, beside: &str) {
        let times = Mutex::new(Vec::new());
        let linking = (0..4).map(|_| async {
            let started = Instant::now();
            while started.elapsed() < ATTACK {
                let customer = i64::try_from(self.next.fetch_add(1, Ordering::Relaxed)).unwrap();
                let asked = Instant::now();
                let linked = self.caller.link(customer, "SHARED").await;
                assert_eq!(code_of(&linked), "OK", "beside {beside}: {linked:#}");
                times.lock().unwrap().push(asked.elapsed());
                sleep(Duration::from_millis(5)).await;
            }
        });
        futures_util::future::join_all(linking).await;
        let mut times = times.into_inner().unwrap();
        times.sort_unstable();
        let (median, longest) = (times[times.len() / 2], times[times.len() - 1]);
        println!("beside {beside}: {} links, median {median:?}, longest {longest:?}", times.len());
        assert!(median < MAX_LATENCY / 2 && longest < MAX_LATENCY, "beside {beside}: {median:?}, {longest:?}");
    }
}

async fn set_up(database: &Database) -> (Server, Backend, Attackers) {
    database.seed(&[wallet_codes()]).await;
    let server = Server::serve(database, &issuer::VARIABLES);
    let backend = server.caller(&database.key(ORG, "service"));
    let admin = server.caller(&database.key(OTHER_ORG, "admin"));
    let create =
        "mutation { createCampaign(input: { name: \"Spring\", mode: DISCOUNT, validTill: 4000000000000 }) { id } }";
    let campaign = admin.data(create, Value::Null).await["createCampaign"]["id"].take();
    let import = "mutation($input: ImportPromotionCodesInput!) { importPromotionCodes(input: $input) { imported } }";
    let codes: Vec<_> = (0..WALLET).map(|number| format!("WALLET-{number}")).collect();
    admin.data(import, json!({ "input": { "campaignId": campaign, "codes": codes } })).await;
    let service = server.caller(&database.key(OTHER_ORG, "service"));
    let link = "mutation($input: [LinkPromotionCodeInput!]!) { linkPromotionCodes(input: $input) { error { code } } }";
    let input: Vec<_> =
        codes.iter().map(|code| json!({ "customerId": 42, "code": code, "mode": "DISCOUNT" })).collect();
    for caller in [&backend, &service] {
        let linked = caller.data(link, json!({ "input": input })).await;
        assert!(linked["linkPromotionCodes"].as_array().unwrap().iter().all(|link| link["error"].is_null()));
    }
    let attackers = Attackers {
        customer: server.caller(&issuer::token(ORG, 42)),
        storefront: server.caller(&database.key(ORG, "storefront")),
        service,
    };
    (server, Backend { caller: backend, next: AtomicUsize::new(1000) }, attackers)
}

fn wallet_codes() -> TestCampaign {
    let codes = campaign("Spring").code("SHARED", None);
    (0..WALLET).fold(codes, |codes, number| codes.code(&format!("WALLET-{number}"), None))
}

const INTROSPECTION: &str =
    "{ __schema { types { name description fields { name description args { name type { name } }
    type { name fields { name type { name } } } } } } }";

/// Many pages of the same wallet, with different arguments.
fn wallets(pages: usize) -> String {
    let page = |n| {
        let active = ["active: true", "active: false", ""][n % 3];
        format!("a{n}: customerPromotions(customerId: 42, first: {}, {active}) {{ nodes {{ id }} }} ", n % 100 + 1)
    };
    repeated(pages, page)
}

fn promotions(count: usize) -> String {
    repeated(count, |n| format!("a{n}: promotion(id: \"{n:032x}\") {{ id }} "))
}

fn repeated(count: usize, field: impl Fn(usize) -> String) -> String {
    format!("{{ {} }}", (0..count).map(field).collect::<Vec<_>>().concat())
}

/// A wallet, and within each of its promotions, the customer's wallet again.
fn nested(first: usize) -> String {
    let fields =
        "id orgId promotionId promotionName code customerId active createdOn validTill mode redeemableFrom state";
    let more = "i: id n: promotionName c: code v: validTill";
    format!(
        "{{ customerPromotions(customerId: 42, first: {first}) {{ nodes {{ {fields}
            customer {{ promotions(first: {first}) {{ nodes {{ {fields} {more} }} }} }} }} }} }}"
    )
}

impl Server {
    /// The server's peak memory, in MB.
    fn peak_memory(&self) -> usize {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process_id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() / 1024
    }
}
