//! Events: every change has one, with a position, and the feed returns them in order.

mod catalogue;
mod feed;
mod order;

use std::process::Output;

use serde_json::{Value, json};

use crate::support::{Caller, Database, ORG, Server, campaign, code_of, on_all_databases, program};

const FEED: &str = "query($first: Int, $after: String, $afterPosition: Long, $filter: EventFilter, $order: EventOrder) {
    events(first: $first, after: $after, afterPosition: $afterPosition, filter: $filter, order: $order) {
        nodes { id position type occurredOn actor { kind id name } requestId reason data } pageInfo { hasNextPage endCursor }
    }
}";

/// The events after a position, up to a hundred, once there are this many. They are visible shortly after their changes.
async fn events_after(caller: &Caller, position: i64, count: usize) -> Vec<Value> {
    for _ in 0..200 {
        let page = caller.data(FEED, json!({ "first": 100, "afterPosition": position })).await;
        let events = page["events"]["nodes"].as_array().unwrap();
        if events.len() >= count {
            return events.clone();
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("there are not {count} events after position {position}");
}

fn types(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["type"].as_str().unwrap()).collect()
}

fn run(database: &Database, arguments: &[&str]) -> Output {
    program().args(arguments).env("DATABASE_URL", &database.url).output().unwrap()
}

on_all_databases! {
    async fn every_change_has_one_event_that_says_what_was_changed_by_whom_and_why(database: Database) {
        database.seed(&[campaign("Spring").code("FIRST", Some(1)).code("SECOND", None)]).await;
        let (admin, service) = (database.key(ORG, "admin"), database.key(ORG, "service"));
        let server = Server::serve(&database, &[]);
        let (admin, service) = (server.caller(&admin), server.caller(&service));
        let seeded = events_after(&admin, 0, 4).await;
        assert_eq!(types(&seeded), ["CAMPAIGN_CREATED", "CODES_ADDED", "API_KEY_CREATED", "API_KEY_CREATED"]);
        assert_eq!(seeded[0]["actor"], json!({ "kind": "SERVER", "id": null, "name": null }));
        assert_eq!(seeded[1]["data"]["added"], 2);
        assert_eq!(seeded[2]["actor"]["kind"], "COMMAND_LINE");
        assert_eq!(seeded[2]["data"]["role"], "admin");
        let service_key = seeded[3]["data"]["id"].clone();

        let linked = service.link(42, "first").await;
        let id = linked["data"]["linkPromotionCode"]["id"].clone();
        let redeemed = service.redeem(42, "first", "order-1").await;
        let redemption = redeemed["data"]["redeemPromotion"]["id"].clone();
        let reverse = "mutation($id: ID!) { reverseRedemption(id: $id, reason: \" cancelled \") { id } }";
        service.data(reverse, json!({ "id": redemption })).await;
        let unlink = "mutation($id: ID!) { unlinkPromotion(id: $id, reason: \"mistake\") { id } }";
        service.data(unlink, json!({ "id": id })).await;
        let create = "mutation { createCampaign(input: { name: \"Autumn\", mode: DISCOUNT, validTill: \"2099-01-01T00:00:00Z\" })
            { id } }";
        let autumn = admin.data(create, json!({})).await["createCampaign"]["id"].take();
        let update = "mutation($id: ID!) { updateCampaign(input: { id: $id, name: \"Fall\", maxLinksPerCustomer: 2 }) { id } }";
        admin.data(update, json!({ "id": autumn })).await;
        let add = "mutation($id: ID!) { importPromotionCodes(input: { campaignId: $id, codes: [\"A\", \"B\", \"A\", \"FIRST\"] })
            { imported } }";
        admin.data(add, json!({ "id": autumn })).await;
        let generate = "mutation($id: ID!) { generatePromotionCodes(input: { campaignId: $id, count: 501 }) { codes } }";
        admin.data(generate, json!({ "id": autumn })).await;
        let revoke = "mutation { revokePromotionCode(input: { code: \"a\", mode: DISCOUNT }) { code } }";
        admin.data(revoke, json!({})).await;

        let events = events_after(&admin, 4, 10).await;
        let expected = ["PROMOTION_LINKED", "PROMOTION_REDEEMED", "REDEMPTION_REVERSED", "PROMOTION_UNLINKED",
            "CAMPAIGN_CREATED", "CAMPAIGN_UPDATED", "CODES_ADDED", "CODES_ADDED", "CODES_ADDED", "CODES_REVOKED"];
        assert_eq!(types(&events), expected);
        let positions: Vec<i64> = events.iter().map(|event| event["position"].as_i64().unwrap()).collect();
        assert_eq!(positions, (5..=14).collect::<Vec<i64>>());
        let link = &events[0];
        let promotion = &linked["data"]["linkPromotionCode"];
        for field in ["id", "orgId", "promotionId", "promotionName", "code", "customerId", "active", "createdOn", "validTill",
            "mode", "redeemableFrom", "state"] {
            assert_eq!(link["data"][field], promotion[field], "{field}");
        }
        assert_eq!(link["data"]["origin"], "LINK");
        assert_eq!(link["actor"], json!({ "kind": "API_KEY", "id": service_key, "name": null }));
        assert!(link["requestId"].is_string() && link["reason"].is_null(), "{link:#}");
        assert_eq!(events[1]["data"]["state"], "REDEEMED");
        assert_eq!(events[1]["data"]["redemption"]["id"], redemption);
        assert_eq!(events[1]["data"]["redemption"]["transactionId"], "order-1");
        assert_eq!(events[2]["data"]["state"], "ACTIVE");
        assert!(events[2]["data"]["redemption"]["reversedOn"].is_i64(), "{:#}", events[2]);
        assert_eq!((&events[2]["reason"], &events[3]["reason"]), (&json!("cancelled"), &json!("mistake")));
        assert_eq!((&events[3]["data"]["state"], &events[3]["data"]["active"]), (&json!("UNLINKED"), &json!(false)));
        let changes = json!({
            "name": { "old": "Autumn", "new": "Fall" }, "maxLinksPerCustomer": { "old": null, "new": 2 }
        });
        assert_eq!(events[5]["data"]["changes"], changes);
        let added = [6, 7, 8].map(|index| events[index]["data"]["added"].as_i64().unwrap());
        assert_eq!(added, [2, 500, 1]);
        assert_eq!(events[9]["data"]["codes"], json!(["A"]));
        assert!(run(&database, &["check"]).status.success());
    }

    async fn what_changes_nothing_has_no_event(database: Database) {
        database.seed(&[campaign("Spring").code("ONE", Some(1)).code("OTHER", None)]).await;
        let server = Server::start(&database);
        for _ in 0..2 {
            let linked = server.link(1, "ONE").await;
            let id = linked["data"]["linkPromotionCode"]["id"].clone();
            assert_eq!(code_of(&server.link(2, "ONE").await), "CODE_ALREADY_LINKED");
            assert_eq!(code_of(&server.redeem(1, "ONE", "order").await), "OK");
            assert_eq!(code_of(&server.redeem(2, "ONE", "order 2").await), "NOT_LINKED");
            let promotion = "query($id: ID!) { promotion(id: $id) { promotionId } }";
            let campaign = server.data(promotion, json!({ "id": id })).await["promotion"]["promotionId"].take();
            let update = "mutation($id: ID!) { updateCampaign(input: { id: $id, name: \"Spring\", active: true }) { id } }";
            server.data(update, json!({ "id": campaign })).await;
            let revoke = "mutation { revokePromotionCode(input: { code: \"OTHER\", mode: DISCOUNT }) { code } }";
            server.data(revoke, json!({})).await;
        }
        let events = events_after(&server, 2, 3).await;
        assert_eq!(types(&events), ["PROMOTION_LINKED", "PROMOTION_REDEEMED", "CODES_REVOKED"]);
        for (reason, expected) in [("", "INVALID_INPUT"), (&*"x".repeat(501), "INVALID_INPUT"), ("a\nb", "INVALID_INPUT")] {
            let unlink = "mutation($id: ID!, $reason: String) { unlinkPromotion(id: $id, reason: $reason) { id } }";
            let id = events[0]["data"]["id"].clone();
            let response = server.execute(unlink, json!({ "id": id, "reason": reason })).await;
            assert_eq!((code_of(&response), &response["errors"][0]["extensions"]["field"]), (expected, &json!("reason")));
        }
    }

    async fn an_import_has_one_event_for_each_link(database: Database) {
        let spring = campaign("Spring").code("OLD", None);
        let id = spring.campaign.id.get().to_string();
        database.seed(&[spring]).await;
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "code,customer_id\nNEW,7\nOLD,8\nALONE,\n").unwrap();
        let org = ORG.to_string();
        let import = ["codes", "import", file.path().to_str().unwrap(), "--org", &org, "--campaign", &id];
        assert!(run(&database, &import).status.success());
        let tail = run(&database, &["events", "tail", "--org", &org, "--after", "2"]);
        let lines: Vec<Value> =
            String::from_utf8(tail.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(types(&lines), ["codes.added", "promotion.linked", "promotion.linked"]);
        assert_eq!(lines[0]["data"]["added"], 2);
        for (line, customer) in lines[1..].iter().zip([7, 8]) {
            assert_eq!((&line["data"]["origin"], &line["data"]["customerId"]), (&json!("IMPORT"), &json!(customer)));
            assert_eq!(line["actor"]["kind"], "COMMAND_LINE");
        }
        assert!(run(&database, &["check"]).status.success());
    }
}
