//! Authentication: API keys, customer tokens, and responses to invalid credentials.

use std::{
    process::Command,
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::support::{Database, ORG, Server, campaign, code_of, issuer, on_all_databases, program};

const WALLET: &str = "query($id: Long!) { customerPromotions(customerId: $id) { nodes { id customerId } } }";

on_all_databases! {
    async fn a_key_is_valid_until_it_is_revoked(database: Database) {
        database.seed(&[campaign("Spring").code("A", None)]).await;
        let server = Server::serve(&database, &[]);
        let key = database.key(ORG, "service");
        let caller = server.caller(&key);
        assert_eq!(code_of(&caller.link(1, "A").await), "OK");
        assert!(keys(&database).contains("valid"), "{}", keys(&database));

        let id = id_of(&key);
        let revoke = || text(&mut promolink(&database, &["key", "revoke", "--org", "100458", &id]));
        let revoked = revoke();
        assert!(revoked.starts_with(&format!("revoked {id} on 20")), "{revoked}");
        assert_eq!(revoke(), revoked, "revoking again changes nothing");
        sleep(Duration::from_millis(5_100)).await;
        assert_eq!(code_of(&caller.link(1, "A").await), "UNAUTHENTICATED");
        let list = keys(&database);
        assert!(list.contains("revoked") && !list.contains("valid"), "{list}");
        assert!(server.log().contains("the API key was revoked"), "{}", server.log());
    }

    async fn a_whole_key_can_be_revoked_and_is_not_printed(database: Database) {
        database.open().await;
        let key = database.key(ORG, "service");
        let revoke = |org: i64, key: &str| {
            let output = promolink(&database, &["key", "revoke", "--org", &org.to_string(), key]).output().unwrap();
            let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
            (output.status.success(), said)
        };
        let secret = &key[key.len() - 64..];
        for (org, shown, expected) in [
            (ORG + 1, key.as_str(), format!("revoke it with --org {ORG}")),
            (ORG, &key[..key.len() - 1], "neither a whole API key nor the id of one".to_owned()),
            (ORG, secret, "neither a whole API key nor the id of one".to_owned()),
        ] {
            let (revoked, said) = revoke(org, shown);
            assert!(!revoked && said.contains(&expected) && !said.contains(&secret[..60]), "{said}");
        }
        assert!(keys(&database).contains("valid"));
        let (revoked, said) = revoke(ORG, &key);
        assert!(revoked && said.starts_with(&format!("revoked {} on 20", id_of(&key))), "{said}");
        assert!(!said.contains(secret), "{said}");
        assert!(!keys(&database).contains("valid"));
    }

    async fn the_last_use_of_a_key_is_recorded(database: Database) {
        database.open().await;
        let server = Server::serve(&database, &[]);
        let key = database.key(ORG, "admin");
        let last_used = |list: String| list.lines().nth(1).unwrap().split_whitespace().nth(5).unwrap().to_owned();
        assert_eq!(last_used(keys(&database)), "-");
        for _ in 0..20 {
            server.caller(&key).data("{ __typename }", Value::Null).await;
        }
        for _ in 0..50 {
            if last_used(keys(&database)).starts_with("20") {
                return;
            }
            sleep(Duration::from_millis(100)).await;
        }
        panic!("{}", keys(&database));
    }

    async fn a_key_is_valid_only_for_its_organisation(database: Database) {
        database.open().await;
        let server = Server::serve(&database, &[]);
        let key = database.key(ORG, "admin");
        database.key(ORG + 1, "admin");
        let moved = key.replace(&ORG.to_string(), &(ORG + 1).to_string());
        assert_eq!(code_of(&server.caller(&key).execute("{ __typename }", Value::Null).await), "OK");
        assert_eq!(code_of(&server.caller(&moved).execute("{ __typename }", Value::Null).await), "UNAUTHENTICATED");
    }
}

on_all_databases! {
    async fn an_uncached_key_does_not_wait_behind_guesses(database: Database) {
        const GUESSES: usize = 2000;
        database.open().await;
        let key = database.key(ORG, "service");
        let server = Server::serve(&database, &[("RUST_LOG", "promolink::sql=debug")]);
        let guesses = (0..GUESSES).map(|number| {
            // For several organisations.
            let guess = format!("plk_{}_{}_{}", ORG + i64::try_from(number % 7).unwrap(), uuid::Uuid::from_u128(number as u128).simple(), "0".repeat(64));
            let server = &server;
            async move { server.caller(&guess).send("{ __typename }", Value::Null).await.status().as_u16() }
        });
        let valid = async {
            sleep(Duration::from_millis(50)).await;
            let asked = Instant::now();
            let answer = server.caller(&key).execute("{ __typename }", Value::Null).await;
            (code_of(&answer).to_owned(), asked.elapsed())
        };
        let (statuses, (code, took)) = tokio::join!(join_all(guesses), valid);
        assert_eq!(code, "OK");
        assert!(took < Duration::from_secs(1), "{took:?}");
        assert!(statuses.iter().all(|status| *status == 401), "{statuses:?}");
        let statements = server.log().lines().filter(|line| line.contains("api_keys")).count();
        println!("{took:?}, {statements} statements");
        assert!((1..GUESSES / 2).contains(&statements), "{statements} statements");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_without_a_valid_credential_are_rejected() {
    let database = Database::sqlite();
    database.open().await;
    let server = Server::serve(&database, &[]);
    let key = database.key(ORG, "admin");
    let other = database.key(ORG, "admin");
    let (id, secret) = (&key[..key.len() - 64], &key[key.len() - 64..]);
    let wrong_secret = format!("{id}{}", &other[other.len() - 64..]);
    let shouted = format!("{id}{}", secret.to_uppercase());
    let no_such = key.replace(&key[11..43], &"0".repeat(32));
    let body = json!({ "query": "{ __typename }" });
    let ask = async |authorization: Option<&str>| {
        let request = server.request(&body);
        let request = authorization.iter().fold(request, |request, value| request.header("authorization", *value));
        let response = request.send().await.unwrap();
        let (status, challenge) = (response.status().as_u16(), response.headers().get("www-authenticate").cloned());
        let challenge = challenge.map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
        (status, challenge, response.json::<Value>().await.unwrap())
    };
    let (status, challenge, response) = ask(None).await;
    assert_eq!((status, challenge.as_str(), code_of(&response)), (401, "Bearer", "UNAUTHENTICATED"));
    for credential in [&wrong_secret, &shouted, &no_such, &key[..key.len() - 1], "plk_", "x", "", "a.b.c"] {
        let (status, challenge, response) = ask(Some(&format!("Bearer {credential}"))).await;
        assert_eq!((status, code_of(&response)), (401, "UNAUTHENTICATED"), "{credential}");
        assert_eq!(challenge, "Bearer error=\"invalid_token\"");
        assert_eq!(response["data"], Value::Null);
    }
    assert_eq!(ask(Some(&format!("Basic {key}"))).await.0, 401);
    assert_eq!(ask(Some(&key)).await.0, 401);
    let (status, _, response) = ask(Some(&format!("bearer {key}"))).await;
    assert_eq!((status, &response["data"]["__typename"]), (200, &json!("Query")));
    let twice = server.request(&body).bearer_auth(&key).bearer_auth(&key).send().await.unwrap();
    assert_eq!(twice.status(), 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_key_is_rejected() {
    let database = Database::sqlite();
    database.open().await;
    let server = Server::serve(&database, &[]);
    let create = ["key", "create", "--org", "100458", "--role", "admin", "--expires-in", "4s"];
    let key = text(&mut promolink(&database, &create)).trim_end().to_owned();
    assert_eq!(code_of(&server.caller(&key).execute("{ __typename }", Value::Null).await), "OK");
    sleep(Duration::from_millis(4_100)).await;
    assert_eq!(code_of(&server.caller(&key).execute("{ __typename }", Value::Null).await), "UNAUTHENTICATED");
    assert!(keys(&database).contains("expired"), "{}", keys(&database));
}

#[tokio::test]
async fn standard_output_contains_only_the_new_key() {
    let database = Database::sqlite();
    database.open().await;
    let create = ["key", "create", "--org", "7", "--role", "storefront", "--name", "the app"];
    let output = promolink(&database, &create).output().unwrap();
    let (key, remarks) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(key.starts_with("plk_7_") && key.len() == 104 && key.ends_with('\n'), "{key}");
    assert!(remarks.contains("Organisation 7 is new.") && remarks.contains("shown only once"), "{remarks}");
    assert!(!remarks.contains(&key[key.len() - 65..key.len() - 1]));
    let again = promolink(&database, &create).output().unwrap();
    assert!(!String::from_utf8(again.stderr).unwrap().contains("is new"));
    let list = text(&mut promolink(&database, &["key", "list", "--org", "7"]));
    assert!(list.starts_with("ID  ") && list.lines().count() == 3 && list.contains("storefront"), "{list}");
    assert!(list.lines().nth(1).unwrap().ends_with("the app"), "{list}");
    assert_eq!(text(&mut promolink(&database, &["key", "list", "--org", "8"])).lines().count(), 1);
}

#[test]
fn unusable_key_arguments_are_explained() {
    let database = Database::sqlite();
    text(&mut promolink(&database, &["migrate"]));
    let unknown = "00000000-0000-7000-8000-000000000000";
    for (arguments, expected) in [
        (&["create", "--org", "7", "--role", "customer"][..], "[possible values: admin, service, storefront]"),
        (&["create", "--org", "7", "--role", "admin", "--expires-in", "0s"], "--expires-in"),
        (&["create", "--org", "7", "--role", "admin", "--expires-in", "9000000y"], "--expires-in"),
        (&["create", "--org", "7", "--role", "admin", "--name", "a\nb"], "control character"),
        (&["create", "--org", "-7", "--role", "admin"], "--org"),
        (&["revoke", "--org", "7", unknown], "has no key"),
    ] {
        let output = promolink(&database, &[&["key"], arguments].concat()).output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && errors.contains(expected), "{arguments:?}: {errors}");
        assert!(output.stdout.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_stored_or_logged() {
    let database = Database::sqlite();
    database.seed(&[campaign("Spring").code("SPRING-0042", Some(1))]).await;
    let variables = [&issuer::VARIABLES[..], &[("RUST_LOG", "trace")]].concat();
    let server = Server::serve(&database, &variables);
    let (storefront, admin, token) =
        (database.key(ORG, "storefront"), database.key(ORG, "admin"), issuer::token(ORG, 987_654_321));
    for credential in [&storefront, &admin, &token] {
        server.caller(credential).link(987_654_321, "SPRING-0042").await;
        server.caller(&format!("{credential}0")).link(987_654_321, "SPRING-0042").await;
    }
    server.caller(&storefront).link(123_456_789, "SPRING-0042").await;
    let log = server.log();
    assert!(log.contains("a code was not linked") && log.contains("CODE_ALREADY_LINKED"), "{log}");
    let signature = token.rsplit('.').next().unwrap();
    let secrets = [&storefront[storefront.len() - 64..], &admin[admin.len() - 64..], signature];
    for hidden in secrets.into_iter().chain(["987654321", "123456789", "SPRING-0042", "shares with the server"]) {
        assert!(!log.contains(hidden), "{hidden} is in the log");
    }
    let path = database.url.trim_start_matches("sqlite:");
    for file in [path.to_owned(), format!("{path}-wal")] {
        let stored = String::from_utf8_lossy(&std::fs::read(file).unwrap_or_default()).into_owned();
        assert!(secrets.iter().all(|secret| !stored.contains(secret)));
    }
}

on_all_databases! {
    async fn a_customer_acts_only_for_itself(database: Database) {
        database.seed(&[campaign("Spring").code("MINE", None).code("THEIRS", None)]).await;
        let server = Server::serve(&database, &issuer::VARIABLES);
        let service = server.caller(&database.key(ORG, "service"));
        let theirs = service.link(2, "THEIRS").await["data"]["linkPromotionCode"]["id"].take();
        let customer = server.caller(&issuer::token(ORG, 1));
        let mine = customer.link(1, "MINE").await["data"]["linkPromotionCode"]["id"].take();

        let refused = customer.link(2, "MINE").await;
        assert_eq!((code_of(&refused), &refused["errors"][0]["extensions"]["field"]), ("FORBIDDEN", &json!("customerId")));
        let links = "mutation { linkPromotionCodes(input: [{ customerId: 2, code: \"MINE\", mode: DISCOUNT }, { customerId: 1, code: \"MINE\", mode: DISCOUNT }]) { promotion { id } error { code field } } }";
        assert_eq!(
            customer.data(links, Value::Null).await["linkPromotionCodes"],
            json!([{ "promotion": null, "error": { "code": "FORBIDDEN", "field": "customerId" } }, { "promotion": { "id": mine }, "error": null }])
        );
        assert_eq!(code_of(&customer.execute(WALLET, json!({ "id": 2 })).await), "FORBIDDEN");
        let wallet = customer.data(WALLET, json!({ "id": 1 })).await;
        assert_eq!(wallet["customerPromotions"]["nodes"], json!([{ "id": mine, "customerId": 1 }]));
        let promotion = "query($id: ID!) { promotion(id: $id) { customerId customer { id promotions { nodes { code } } } } }";
        assert_eq!(customer.data(promotion, json!({ "id": theirs })).await["promotion"], Value::Null);
        let own = customer.data(promotion, json!({ "id": mine })).await;
        assert_eq!(own["promotion"]["customer"], json!({ "id": "1", "promotions": { "nodes": [{ "code": "MINE" }] } }));
        let unlink = "mutation($id: ID!) { unlinkPromotion(id: $id) { id } }";
        assert_eq!(code_of(&customer.execute(unlink, json!({ "id": mine })).await), "FORBIDDEN");
        assert_eq!(service.data(WALLET, json!({ "id": 2 })).await["customerPromotions"]["nodes"][0]["id"], theirs);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_and_incomplete_tokens_are_rejected() {
    let database = Database::sqlite();
    database.open().await;
    let server = Server::serve(&database, &issuer::VARIABLES);
    let good = issuer::token(ORG, 1);
    let [header, claims, signature] = good.split('.').collect::<Vec<_>>()[..] else { panic!("{good}") };
    let with = |name: &str, value: Value| {
        let mut claims = issuer::claims(ORG, 1);
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value;
        }
        issuer::sign(&claims)
    };
    let none = URL_SAFE_NO_PAD.encode(br#"{"alg":"none","typ":"JWT"}"#);
    let other_customer = URL_SAFE_NO_PAD.encode(issuer::claims(ORG, 2).to_string().as_bytes());
    let forged = [
        ("algorithm none", format!("{none}.{claims}.")),
        ("algorithm none, with a signature", format!("{none}.{claims}.{signature}")),
        ("another customer's claims", format!("{header}.{other_customer}.{signature}")),
        ("signature cut off", format!("{header}.{claims}.")),
        ("signature damaged", format!("{header}.{claims}.{}", signature.chars().rev().collect::<String>())),
        ("no third part", format!("{header}.{claims}")),
        ("expired", with("exp", json!(issuer::in_seconds(-120)))),
        ("never expires", with("exp", Value::Null)),
        ("not yet valid", with("nbf", json!(issuer::in_seconds(120)))),
        ("another issuer", with("iss", json!("https://accounts.example.evil"))),
        ("no issuer", with("iss", Value::Null)),
        ("another audience", with("aud", json!("promolink-staging"))),
        ("no audience", with("aud", Value::Null)),
        ("no customer", with("sub", Value::Null)),
        ("a customer that is no number", with("sub", json!("-1"))),
        ("no organisation", with("org_id", Value::Null)),
    ];
    for (how, token) in &forged {
        let response = server.caller(token).send(WALLET, json!({ "id": 1 })).await;
        assert_eq!(response.status(), 401, "{how}");
        assert_eq!(code_of(&response.json().await.unwrap()), "UNAUTHENTICATED", "{how}");
    }
    assert_eq!(code_of(&server.caller(&good).execute(WALLET, json!({ "id": 1 })).await), "OK");
}

#[test]
fn unusable_settings_are_explained() {
    let database = Database::sqlite();
    text(&mut promolink(&database, &["migrate"]));
    let [issuer, audience, secret] = issuer::VARIABLES;
    for (variables, expected) in [
        (vec![issuer, audience], "is missing"),
        (vec![issuer, secret], "--jwt-audience"),
        (vec![secret], "--jwt-issuer"),
        (vec![issuer, audience, secret, ("PROMOLINK_JWKS", "keys.json")], "not several"),
        (vec![issuer, audience, ("PROMOLINK_JWT_SECRET", "hidden")], "32 bytes"),
        (vec![issuer, audience, ("PROMOLINK_JWT_SECRET_FILE", "/nowhere/secret")], "/nowhere/secret"),
        (vec![issuer, audience, ("PROMOLINK_JWKS", "/nowhere/keys.json")], "/nowhere/keys.json"),
        (vec![issuer, audience, ("PROMOLINK_JWKS", "http://accounts.example/keys")], "https"),
        (vec![("PROMOLINK_LIMITS", "storefront.links=0")], "from 1 to 4294967295, or none"),
        (vec![("PROMOLINK_LIMITS", "shop.links=1")], "unknown role shop: must be one of storefront"),
        (vec![issuer, ("PROMOLINK_JWT_AUDIENCE", ""), secret], "--jwt-audience"),
        (vec![("PROMOLINK_CORS_ORIGINS", "https://shop.example/")], "'https://shop.example/' for '--cors-origin"),
        (vec![("PROMOLINK_DOCUMENTS", "/nowhere/documents.json")], "/nowhere/documents.json"),
        (vec![("PROMOLINK_DOCUMENT_LIMITS", "depth=33")], "a number from 1 to 32"),
        (vec![("PROMOLINK_DOCUMENT_LIMITS", "size=33")], "\"size\" is not a limit: use nesting"),
    ] {
        let output = promolink(&database, &["serve"]).envs(variables.clone()).output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(2) && errors.contains(expected), "{variables:?}: {errors}");
        assert!(!errors.contains("hidden"), "{errors}");
    }
}

/// The id of a key, as `key list` prints it.
fn id_of(key: &str) -> String {
    key.split('_').nth(2).unwrap().parse::<uuid::Uuid>().unwrap().to_string()
}

fn keys(database: &Database) -> String {
    text(&mut promolink(database, &["key", "list", "--org", "100458"]))
}

fn promolink(database: &Database, arguments: &[&str]) -> Command {
    let mut command = program();
    command.args(arguments).env("DATABASE_URL", &database.url);
    command
}

#[track_caller]
fn text(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_key_set_is_loaded_without_a_restart() {
    let database = Database::sqlite();
    database.open().await;
    let file = tempfile::NamedTempFile::new().unwrap();
    let (old, new) = (issuer::SigningKey::new("2026-10"), issuer::SigningKey::new("2026-11"));
    let publish = |keys: &[&issuer::SigningKey]| std::fs::write(file.path(), issuer::key_set(keys)).unwrap();
    publish(&[&old]);
    let [issuer, audience, _] = issuer::VARIABLES;
    let variables = [issuer, audience, ("PROMOLINK_JWKS", file.path().to_str().unwrap())];
    let server = Server::serve(&database, &variables);
    let wallet =
        async |token: String| code_of(&server.caller(&token).execute(WALLET, json!({ "id": 1 })).await).to_owned();
    assert_eq!(wallet(old.token(ORG, 1)).await, "OK");
    assert_eq!(
        wallet(issuer::token(ORG, 1)).await,
        "UNAUTHENTICATED",
        "the key set does not contain the shared secret"
    );
    publish(&[&old, &new]);
    assert_eq!(wallet(new.token(ORG, 1)).await, "OK");
    assert_eq!(wallet(old.token(ORG, 1)).await, "OK");
}

#[test]
fn a_key_that_cannot_be_printed_is_revoked() {
    let database = Database::sqlite();
    text(&mut promolink(&database, &["migrate"]));
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut create = promolink(&database, &["key", "create", "--org", "100458", "--role", "admin"]);
    let output = create.stdout(full).output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && errors.contains("could not be shown, and was revoked"), "{errors}");
    let list = keys(&database);
    assert!(list.contains("revoked") && !list.contains("valid"), "{list}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_key_id_delays_a_rotated_key_only_by_seconds() {
    let database = Database::sqlite();
    database.open().await;
    let file = tempfile::NamedTempFile::new().unwrap();
    let keys = ["2026-10", "2026-11", "made up"].map(issuer::SigningKey::new);
    let [old, new, made_up] = &keys;
    std::fs::write(file.path(), issuer::key_set(&[old])).unwrap();
    let [issuer, audience, _] = issuer::VARIABLES;
    let server = Server::serve(&database, &[issuer, audience, ("PROMOLINK_JWKS", file.path().to_str().unwrap())]);
    let wallet =
        async |token: String| code_of(&server.caller(&token).execute(WALLET, json!({ "id": 1 })).await).to_owned();
    assert_eq!(wallet(made_up.token(ORG, 1)).await, "UNAUTHENTICATED");
    std::fs::write(file.path(), issuer::key_set(&[old, new])).unwrap();
    let rotated = Instant::now();
    while wallet(new.token(ORG, 1)).await != "OK" {
        assert!(rotated.elapsed() < Duration::from_secs(20), "the rotated key is still rejected");
        assert_eq!(wallet(made_up.token(ORG, 1)).await, "UNAUTHENTICATED");
        sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_names_the_key_set_that_cannot_be_fetched_and_the_cause() {
    let database = Database::sqlite();
    database.open().await;
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let other = listener.local_addr().unwrap();
    tokio::spawn(axum::serve(listener, axum::Router::new()).into_future());
    let [issuer, audience, _] = issuer::VARIABLES;
    for (url, cause) in [
        (format!("http://{free}/keys?secret=hidden"), "Connection refused"),
        (format!("http://{other}/keys?secret=hidden"), "404 Not Found"),
        ("https://accounts.invalid/keys?secret=hidden".to_owned(), "dns error"),
    ] {
        let server = Server::serve(&database, &[issuer, audience, ("PROMOLINK_JWKS", &url)]);
        let token = issuer::SigningKey::new("1").token(ORG, 1);
        let response = server.caller(&token).send(WALLET, json!({ "id": 1 })).await;
        assert_eq!(response.status(), 503);
        let log = server.log();
        let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let line = lines.iter().find(|line| line["message"] == "cannot read the keys of customer tokens").unwrap();
        assert_eq!(line["key_set"], url.split('?').next().unwrap());
        assert!(line["error"].as_str().unwrap().contains(cause), "{cause}: {line}");
        let answered = lines.iter().find(|line| line["target"] == "promolink::request").unwrap();
        assert_eq!(answered["reason"], "the customer token can't be checked");
        assert!(!log.contains("hidden"), "{log}");
    }
}
