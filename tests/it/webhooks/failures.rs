//! Receivers that fail, are slow, or are gone; endpoints that are changed meanwhile; and events that are removed.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use tokio::time::sleep;

use super::{change, create, endpoint_once, endpoints, start, verify};
use crate::support::{Answer, Caller, Database, LOCAL, ORG, Receiver, Server, code_of, in_days, on_all_databases};

on_all_databases! {
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
    async fn slow_receivers_do_not_delay_others(database: Database) {
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
            (Answer::Close, "no valid response from 127.0.0.1: connection closed"),
            (Answer::CloseHalfway, "no valid response from 127.0.0.1: connection closed"),
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

    async fn the_result_of_an_attempt_to_the_old_url_does_not_count_for_the_new_one(database: Database) {
        let (_server, admin) = start(&database, "ONE").await;
        let gone = Receiver::start(|_| Answer::Gone(Duration::from_secs(2))).await;
        let healthy = Receiver::start(|_| Answer::Status(200)).await;
        let (endpoint, _) = create(&admin, json!({ "url": gone.url, "eventTypes": ["PROMOTION_LINKED"] })).await;
        assert_eq!(code_of(&admin.link(1, "ONE").await), "OK");
        gone.messages(1).await;
        let update = format!("updateWebhookEndpoint(input: {{ id: $id, url: \"{}\" }}) {{ id }}", healthy.url);
        change(&admin, &update, &endpoint["id"]).await;
        healthy.messages(1).await;
        let done = endpoint_once(&admin, |endpoint| endpoint["pending"] == 0).await;
        assert_eq!((&done["state"], &done["lastError"]), (&json!("ACTIVE"), &Value::Null));
    }

    /// The events seem to be two hours old, and the servers keep them for one.
    async fn old_events_are_kept_while_an_enabled_endpoint_waits_for_them(database: Database) {
        let (server, admin) = start(&database, "ONE").await;
        let failing = Receiver::start(|_| Answer::RetryAfter(3600)).await;
        let (endpoint, _) = create(&admin, json!({ "url": failing.url, "eventTypes": ["PROMOTION_LINKED"] })).await;
        assert_eq!(code_of(&admin.link(1, "ONE").await), "OK");
        endpoint_once(&admin, |endpoint| endpoint["state"] == "FAILING").await;
        server.stop();
        database.run("UPDATE events SET occurred_on = occurred_on - 7200000").await;
        let key = database.key(ORG, "admin");
        let kept = [LOCAL[0], LOCAL[1], ("PROMOLINK_EVENTS_KEPT", "1h")];
        let oldest = async |admin: &Caller| {
            let events = admin.data("{ events(first: 1) { nodes { position } } }", json!({})).await;
            events["events"]["nodes"][0]["position"].as_i64().unwrap()
        };
        let server = Server::serve(&database, &kept);
        let admin = server.caller(&key);
        let delivered = endpoint["deliveredPosition"].as_i64().unwrap();
        for _ in 0..100 {
            if oldest(&admin).await > 1 {
                break;
            }
            sleep(Duration::from_millis(50)).await;
        }
        // Those before the endpoint's position were removed.
        assert_eq!(oldest(&admin).await, delivered + 1);
        let id = &endpoint["id"];
        let replay = "mutation($id: ID!) { replayEvents(endpointId: $id, afterPosition: 1) { id } }";
        assert_eq!(code_of(&admin.execute(replay, json!({ "id": id })).await), "POSITION_EXPIRED");
        change(&admin, "updateWebhookEndpoint(input: { id: $id, enabled: false }) { id }", id).await;
        server.stop();
        let server = Server::serve(&database, &kept);
        let admin = server.caller(&key);
        endpoint_once(&admin, |endpoint| endpoint["pending"] == 0).await;
        let healthy = Receiver::start(|_| Answer::Status(200)).await;
        let update = format!("updateWebhookEndpoint(input: {{ id: $id, enabled: true, url: \"{}\" }}) {{ id }}", healthy.url);
        change(&admin, &update, id).await;
        assert_eq!(code_of(&admin.link(2, "ONE").await), "OK");
        healthy.messages(1).await;
        assert!(server.log().contains("old events were removed before they were sent to an endpoint"), "{}", server.log());
    }

    async fn paths_and_secrets_are_neither_logged_nor_recorded(database: Database) {
        let (server, admin) = start(&database, "ONE").await;
        let failing = Receiver::start(|_| Answer::Status(500)).await;
        let (endpoint, secret) = create(&admin, json!({ "url": failing.url })).await;
        endpoint_once(&admin, |endpoint| endpoint["state"] == "FAILING").await;
        change(&admin, "deleteWebhookEndpoint(id: $id) { id }", &endpoint["id"]).await;
        sleep(Duration::from_millis(300)).await;
        let events = admin.data("{ events { nodes { data reason } } }", json!({})).await.to_string();
        let log = server.log();
        assert!(events.contains("127.0.0.1") && log.contains("a webhook was not delivered"), "{log}");
        for text in [events, log] {
            assert!(!text.contains("token=secret") && !text.contains(&secret), "{text}");
        }
    }
}
