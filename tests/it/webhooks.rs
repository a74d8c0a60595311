//! Webhooks: endpoints, and what receivers get.

#[allow(dead_code, reason = "the test does not call its main function")]
#[path = "../../examples/verify_webhook.rs"]
mod verify_webhook;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use standardwebhooks::Webhook;
use tokio::time::sleep;

use crate::support::{
    Answer, Caller, Database, LOCAL, Message, ORG, Receiver, Server, campaign, code_of, in_days, on_both_databases,
    program,
};

const ENDPOINT: &str = "id url eventTypes batchSize state createdOn deliveredPosition pending oldestPendingOn lastError
    nextAttemptOn";

async fn create(admin: &Caller, input: Value) -> (Value, String) {
    let query = format!(
        "mutation($input: CreateWebhookEndpointInput!) {{ createWebhookEndpoint(input: $input) {{ endpoint {{ {ENDPOINT} }} \
         secret }} }}"
    );
    let created = admin.data(&query, json!({ "input": input })).await["createWebhookEndpoint"].take();
    (created["endpoint"].clone(), created["secret"].as_str().unwrap().to_owned())
}

async fn endpoints(admin: &Caller) -> Vec<Value> {
    let query = format!("{{ webhookEndpoints {{ {ENDPOINT} }} }}");
    admin.data(&query, json!({})).await["webhookEndpoints"].as_array().unwrap().clone()
}

/// Waits until the only endpoint is as expected.
async fn endpoint_once(admin: &Caller, is_expected: impl Fn(&Value) -> bool) -> Value {
    for _ in 0..400 {
        let endpoint = endpoints(admin).await.remove(0);
        if is_expected(&endpoint) {
            return endpoint;
        }
        sleep(Duration::from_millis(25)).await;
    }
    panic!("the endpoint is {:#}", endpoints(admin).await[0]);
}

async fn change(admin: &Caller, mutation: &str, id: &Value) -> Value {
    let query = format!("mutation($id: ID!) {{ changed: {mutation} }}");
    admin.data(&query, json!({ "id": id })).await["changed"].take()
}

fn verify(message: &Message, secret: &str) -> Value {
    Webhook::new(secret).unwrap().verify(&message.body, &message.headers).expect("the signature is valid");
    serde_json::from_slice(&message.body).unwrap()
}

async fn start(database: &Database, codes: &str) -> (Server, Caller) {
    database.seed(&[campaign("Spring").code(codes, None)]).await;
    let key = database.key(ORG, "admin");
    let server = Server::serve(database, &LOCAL);
    let admin = server.caller(&key);
    (server, admin)
}

on_both_databases! {
    async fn a_receiver_gets_signed_events_in_order(database: Database) {
        let (_server, admin) = start(&database, "ONE").await;
        let receiver = Receiver::start(|_| Answer::Status(204)).await;
        let (endpoint, secret) = create(&admin, json!({ "url": receiver.url, "eventTypes": ["PROMOTION_LINKED"] })).await;
        assert_eq!((&endpoint["state"], &endpoint["batchSize"]), (&json!("ACTIVE"), &json!(1)));
        for customer in 1..=5 {
            assert_eq!(code_of(&admin.link(customer, "ONE").await), "OK");
        }
        let messages = receiver.messages(5).await;
        for (message, customer) in messages.iter().zip(1..) {
            let body = verify(message, &secret);
            assert_eq!((&body["type"], &body["data"]["customerId"]), (&json!("promotion.linked"), &json!(customer)));
            assert_eq!(message.headers["webhook-id"], body["id"].as_str().unwrap());
            assert_eq!(message.headers["content-type"], "application/json");
        }
        let done = endpoint_once(&admin, |endpoint| endpoint["pending"] == 0).await;
        assert_eq!((&done["oldestPendingOn"], &done["lastError"]), (&Value::Null, &Value::Null));
        assert_eq!(receiver.received().await.len(), 5);
    }

    async fn a_batch_has_up_to_its_size_of_events(database: Database) {
        let (_server, admin) = start(&database, "ONE").await;
        let receiver = Receiver::start(|_| Answer::Status(200)).await;
        let (endpoint, secret) = create(&admin, json!({ "url": receiver.url, "batchSize": 100 })).await;
        let link = |customer: i64| json!({ "customerId": customer, "code": "ONE", "mode": "DISCOUNT" });
        let input: Vec<Value> = (1..=250).map(link).collect();
        let query = "mutation($input: [LinkPromotionCodeInput!]!) { linkPromotionCodes(input: $input) { error { code } } }";
        admin.data(query, json!({ "input": input })).await;
        endpoint_once(&admin, |endpoint| endpoint["pending"] == 0).await;
        let mut positions = Vec::new();
        for message in receiver.received().await {
            let body = verify(&message, &secret);
            assert_eq!(body["type"], "events.batch");
            let events = verify_webhook::events(&secret, &message.headers, &message.body).unwrap();
            assert!((1..=100).contains(&events.len()), "{}", events.len());
            positions.extend(events.iter().map(|event| event.position));
        }
        // The endpoint's own creation comes first.
        let first = endpoint["deliveredPosition"].as_i64().unwrap() + 1;
        assert_eq!(positions, (first..=first + 250).collect::<Vec<_>>());
    }

    async fn a_failed_attempt_is_repeated_and_holds_up_only_its_own_endpoint(database: Database) {
        let (_server, admin) = start(&database, "ONE").await;
        let failing = Receiver::start(|number| if number == 0 { Answer::Status(500) } else { Answer::Status(200) }).await;
        let (_, secret) = create(&admin, json!({ "url": failing.url, "eventTypes": ["PROMOTION_LINKED"] })).await;
        assert_eq!(code_of(&admin.link(1, "ONE").await), "OK");
        let state = endpoint_once(&admin, |endpoint| endpoint["state"] == "FAILING").await;
        assert_eq!((&state["lastError"], &state["pending"]), (&json!("status 500"), &json!(1)));
        assert!(state["nextAttemptOn"].is_i64() && state["oldestPendingOn"].is_i64(), "{state:#}");
        let healthy = Receiver::start(|_| Answer::Status(200)).await;
        create(&admin, json!({ "url": healthy.url, "eventTypes": ["PROMOTION_LINKED"] })).await;
        assert_eq!(code_of(&admin.link(2, "ONE").await), "OK");
        healthy.messages(1).await;
        // After 5 to 5.5 seconds, the same message comes again, and then the next one.
        let messages = failing.messages(3).await;
        let bodies: Vec<Value> = messages.iter().map(|message| verify(message, &secret)).collect();
        assert_eq!(bodies[0], bodies[1]);
        assert_eq!(messages[0].headers["webhook-id"], messages[1].headers["webhook-id"]);
        assert_eq!(bodies[2]["data"]["customerId"], 2);
        endpoint_once(&admin, |endpoint| endpoint["state"] == "ACTIVE" && endpoint["lastError"].is_null()).await;
    }

    /// The times between the attempts are skipped, up to the last one.
    async fn an_endpoint_is_disabled_after_its_last_attempt(database: Database) {
        let (_server, admin) = start(&database, "ONE").await;
        let is_up = Arc::new(AtomicBool::new(false));
        let answers = Arc::clone(&is_up);
        let receiver = Receiver::start(move |number| match number {
            _ if answers.load(Ordering::Relaxed) => Answer::Status(200),
            0 => Answer::RetryAfter(60),
            _ => Answer::Status(500),
        })
        .await;
        let (endpoint, _) = create(&admin, json!({ "url": receiver.url, "eventTypes": ["PROMOTION_LINKED"] })).await;
        assert_eq!(code_of(&admin.link(1, "ONE").await), "OK");
        // The receiver asks for a minute instead of the first 5 seconds.
        for (attempts, seconds) in (1..).zip([60, 300, 1800, 7200, 18_000, 36_000, 36_000]) {
            receiver.messages(attempts).await;
            let now = in_days(0).millis();
            let failing = endpoint_once(&admin, |endpoint| endpoint["nextAttemptOn"].as_i64() > Some(now)).await;
            let delay = failing["nextAttemptOn"].as_i64().unwrap() - now;
            let range = seconds * 1000 - 2000..seconds * 1100 + 2000;
            assert!(range.contains(&delay), "{attempts}: {delay} ms");
            database.run("UPDATE webhook_endpoints SET next_attempt_on = 0").await;
        }
        let disabled = endpoint_once(&admin, |endpoint| endpoint["state"] == "DISABLED").await;
        assert_eq!((&disabled["lastError"], &disabled["pending"]), (&json!("status 500"), &json!(1)));
        assert_eq!(disabled["nextAttemptOn"], Value::Null);
        assert_eq!(receiver.received().await.len(), 8);
        is_up.store(true, Ordering::Relaxed);
        change(&admin, "updateWebhookEndpoint(input: { id: $id, enabled: true }) { id }", &endpoint["id"]).await;
        let active = endpoint_once(&admin, |endpoint| endpoint["pending"] == 0).await;
        assert_eq!((&active["state"], &active["lastError"]), (&json!("ACTIVE"), &Value::Null));
    }

    async fn a_failing_endpoint_is_tried_again_at_once_if_it_is_enabled_or_its_url_changes(database: Database) {
        let (_server, admin) = start(&database, "ONE").await;
        let failing = Receiver::start(|_| Answer::RetryAfter(3600)).await;
        let healthy = Receiver::start(|_| Answer::Status(200)).await;
        let (endpoint, _) = create(&admin, json!({ "url": failing.url })).await;
        failing.messages(1).await;
        endpoint_once(&admin, |endpoint| endpoint["state"] == "FAILING").await;
        change(&admin, "updateWebhookEndpoint(input: { id: $id, enabled: true }) { id }", &endpoint["id"]).await;
        failing.messages(2).await;
        endpoint_once(&admin, |endpoint| endpoint["state"] == "FAILING").await;
        let update = format!("updateWebhookEndpoint(input: {{ id: $id, url: \"{}\" }}) {{ id }}", healthy.url);
        change(&admin, &update, &endpoint["id"]).await;
        endpoint_once(&admin, |endpoint| endpoint["state"] == "ACTIVE" && endpoint["pending"] == 0).await;
    }

    /// The first receiver never responds in time. It has more endpoints than a process has database connections.
    async fn slow_receivers_delay_nobody_else(database: Database) {
        let (_server, admin) = start(&database, "ONE").await;
        let slow = Receiver::start(|_| Answer::After(Duration::from_secs(20))).await;
        for _ in 0..19 {
            create(&admin, json!({ "url": slow.url, "eventTypes": ["PROMOTION_LINKED"] })).await;
        }
        assert_eq!(code_of(&admin.link(1, "ONE").await), "OK");
        slow.messages(19).await;
        let healthy = Receiver::start(|_| Answer::Status(200)).await;
        create(&admin, json!({ "url": healthy.url, "eventTypes": ["PROMOTION_LINKED"] })).await;
        for customer in 2..=5 {
            assert_eq!(code_of(&admin.link(customer, "ONE").await), "OK");
        }
        healthy.messages(4).await;
        assert!(endpoints(&admin).await.iter().all(|endpoint| endpoint["state"] == "ACTIVE"));
        let failing = endpoint_once(&admin, |endpoint| endpoint["state"] == "FAILING").await;
        assert_eq!(failing["lastError"], "timed out after 15 s");
    }

    async fn a_redirect_a_closed_connection_and_a_private_address_are_failures(database: Database) {
        let (_server, admin) = start(&database, "ONE").await;
        let target = Receiver::start(|_| Answer::Status(200)).await;
        let location = target.url.clone();
        for (answer, expected) in [
            (Answer::Redirect(location), "status 301"),
            (Answer::Close, "cannot reach 127.0.0.1"),
            (Answer::CloseHalfway, "cannot reach 127.0.0.1"),
        ] {
            let receiver = Receiver::start(move |_| answer.clone()).await;
            let (endpoint, _) = create(&admin, json!({ "url": receiver.url })).await;
            let state = endpoint_once(&admin, |endpoint| endpoint["state"] == "FAILING").await;
            assert!(state["lastError"].as_str().unwrap().starts_with(expected), "{state:#}");
            change(&admin, "deleteWebhookEndpoint(id: $id) { id }", &endpoint["id"]).await;
        }
        assert!(target.received().await.is_empty());
        for url in ["https://10.0.0.1/", "https://[::1]/", "https://169.254.169.254/", "ftp://example.com/", "https://a:b@c/"] {
            let query = "mutation($url: String!) { createWebhookEndpoint(input: { url: $url }) { secret } }";
            let response = admin.execute(query, json!({ "url": url })).await;
            assert_eq!(code_of(&response), "INVALID_INPUT", "{url}");
            assert_eq!(response["errors"][0]["extensions"]["field"], "url");
        }
    }

    async fn an_endpoint_that_is_gone_is_disabled_and_can_be_enabled_again(database: Database) {
        let (_server, admin) = start(&database, "ONE").await;
        let receiver = Receiver::start(|number| Answer::Status(if number == 0 { 410 } else { 200 })).await;
        let (endpoint, secret) = create(&admin, json!({ "url": receiver.url, "eventTypes": ["PROMOTION_LINKED"] })).await;
        assert_eq!(code_of(&admin.link(1, "ONE").await), "OK");
        let state = endpoint_once(&admin, |endpoint| endpoint["state"] == "DISABLED").await;
        assert_eq!((&state["lastError"], &state["pending"]), (&json!("status 410"), &json!(1)));
        let id = &endpoint["id"];
        change(&admin, "sendTestEvent(endpointId: $id) { id }", id).await;
        let test = verify(&receiver.messages(2).await[1], &secret);
        assert_eq!((&test["type"], &test["data"]["endpointId"]), (&json!("webhook.test"), id));
        change(&admin, "updateWebhookEndpoint(input: { id: $id, enabled: true }) { id }", id).await;
        assert_eq!(verify(&receiver.messages(3).await[2], &secret)["data"]["customerId"], 1);
        let events = "{ events(filter: { types: [WEBHOOK_UPDATED] }) { nodes { actor { kind } reason data } } }";
        sleep(Duration::from_millis(300)).await;
        let events = admin.data(events, json!({})).await["events"]["nodes"].take();
        assert_eq!(events[0]["data"]["changes"], json!({ "enabled": { "old": true, "new": false } }));
        assert_eq!((&events[0]["actor"]["kind"], &events[0]["reason"]),
            (&json!("SERVER"), &json!("the last attempt failed: status 410")));
        assert_eq!(events[1]["data"]["changes"]["enabled"], json!({ "old": false, "new": true }));
    }

    async fn secrets_rotate_without_a_gap_and_events_can_be_replayed(database: Database) {
        let (_server, admin) = start(&database, "ONE").await;
        let receiver = Receiver::start(|_| Answer::Status(200)).await;
        let (endpoint, old) = create(&admin, json!({ "url": receiver.url, "eventTypes": ["PROMOTION_LINKED"] })).await;
        let id = &endpoint["id"];
        let rotated = change(&admin, "rotateWebhookSecret(id: $id) { secret }", id).await;
        let new = rotated["secret"].as_str().unwrap();
        assert_ne!(new, old);
        for customer in 1..=3 {
            assert_eq!(code_of(&admin.link(customer, "ONE").await), "OK");
        }
        for message in receiver.messages(3).await {
            verify(&message, &old);
            verify(&message, new);
        }
        endpoint_once(&admin, |endpoint| endpoint["pending"] == 0).await;
        change(&admin, "replayEvents(endpointId: $id, afterPosition: 0) { id }", id).await;
        let messages = receiver.messages(6).await;
        for (first, again) in messages[..3].iter().zip(&messages[3..]) {
            assert_eq!(first.headers["webhook-id"], again.headers["webhook-id"]);
        }
        let beyond = "mutation($id: ID!) { replayEvents(endpointId: $id, afterPosition: 1000) { id } }";
        let refused = admin.execute(beyond, json!({ "id": id })).await;
        assert_eq!((code_of(&refused), &refused["errors"][0]["extensions"]["field"]), ("INVALID_INPUT", &json!("afterPosition")));
        change(&admin, "deleteWebhookEndpoint(id: $id) { id }", id).await;
        assert_eq!(endpoints(&admin).await.len(), 0);
        for mutation in ["deleteWebhookEndpoint(id: $id) { id }", "rotateWebhookSecret(id: $id) { secret }",
            "sendTestEvent(endpointId: $id) { id }", "replayEvents(endpointId: $id, afterPosition: 0) { id }"] {
            let response = admin.execute(&format!("mutation($id: ID!) {{ {mutation} }}"), json!({ "id": id })).await;
            assert_eq!(code_of(&response), "NOT_FOUND", "{mutation}");
        }
    }

    async fn stored_secrets_are_encrypted_if_there_is_a_key(database: Database) {
        database.seed(&[campaign("Spring").code("ONE", None)]).await;
        let key = database.key(ORG, "admin");
        let receiver = Receiver::start(|_| Answer::Status(200)).await;
        let encryption = ("PROMOLINK_ENCRYPTION_KEY", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=");
        let server = Server::serve(&database, &[LOCAL[0], LOCAL[1], encryption]);
        let (_, secret) = create(&server.caller(&key), json!({ "url": receiver.url })).await;
        verify(&receiver.messages(1).await[0], &secret);
        server.stop();
        // Without the key, the messages wait.
        let server = Server::serve(&database, &LOCAL);
        let admin = server.caller(&key);
        assert_eq!(code_of(&admin.link(1, "ONE").await), "OK");
        let state = endpoint_once(&admin, |endpoint| endpoint["state"] == "FAILING").await;
        assert!(state["lastError"].as_str().unwrap().contains("no encryption key"), "{state:#}");
        server.stop();
        let refused = program().args(["serve", "--listen", "127.0.0.1:0"]).env("DATABASE_URL", &database.url)
            .env("PROMOLINK_ENCRYPTION_KEY", "short").output().unwrap();
        assert_eq!(refused.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&refused.stderr).contains("PROMOLINK_ENCRYPTION_KEY"), "{refused:?}");
    }
}
