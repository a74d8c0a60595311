//! How much PostgreSQL reads for a request: only what it asks for, whatever the size of the tables when it was planned.

use std::time::Duration;

use serde_json::Value;
use tokio::time::sleep;

use crate::support::{Database, ORG, Server, campaign};

/// Operations with different reads, about a code, promotion or redemption with a number.
pub const OPERATIONS: [(&str, &str); 13] = [
    ("wallet", "{ customerPromotions(customerId: NUMBER) { nodes { code redemptions { nodes { id } } } } }"),
    ("active wallet", "{ customerPromotions(customerId: NUMBER, active: true) { nodes { code } } }"),
    ("promotion", r#"{ promotion(id: "PROMOTION") { code campaign { name } } }"#),
    (
        "codes",
        r#"{ promotionCodes(codes: ["C-NUMBER"], mode: DISCOUNT) {
            campaign { name } promotions { nodes { customer { id promotions { nodes { id } } } } } } }"#,
    ),
    ("campaign", r#"{ campaign(id: "CAMPAIGN") { codes(first: 2) { nodes { code } } } }"#),
    ("campaigns", "{ campaigns(first: 2) { nodes { name } } }"),
    (
        "link",
        r#"mutation { linkPromotionCode(input: { customerId: 1NUMBER, code: "C-NUMBER", mode: DISCOUNT }) { id } }"#,
    ),
    (
        "redeem",
        r#"mutation { redeemPromotion(input:
            { customerId: NUMBER, code: "C-NUMBER", mode: DISCOUNT, transactionId: "new-NUMBER" }) { id } }"#,
    ),
    (
        "redeem once more",
        r#"mutation { redeemPromotion(input:
            { customerId: NUMBER, code: "C-NUMBER", mode: DISCOUNT, transactionId: "order-NUMBER" }) { id } }"#,
    ),
    ("reverse", r#"mutation { reverseRedemption(id: "REDEMPTION") { id } }"#),
    ("unlink", r#"mutation { unlinkPromotion(id: "PROMOTION") { id } }"#),
    ("revoke", r#"mutation { revokePromotionCode(input: { code: "C-NUMBER", mode: DISCOUNT }) { code } }"#),
    (
        "import",
        r#"mutation { importPromotionCodes(input: { campaignId: "CAMPAIGN", codes: ["C-NUMBER", "NEW-NUMBER"] })
            { imported } }"#,
    ),
];

/// The most table rows and index entries that one operation may read.
const MAX_READ: i64 = 50;

/// Each operation is planned while the tables have a few rows, for which any index will do. Then a campaign goes out.
#[tokio::test(flavor = "multi_thread")]
async fn tables_that_have_grown_are_still_read_by_whole_keys() {
    const FEW: u32 = 15;
    const MANY: u32 = 40_000;
    let database = Database::postgres();
    let spring = campaign("Spring").with(|campaign| {
        campaign.max_links_per_customer = Some(1000);
        campaign.max_redemptions_per_link = 1000;
    });
    let campaign_id = spring.campaign.id.get().to_string();
    database.seed(&[spring]).await;
    for table in ["campaigns", "promotion_codes", "promotions", "redemptions"] {
        // The planner's statistics stay those of a small table.
        database.run(&format!("ANALYZE {table}; ALTER TABLE {table} SET (autovacuum_enabled = false)")).await;
    }
    let document = |document: &str, number| {
        document
            .replace("PROMOTION", &id(1, number))
            .replace("REDEMPTION", &id(2, number))
            .replace("CAMPAIGN", &campaign_id)
            .replace("NUMBER", &number.to_string())
    };
    fill(&database, 0..FEW).await;
    let mut servers = Vec::new();
    for ((name, operation), number) in OPERATIONS.iter().zip(0..) {
        // The name of the server's sessions in `pg_stat_activity`.
        let server = Server::start(&Database::at(format!("{}?application_name={name}", database.url)));
        server.data(&document(operation, number), Value::Null).await;
        servers.push(server);
    }
    fill(&database, FEW..MANY).await;
    // Connections keep their plans for 5 s (`PLAN_LIFETIME` in `store/postgres/pool.rs`).
    sleep(Duration::from_secs(5)).await;

    let mut session = database.session().await;
    // Before PostgreSQL 15, statistics that other sessions see are up to half a second old.
    let version = session.number("SELECT current_setting('server_version_num')::bigint AS number").await;
    let late = Duration::from_millis(if version < 150_000 { 700 } else { 0 });
    let mut too_much = Vec::new();
    for (((name, operation), server), number) in OPERATIONS.iter().zip(servers).zip(MANY / 2..) {
        let before = session.number(ROWS_READ).await;
        server.data(&document(operation, number), Value::Null).await;
        server.stop();
        // A session reports its reads when it ends.
        let sessions = format!("SELECT count(*) AS number FROM pg_stat_activity WHERE application_name = '{name}'");
        for attempt in 0.. {
            if session.number(&sessions).await == 0 {
                break;
            }
            assert!(attempt < 1000, "the sessions of {name} do not end");
            sleep(Duration::from_millis(10)).await;
        }
        sleep(late).await;
        let read = session.number(ROWS_READ).await - before;
        if read > MAX_READ {
            too_much.push(format!("{name}: {read}"));
        }
    }
    assert_eq!(too_much, [""; 0]);
}

/// Selects what sessions have read that have ended.
const ROWS_READ: &str = "SELECT ((SELECT sum(seq_tup_read) FROM pg_stat_user_tables) + \
                         (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes))::bigint AS number";

/// Inserts a code, a customer's hold on it, and a redemption, for each of these numbers.
async fn fill(database: &Database, numbers: std::ops::Range<u32>) {
    let (from, to) = (numbers.start, numbers.end - 1);
    let numbers = format!("FROM generate_series({from}, {to}) AS number, (SELECT id FROM campaigns) AS campaign");
    let [promotion, redemption] =
        [1, 2].map(|kind| format!("('00000000-0000-7000-8000-{kind}' || lpad(number::text, 11, '0'))::uuid"));
    database
        .run(&format!(
            "INSERT INTO promotion_codes (org_id, mode, folded, code, campaign_id, created_on, link_count)
                 SELECT {ORG}, 1, 'c-' || number, 'C-' || number, campaign.id, 0, 1 {numbers};
             INSERT INTO promotions (org_id, id, mode, folded, campaign_id, customer_id, created_on, redemption_count)
                 SELECT {ORG}, {promotion}, 1, 'c-' || number, campaign.id, number, 0, 1 {numbers};
             INSERT INTO redemptions (org_id, id, promotion_id, transaction_id, redeemed_on)
                 SELECT {ORG}, {redemption}, {promotion}, 'order-' || number, 0 {numbers};"
        ))
        .await;
}

/// The id of a promotion (kind 1) or redemption (kind 2) with this number.
fn id(kind: u32, number: u32) -> String {
    format!("00000000-0000-7000-8000-{kind}{number:011}")
}
