//! What a backend's links see while another caller asks for as much as it can. The bounds are generous, since these tests
//! run a debug build beside others; `cargo bench --bench abuse` has the figures of the release build.

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

/// How long an attack lasts.
const ATTACK: Duration = Duration::from_secs(3);

/// The longest that a link of the backend may take, on a debug build whose machine is busy.
const PATIENCE: Duration = Duration::from_secs(2);

/// The most memory that the server may hold, in MB.
const MEMORY: usize = 400;

struct Attackers {
    /// Customer 42 of the backend's organisation.
    customer: Caller,
    storefront: Caller,
    /// The backend of the other organisation.
    service: Caller,
}

on_both_databases! {
    async fn no_caller_keeps_a_backend_from_linking(database: Database) {
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
            backend.links_well(name).await;
            stop.store(true, Ordering::Relaxed);
            while let Some(ended) = attack.join_next().await {
                ended.unwrap();
            }
        }
        let memory = server.memory();
        assert!(memory < MEMORY, "{memory} MB");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn responses_that_nobody_reads_do_not_fill_the_memory() {
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
                // The head alone.
                let mut status = [0; 12];
                let _ = stream.read_exact(&mut status).await;
                sleep(Duration::from_mins(1)).await;
            });
        }
    }
    backend.links_well("responses that nobody reads").await;
    sleep(Duration::from_secs(2)).await;
    let memory = server.memory();
    assert!(memory < MEMORY, "{memory} MB");
    backend.links_well("responses that nobody has read").await;
}

/// A backend that links codes with four connections.
struct Backend {
    caller: Caller,
    next: AtomicUsize,
}

impl Backend {
    /// Links for a while. No link is refused, and none takes long.
    async fn links_well(&self, beside: &str) {
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
        assert!(median < PATIENCE / 2 && longest < PATIENCE, "beside {beside}: {median:?}, {longest:?}");
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

/// One promotion of the wallet on each page; only the arguments differ.
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

/// The wallet of the customer of each promotion of a wallet.
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
    /// The most memory that the server has held, in MB.
    fn memory(&self) -> usize {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process_id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() / 1024
    }
}
