//! `checkPromotionCode` and `customerPromotion`.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Caller, Database, ORG, Server, campaign, code_of, in_days, issuer, on_all_databases};

const CHECK: &str = "query($input: LinkPromotionCodeInput!) { checkPromotionCode(input: $input) {
    linkable error { code retryable } promotion { id code } promotionName validTill redeemableFrom } }";

fn input(customer: i64, code: &str) -> Value {
    json!({ "input": { "customerId": customer, "code": code, "mode": "DISCOUNT" } })
}

async fn check(caller: &Caller, customer: i64, code: &str) -> Value {
    caller.data(CHECK, input(customer, code)).await["checkPromotionCode"].take()
}

on_all_databases! {
    async fn a_check_says_what_linking_would_do_and_changes_nothing(database: Database) {
        let limited = campaign("Limited").with(|campaign| campaign.max_links_per_customer = Some(1)).code("L1", None).code("L2", None);
        database.seed(&[
            campaign("Spring").code("ONE", Some(1)).code("TWO", Some(2)).revoked_code("GONE"),
            campaign("Stopped").with(|campaign| campaign.active = false).code("STOPPED", None),
            campaign("Over").with(|campaign| campaign.valid_till = in_days(0)).code("OVER", None),
            campaign("Later").with(|campaign| campaign.redeemable_from = in_days(5)).code("LATER", None),
            limited,
        ]).await;
        let server = Server::start(&database);
        for (customer, code) in [(1, "ONE"), (1, "TWO"), (2, "TWO"), (3, "L1")] {
            assert_eq!(check(&server, customer, code).await["linkable"], true);
            assert_eq!(code_of(&server.link(customer, code).await), "OK");
        }
        for (customer, code) in [(1, "ONE"), (2, "ONE"), (3, "TWO"), (1, "GONE"), (1, "STOPPED"), (1, "OVER"), (1, "LATER"), (3, "L2"), (4, "L2"), (1, "NONE")] {
            let checked = check(&server, customer, code).await;
            let again = check(&server, customer, code).await;
            // `validTill` and `redeemableFrom` may be those of a promotion that would be linked now.
            assert_eq!((&checked["linkable"], &checked["error"]), (&again["linkable"], &again["error"]), "{code}");
            let linked = server.link(customer, code).await;
            let expected = if code_of(&linked) == "OK" { Value::Null } else { json!(code_of(&linked)) };
            assert_eq!(checked["error"].get("code").unwrap_or(&Value::Null), &expected, "{code}");
            assert_eq!(checked["linkable"], expected.is_null(), "{code}");
            if expected.is_null() {
                assert_eq!(checked["promotionName"], linked["data"]["linkPromotionCode"]["promotionName"]);
            }
        }
        let held = check(&server, 1, " one ").await;
        assert_eq!((&held["linkable"], &held["promotion"]["code"]), (&json!(true), &json!("ONE")));
        assert_eq!(check(&server, 5, "LATER").await["promotion"], Value::Null);
        let malformed = server.execute(CHECK, input(1, "")).await;
        assert_eq!((code_of(&malformed), &malformed["errors"][0]["extensions"]["field"]), ("INVALID_INPUT", &json!("code")));
    }

    async fn checks_of_a_document_share_a_read_and_do_not_see_each_other(database: Database) {
        database.seed(&[campaign("Spring").code("ONE", Some(1))]).await;
        let server = Server::start_logging(&database, "promolink::sql=debug");
        let field = |customer: i64| format!(
            "c{customer}: checkPromotionCode(input: {{ customerId: {customer}, code: \"ONE\", mode: DISCOUNT }}) {{ linkable }}");
        let document = format!("{{ {} {} {} }}", field(1), field(2), field(3));
        let (one, _) = server.statements(&format!("{{ {} }}", field(1)), Value::Null).await;
        let (three, data) = server.statements(&document, Value::Null).await;
        assert_eq!(data, json!({ "c1": { "linkable": true }, "c2": { "linkable": true }, "c3": { "linkable": true } }));
        // On PostgreSQL, one statement reads all codes, and one all holds. On SQLite, each is a lookup by key.
        assert!(three == one || database.url.starts_with("sqlite"), "{one} and {three}");
    }

    async fn the_promotion_of_a_customer_and_code_can_be_read(database: Database) {
        database.seed(&[campaign("Spring").code("ONE", None).code("TWO", None)]).await;
        let server = Server::serve(&database, &issuer::VARIABLES);
        let service = server.caller(&database.key(ORG, "service"));
        assert_eq!(code_of(&service.link(1, "ONE").await), "OK");
        let query = "query($id: Long!, $code: String!) { customerPromotion(customerId: $id, code: $code, mode: DISCOUNT) { code customerId } }";
        let held = service.data(query, json!({ "id": 1, "code": "one" })).await;
        assert_eq!(held["customerPromotion"], json!({ "code": "ONE", "customerId": 1 }));
        for (customer, code) in [(2, "ONE"), (1, "TWO"), (1, "NONE")] {
            assert_eq!(service.data(query, json!({ "id": customer, "code": code })).await["customerPromotion"], Value::Null);
        }
        let customer = server.caller(&issuer::token(ORG, 1));
        assert_eq!(customer.data(query, json!({ "id": 1, "code": "ONE" })).await["customerPromotion"]["code"], "ONE");
        assert_eq!(code_of(&customer.execute(query, json!({ "id": 2, "code": "ONE" })).await), "FORBIDDEN");
        assert_eq!(code_of(&customer.execute(CHECK, input(2, "ONE")).await), "FORBIDDEN");
        let storefront = server.caller(&database.key(ORG, "storefront"));
        assert_eq!(code_of(&storefront.execute(CHECK, input(1, "ONE")).await), "FORBIDDEN");
    }

    async fn a_check_counts_as_the_link_would_unless_the_customer_holds_the_code(database: Database) {
        database.seed(&[campaign("Spring").code("ONE", None).code("TWO", None)]).await;
        let limits = ("PROMOLINK_LIMITS", "customer.new-links=2");
        let server = Server::serve(&database, &[&issuer::VARIABLES[..], &[limits]].concat());
        let customer = server.caller(&issuer::token(ORG, 1));
        assert_eq!(code_of(&customer.link(1, "ONE").await), "OK");
        for _ in 0..5 {
            assert_eq!(check(&customer, 1, "ONE").await["linkable"], true);
        }
        assert_eq!(check(&customer, 1, "TWO").await["linkable"], true);
        assert_eq!(code_of(&customer.execute(CHECK, input(1, "TWO")).await), "RATE_LIMITED");
    }

    /// Neither by the response, nor by its time, nor by what is left of the budget.
    async fn a_customer_learns_nothing_about_codes_by_checks(database: Database) {
        database.seed(&[campaign("Spring").code("TAKEN", Some(1)).revoked_code("GONE").code("FREE", None)]).await;
        let limits = ("PROMOLINK_LIMITS", "customer.failed-links=4");
        let server = Server::serve(&database, &[&issuer::VARIABLES[..], &[limits]].concat());
        let service = server.caller(&database.key(ORG, "service"));
        assert_eq!(code_of(&service.link(99, "TAKEN").await), "OK");
        for (number, codes) in [["NONE"; 4], ["TAKEN"; 4], ["GONE"; 4]].into_iter().enumerate() {
            let id = i64::try_from(number).unwrap() + 1;
            let customer = server.caller(&issuer::token(ORG, id));
            for code in codes {
                let started = Instant::now();
                let checked = check(&customer, id, code).await;
                assert_eq!(checked, json!({ "linkable": false, "error": { "code": "CODE_NOT_USABLE", "retryable": false },
                    "promotion": null, "promotionName": null, "validTill": null, "redeemableFrom": null }), "{code}");
                assert!(started.elapsed() >= Duration::from_millis(50), "{:?}", started.elapsed());
            }
            assert_eq!(code_of(&customer.execute(CHECK, input(id, "FREE")).await), "RATE_LIMITED");
            // The same budget as that of links.
            assert_eq!(code_of(&customer.link(id, "FREE").await), "RATE_LIMITED");
        }
    }
}
