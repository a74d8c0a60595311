//! Many fields of one document: they are read together, and each gets its own page.

use std::fmt::Write as _;

use promolink::promotions::PromotionMode;
use serde_json::{Value, json};

use crate::support::{Database, Server, TestCampaign, campaign, code_of, on_all_databases};

/// The number of aliases under which a document selects a field.
const ALIASES: usize = 100;

/// The number of codes per campaign. Customer 7 holds all of Spring's.
const CODES: usize = 40;

fn with_codes(campaign: TestCampaign, prefix: &str) -> TestCampaign {
    (0..CODES).fold(campaign, |campaign, number| campaign.code(&format!("{prefix}-{number:03}"), None))
}

/// Selects these fields, each under its own alias.
fn selection(fields: impl IntoIterator<Item = String>) -> String {
    let mut selection = "{".to_owned();
    for (number, field) in fields.into_iter().enumerate() {
        writeln!(selection, " a{number}: {field}").unwrap();
    }
    selection + "}"
}

/// Selects a field under many aliases.
fn aliased(field: impl Fn(usize) -> String) -> String {
    selection((0..ALIASES).map(field))
}

/// A list field whose page size differs by alias, from 32 to 63.
fn nested(field: &str) -> impl Fn(usize) -> String {
    let field = field.to_owned();
    move |number| field.replace("FIRST", &(32 + number % 32).to_string())
}

fn texts(list: &Value, pointer: &str) -> Vec<String> {
    list.as_array().unwrap().iter().map(|item| item.pointer(pointer).unwrap().as_str().unwrap().to_owned()).collect()
}

on_all_databases! {
    async fn aliases_of_a_field_share_statements(database: Database) {
        let vouchers = campaign("Vouchers").with(|campaign| campaign.mode = PromotionMode::PaymentVoucher);
        let mut campaigns: Vec<_> = (0..60).map(|number| campaign(&format!("C{number}"))).collect();
        campaigns.extend([with_codes(campaign("Spring"), "S"), with_codes(vouchers, "V")]);
        let spring = campaigns[60].campaign.id.get();
        database.seed(&campaigns).await;
        let server = Server::start_logging(&database, "promolink::sql=debug");
        let mut ids = Vec::new();
        for number in 0..CODES {
            let linked = server.link(7, &format!("S-{number:03}")).await;
            ids.push(linked["data"]["linkPromotionCode"]["id"].as_str().unwrap().to_owned());
        }
        let edges = server.data("{ customerPromotions(customerId: 7, first: 100) { edges { cursor } } campaigns(first: 100) { edges { cursor node { id } } } }", Value::Null).await;
        let wallet = texts(&edges["customerPromotions"]["edges"], "/cursor");
        let places = texts(&edges["campaigns"]["edges"], "/cursor");
        let all = texts(&edges["campaigns"]["edges"], "/node/id");

        let at = |list: &[String], number: usize| list[number % list.len()].clone();
        // Page sizes from 32 to 63 share a statement.
        let first = |number: usize| 32 + number % 32;
        let root: [(&str, usize, String); 7] = [
            ("promotion", 1, aliased(|n| format!("promotion(id: \"{}\") {{ id code }}", at(&ids, n)))),
            ("campaign", 1, aliased(|n| format!("campaign(id: \"{}\") {{ id }}", at(&all, n)))),
            ("codes", 1, aliased(|n| format!("promotionCodes(codes: [\"s-{n:03}\", \"s-001\"], mode: DISCOUNT) {{ code }}"))),
            ("codes of both modes", 2, aliased(|n| {
                let mode = if n % 2 == 0 { "DISCOUNT" } else { "PAYMENT_VOUCHER" };
                format!("promotionCodes(codes: [\"s-{n:03}\", \"v-{n:03}\"], mode: {mode}) {{ code }}")
            })),
            ("campaigns", 1, aliased(|n| format!("campaigns(first: {}, after: \"{}\") {{ nodes {{ id }} }}", first(n), at(&places, n)))),
            ("wallet", 1, aliased(|n| format!("customerPromotions(customerId: {}, first: {}, after: \"{}\") {{ nodes {{ id }} }}", 7 + n % 2, first(n), at(&wallet, n)))),
            ("wallets of any size", 7, aliased(|n| format!("customerPromotions(customerId: 7, first: {}) {{ nodes {{ id }} }}", n + 1))),
        ];
        let redemptions = aliased(nested("redemptions(first: FIRST) { nodes { id } }"));
        let codes = aliased(nested("codes(first: FIRST) { nodes { code } }"));
        let holds = aliased(nested("promotions(first: FIRST) { nodes { id } }"));
        let below = [
            ("redemptions", 2, format!("{{ promotion(id: \"{}\") {redemptions} }}", ids[0])),
            ("codes of a campaign", 2, format!("{{ campaign(id: \"{spring}\") {codes} }}")),
            ("holds", 2, format!("{{ promotionCodes(codes: [\"S-000\"], mode: DISCOUNT) {holds} }}")),
        ];
        for (name, expected, document) in root.into_iter().chain(below) {
            let (count, data) = server.statements(&document, Value::Null).await;
            assert_eq!(count, expected, "{name}: {data}");
        }
    }

    async fn pages_read_together_equal_pages_read_separately(database: Database) {
        let vouchers = campaign("Vouchers").with(|campaign| campaign.mode = PromotionMode::PaymentVoucher);
        // The same codes in both modes.
        let campaigns = [with_codes(campaign("Spring"), "S"), with_codes(vouchers, "S"), campaign("Summer")];
        let [spring, voucher, _] = campaigns.each_ref().map(|campaign| campaign.campaign.id.get());
        database.seed(&campaigns).await;
        let server = Server::start(&database);
        for number in 0..CODES {
            let code = format!("S-{number:03}");
            assert_eq!(code_of(&server.link(7, &code).await), "OK");
            assert_eq!(code_of(&server.link(100 + i64::try_from(number).unwrap(), "S-000").await), "OK");
        }
        let page = "{ edges { cursor node { id } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } }";
        let of_codes = page.replace(" id ", " code ");
        let lists = [
            ("customerPromotions(customerId: 7, PAGE)".to_owned(), page, ""),
            ("customerPromotions(customerId: 7, PAGE, active: true, mode: DISCOUNT)".to_owned(), page, ""),
            ("customerPromotions(customerId: 100, PAGE)".to_owned(), page, ""),
            ("campaigns(PAGE)".to_owned(), page, ""),
            (format!("campaign(id: \"{spring}\") {{ codes(PAGE)"), &*of_codes, "}"),
            (format!("campaign(id: \"{voucher}\") {{ codes(PAGE)"), &*of_codes, "}"),
            ("promotionCodes(codes: [\"s-000\"], mode: DISCOUNT) { promotions(PAGE)".to_owned(), page, "}"),
        ];
        let mut fields = Vec::new();
        let mut alone = Vec::new();
        for (list, selection, end) in &lists {
            for first in [1, 3, 16, 100] {
                let mut after = String::new();
                loop {
                    let field = list.replace("PAGE", &format!("first: {first}, after: \"{after}\""));
                    let field = format!("{field} {selection} {end}");
                    let answer = server.data(&format!("{{ a: {field} }}"), Value::Null).await["a"].take();
                    let info = page_info(&answer).clone();
                    fields.push(field);
                    alone.push(answer);
                    if info["hasNextPage"] == false {
                        break;
                    }
                    info["endCursor"].as_str().unwrap().clone_into(&mut after);
                }
            }
        }
        assert!(fields.len() > 200, "{} pages", fields.len());
        let together = server.data(&selection(fields.clone()), Value::Null).await;
        for (number, alone) in alone.iter().enumerate() {
            assert_eq!(&together[format!("a{number}")], alone, "{}", fields[number]);
        }
    }

    async fn a_failed_field_does_not_affect_its_siblings(database: Database) {
        database.seed(&[campaign("Spring").code("A", None)]).await;
        let server = Server::start(&database);
        let id = server.link(7, "A").await["data"]["linkPromotionCode"]["id"].take();
        let query = "query($id: ID!) {
            bad: promotion(id: \"x\") { code } good: promotion(id: $id) { code }
            none: campaign(id: \"00000000-0000-7000-8000-000000000000\") { name } wrong: campaign(id: \"y\") { name }
        }";
        let response = server.execute(query, json!({ "id": id })).await;
        assert_eq!(response["data"], json!({ "bad": null, "good": { "code": "A" }, "none": null, "wrong": null }));
        let paths: Vec<_> = response["errors"].as_array().unwrap().iter().map(|error| &error["path"]).collect();
        assert_eq!(json!(paths), json!([["bad"], ["wrong"]]));
    }
}

/// The `pageInfo` in a response, at any of the places that the lists have.
fn page_info(answer: &Value) -> &Value {
    let lists = ["/pageInfo", "/codes/pageInfo", "/0/promotions/pageInfo"];
    lists.iter().find_map(|pointer| answer.pointer(pointer)).unwrap()
}
