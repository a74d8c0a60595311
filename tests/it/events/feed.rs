//! Reading the feed: filters, orders, positions, old events, and the command.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;

use super::{FEED, events_after, run};
use crate::support::{Caller, Database, ORG, Server, campaign, code_of, on_all_databases};

/// The positions of all events with these arguments, read in pages of two.
async fn positions(caller: &Caller, filter: &Value, order: &str) -> Vec<i64> {
    let (mut found, mut after) = (Vec::new(), Value::Null);
    loop {
        let arguments = json!({ "first": 2, "after": after, "filter": filter, "order": order });
        let page = caller.data(FEED, arguments).await["events"].take();
        found.extend(page["nodes"].as_array().unwrap().iter().map(|event| event["position"].as_i64().unwrap()));
        if page["pageInfo"]["hasNextPage"] == false {
            return found;
        }
        after = page["pageInfo"]["endCursor"].clone();
    }
}

on_all_databases! {
    async fn each_filter_returns_its_events_in_both_orders(database: Database) {
        let (spring, autumn) = (campaign("Spring"), campaign("Autumn"));
        let (spring_id, autumn_id) = (spring.campaign.id.get().to_string(), autumn.campaign.id.get().to_string());
        database.seed(&[spring.code("S1", None).code("S2", None), autumn.code("A1", None)]).await;
        let (admin, service) = (database.key(ORG, "admin"), database.key(ORG, "service"));
        let server = Server::serve(&database, &[]);
        let (admin, service) = (server.caller(&admin), server.caller(&service));
        for (customer, code) in [(1, "S1"), (2, "S1"), (1, "A1"), (1, "S2")] {
            assert_eq!(code_of(&service.link(customer, code).await), "OK");
            sleep(Duration::from_millis(60)).await;
        }
        assert_eq!(code_of(&service.redeem(1, "S1", "order").await), "OK");
        let all = events_after(&admin, 0, 11).await;
        let time = |index: usize| all[index]["occurredOn"].clone();
        let key = all[5]["data"]["id"].clone();
        for (filter, expected) in [
            (json!(null), (1..=11).collect::<Vec<i64>>()),
            (json!({}), (1..=11).collect()),
            (json!({ "types": [] }), (1..=11).collect()),
            (json!({ "types": ["PROMOTION_LINKED"] }), vec![7, 8, 9, 10]),
            (json!({ "types": ["PROMOTION_REDEEMED", "CODES_ADDED", "CODES_ADDED"] }), vec![2, 4, 11]),
            (json!({ "types": ["CAMPAIGN_UPDATED"] }), vec![]),
            (json!({ "campaignId": spring_id }), vec![1, 2, 7, 8, 10, 11]),
            (json!({ "campaignId": autumn_id, "types": ["PROMOTION_LINKED", "CAMPAIGN_CREATED"] }), vec![3, 9]),
            (json!({ "customerId": 1 }), vec![7, 9, 10, 11]),
            (json!({ "customerId": 1, "types": ["PROMOTION_LINKED"] }), vec![7, 9, 10]),
            (json!({ "customerId": 1, "campaignId": spring_id }), vec![7, 10, 11]),
            (json!({ "customerId": 3 }), vec![]),
            (json!({ "actorId": key }), vec![7, 8, 9, 10, 11]),
            (json!({ "actorId": key, "types": ["PROMOTION_REDEEMED"] }), vec![11]),
            (json!({ "actorId": "1" }), vec![]),
            (json!({ "from": time(7), "to": time(8) }), vec![8, 9]),
            (json!({ "from": time(8), "customerId": 1 }), vec![9, 10, 11]),
            (json!({ "to": time(6), "types": ["PROMOTION_LINKED", "CODES_ADDED"] }), vec![2, 4, 7]),
            (json!({ "from": "2099-01-01T00:00:00Z" }), vec![]),
            (json!({ "to": 0 }), vec![]),
        ] {
            assert_eq!(positions(&admin, &filter, "OLDEST_FIRST").await, expected, "{filter}");
            let newest: Vec<i64> = expected.into_iter().rev().collect();
            assert_eq!(positions(&admin, &filter, "NEWEST_FIRST").await, newest, "{filter}");
        }
        for (arguments, field) in [
            (json!({ "first": 0 }), "first"),
            (json!({ "after": "x" }), "after"),
            (json!({ "afterPosition": -1 }), "afterPosition"),
            (json!({ "afterPosition": 12 }), "afterPosition"),
            (json!({ "afterPosition": 1, "order": "NEWEST_FIRST" }), "afterPosition"),
            (json!({ "afterPosition": 1, "after": "IjEwIg" }), "afterPosition"),
            (json!({ "filter": { "campaignId": "x" } }), "filter.campaignId"),
            (json!({ "filter": { "customerId": -1 } }), "filter.customerId"),
            (json!({ "filter": { "actorId": "nobody" } }), "filter.actorId"),
            (json!({ "filter": { "from": "yesterday" } }), "filter.from"),
        ] {
            let response = admin.execute(FEED, arguments.clone()).await;
            let error = &response["errors"][0]["extensions"];
            assert_eq!((&error["code"], &error["field"]), (&json!("INVALID_INPUT"), &json!(field)), "{arguments}");
        }
        assert_eq!(code_of(&service.execute(FEED, json!({})).await), "FORBIDDEN");
    }

    async fn an_organisation_reads_its_own_events_only(database: Database) {
        database.seed(&[campaign("Spring").code("ONE", None)]).await;
        let (own, other) = (database.key(ORG, "admin"), database.key(7, "admin"));
        let server = Server::serve(&database, &[]);
        assert_eq!(code_of(&server.caller(&own).link(1, "ONE").await), "OK");
        assert_eq!(events_after(&server.caller(&own), 0, 4).await.len(), 4);
        let events = events_after(&server.caller(&other), 0, 1).await;
        assert_eq!(events.len(), 1, "{events:#?}");
        assert_eq!((&events[0]["type"], &events[0]["position"]), (&json!("API_KEY_CREATED"), &json!(1)));
    }

    async fn old_events_are_removed_and_readers_that_missed_some_get_an_error(database: Database) {
        // The events of the campaign and its codes.
        database.seed(&[campaign("Spring").code("ONE", None)]).await;
        database.run("UPDATE events SET occurred_on = 1000 WHERE position = 1").await;
        database.run("UPDATE events SET occurred_on = 2000 WHERE position = 2").await;
        let key = database.key(ORG, "admin");
        let server = Server::serve(&database, &[("PROMOLINK_EVENTS_KEPT", "1h")]);
        let admin = server.caller(&key);
        let left = async || admin.data(FEED, json!({})).await["events"]["nodes"].as_array().unwrap().len();
        for _ in 0..100 {
            if left().await == 1 {
                break;
            }
            sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(left().await, 1);
        let response = admin.execute(FEED, json!({ "afterPosition": 1 })).await;
        assert_eq!(code_of(&response), "POSITION_EXPIRED", "{response:#}");
        assert!(response["errors"][0]["message"].as_str().unwrap().contains("up to position 2"), "{response:#}");
        for position in [0, 2] {
            assert_eq!(events_after(&admin, position, 1).await[0]["position"], 3);
        }
        let org = ORG.to_string();
        let tail = run(&database, &["events", "tail", "--org", &org, "--after", "1"]);
        assert_eq!(tail.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&tail.stderr).contains("up to position 2"), "{tail:?}");
        assert!(run(&database, &["check"]).status.success());
    }

    async fn the_command_prints_the_last_events_or_those_after_a_position(database: Database) {
        database.seed(&[campaign("Spring").code("ONE", None)]).await;
        let server = Server::start(&database);
        for customer in 1..=12 {
            assert_eq!(code_of(&server.link(customer, "ONE").await), "OK");
        }
        events_after(&server, 0, 14).await;
        let org = ORG.to_string();
        let tail = |arguments: &[&str]| {
            let output = run(&database, &[&["events", "tail", "--org", &org], arguments].concat());
            assert!(output.status.success(), "{output:?}");
            let lines = String::from_utf8(output.stdout).unwrap();
            lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Value>>()
        };
        let positions = |lines: &[Value]| lines.iter().map(|line| line["position"].as_i64().unwrap()).collect::<Vec<_>>();
        assert_eq!(positions(&tail(&[])), (5..=14).collect::<Vec<_>>());
        assert_eq!(positions(&tail(&["-n", "2"])), [13, 14]);
        assert_eq!(positions(&tail(&["--after", "12"])), [13, 14]);
        assert_eq!(positions(&tail(&["--after", "14"])), [] as [i64; 0]);
        assert_eq!(positions(&tail(&["--after", "0"])), (1..=14).collect::<Vec<_>>());
        let line = &tail(&["-n", "1"])[0];
        assert_eq!(line["type"], "promotion.linked");
        assert!(line["timestamp"].as_str().unwrap().ends_with('Z'), "{line}");
        assert_eq!(line["data"]["customerId"], 12);
    }
}
