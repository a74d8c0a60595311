//! Webhooks: endpoints, and what receivers get.

mod failures;
#[allow(dead_code, reason = "the test does not call its main function")]
#[path = "../../examples/verify_webhook.rs"]
mod verify_webhook;

use std::time::Duration;

use serde_json::{Value, json};
use standardwebhooks::Webhook;
use tokio::time::sleep;

use crate::support::{
    Answer, Caller, Database, LOCAL, Message, ORG, Receiver, Server, campaign, code_of, on_all_databases, program,
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

on_all_databases! {
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
