//! Redeeming, reversing and unlinking, through the server.

use serde_json::{Value, json};

use crate::support::{Database, Server, campaign, code_of, in_days, on_all_databases};

const REVERSE: &str = "mutation($id: ID!) { reverseRedemption(id: $id) { id redeemedOn reversedOn } }";
const UNLINK: &str = "mutation($id: ID!) { unlinkPromotion(id: $id) { id state active code } }";

fn id(response: &Value, field: &str) -> Value {
    let id = response["data"][field]["id"].clone();
    assert!(id.is_string(), "{response:#}");
    id
}

async fn link_count(server: &Server, code: &str) -> Value {
    let query = "query($code: String!) { promotionCodes(codes: [$code], mode: DISCOUNT) { linkCount } }";
    server.data(query, json!({ "code": code })).await["promotionCodes"][0]["linkCount"].take()
}

on_all_databases! {
    async fn each_rule_of_redeeming_has_its_own_error(database: Database) {
        let expiring = campaign("Expiring").with(|campaign| {
            campaign.redeemable_from = in_days(-9);
            campaign.valid_till = in_days(9);
        });
        let expiring_id = expiring.campaign.id.get().to_string();
        let stopping = campaign("Stopping");
        let stopping_id = stopping.campaign.id.get().to_string();
        database
            .seed(&[
                campaign("Spring").with(|campaign| campaign.max_redemptions_per_link = 2).code("TWICE", None),
                campaign("Later").with(|campaign| campaign.redeemable_from = in_days(9)).code("LATER", None),
                expiring.code("EXPIRED", None),
                stopping.code("STOPPED", None),
            ])
            .await;
        let server = Server::start(&database);
        for code in ["TWICE", "LATER", "EXPIRED", "STOPPED"] {
            assert_eq!(code_of(&server.link(1, code).await), "OK");
        }
        let update = "mutation($input: UpdateCampaignInput!) { updateCampaign(input: $input) { id } }";
        server.data(update, json!({ "input": { "id": expiring_id, "validTill": in_days(-1).millis() } })).await;
        server.data(update, json!({ "input": { "id": stopping_id, "active": false } })).await;

        for (customer, code, transaction, expected) in [
            (1, "NOWHERE", "t", "CODE_NOT_FOUND"),
            (2, "TWICE", "t", "NOT_LINKED"),
            (1, "STOPPED", "t", "PROMOTION_INACTIVE"),
            (1, "EXPIRED", "t", "PROMOTION_EXPIRED"),
            (1, "LATER", "t", "NOT_YET_REDEEMABLE"),
            (1, "TWICE", "order-1", "OK"),
            (1, "TWICE", "order-1", "OK"),
            (1, "LATER", "order-1", "TRANSACTION_ID_REUSED"),
            (2, "TWICE", "order-1", "TRANSACTION_ID_REUSED"),
            (1, "twice ", "order-2", "OK"),
            (1, "TWICE", "order-3", "REDEMPTION_LIMIT_REACHED"),
            (1, "TWICE", "order-2", "OK"),
            (1, "TWICE", "", "INVALID_INPUT"),
            (1, "TWICE", &"x".repeat(129), "INVALID_INPUT"),
        ] {
            let response = server.redeem(customer, code, transaction).await;
            assert_eq!(code_of(&response), expected, "{customer} {code} {transaction}: {response:#}");
        }
    }

    async fn a_retry_does_not_redeem_twice(database: Database) {
        database.seed(&[campaign("Spring").code("ONCE", None)]).await;
        let server = Server::start(&database);
        let linked = server.link(1, "ONCE").await;
        let first = server.redeem(1, "ONCE", "order-1").await;
        assert_eq!(first, server.redeem(1, "once", "order-1").await);
        assert_eq!(first["data"]["redeemPromotion"]["promotion"]["id"], id(&linked, "linkPromotionCode"));
        assert_eq!(first["data"]["redeemPromotion"]["promotion"]["state"], "REDEEMED");
        assert_eq!(code_of(&server.redeem(1, "ONCE", "order-2").await), "REDEMPTION_LIMIT_REACHED");
    }

    async fn reversing_a_redemption_twice_returns_one_use(database: Database) {
        database.seed(&[campaign("Spring").code("ONCE", None)]).await;
        let server = Server::start(&database);
        server.link(1, "ONCE").await;
        let redeemed = server.redeem(1, "ONCE", "order-1").await;
        let redemption = id(&redeemed, "redeemPromotion");
        let reversed = server.data(REVERSE, json!({ "id": redemption })).await;
        assert!(reversed["reverseRedemption"]["reversedOn"].is_i64());
        assert_eq!(server.data(REVERSE, json!({ "id": redemption })).await, reversed, "safe to retry");

        let retried = server.redeem(1, "ONCE", "order-1").await;
        assert_eq!(retried["data"]["redeemPromotion"]["reversedOn"], reversed["reverseRedemption"]["reversedOn"]);
        assert_eq!(code_of(&server.redeem(1, "ONCE", "order-2").await), "OK");
        assert_eq!(code_of(&server.redeem(1, "ONCE", "order-3").await), "REDEMPTION_LIMIT_REACHED");
        let unknown = json!({ "id": "01890000-0000-7000-8000-000000000000" });
        assert_eq!(code_of(&server.execute(REVERSE, unknown).await), "NOT_FOUND");
    }

    async fn an_unlinked_code_can_be_linked_again(database: Database) {
        let limited = campaign("Limited").with(|campaign| campaign.max_links_per_customer = Some(1));
        database.seed(&[limited.code("A", Some(1)).code("B", Some(1))]).await;
        let server = Server::start(&database);
        let first = id(&server.link(1, "A").await, "linkPromotionCode");
        assert_eq!(code_of(&server.link(1, "B").await), "CUSTOMER_LIMIT_REACHED");

        let unlinked = server.data(UNLINK, json!({ "id": first })).await;
        assert_eq!(unlinked["unlinkPromotion"], json!({ "id": first, "state": "UNLINKED", "active": false, "code": "A" }));
        assert_eq!(server.data(UNLINK, json!({ "id": first })).await, unlinked, "safe to retry");
        assert_eq!(link_count(&server, "A").await, 0);
        assert_eq!(code_of(&server.redeem(1, "A", "order-1").await), "NOT_LINKED");

        let second = id(&server.link(1, "A").await, "linkPromotionCode");
        assert_ne!(first, second);
        assert_eq!(link_count(&server, "A").await, 1);
        let query = "query($id: ID!) { promotion(id: $id) { state } }";
        let old = server.data(query, json!({ "id": first })).await;
        assert_eq!(old["promotion"]["state"], "UNLINKED", "still readable");
        let unknown = json!({ "id": "01890000-0000-7000-8000-000000000000" });
        assert_eq!(code_of(&server.execute(UNLINK, unknown).await), "NOT_FOUND");
    }

    async fn a_redeemed_hold_counts_after_unlinking_until_its_redemption_is_reversed(database: Database) {
        let limited = campaign("Limited").with(|campaign| campaign.max_links_per_customer = Some(1));
        database.seed(&[limited.code("A", Some(1)).code("B", Some(1))]).await;
        let server = Server::start(&database);
        let promotion = id(&server.link(1, "A").await, "linkPromotionCode");
        let redemption = id(&server.redeem(1, "A", "order-1").await, "redeemPromotion");
        server.data(UNLINK, json!({ "id": promotion })).await;
        assert_eq!(link_count(&server, "A").await, 1);
        assert_eq!(code_of(&server.link(2, "A").await), "CODE_ALREADY_LINKED");
        assert_eq!(code_of(&server.link(1, "B").await), "CUSTOMER_LIMIT_REACHED");

        server.data(REVERSE, json!({ "id": redemption })).await;
        assert_eq!(link_count(&server, "A").await, 0);
        assert_eq!(code_of(&server.link(1, "B").await), "OK");
        assert_eq!(code_of(&server.link(2, "A").await), "OK");
    }

    async fn each_link_in_a_batch_has_its_own_outcome(database: Database) {
        database.seed(&[campaign("Spring").code("ONE", Some(1)).code("ANY", None)]).await;
        let server = Server::start(&database);
        let query = "mutation($input: [LinkPromotionCodeInput!]!) {
            linkPromotionCodes(input: $input) { promotion { code customerId } error { code field retryable } }
        }";
        let link = |customer: Value, code: &str| json!({ "customerId": customer, "code": code, "mode": "DISCOUNT" });
        let input = json!([
            link(json!(1), "ONE"),
            link(json!(2), "one"),
            link(json!(-1), "ANY"),
            link(json!(3), "any"),
            link(json!(1), "ONE"),
            link(json!(4), "nowhere"),
        ]);
        let linked = |code: &str, customer: i64| json!({ "promotion": { "code": code, "customerId": customer }, "error": null });
        let failed = |code: &str, field: Value| {
            json!({ "promotion": null, "error": { "code": code, "field": field, "retryable": false } })
        };
        let data = server.data(query, json!({ "input": input })).await;
        assert_eq!(
            data["linkPromotionCodes"],
            json!([
                linked("ONE", 1),
                failed("CODE_ALREADY_LINKED", Value::Null),
                failed("INVALID_INPUT", json!("customerId")),
                linked("ANY", 3),
                linked("ONE", 1),
                failed("CODE_NOT_FOUND", Value::Null),
            ])
        );
        let many: Vec<Value> = (0..501).map(|customer| link(json!(customer), "ANY")).collect();
        let five_hundred = server.data(query, json!({ "input": many[1..] })).await;
        assert_eq!(five_hundred["linkPromotionCodes"].as_array().unwrap().len(), 500);
        for wrong in [json!([]), json!(many)] {
            let response = server.execute(query, json!({ "input": wrong })).await;
            assert_eq!(response["errors"][0]["extensions"]["field"], "input");
        }
    }
}
