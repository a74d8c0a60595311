//! Failover from a killed primary to its standby, and databases that are read-only for a while.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, atomic::Ordering},
    time::{Duration, Instant},
};

use serde_json::json;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, UnixStream},
    time::sleep,
};

use super::{
    assert_sound,
    load::{Load, assert_acknowledged, codes},
};
use crate::support::{Caller, Cluster, Database, ORG, Server, campaign, code_of};

/// The maximum time until links succeed again.
const SOON: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread")]
async fn links_resume_without_loss_after_a_failover_behind_one_address() {
    let mut pair = Pair::start().await;
    let proxy = Proxy::to(&pair.primary).await;
    let again = pair.fail_over(&proxy.url(), |standby| proxy.redirect_to(standby)).await;
    println!("time from the promotion to the next link: {again:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn links_resume_without_loss_after_a_failover_between_the_hosts_of_a_url() {
    let mut pair = Pair::start().await;
    let [first, second] = [&pair.standby, &pair.primary].map(|cluster| folder(cluster).replace('/', "%2F"));
    let url = format!("postgres://promolink@{first},{second}/postgres?target_session_attrs=read-write");
    let again = pair.fail_over(&url, |_| {}).await;
    println!("time from the promotion to the next link: {again:?}");
}

/// The kernel of a frozen primary still accepts connections and acknowledges what is sent.
#[tokio::test(flavor = "multi_thread")]
async fn links_resume_after_a_failover_from_a_frozen_primary() {
    let mut pair = Pair::start().await;
    let [first, second] = [&pair.primary, &pair.standby].map(|cluster| folder(cluster).replace('/', "%2F"));
    let url = format!("postgres://promolink@{first},{second}/postgres?target_session_attrs=read-write");
    let server = Server::serve(&Database::at(url), &[]);
    let caller = Arc::new(server.caller(&pair.key));
    assert_eq!(code_of(&caller.link(1, "CODE-1").await), "OK");
    pair.primary.freeze();
    // More reads and links than there are connections, all of which wait for the frozen server.
    let requests: Vec<_> = (0..20)
        .map(|customer| {
            let caller = Arc::clone(&caller);
            tokio::spawn(async move {
                let query = "query Wallet($id: Long!) { customerPromotions(customerId: $id) { nodes { id } } }";
                caller.execute(query, json!({ "id": customer })).await;
                caller.link(customer, "CODE-1").await;
            })
        })
        .collect();
    sleep(Duration::from_secs(1)).await;
    pair.standby.promote();
    let promoted = Instant::now();
    while code_of(&caller.link(1, "CODE-1").await) != "OK" {
        assert!(promoted.elapsed() < 3 * SOON, "no link succeeds");
        sleep(Duration::from_millis(10)).await;
    }
    println!("links again {:?} after the promotion", promoted.elapsed());
    for request in requests {
        request.await.unwrap();
    }
}

/// A primary and a synchronous standby: the primary acknowledges a change once the standby has it.
struct Pair {
    primary: Cluster,
    standby: Cluster,
    key: String,
}

impl Pair {
    async fn start() -> Self {
        let primary = Cluster::start("");
        let database = Database::at(primary.url("postgres"));
        database.seed(&[codes()]).await;
        let key = database.key(ORG, "service");
        let standby = primary.replica();
        let mut session = database.session().await;
        session.run("ALTER SYSTEM SET synchronous_standby_names = '*'").await;
        session.run("SELECT pg_reload_conf()").await;
        let started = Instant::now();
        let synchronous = "SELECT count(*) AS number FROM pg_stat_replication WHERE sync_state = 'sync'";
        while session.number(synchronous).await == 0 {
            assert!(started.elapsed() < Duration::from_secs(30), "the standby does not follow");
            sleep(Duration::from_millis(10)).await;
        }
        Self { primary, standby, key }
    }

    /// Kills the primary and promotes the standby while clients link. Returns the time until a link succeeds again.
    async fn fail_over(&mut self, url: &str, lead_to: impl Fn(&Cluster)) -> Duration {
        let server = Server::serve(&Database::at(url.to_owned()), &[]);
        let load = Load::start(32, &self.key, &[&server.address]);
        load.wait_for_links(300).await;
        self.primary.stop();
        // Until the promotion, only a read-only database is reachable.
        lead_to(&self.standby);
        assert_eq!(
            not_ready(&server).await,
            "not ready: the database takes no changes: it is a standby, or read-only\n"
        );
        let before = load.overloaded.load(Ordering::Relaxed);
        while load.overloaded.load(Ordering::Relaxed) < before + 100 {
            sleep(Duration::from_millis(1)).await;
        }
        self.standby.promote();
        let promoted = Instant::now();
        load.wait_for_links(1).await;
        let again = promoted.elapsed();
        assert!(again < SOON, "{again:?}");
        load.wait_for_links(300).await;
        let acknowledged = load.stop().await;
        assert_acknowledged(acknowledged, &server.caller(&self.key)).await;
        server.stop();
        assert_sound(&Database::at(self.standby.url("postgres")));
        again
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_started_on_a_read_only_database_links_once_it_is_writable() {
    let database = Database::postgres();
    database.seed(&[campaign("Spring").code("A", None)]).await;
    let key = database.key(ORG, "service");
    let name = database.url.rsplit('/').next().unwrap().to_owned();
    database.run(&format!("ALTER DATABASE {name} SET default_transaction_read_only = on")).await;
    let server = Server::serve(&database, &[]);
    assert!(not_ready(&server).await.contains("takes no changes"));
    refuses_links(&server.caller(&key)).await;
    let mut session = database.session().await;
    session.run("SET default_transaction_read_only = off").await;
    session.run(&format!("ALTER DATABASE {name} RESET default_transaction_read_only")).await;
    assert_links_resume(&server, &key).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_become_read_only_are_replaced() {
    let cluster = Cluster::start("");
    let database = Database::at(cluster.url("postgres"));
    database.seed(&[campaign("Spring").code("A", None)]).await;
    let key = database.key(ORG, "service");
    let server = Server::serve(&database, &[]);
    let caller = server.caller(&key);
    assert_eq!(code_of(&caller.link(1, "A").await), "OK");
    let mut session = database.session().await;
    session.run("ALTER SYSTEM SET default_transaction_read_only = on").await;
    session.run("SELECT pg_reload_conf()").await;
    let started = Instant::now();
    while code_of(&caller.link(started.elapsed().subsec_nanos(), "A").await) == "OK" {
        assert!(started.elapsed() < SOON, "the database still accepts changes");
    }
    refuses_links(&caller).await;
    assert!(not_ready(&server).await.contains("takes no changes"));
    session.run("ALTER SYSTEM RESET default_transaction_read_only").await;
    session.run("SELECT pg_reload_conf()").await;
    assert_links_resume(&server, &key).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_accepts_connections_but_stays_silent_is_skipped() {
    let cluster = Cluster::start("");
    let database = Database::at(cluster.url("postgres"));
    database.seed(&[campaign("Spring").code("A", None)]).await;
    let key = database.key(ORG, "service");
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, folder) = (silent.local_addr().unwrap().port(), folder(&cluster).replace('/', "%2F"));
    for settings in ["", "?connect_timeout=30"] {
        let url = format!("postgres://promolink@127.0.0.1:{port},{folder}:5432/postgres{settings}");
        let server = Server::serve(&Database::at(url), &[]);
        assert_links_resume(&server, &key).await;
    }
}

async fn refuses_links(caller: &Caller) {
    let query = "mutation { linkPromotionCode(input: { customerId: 2, code: \"A\", mode: DISCOUNT }) { id } }";
    let response = caller.request(&json!({ "query": query })).send().await.unwrap();
    assert_eq!(response.status(), 503);
    assert!(response.headers().contains_key("retry-after"));
    let response: serde_json::Value = response.json().await.unwrap();
    assert_eq!(code_of(&response), "OVERLOADED");
    assert_eq!(response["errors"][0]["extensions"]["retryable"], true);
}

async fn assert_links_resume(server: &Server, key: &str) {
    let (caller, back) = (server.caller(key), Instant::now());
    while code_of(&caller.link(3, "A").await) != "OK" {
        assert!(back.elapsed() < SOON, "no link succeeds");
        sleep(Duration::from_millis(10)).await;
    }
    while reqwest::get(server.url("/ready")).await.unwrap().status() != 200 {
        assert!(back.elapsed() < SOON, "the server is not ready");
        sleep(Duration::from_millis(10)).await;
    }
}

/// Waits until a server is not ready. Returns the reason, except a lost connection, which may be the first one.
async fn not_ready(server: &Server) -> String {
    let started = Instant::now();
    loop {
        let ready = reqwest::get(server.url("/ready")).await.unwrap();
        let (status, text) = (ready.status(), ready.text().await.unwrap());
        if status == 503 && !text.contains("reached") {
            return text;
        }
        assert!(started.elapsed() < SOON, "{text}");
        sleep(Duration::from_millis(50)).await;
    }
}

fn folder(cluster: &Cluster) -> String {
    cluster.directory.to_string_lossy().into_owned()
}

/// A TCP proxy that connects clients to one of several servers.
struct Proxy {
    port: u16,
    leads_to: Arc<Mutex<PathBuf>>,
}

impl Proxy {
    async fn to(cluster: &Cluster) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let leads_to = Arc::new(Mutex::new(socket(&cluster.directory)));
        let target = Arc::clone(&leads_to);
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let target = target.lock().unwrap().clone();
                tokio::spawn(async move {
                    if let Ok(mut server) = UnixStream::connect(target).await {
                        let _ = copy_bidirectional(&mut client, &mut server).await;
                    }
                });
            }
        });
        Self { port, leads_to }
    }

    fn redirect_to(&self, cluster: &Cluster) {
        *self.leads_to.lock().unwrap() = socket(&cluster.directory);
    }

    fn url(&self) -> String {
        format!("postgres://promolink@127.0.0.1:{}/postgres", self.port)
    }
}

fn socket(folder: &Path) -> PathBuf {
    folder.join(".s.PGSQL.5432")
}
