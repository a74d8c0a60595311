//! Databases of earlier versions, each with some data, are brought up to date in place.

use serde_json::{Value, json};

use crate::support::{Database, ORG, Server, code_of, on_both_databases, program};

/// The migrations, oldest first: the version, and the statements for SQLite and for PostgreSQL. One of them folds codes in Rust.
macro_rules! migrations {
    ($($version:literal $name:literal),*) => {
        [$((
            $version,
            include_str!(concat!("../../migrations/sqlite/", $name, "/up.sql")),
            include_str!(concat!("../../migrations/postgres/", $name, "/up.sql")),
        )),*]
    };
}

const MIGRATIONS: [(&str, &str, &str); 7] = migrations![
    "20261123100000" "2026-11-23-100000_promotions",
    "20261123220000" "2026-11-23-220000_credentials",
    "20261127100000" "2026-11-27-100000_events",
    "20261127200000" "2026-11-27-200000_webhooks",
    "20261128100000" "2026-11-28-100000_offers",
    "20261128200000" "2026-11-28-200000_failed_links",
    "20261129100000" "2026-11-29-100000_distribution"
];

const FOLD_CODES: &str = "20261127000000";

/// A campaign with a linked code and a free one, as the first version has written them. UUID: of the campaign and of the promotion.
const DATA: &str = "
    INSERT INTO campaigns (org_id, id, name, mode, active, created_on, redeemable_from, valid_till, valid_for_days,
        max_links_per_customer, max_redemptions_per_link)
        VALUES (100458, UUID, 'Spring', 1, true, 1000, 1000, 4102444799000, NULL, NULL, 1);
    INSERT INTO promotion_codes (org_id, mode, folded, code, campaign_id, created_on, revoked_on, max_links, link_count)
        VALUES (100458, 1, 'held', 'HELD', UUID, 1000, NULL, 1, 1), (100458, 1, 'free', 'FREE', UUID, 1000, NULL, 1, 0);
    INSERT INTO promotions (org_id, id, mode, folded, campaign_id, customer_id, created_on, unlinked_on, redemption_count)
        VALUES (100458, UUID, 1, 'held', UUID, 7, 2000, NULL, 0);";

/// Creates a database as it was after this many of the migrations.
async fn create(database: &Database, count: usize) {
    let is_sqlite = database.url.starts_with("sqlite");
    database.run("CREATE TABLE __diesel_schema_migrations (version VARCHAR(50) PRIMARY KEY NOT NULL, run_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP)").await;
    for (number, (version, sqlite, postgres)) in MIGRATIONS.into_iter().take(count).enumerate() {
        database.run(if is_sqlite { sqlite } else { postgres }).await;
        let folded = if number == 2 { format!(", ('{FOLD_CODES}')") } else { String::new() };
        database.run(&format!("INSERT INTO __diesel_schema_migrations (version) VALUES ('{version}'){folded}")).await;
        if number == 0 {
            let id = "01a219bda6b07198b249321b80c18c9d";
            let id = if is_sqlite { format!("x'{id}'") } else { format!("'{id}'::uuid") };
            database.run(&DATA.replace("UUID", &id)).await;
        }
    }
}

on_both_databases! {
    async fn a_database_of_each_earlier_version_is_upgraded_and_serves_its_data(database: Database) {
        let is_sqlite = database.url.starts_with("sqlite");
        for count in 1..=MIGRATIONS.len() {
            let database = if is_sqlite { Database::sqlite() } else { Database::postgres() };
            create(&database, count).await;
            let migrated = program().arg("migrate").env("DATABASE_URL", &database.url).output().unwrap();
            assert!(migrated.status.success(), "{count}: {migrated:?}");
            let admin = database.key(ORG, "admin");
            let checked = program().arg("check").env("DATABASE_URL", &database.url).output().unwrap();
            assert!(checked.status.success(), "{count}: {}", String::from_utf8_lossy(&checked.stdout));
            let server = Server::serve(&database, &[]);
            let admin = server.caller(&admin);
            let held = admin.link(7, "held").await;
            assert_eq!(held["data"]["linkPromotionCode"]["createdOn"], 2000, "{count}: {held}");
            assert_eq!(code_of(&admin.link(8, "HELD").await), "CODE_ALREADY_LINKED");
            assert_eq!(code_of(&admin.link(8, "FREE").await), "OK");
            let campaigns = admin.data("{ campaigns { nodes { name version offer { title } metadata { key } } } }", Value::Null).await;
            let expected = json!([{ "name": "Spring", "version": 1, "offer": null, "metadata": [] }]);
            assert_eq!(campaigns["campaigns"]["nodes"], expected);
        }
    }
}
