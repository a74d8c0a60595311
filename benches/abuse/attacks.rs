//! The attacks, and the clients that run them.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::tenants::Tenants;

/// How an attacker treats its connections.
#[derive(Clone, Copy)]
enum Reads {
    /// Reads each response, then sends the next request.
    All,
    /// Reads nothing.
    Nothing,
    /// Sends nothing more after the request, and reads nothing.
    Silent,
}

/// The time for which a response is left unread.
const UNREAD_FOR: Duration = Duration::from_secs(3);

/// A kind of request, the number of connections that send it, and how they read.
pub struct Attack {
    pub name: &'static str,
    connections: usize,
    reads: Reads,
    request: fn(&Tenants, u64) -> String,
}

impl Attack {
    pub const ALL: &[Self] = &[
        Self::new("none", 0, |_, _| String::new()),
        Self::new("customer: 990 wallets", 32, |tenants, n| post(&tenants.customer, "", &wallets(990, n))),
        Self::new("customer: 50 wallets", 32, |tenants, n| post(&tenants.customer, "", &wallets(50, n))),
        Self::new("customer: 50 promotions", 32, |tenants, n| post(&tenants.customer, "", &promotions(50, n))),
        Self::new("customer: largest wallet", 32, |tenants, _| post(&tenants.customer, "", &nested(40, 30, 1))),
        Self::new("service: 990 wallets", 32, |tenants, n| post(&tenants.service, "", &wallets(990, n))),
        Self::new("service: 990 promotions", 32, |tenants, n| post(&tenants.service, "", &promotions(990, n))),
        Self::new("service: wallets within wallets, gzip", 32, |tenants, _| {
            post(&tenants.service, "accept-encoding: gzip\r\n", &nested(100, 100, 3))
        }),
        Self::new("service: introspection", 64, |tenants, n| post(&tenants.service, "", &introspection(n))),
        Self::new("storefront: introspection", 400, |tenants, n| post(&tenants.storefront, "", &introspection(n))),
        Self::new("service: new documents of 100 KB", 32, |tenants, n| post(&tenants.service, "", &long_document(n))),
        Self::new("service: wallets of 20", 256, |tenants, _| post(&tenants.service, "", &nested(20, 0, 1))),
        Self::unread("customer: unread wallets", 96, |tenants, _| post(&tenants.customer, "", &nested(40, 30, 1))),
        Self::unread("service: unread wallets within wallets", 96, |tenants, _| {
            post(&tenants.service, "", &nested(100, 100, 3))
        }),
        Self::unread("service: unread wallets", 400, |tenants, _| post(&tenants.service, "", &nested(100, 0, 3))),
        Self::new("no credential: 404", 16, |_, _| {
            "GET /nothing HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n".to_owned()
        }),
        Self::new("no credential: 405", 16, |_, _| {
            "PUT /graphql HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n".to_owned()
        }),
        Self::new("no credential: 406", 16, |_, _| {
            "GET /graphql HTTP/1.1\r\nhost: localhost\r\naccept: text/html\r\nconnection: close\r\n\r\n".to_owned()
        }),
        Self::silent("no credential: unfinished heads", 6_000, |_, _| {
            format!("GET /graphql?query={} HTTP/1.1\r\nhost: localhost\r\n", "x".repeat(15_000))
        }),
    ];

    const fn new(name: &'static str, connections: usize, request: fn(&Tenants, u64) -> String) -> Self {
        Self { name, connections, reads: Reads::All, request }
    }

    const fn unread(name: &'static str, connections: usize, request: fn(&Tenants, u64) -> String) -> Self {
        Self { reads: Reads::Nothing, ..Self::new(name, connections, request) }
    }

    const fn silent(name: &'static str, connections: usize, request: fn(&Tenants, u64) -> String) -> Self {
        Self { reads: Reads::Silent, ..Self::new(name, connections, request) }
    }

    /// Starts the attack.
    pub fn start(&self, address: &str, tenants: &Tenants) -> Attacking {
        let responses = Arc::new(Mutex::new(Responses::default()));
        let mut tasks = JoinSet::new();
        for connection in 0..self.connections as u64 {
            // Prepared before the attack, so that building documents doesn't slow it down.
            let requests: Vec<_> = (0..4).map(|n| (self.request)(tenants, connection * 4 + n)).collect();
            let (address, responses, reads) = (address.to_owned(), Arc::clone(&responses), self.reads);
            tasks.spawn(async move {
                for request in requests.iter().cycle() {
                    match attack(&address, request, reads).await {
                        Some(status) => *responses.lock().unwrap().0.entry(status).or_default() += 1,
                        // The connection was refused or closed.
                        None => sleep(Duration::from_millis(10)).await,
                    }
                }
            });
        }
        Attacking { tasks, responses }
    }
}

/// A running attack.
pub struct Attacking {
    tasks: JoinSet<()>,
    responses: Arc<Mutex<Responses>>,
}

/// The responses to an attack, by status.
#[derive(Default)]
pub struct Responses(BTreeMap<u16, usize>);

impl Attacking {
    pub async fn stop(mut self) -> Responses {
        self.tasks.shutdown().await;
        std::mem::take(&mut *self.responses.lock().unwrap())
    }
}

impl fmt::Display for Responses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts: Vec<_> = self.0.iter().map(|(status, count)| format!("{status}: {count}")).collect();
        f.write_str(&counts.join(", "))
    }
}

/// Sends one request on a new connection. Returns the status of the response, or `None` if there is none.
async fn attack(address: &str, request: &str, reads: Reads) -> Option<u16> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    stream.write_all(request.as_bytes()).await.ok()?;
    match reads {
        Reads::Silent => {
            sleep(Duration::from_mins(1)).await;
            None
        }
        Reads::Nothing => {
            let mut head = [0; 12];
            timeout(Duration::from_secs(10), stream.read_exact(&mut head)).await.ok()?.ok()?;
            let status = std::str::from_utf8(&head).ok()?.get(9..12)?.parse().ok()?;
            if status == 200 {
                sleep(UNREAD_FOR).await;
            }
            Some(status)
        }
        Reads::All => {
            let mut head = [0; 12];
            stream.read_exact(&mut head).await.ok()?;
            let status = std::str::from_utf8(&head).ok()?.get(9..12)?.parse().ok()?;
            let mut rest = vec![0; 64 * 1024];
            while stream.read(&mut rest).await.ok()? > 0 {}
            Some(status)
        }
    }
}

fn post(credential: &str, headers: &str, document: &str) -> String {
    let body = json!({ "query": document }).to_string();
    format!(
        "POST /graphql HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\n\
         authorization: Bearer {credential}\r\n{headers}content-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// `count` pages of one wallet, each after a different cursor.
fn wallets(count: u64, n: u64) -> String {
    let page = |alias: u64| {
        let cursor =
            URL_SAFE_NO_PAD.encode(format!("\"{:032x}\"", (0x0199_u128 << 112) + u128::from(n * count + alias)));
        format!("a{alias}: customerPromotions(customerId: 42, first: 1, after: \"{cursor}\") {{ nodes {{ id }} }} ")
    };
    format!("{{ {} }}", (0..count).map(page).collect::<String>())
}

/// `count` lookups of promotions that do not exist.
fn promotions(count: u64, n: u64) -> String {
    let look_up = |alias: u64| format!("a{alias}: promotion(id: \"{:032x}\") {{ id }} ", n * count + alias);
    format!("{{ {} }}", (0..count).map(look_up).collect::<String>())
}

/// A wallet, within each of its promotions the customer's wallet again, and each field `times` times.
fn nested(first: u64, within: u64, times: u64) -> String {
    let fields = |n: u64| {
        format!("i{n}: id o{n}: orgId p{n}: promotionId n{n}: promotionName c{n}: code u{n}: customerId a{n}: active ")
            + &format!("d{n}: createdOn v{n}: validTill m{n}: mode r{n}: redeemableFrom s{n}: state ")
    };
    let fields: String = (0..times).map(fields).collect();
    let inner = match within {
        0 => String::new(),
        within => format!("customer {{ promotions(first: {within}) {{ nodes {{ {fields} }} }} }}"),
    };
    format!("{{ customerPromotions(customerId: 42, first: {first}) {{ nodes {{ {fields} {inner} }} }} }}")
}

/// The types of the fields of the types of all fields, five times.
fn introspection(n: u64) -> String {
    let types = "types { name description fields { name description args { name type { name } } type { name fields { name } } } }";
    let schema = |alias: u64| format!("s{n}x{alias}: __schema {{ {types} }} ");
    format!("{{ {} }}", (0..5).map(schema).collect::<String>())
}

/// A document that is not in the cache.
fn long_document(n: u64) -> String {
    let field =
        |alias: u64| format!("a{n}x{alias}: promotion(id: \"0000\") {{ id code promotionName validTill state }} ");
    format!("{{ {} }}", (0..1_000).map(field).collect::<String>())
}
