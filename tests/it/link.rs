//! The rules of linking, case by case, through the server.

use promolink::promotions::PromotionMode;
use serde_json::{Value, json};

use crate::support::{Database, ORG, Server, campaign, code_of, in_days, on_all_databases};

on_all_databases! {
    async fn a_link_returns_the_documented_fields(database: Database) {
        let spring = campaign("Spring").with(|campaign| campaign.valid_for_days = Some(30)).code("Save-20", Some(1));
        database.seed(&[spring]).await;
        let server = Server::start(&database);

        let response = server.link(42, "save-20").await;
        let promotion = &response["data"]["linkPromotionCode"];
        let created_on = promotion["createdOn"].as_i64().unwrap();
        assert!((in_days(0).millis() - created_on).abs() < 60_000);
        insta::assert_json_snapshot!("a_link", masked(promotion.clone()));
        assert_eq!(promotion["redeemableFrom"], promotion["createdOn"], "the later of linking and the campaign's");
        assert_eq!(promotion["validTill"], created_on + 30 * 86_400_000, "the earlier of 30 days and the campaign's");
    }

    async fn linking_a_code_again_returns_the_same_promotion(database: Database) {
        database.seed(&[campaign("Spring").code("ONCE", Some(1))]).await;
        let server = Server::start(&database);
        let first = server.link(42, "ONCE").await;
        assert_eq!(first, server.link(42, "once").await);
        assert_eq!(code_of(&first), "OK");

        let other = server.link(43, "ONCE").await;
        insta::assert_json_snapshot!("a_refusal", other);
    }

    async fn the_first_rule_that_applies_decides_the_outcome(database: Database) {
        let off = |name| campaign(name).with(|campaign| campaign.active = false);
        let expired = campaign("Expired").with(|campaign| {
            campaign.redeemable_from = in_days(-9);
            campaign.valid_till = in_days(-1);
        });
        let off_and_expired = off("Off and expired").with(|campaign| {
            campaign.redeemable_from = in_days(-9);
            campaign.valid_till = in_days(-1);
        });
        let later = campaign("Later").with(|campaign| campaign.redeemable_from = in_days(9));
        let limited = campaign("Two each").with(|campaign| campaign.max_links_per_customer = Some(2));
        let vouchers = campaign("Vouchers").with(|campaign| campaign.mode = PromotionMode::PaymentVoucher);
        database
            .seed(&[
                off("Off").code("OFF", Some(1)).revoked_code("OFF-REVOKED"),
                expired.code("EXPIRED", Some(1)),
                off_and_expired.code("OFF-EXPIRED", Some(1)),
                later.code("LATER", Some(1)),
                campaign("On").code("TWO", Some(2)).code("ANY", None).revoked_code("REVOKED"),
                limited.code("L1", Some(1)).code("L2", Some(1)).code("L3", Some(1)).code("L4", None),
                vouchers.code("VOUCHER", Some(1)),
            ])
            .await;
        let server = Server::start(&database);

        for (customer, code, expected) in [
            (1, "NOWHERE", "CODE_NOT_FOUND"),
            (1, "VOUCHER", "CODE_NOT_FOUND"),
            (1, "OFF-REVOKED", "CODE_REVOKED"),
            (1, "REVOKED", "CODE_REVOKED"),
            (1, "OFF", "PROMOTION_INACTIVE"),
            (1, "OFF-EXPIRED", "PROMOTION_INACTIVE"),
            (1, "EXPIRED", "PROMOTION_EXPIRED"),
            (1, "LATER", "OK"),
            (1, "TWO", "OK"),
            (2, "TWO", "OK"),
            (3, "TWO", "LINK_LIMIT_REACHED"),
            (2, "TWO", "OK"),
            (3, "ANY", "OK"),
            (1, "L1", "OK"),
            (1, "L2", "OK"),
            (1, "L3", "CUSTOMER_LIMIT_REACHED"),
            (1, "L2", "OK"),
            (2, "L1", "CODE_ALREADY_LINKED"),
            (2, "L3", "OK"),
            (1, "L3", "CODE_ALREADY_LINKED"),
            (1, "L4", "CUSTOMER_LIMIT_REACHED"),
            (2, "L4", "OK"),
        ] {
            let response = server.link(customer, code).await;
            assert_eq!(code_of(&response), expected, "customer {customer} and {code}: {response:#}");
        }
        let later = server.link(1, "LATER").await;
        assert_eq!(later["data"]["linkPromotionCode"]["state"], "NOT_YET_REDEEMABLE");
        assert_eq!(later["data"]["linkPromotionCode"]["active"], true);
    }

    async fn any_spelling_finds_the_code_and_the_response_shows_it_as_issued(database: Database) {
        database.seed(&[campaign("Spring").code("Été-20", None).code("SAVE 20", None)]).await;
        let server = Server::start(&database);
        for (spelling, issued) in [
            ("été-20", "Été-20"),
            ("  E\u{301}TE\u{301}-20\u{3000}", "Été-20"),
            ("\u{ff33}\u{ff21}\u{ff36}\u{ff25}\u{3000}\u{ff12}\u{ff10}", "SAVE 20"),
            ("\tsave 20\n", "SAVE 20"),
        ] {
            let response = server.link(1, spelling).await;
            assert_eq!(response["data"]["linkPromotionCode"]["code"], issued, "{spelling:?}: {response:#}");
        }
    }

    async fn malformed_input_is_rejected_with_the_name_of_its_field(database: Database) {
        database.seed(&[campaign("Spring").code("SAVE", None)]).await;
        let server = Server::start(&database);
        for good in [json!(0), json!(9_007_199_254_740_991_u64), json!("42"), json!("9007199254740991")] {
            let response = server.link(good.clone(), "SAVE").await;
            assert_eq!(code_of(&response), "OK", "{good}");
            let echoed = &response["data"]["linkPromotionCode"]["customerId"];
            assert_eq!(echoed.to_string(), good.to_string().replace('"', ""), "sent as a JSON number");
        }
        for bad in [
            json!(9_007_199_254_740_992_u64),
            json!(u64::MAX),
            json!(-1),
            json!(1.5),
            json!("x"),
            json!(""),
            json!("+1"),
            json!("9007199254740992"),
            json!(true),
            json!([1]),
            json!({ "a": 1 }),
        ] {
            assert_invalid(&server.link(bad.clone(), "SAVE").await, "customerId", &bad);
        }
        for bad in ["", "  ", "a\u{0}b", "a\nb", &"x".repeat(65)] {
            assert_invalid(&server.link(1, bad).await, "code", &json!(bad));
        }
        assert_eq!(code_of(&server.link(1, &"x".repeat(64)).await), "CODE_NOT_FOUND");
        // Literals in the document are parsed like variables.
        let literal = "mutation { linkPromotionCode(input: {customerId: -1, code: \"SAVE\", mode: DISCOUNT}) { id } }";
        assert_invalid(&server.execute(literal, Value::Null).await, "customerId", &json!(-1));
    }

    async fn codes_and_promotions_can_be_read(database: Database) {
        let spring = campaign("Spring").code("FREE", Some(1)).code("TAKEN", Some(1)).revoked_code("GONE");
        database.seed(&[spring, campaign("Open").code("ANY", None)]).await;
        let server = Server::start(&database);
        let linked = server.link(7, "TAKEN").await;
        let id = &linked["data"]["linkPromotionCode"]["id"];

        let query = "query($id: ID!, $codes: [String!]!) {
            promotion(id: $id) { id code customerId campaign { name mode maxRedemptionsPerLink } }
            unknown: promotion(id: \"01890000-0000-7000-8000-000000000000\") { id }
            promotionCodes(codes: $codes, mode: DISCOUNT) { code revoked maxLinks linkCount campaign { name } }
            vouchers: promotionCodes(codes: $codes, mode: PAYMENT_VOUCHER) { code }
        }";
        let codes = ["any", "nowhere", "taken", " Free", "gone", "TAKEN"];
        let mut response = server.execute(query, json!({ "id": id, "codes": codes })).await;
        response["data"]["promotion"]["id"] = json!("[id]");
        insta::assert_json_snapshot!("codes_and_promotions", response);

        let malformed = server.execute("{ promotion(id: \"x\") { id } }", Value::Null).await;
        assert_eq!(malformed["data"], json!({ "promotion": null }));
        assert_invalid(&malformed, "id", &json!("x"));
        let none = server.execute("{ promotionCodes(codes: [], mode: DISCOUNT) { code } }", Value::Null).await;
        assert_invalid(&none, "codes", &json!([]));
    }

    async fn a_failed_link_does_not_affect_the_rest_of_its_document(database: Database) {
        database.seed(&[campaign("Spring").code("A", Some(1)).code("B", Some(1))]).await;
        let server = Server::start(&database);
        let link = |code| format!("linkPromotionCode(input: {{customerId: 1, code: \"{code}\", mode: DISCOUNT}}) {{ code }}");
        let document = format!("mutation {{ first: {} second: {} third: {} }}", link("A"), link("X"), link("B"));
        let response = server.execute(&document, Value::Null).await;
        assert_eq!(response["data"], json!({ "first": { "code": "A" }, "second": null, "third": { "code": "B" } }));
        assert_eq!(response["errors"][0]["path"], json!(["second"]));
    }
}

fn masked(mut promotion: Value) -> Value {
    for field in ["id", "promotionId", "createdOn", "redeemableFrom", "validTill"] {
        assert!(!promotion[field].is_null(), "{field}");
        promotion[field] = json!(format!("[{field}]"));
    }
    assert_eq!(promotion["orgId"], ORG);
    promotion
}

#[track_caller]
fn assert_invalid(response: &Value, field: &str, sent: &Value) {
    let extensions = &response["errors"][0]["extensions"];
    let expected = json!({ "code": "INVALID_INPUT", "field": field, "retryable": false });
    assert_eq!(extensions, &expected, "{sent}: {response:#}");
}
