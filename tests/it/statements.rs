//! What the server's statements have in common: each is about one organisation, and says so in every part. By this condition
//! a distributed database finds the rows.

use std::fs;

use serde_json::{Value, json};
use tempfile::NamedTempFile;

use crate::{
    plans::OPERATIONS,
    support::{Database, ORG, Server, campaign, program},
};

/// The tables that are distributed: all that have organisations.
const TABLES: [&str; 12] = [
    "organisations",
    "campaigns",
    "promotion_codes",
    "promotions",
    "redemptions",
    "api_keys",
    "event_feeds",
    "events",
    "event_outbox",
    "webhook_endpoints",
    "failed_link_budgets",
    "customer_locks",
];

/// Statements about all organisations, by the beginning of their text, and what they are for. A distributed database executes
/// them on all of its servers.
const GLOBAL: [(&str, &str); 8] = [
    ("WITH counting_holds AS", "promolink check"),
    ("SELECT \"promotion_codes\".\"org_id\", \"promotion_codes\".\"campaign_id\"", "promolink check, of spellings"),
    ("SELECT (SELECT bool_and(has_any_column_privilege", "readiness"),
    ("WITH RECURSIVE waiting (org_id)", "organisations with events to number"),
    ("SELECT \"event_feeds\".\"org_id\" FROM (\"event_feeds\"", "organisations with events to remove"),
    ("SELECT \"webhook_endpoints\".\"id\", \"webhook_endpoints\".\"delivered_position\"", "metrics of endpoints"),
    ("SELECT COUNT(*) FROM \"webhook_endpoints\" WHERE ((\"webhook_endpoints\".\"enabled\"", "metrics of endpoints"),
    ("DELETE FROM failed_link_budgets WHERE refilled_on", "removal of full budgets"),
];

/// A part of the statement that finds the endpoints of all organisations to deliver to.
const DUE_ENDPOINTS: &str = "\"webhook_endpoints\".\"leased_until\" < $";

/// The only statement that finds rows by organisations in an array: those of the new promotions of a batch. In a distributed
/// database, where a batch has one organisation, the statement has the condition.
const OF_A_BATCH: &str = "UPDATE promotion_codes code SET link_count = code.link_count + linked.times";

#[tokio::test(flavor = "multi_thread")]
async fn every_part_of_a_statement_has_the_condition_of_its_organisation() {
    let database = Database::postgres();
    let names = TABLES.map(|table| format!("'{table}'")).join(", ");
    let others = "SELECT count(*) AS number FROM information_schema.columns
                  WHERE table_schema = 'public' AND column_name = 'org_id' AND table_name NOT IN";
    let spring = campaign("Spring").with(|campaign| campaign.max_links_per_customer = Some(1000));
    let spring = (1..20).fold(spring, |spring, number| spring.code(&format!("C-{number}"), Some(3)));
    let campaign_id = spring.campaign.id.get().to_string();
    database.seed(&[spring]).await;
    assert_eq!(database.session().await.number(&format!("{others} ({names})")).await, 0, "TABLES is complete");
    let distributed = include_str!("../../src/store/postgres/distribution.rs");
    assert!(TABLES.iter().all(|table| distributed.contains(&format!("\"{table}\","))), "they are distributed");
    let admin = database.key(ORG, "admin");
    let settings = [
        ("RUST_LOG", "promolink::sql=debug"),
        ("PROMOLINK_WEBHOOK_ALLOW", "127.0.0.0/8"),
        ("PROMOLINK_WEBHOOK_ALLOW_HTTP", "on"),
        ("PROMOLINK_EVENT_RETENTION", "1d"),
    ];
    let server = Server::serve(&database, &settings);
    let admin = server.caller(&admin);
    let linked = admin.link(7, "C-1").await;
    let promotion = linked["data"]["linkPromotionCode"]["id"].as_str().unwrap();
    let redeem = r#"mutation { redeemPromotion(input: { customerId: 7, code: "C-1", mode: DISCOUNT, transactionId: "T" }) { id } }"#;
    let redeemed = admin.data(redeem, Value::Null).await;
    let redemption = redeemed["redeemPromotion"]["id"].as_str().unwrap();
    for (number, (_, operation)) in (1..).zip(OPERATIONS) {
        let document = operation
            .replace("PROMOTION", promotion)
            .replace("REDEMPTION", redemption)
            .replace("CAMPAIGN", &campaign_id)
            .replace("NUMBER", &number.to_string());
        admin.execute(&document, json!({})).await;
    }
    for document in OTHER_OPERATIONS {
        let document = document.replace("CAMPAIGN", &campaign_id);
        let response = admin.execute(&document, json!({})).await;
        assert!(response["errors"].is_null(), "{document}: {response}");
    }
    let mut log = server.log();
    server.stop();

    let file = NamedTempFile::new().unwrap();
    fs::write(file.path(), "code\nIMPORTED-1\nIMPORTED-2\n").unwrap();
    let path = file.path().to_str().unwrap();
    let org = ORG.to_string();
    let commands: [&[&str]; 6] = [
        &["codes", "import", "--org", &org, "--campaign", &campaign_id, path],
        &["codes", "export", "--org", &org, "--campaign", &campaign_id],
        &["key", "list", "--org", &org],
        &["key", "create", "--org", &org, "--role", "service"],
        &["events", "tail", "--org", &org],
        &["check"],
    ];
    for arguments in commands {
        let mut command = program();
        let output = command.args(arguments).env("DATABASE_URL", &database.url).env("RUST_LOG", "promolink::sql=debug");
        let output = output.output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{arguments:?}: {errors}");
        log += &errors;
    }
    check(&log);
}

/// Operations that are not in [`OPERATIONS`].
const OTHER_OPERATIONS: [&str; 8] = [
    r#"mutation { createCampaign(input: { name: "Summer", mode: DISCOUNT, redeemableFrom: 1, validTill: 4102444799000 }) { id } }"#,
    r#"mutation { updateCampaign(input: { id: "CAMPAIGN", name: "Autumn" }) { id } }"#,
    r#"mutation { generatePromotionCodes(input: { campaignId: "CAMPAIGN", count: 3 }) { codes } }"#,
    r#"mutation { linkPromotionCodes(input: [{ customerId: 9, code: "C-18", mode: DISCOUNT }]) { promotion { id } } }"#,
    r#"mutation { createWebhookEndpoint(input: { url: "http://127.0.0.1:9/" }) { endpoint { id } } }"#,
    r#"{ checkPromotionCode(input: { customerId: 9, code: "C-17", mode: DISCOUNT }) { linkable } }"#,
    "{ events(first: 5, filter: { types: [PROMOTION_LINKED, CODES_ADDED] }) { nodes { id actor { name } } } }",
    "{ webhookEndpoints { id pending } }",
];

fn check(log: &str) {
    let mut seen = 0;
    for line in log.lines() {
        // `serve` logs in JSON, the other commands in text.
        let json: Value = serde_json::from_str(line).unwrap_or_default();
        let text = line.split_once("sql=\"").map(|(_, statement)| statement.replace("\\\"", "\""));
        let Some(statement) = json["sql"].as_str().map(str::to_owned).or(text) else { continue };
        let words = statement.split_whitespace().map(|word| word.trim_matches(['(', ')', ',', '"']));
        let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
        let is_row = |word: &[&str]| ["FROM", "JOIN", "UPDATE"].contains(&word[0]) && TABLES.contains(&word[1]);
        let references = words.windows(2).filter(|pair| is_row(pair)).count();
        let is_insert = words.windows(3).any(|word| word[0] == "INSERT" && TABLES.contains(&word[2]));
        if references == 0 && !is_insert || statement.starts_with(OF_A_BATCH) {
            continue;
        }
        if GLOBAL.iter().any(|(beginning, _)| statement.starts_with(beginning)) || statement.contains(DUE_ENDPOINTS) {
            continue;
        }
        seen += 1;
        let conditions = statement.matches("org_id = $").count() + statement.matches("\"org_id\" = $").count();
        assert!(conditions >= references, "{references} tables, and {conditions} conditions: {statement}");
        let first_column = |word: &[&str]| word[0] == "INTO" && TABLES.contains(&word[1]) && word[2] == "org_id";
        let inserts = words.iter().filter(|word| **word == "INSERT").count();
        assert_eq!(words.windows(3).filter(|word| first_column(word)).count(), inserts, "{statement}");
    }
    assert!(seen > 100, "{seen} statements were checked");
}
