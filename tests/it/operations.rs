//! What operators rely on: probes, metrics, the log, migration at the start, shutdown and replicas.

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader},
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{Cluster, Database, ORG, Server, campaign, code_of, on_both_databases, program, raw};

pub const METRICS: (&str, &str) = ("PROMOLINK_METRICS_LISTEN", "127.0.0.1:0");

on_both_databases! {
    async fn probes_are_public_and_metrics_are_not(database: Database) {
        database.seed(&[campaign("Spring").code("A", None)]).await;
        let server = Server::serve(&database, &[]);
        assert_eq!(get(&server.url("/health")).await, (200, "alive\n".to_owned()));
        assert_eq!(get(&server.url("/ready")).await, (200, "ready\n".to_owned()));
        assert_eq!(get(&server.url("/metrics")).await.0, 404, "callers can't read metrics");
        let (status, metrics) = get(&Server::start(&database).url("/metrics")).await;
        assert!(status == 200 && metrics.contains("promolink_build_info"), "`dev` serves only its own machine");
    }

    async fn serve_migrates_if_configured_and_otherwise_names_the_command(database: Database) {
        let output = program().args(["serve", "--listen", "127.0.0.1:0"]).env("DATABASE_URL", &database.url).output();
        let errors = String::from_utf8(output.unwrap().stderr).unwrap();
        assert!(errors.contains("promolink migrate"), "{errors}");
        let servers = std::thread::scope(|scope| {
            let start = || Server::serve(&database, &[("PROMOLINK_MIGRATE", "true")]);
            [(); 2].map(|()| scope.spawn(start)).map(|thread| thread.join().unwrap())
        });
        for server in &servers {
            assert_eq!(get(&server.url("/ready")).await.0, 200);
        }
    }

    async fn the_metrics_count_links_requests_and_documents(database: Database) {
        database.seed(&[campaign("Spring").code("A", Some(1))]).await;
        let key = database.key(ORG, "service");
        let server = Server::serve(&database, &[METRICS]);
        let caller = server.caller(&key);
        assert_eq!(code_of(&caller.link(1, "A").await), "OK");
        assert_eq!(code_of(&caller.link(2, "A").await), "CODE_ALREADY_LINKED");
        let named = json!({ "query": "query Mine { customerPromotions(customerId: 1) { nodes { id } } }" });
        caller.post(&named).await;
        let metrics = metrics_of(&server).await;
        for line in [
            "promolink_links_total{outcome=\"LINKED\"} 1",
            "promolink_links_total{outcome=\"CODE_ALREADY_LINKED\"} 1",
            "promolink_requests_total{operation=\"unnamed\",status=\"200\",error=\"CODE_ALREADY_LINKED\"} 1",
            "promolink_requests_total{operation=\"Mine\",status=\"200\",error=\"none\"} 1",
            "promolink_request_seconds_count{operation=\"Mine\"} 1",
            "promolink_link_batch_size_count 2",
            "promolink_link_batch_seconds_count 2",
            "promolink_link_queue_seconds_count 2",
            "promolink_link_queue_length 0",
            "promolink_documents_total{cache=\"miss\"} 2",
            "promolink_documents_total{cache=\"hit\"} 1",
            concat!("promolink_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1"),
        ] {
            assert!(metrics.lines().any(|there| there == line), "{line}\n{metrics}");
        }
        // Metrics come with their descriptions.
        assert!(metrics.contains("# HELP promolink_links_total "), "{metrics}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_request_is_logged_as_one_line_of_json() {
    let database = Database::sqlite();
    database.seed(&[campaign("Spring").code("A", Some(1))]).await;
    let key = database.key(ORG, "service");
    let server = Server::serve(&database, &[]);
    let body = json!({ "query": "query Mine { customerPromotions(customerId: 1) { nodes { id } } }" });
    let request = server.caller(&key).request(&body).header("x-request-id", "the-one");
    assert_eq!(request.send().await.unwrap().status(), 200);
    let log = server.log();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let answered: Vec<_> = lines.iter().filter(|line| line["target"] == "promolink::request").collect();
    let [line] = answered[..] else { panic!("{log}") };
    assert_eq!((&line["operation"], &line["status"], &line["level"]), (&json!("Mine"), &json!(200), &json!("INFO")));
    assert_eq!((&line["id"], &line["method"], &line["path"]), (&json!("the-one"), &json!("POST"), &json!("/graphql")));
    assert!(line["credential"].as_str().unwrap().starts_with("service key "), "{line}");
    assert!(line["duration_seconds"].as_f64().unwrap() > 0.0, "{line}");
    assert!(!log.contains("customerId"), "no part of the document is logged: {log}");
}

/// Including requests outside `/graphql`, where the caller chooses the method and the path.
#[tokio::test(flavor = "multi_thread")]
async fn the_log_says_why_a_request_was_rejected() {
    let database = Database::sqlite();
    database.open().await;
    let key = database.key(ORG, "service");
    let closed = Server::serve(&database, &[]);
    let open = Server::serve(&database, &[("PROMOLINK_CORS_ORIGINS", "https://shop.example")]);
    let endless = format!("/{}", "x".repeat(1_000));
    let refused = "pages of this origin may not call: permit them by --cors-origin";
    for server in [&closed, &open] {
        let client = reqwest::Client::new();
        for origin in ["https://other.example", "https://shop.example"] {
            let preflight = client.request(reqwest::Method::OPTIONS, server.url("/graphql")).header("origin", origin);
            preflight.header("access-control-request-method", "POST").send().await.unwrap();
        }
        for path in ["/nothing?code=HIDDEN", &endless] {
            client.delete(server.url(path)).send().await.unwrap();
        }
        let caller = server.caller(&key);
        caller.request(&json!({ "query": 1 })).send().await.unwrap();
        client.post(server.url("/graphql")).send().await.unwrap();
        let log = server.log();
        let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
        let line = |method: &str, path: &str| {
            let found = lines.iter().filter(|line| line["method"] == method && line["path"] == path);
            found.collect::<Vec<_>>()
        };
        let preflights: Vec<_> =
            line("OPTIONS", "/graphql").iter().map(|line| (&line["origin"], &line["reason"])).collect();
        let (other, shop) = (json!("https://other.example"), json!("https://shop.example"));
        let refused = json!(refused);
        let expected = if std::ptr::eq(server, &raw const open) { vec![&other] } else { vec![&other, &shop] };
        assert_eq!(preflights, expected.into_iter().map(|origin| (origin, &refused)).collect::<Vec<_>>(), "{log}");
        assert_eq!((line("DELETE", "/nothing").len(), line("DELETE", &endless[..64]).len()), (1, 1), "{log}");
        let reasons: Vec<_> = line("POST", "/graphql").iter().map(|line| line["reason"].as_str().unwrap()).collect();
        assert!(reasons[0].starts_with("The body must be a JSON object"), "{log}");
        assert_eq!(reasons[1..], ["there is no credential"], "{log}");
        assert!(!log.contains("HIDDEN"), "{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_log_line_has_the_request_id_once() {
    let database = Database::sqlite();
    let server = Server::start_logging(&database, "info");
    let body = json!({ "query": "{ __typename }" });
    assert_eq!(server.request(&body).header("x-request-id", "the-one").send().await.unwrap().status(), 200);
    let log = server.log();
    let line = log.lines().find(|line| line.contains("promolink::request")).expect(&log);
    assert_eq!(line.matches("the-one").count(), 1, "{line}");
    assert!(line.contains("method=\"POST\"") && line.contains("path=\"/graphql\""), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_logged_and_its_change_committed_after_the_client_disconnects() {
    let database = Database::postgres();
    database.seed(&[campaign("Spring").code("LOCKED", None)]).await;
    let key = database.key(ORG, "service");
    let server = Server::serve(&database, &[METRICS]);
    let caller = server.caller(&key);
    let mut session = database.session().await;
    session.run("BEGIN; SELECT 1 FROM promotion_codes WHERE folded = 'locked' FOR UPDATE").await;
    let query = "mutation Gone($input: LinkPromotionCodeInput!) { linkPromotionCode(input: $input) { id } }";
    let input = json!({ "customerId": 1, "code": "LOCKED", "mode": "DISCOUNT" });
    let request = caller.request(&json!({ "query": query, "variables": { "input": input } }));
    let sent = request.header("x-request-id", "gone").timeout(Duration::from_millis(400)).send().await;
    assert!(sent.is_err_and(|error| error.is_timeout()));
    let started = Instant::now();
    let line = loop {
        let log = server.log();
        let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).expect(line));
        if let Some(line) = lines.into_iter().find(|line| line["id"] == "gone") {
            break line;
        }
        assert!(started.elapsed() < Duration::from_secs(5), "{log}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    assert_eq!((&line["status"], &line["operation"]), (&json!(499), &json!("Gone")), "{line}");
    assert_eq!((&line["method"], &line["path"]), (&json!("POST"), &json!("/graphql")), "{line}");
    assert!(line["duration_seconds"].as_f64().unwrap() >= 0.1, "{line}");
    session.run("ROLLBACK").await;
    let count = async || database.session().await.number("SELECT count(*) AS number FROM promotions").await;
    while count().await == 0 {
        assert!(started.elapsed() < Duration::from_secs(5), "the link in progress was abandoned");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let counted = "promolink_requests_total{operation=\"Gone\",status=\"499\",error=\"none\"} 1";
    assert!(metrics_of(&server).await.contains(counted));
}

#[tokio::test(flavor = "multi_thread")]
async fn operations_beyond_the_first_hundred_share_their_metrics() {
    let database = Database::sqlite();
    database.open().await;
    let key = database.key(ORG, "service");
    let server = Server::serve(&database, &[METRICS]);
    // An operation name that the document lacks does not become a label.
    server.caller(&key).post(&json!({ "query": "{ __typename }", "operationName": "Nobody" })).await;
    for number in 0..110 {
        let query = format!("query Number{number} {{ customerPromotions(customerId: 1) {{ nodes {{ id }} }} }}");
        server.caller(&key).data(&query, Value::Null).await;
    }
    let metrics = metrics_of(&server).await;
    let others = "promolink_requests_total{operation=\"other\",status=\"200\",error=\"none\"} 10";
    assert!(metrics.lines().any(|line| line == others) && !metrics.contains("Nobody"), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn operation_names_of_untrusted_callers_are_not_metric_labels() {
    let database = Database::sqlite();
    database.open().await;
    let manifest = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(manifest.path(), json!({ "71f7": "query Persisted { __typename }" }).to_string()).unwrap();
    let documents = ("PROMOLINK_DOCUMENTS", manifest.path().to_str().unwrap());
    let limits = ("PROMOLINK_LIMITS", "storefront.operations=none");
    let server = Server::serve(&database, &[METRICS, documents, limits]);
    let storefront = server.caller(&database.key(ORG, "storefront"));
    for number in 0..150 {
        storefront.data(&format!("query Strange{number} {{ __typename }}"), Value::Null).await;
    }
    assert_eq!(code_of(&storefront.post(&json!({ "documentId": "71f7" })).await), "OK");
    // The text of a persisted document counts like its id.
    storefront.data("query Persisted { __typename }", Value::Null).await;
    storefront.data("{ __typename }", Value::Null).await;
    server.caller(&database.key(ORG, "service")).data("query Trusted { __typename }", Value::Null).await;
    let metrics = metrics_of(&server).await;
    for (operation, count) in [("other", 150), ("Persisted", 2), ("unnamed", 1), ("Trusted", 1)] {
        let line =
            format!("promolink_requests_total{{operation=\"{operation}\",status=\"200\",error=\"none\"}} {count}");
        assert!(metrics.lines().any(|there| there == line), "{line}\n{metrics}");
    }
    assert!(!metrics.contains("Strange"), "{metrics}");
    assert!(server.log().contains("\"operation\":\"Strange149\""), "the log has all names");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_without_a_reader_does_not_stop_the_server() {
    let database = Database::sqlite();
    database.open().await;
    let key = database.key(ORG, "service");
    let mut server = Server::serve_unread(&database, &[METRICS, ("PROMOLINK_LIMITS", "service.operations=none")]);
    let authorization = format!("authorization: Bearer {key}\r\n");
    let flood = (0..4).map(|_| raw::pipeline(&server.address, "GET /graphql", &authorization, 5_000));
    let answered: usize = join_all(flood).await.iter().map(|responses| responses.matches("HTTP/1.1 400").count()).sum();
    assert_eq!(answered, 20_000);
    let metrics = metrics_of(&server).await;
    let dropped = metrics.lines().find_map(|line| line.strip_prefix("promolink_log_lines_dropped_total "));
    assert!(dropped.unwrap().parse::<u64>().unwrap() > 10_000, "{metrics}");

    let log = BufReader::new(server.unread_log());
    let told = tokio::task::spawn_blocking(move || {
        let mut lines = log.lines().map(Result::unwrap);
        lines.find(|line| line.contains("lines were dropped"))
    });
    let told = tokio::time::timeout(Duration::from_secs(15), told).await.expect("a report of dropped lines").unwrap();
    assert!(told.unwrap().contains("\"dropped\":"));
    assert_eq!(get(&server.url("/health")).await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_shutting_down_is_not_ready_but_still_serves() {
    let database = Database::sqlite();
    database.seed(&[campaign("Spring").code("A", None)]).await;
    let key = database.key(ORG, "service");
    let server = Server::serve(&database, &[("PROMOLINK_SHUTDOWN_DELAY", "2s")]);
    let asked = Instant::now();
    server.ask_to_end();
    while get(&server.url("/ready")).await.0 == 200 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(asked.elapsed() < Duration::from_millis(1500), "{:?}", asked.elapsed());
    assert_eq!(get(&server.url("/ready")).await, (503, "not ready: the server is shutting down\n".to_owned()));
    assert_eq!(code_of(&server.caller(&key).link(1, "A").await), "OK");
    assert_eq!(server.ended(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn links_in_progress_finish_before_the_server_ends() {
    let database = Database::postgres();
    database.seed(&[campaign("Spring").code("LOCKED", None)]).await;
    let key = database.key(ORG, "service");
    let server = Server::serve(&database, &[]);
    let mut session = database.session().await;
    session.run("BEGIN; SELECT 1 FROM promotion_codes WHERE folded = 'locked' FOR UPDATE").await;
    let caller = server.caller(&key);
    let link = tokio::spawn(async move { caller.link(1, "LOCKED").await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    server.ask_to_end();
    tokio::time::sleep(Duration::from_millis(100)).await;
    session.run("ROLLBACK").await;
    assert_eq!(code_of(&link.await.unwrap()), "OK");
    assert_eq!(server.ended(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_the_server_immediately() {
    let database = Database::sqlite();
    database.open().await;
    let server = Server::serve(&database, &[("PROMOLINK_SHUTDOWN_DELAY", "1m")]);
    server.ask_to_end();
    tokio::time::sleep(Duration::from_millis(100)).await;
    server.ask_to_end();
    assert_eq!(server.ended(), Some(130));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_follows_the_primary_serves_queries() {
    let primary = Cluster::start("");
    let database = Database::at(primary.url("postgres"));
    database.seed(&[campaign("Spring").code("A", None)]).await;
    let key = database.key(ORG, "admin");
    let follower = primary.replica();
    let replica = Database::at(follower.url("postgres"));
    let server = Server::serve(&database, &[("READ_DATABASE_URL", &replica.url), METRICS]);
    let caller = server.caller(&key);
    assert_eq!(code_of(&caller.link(1, "A").await), "OK");
    let linked = Instant::now();
    let everything = "{ customerPromotions(customerId: 1) { nodes { code active redemptions { nodes { id } } } }
        promotionCodes(codes: [\"A\"], mode: DISCOUNT) { linkCount promotions { nodes { id } } campaign { name } }
        campaigns { nodes { name codes { nodes { code } } } } }";
    loop {
        let data = caller.data(everything, Value::Null).await;
        if data["promotionCodes"][0]["linkCount"] == 1 && data["customerPromotions"]["nodes"][0]["code"] == "A" {
            break;
        }
        assert!(linked.elapsed() < Duration::from_secs(5), "{data:#}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let mut session = replica.session().await;
    let reads = "SELECT count(*) AS number FROM pg_stat_activity
        WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
    assert!(session.number(reads).await > 0, "the replica got no query");
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_read_from_the_replica_and_mutations_from_the_primary() {
    let (database, replica) = (Database::postgres(), Database::postgres());
    database.seed(&[campaign("Spring").code("A", None)]).await;
    replica.open().await;
    let key = database.key(ORG, "service");
    let server = Server::serve(&database, &[("READ_DATABASE_URL", &replica.url)]);
    let caller = server.caller(&key);
    // The replica is empty, like one that lags.
    assert_eq!(code_of(&caller.link(1, "A").await), "OK");
    let wallet = caller.data("{ customerPromotions(customerId: 1) { nodes { id } } }", Value::Null).await;
    assert_eq!(wallet["customerPromotions"]["nodes"], json!([]));
    let redeem =
        "mutation { redeemPromotion(input: { customerId: 1, code: \"A\", mode: DISCOUNT, transactionId: \"t\" })
        { promotion { code redemptions { nodes { transactionId } } } } }";
    let redeemed = caller.data(redeem, Value::Null).await;
    let promotion = json!({ "code": "A", "redemptions": { "nodes": [{ "transactionId": "t" }] } });
    assert_eq!(redeemed["redeemPromotion"]["promotion"], promotion);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documentation_and_the_dashboard_list_every_metric() {
    let database = Database::postgres();
    database.seed(&[campaign("Spring").code("A", None)]).await;
    let settings = [METRICS, ("READ_DATABASE_URL", &database.url), ("PROMOLINK_LIMITS", "service.links=1")];
    let server = Server::serve(&database, &settings);
    let caller = server.caller(&database.key(ORG, "service"));
    assert_eq!(code_of(&caller.link(1, "A").await), "OK");
    assert_eq!(code_of(&caller.link(2, "A").await), "RATE_LIMITED");
    // A check counts as a link.
    let check = "{ checkPromotionCode(input: { customerId: 1, code: \"A\", mode: DISCOUNT }) { linkable } }";
    assert_eq!(code_of(&caller.execute(check, Value::Null).await), "RATE_LIMITED");
    // An endpoint that can't be reached has a backlog.
    let admin = server.caller(&database.key(ORG, "admin"));
    let create = "mutation { createWebhookEndpoint(input: { url: \"https://hooks.invalid\" }) { secret } }";
    admin.data(create, Value::Null).await;
    let mut metrics = metrics_of(&server).await;
    for _ in 0..40 {
        if metrics.contains("promolink_webhook_backlog_seconds{") && metrics.contains("outcome=\"unreachable\"") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
        metrics = metrics_of(&server).await;
    }
    let types = metrics.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let measured: BTreeSet<&str> = types.filter_map(|line| line.split(' ').next()).collect();

    let rows = include_str!("../../docs/observability.md").lines().filter(|line| line.starts_with("| `promolink_"));
    let told: BTreeSet<&str> = rows.flat_map(names_in).collect();
    assert_eq!(told, measured);

    let shown: BTreeSet<&str> = names_in(include_str!("../../deploy/grafana.json"))
        .map(|name| ["_bucket", "_sum", "_count"].iter().find_map(|part| name.strip_suffix(part)).unwrap_or(name))
        .collect();
    assert_eq!(shown, measured);
}

/// The metric names in a text.
fn names_in(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !c.is_ascii_lowercase() && c != '_');
    words.filter(|word| word.starts_with("promolink_"))
}

async fn get(url: &str) -> (u16, String) {
    let response = reqwest::get(url).await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

pub async fn metrics_of(server: &Server) -> String {
    let line = server.greeting.lines().find(|line| line.starts_with("Metrics are at ")).unwrap();
    get(line.trim_start_matches("Metrics are at ")).await.1
}
