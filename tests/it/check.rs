//! `promolink check`: passes on a used database, and finds every broken invariant.

use std::{
    collections::BTreeSet,
    process::Output,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Caller, Database, ORG, Server, campaign, code_of, on_both_databases, program};

/// The invariants of a sound database, in the order of their checks.
const INVARIANTS: [&str; 16] = [
    "every campaign belongs to an organisation",
    "every API key belongs to an organisation",
    "every code belongs to a campaign of its mode",
    "every promotion is of a code",
    "every promotion is of its code's campaign",
    "every redemption is of a promotion",
    "every code's linkCount is the number of its holds that count",
    "no code has more holds than its maxLinks",
    "no customer holds a code twice",
    CUSTOMER_LIMIT,
    "every promotion's count of redemptions is the number of those that were not reversed",
    "no promotion has more redemptions than its campaign's maxRedemptionsPerLink",
    "every change has exactly one event",
    "every event has its change",
    "the positions of events are 1, 2, 3 and so on, without gaps",
    SPELLINGS,
];

const SPELLINGS: &str = "every code is found by its own spelling";

const UNLINK: &str = "mutation($id: ID!) { unlinkPromotion(id: $id) { id } }";
const REVERSE: &str = "mutation($id: ID!) { reverseRedemption(id: $id) { id } }";

const CUSTOMER_LIMIT: &str = "no customer holds more codes of a campaign than its maxLinksPerCustomer";
const REDEMPTION_LIMIT: &str = "no promotion has more redemptions than its campaign's maxRedemptionsPerLink";

/// Statements that break one invariant, statements that repair it, its name, and the reported example.
type Break = (&'static str, &'static str, &'static str, &'static str);

/// Those that break the record of events.
const EVENT_BREAKS: [Break; 4] = [
    (
        "UPDATE events SET type = 13 WHERE position = (SELECT min(position) FROM events WHERE type = 2)",
        "UPDATE events SET type = 2 WHERE type = 13",
        "every change has exactly one event",
        "organisation 100458, object ID: a change of the type 2 has 0 events",
    ),
    (
        "UPDATE events SET type = 7 WHERE position = (SELECT min(position) FROM events WHERE type = 5)",
        "UPDATE events SET type = 5 WHERE position = (SELECT min(position) + 1 FROM events WHERE type = 7)",
        "every change has exactly one event",
        "organisation 100458, object ID: a change of the type 7 has 2 events",
    ),
    (
        "UPDATE events SET type = 10 WHERE position = (SELECT min(position) FROM events WHERE type = 5)",
        "UPDATE events SET type = 5 WHERE type = 10",
        "every event has its change",
        "organisation 100458, object ID: an event of the type 10 has no change",
    ),
    (
        "UPDATE events SET position = position + 1 WHERE position = (SELECT max(position) FROM events)",
        "UPDATE events SET position = position - 1 WHERE position = (SELECT max(position) FROM events)",
        "the positions of events are 1, 2, 3 and so on, without gaps",
        "organisation 100458, last event ID: there are 23 events from position 1 to 24, instead of 1 to 23",
    ),
];

/// Removes all events, as if they were old. The statements in [`BREAKS`] make changes without events.
const FORGET_EVENTS: &str = "DELETE FROM events; UPDATE event_feeds SET first_position = last_position + 1, \
                             recorded_since = 9000000000000000; \
                             INSERT INTO event_feeds (org_id, recorded_since) VALUES (100458000, 9000000000000000)";

const BREAKS: [Break; 17] = [
    (
        "INSERT INTO campaigns (org_id, id, name, mode, active, created_on, redeemable_from, valid_till, valid_for_days, \
         max_links_per_customer, max_redemptions_per_link) SELECT 100458000, id, name, mode, active, created_on, redeemable_from, valid_till, \
         valid_for_days, max_links_per_customer, max_redemptions_per_link FROM campaigns WHERE name = 'Autumn'",
        "DELETE FROM campaigns WHERE org_id = 100458000",
        "every campaign belongs to an organisation",
        "organisation 100458000, campaign ID: there is no such organisation",
    ),
    (
        "UPDATE api_keys SET org_id = 100458000",
        "UPDATE api_keys SET org_id = 100458",
        "every API key belongs to an organisation",
        "organisation 100458000, key ID: there is no such organisation",
    ),
    (
        "UPDATE promotion_codes SET campaign_id = (SELECT id FROM api_keys) WHERE folded = 'untouched-0001'",
        "UPDATE promotion_codes SET campaign_id = (SELECT id FROM campaigns WHERE name = 'Autumn') \
         WHERE folded = 'untouched-0001'",
        "every code belongs to a campaign of its mode",
        "organisation 100458, campaign ID: it does not exist in mode 1, but has codes: 1",
    ),
    (
        "UPDATE promotion_codes SET mode = 2 WHERE folded = 'untouched-0001'",
        "UPDATE promotion_codes SET mode = 1 WHERE folded = 'untouched-0001'",
        "every code belongs to a campaign of its mode",
        "organisation 100458, campaign ID: it does not exist in mode 2, but has codes: 1",
    ),
    (
        "UPDATE promotions SET folded = 'nowhere' WHERE customer_id = 2",
        "UPDATE promotions SET folded = 'endless-0001' WHERE customer_id = 2",
        "every promotion is of a code",
        "organisation 100458, promotion ID: there is no such code",
    ),
    (
        "UPDATE promotions SET campaign_id = (SELECT id FROM campaigns WHERE name = 'Autumn') WHERE customer_id = 2",
        "UPDATE promotions SET campaign_id = (SELECT id FROM campaigns WHERE name = 'Spring') WHERE customer_id = 2",
        "every promotion is of its code's campaign",
        "organisation 100458, promotion ID: its code is of another campaign",
    ),
    (
        "UPDATE redemptions SET promotion_id = id WHERE transaction_id = 'reversed'",
        "UPDATE redemptions SET promotion_id = (SELECT id FROM promotions WHERE customer_id = 4) \
         WHERE transaction_id = 'reversed'",
        "every redemption is of a promotion",
        "organisation 100458, redemption ID: there is no such promotion",
    ),
    (
        "UPDATE promotion_codes SET link_count = 3 WHERE folded = 'endless-0001'",
        "UPDATE promotion_codes SET link_count = 2 WHERE folded = 'endless-0001'",
        "every code's linkCount is the number of its holds that count",
        "organisation 100458, code of campaign ID: its linkCount is 3, and its holds are 2",
    ),
    (
        // A count that omits the hold that was redeemed and then unlinked.
        "UPDATE promotion_codes SET link_count = 1 WHERE folded = 'endless-0001'",
        "UPDATE promotion_codes SET link_count = 2 WHERE folded = 'endless-0001'",
        "every code's linkCount is the number of its holds that count",
        "organisation 100458, code of campaign ID: its linkCount is 1, and its holds are 2",
    ),
    (
        "UPDATE promotion_codes SET link_count = 1 WHERE folded = 'untouched-0001'",
        "UPDATE promotion_codes SET link_count = 0 WHERE folded = 'untouched-0001'",
        "every code's linkCount is the number of its holds that count",
        "organisation 100458, code of campaign ID: its linkCount is 1, and its holds are 0",
    ),
    (
        "UPDATE promotion_codes SET max_links = 1 WHERE folded = 'double-0001'",
        "UPDATE promotion_codes SET max_links = 2 WHERE folded = 'double-0001'",
        "no code has more holds than its maxLinks",
        "organisation 100458, promotion ID: it is hold 2 of a code with maxLinks 1",
    ),
    (
        // One of the two holds was unlinked after it was redeemed.
        "UPDATE promotion_codes SET max_links = 1 WHERE folded = 'endless-0001'",
        "UPDATE promotion_codes SET max_links = NULL WHERE folded = 'endless-0001'",
        "no code has more holds than its maxLinks",
        "organisation 100458, promotion ID: it is hold 2 of a code with maxLinks 1",
    ),
    (
        "UPDATE promotions SET customer_id = 1 WHERE customer_id = 3 AND folded = 'double-0001'",
        "UPDATE promotions SET customer_id = 3 \
         WHERE id = (SELECT id FROM promotions WHERE customer_id = 1 AND folded = 'double-0001' LIMIT 1)",
        "no customer holds a code twice",
        "organisation 100458, promotion ID: it is hold 2 of its customer on its code",
    ),
    (
        "UPDATE promotions SET redemption_count = 1 WHERE customer_id = 4",
        "UPDATE promotions SET redemption_count = 2 WHERE customer_id = 4",
        "every promotion's count of redemptions is the number of those that were not reversed",
        "organisation 100458, promotion ID: its count is 1, and its redemptions are 2",
    ),
    (
        "UPDATE redemptions SET reversed_on = 1 WHERE transaction_id = 'single'",
        "UPDATE redemptions SET reversed_on = NULL WHERE transaction_id = 'single'",
        "every promotion's count of redemptions is the number of those that were not reversed",
        "organisation 100458, promotion ID: its count is 1, and its redemptions are 0",
    ),
    (
        "UPDATE promotion_codes SET code = 'UNTOUCHED-OOO1' WHERE folded = 'untouched-0001'",
        "UPDATE promotion_codes SET code = 'Untouched-0001' WHERE folded = 'untouched-0001'",
        "every code is found by its own spelling",
        "organisation 100458, code of campaign ID: it is stored under another text",
    ),
    (
        "UPDATE promotion_codes SET code = ' ' WHERE folded = 'untouched-0001'",
        "UPDATE promotion_codes SET code = 'UNTOUCHED-0001' WHERE folded = 'untouched-0001'",
        "every code is found by its own spelling",
        "organisation 100458, code of campaign ID: it is stored under another text",
    ),
];

on_both_databases! {
    async fn check_passes_on_a_used_database(database: Database) {
        database.open().await;
        assert_eq!(passed_invariants(&check(&database)), INVARIANTS, "an empty database");
        let _server = change_everything(&database).await;
        assert_eq!(passed_invariants(&check(&database)), INVARIANTS, "a used database, while a server runs");
    }

    async fn every_broken_invariant_is_found(database: Database) {
        change_everything(&database).await;
        drop_constraints(&database).await;
        // The killed server may have left events without a position. The command numbers them.
        let tail = ["events", "tail", "--org", &ORG.to_string()];
        assert!(program().args(tail).env("DATABASE_URL", &database.url).output().unwrap().status.success());
        let mut found = BTreeSet::new();
        let breaks = EVENT_BREAKS.into_iter().chain(BREAKS).enumerate();
        for (number, (statements, mend, invariant, example)) in breaks {
            if number == EVENT_BREAKS.len() {
                database.run(FORGET_EVENTS).await;
            }
            run_unchecked(&database, statements).await;
            let output = check(&database);
            assert_eq!(output.status.code(), Some(1), "{statements}: {}", text(&output));
            let ok = INVARIANTS.iter().filter(|name| **name != invariant).map(|name| format!("ok        {name}"));
            let mut expected: BTreeSet<String> = ok.collect();
            expected.extend([format!("1 wrong   {invariant}"), format!("          {example}")]);
            let (advice, lines): (Vec<_>, Vec<_>) =
                text(&output).lines().map(without_ids).partition(|line| line.starts_with("          What to do: "));
            assert_eq!((BTreeSet::from_iter(lines), advice.len()), (expected, 1), "{statements}");
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(errors.contains("is not sound; broken invariants: 1"), "{errors}");
            found.insert(invariant);
            run_unchecked(&database, mend).await;
            assert_eq!(passed_invariants(&check(&database)), INVARIANTS, "{mend}");
        }
        found.extend([CUSTOMER_LIMIT, REDEMPTION_LIMIT]);
        assert_eq!(found, BTreeSet::from(INVARIANTS), "a statement breaks each invariant");
    }

    /// Limits can be lowered, and customers keep holds and redemptions above them.
    async fn holds_and_redemptions_above_a_lowered_limit_are_noted_without_an_error(database: Database) {
        let (_server, admin) = change_everything(&database).await;
        let look = "{ promotionCodes(codes: [\"SINGLE-0001\"], mode: DISCOUNT) { campaign { id } } }";
        let id = admin.data(look, Value::Null).await["promotionCodes"][0]["campaign"]["id"].take();
        let limit = "mutation($id: ID!) { updateCampaign(input: { id: $id, maxLinksPerCustomer: 1 }) { id } }";
        admin.data(limit, json!({ "id": id })).await;
        let output = check(&database);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let lines = text(&output).lines().filter(|line| !line.starts_with("ok ")).map(without_ids);
        let lines: Vec<String> = lines.collect();
        // One of these customers unlinked one of two codes after redeeming it.
        let above = "          organisation 100458, promotion ID: it is hold 2 of its customer, who may have 1";
        assert_eq!(lines[..3], [format!("2 noted   {CUSTOMER_LIMIT}"), above.to_owned(), above.to_owned()]);
        assert!(lines[3].contains("customers keep what they hold"), "{lines:#?}");
        assert!(lines[4].contains("What to do: ") && lines.len() == 5, "{lines:#?}");
        database.run("UPDATE campaigns SET max_links_per_customer = NULL, max_redemptions_per_link = 1").await;
        let output = check(&database);
        let above = "          organisation 100458, redemption ID: it is use 2 of a promotion for 1";
        let noted = format!("1 noted   {REDEMPTION_LIMIT}\n{above}\n");
        let lines: Vec<String> = text(&output).lines().map(without_ids).collect();
        assert!(output.status.success() && format!("{}\n", lines.join("\n")).contains(&noted), "{lines:#?}");
    }

    async fn codes_are_printed_only_on_request(database: Database) {
        change_everything(&database).await;
        drop_constraints(&database).await;
        for (statements, code) in [
            ("UPDATE promotion_codes SET link_count = 1 WHERE folded = 'untouched-0001'", "UNTOUCHED-0001"),
            ("UPDATE promotion_codes SET max_links = 1 WHERE folded = 'endless-0001'", "ENDLESS-0001"),
            ("UPDATE promotions SET redemption_count = 1 WHERE customer_id = 4", "endless-0001"),
            ("UPDATE promotions SET folded = 'nowhere-0001' WHERE customer_id = 2", "nowhere-0001"),
            ("UPDATE promotion_codes SET code = 'DOUBLE-\u{1b}[0m' WHERE folded = 'double-0001'", "DOUBLE-\\u{1b}[0m"),
        ] {
            run_unchecked(&database, statements).await;
            let output = program().args(["check", "--show-codes"]).env("DATABASE_URL", &database.url).output().unwrap();
            assert!(text(&output).contains(&format!(" (code \"{code}\")\n")), "{statements}: {}", text(&output));
        }
        check(&database);
    }

    async fn at_most_twenty_examples_are_printed(database: Database) {
        let codes = (0..25).fold(campaign("Spring"), |spring, number| spring.code(&format!("CODE-{number:04}"), None));
        database.seed(&[codes]).await;
        run_unchecked(&database, "UPDATE promotion_codes SET link_count = 1, code = 'other'").await;
        let output = check(&database);
        let lines: Vec<&str> = text(&output).lines().collect();
        for invariant in [INVARIANTS[6], SPELLINGS] {
            let first = lines.iter().position(|line| *line == format!("25 wrong  {invariant}")).unwrap();
            assert!(lines[first + 1..=first + 20].iter().all(|line| line.contains("code of campaign")), "{lines:#?}");
            assert_eq!(lines[first + 21], "          and 5 more");
        }
        assert_eq!(lines.len(), INVARIANTS.len() + 2 * 22);
        assert!(String::from_utf8_lossy(&output.stderr).contains("broken invariants: 2"));
    }

    async fn check_is_correct_while_a_server_writes(database: Database) {
        database.seed(&[campaign("Spring").code("BUSY-0001", Some(3)).code("BUSY-0002", None)]).await;
        let server = Server::serve(&database, &[]);
        let shop = server.caller(&database.key(ORG, "admin"));
        let turns = Arc::new(AtomicU32::new(0));
        for customer in 0..8 {
            let (shop, turns) = (shop.clone(), Arc::clone(&turns));
            tokio::spawn(async move {
                loop {
                    let turn = turns.fetch_add(1, Ordering::Relaxed);
                    link_redeem_and_undo(&shop, customer, turn).await;
                }
            });
        }
        let mut checks = 0;
        while turns.load(Ordering::Relaxed) < 200 {
            assert_eq!(passed_invariants(&check(&database)), INVARIANTS);
            checks += 1;
            assert!(checks < 1000, "the customers make no progress");
        }
        assert!(checks > 1);
    }

    async fn a_database_without_tables_is_not_checked(database: Database) {
        let output = check(&database);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && errors.contains("run `promolink migrate`"), "{errors}");
        assert!(output.stdout.is_empty());
    }
}

/// Runs `promolink check`, whose output must contain no code.
fn check(database: &Database) -> Output {
    let output = program().arg("check").env("DATABASE_URL", &database.url).output().unwrap();
    // Ids are removed first: some contain such a group of digits.
    let without_ids: Vec<String> = text(&output).lines().map(without_ids).collect();
    assert!(!without_ids.iter().any(|line| line.to_lowercase().contains("-000")), "{without_ids:#?}");
    output
}

fn text(output: &Output) -> &str {
    str::from_utf8(&output.stdout).unwrap()
}

/// The invariants that the output reports as ok. The check must have passed.
#[track_caller]
fn passed_invariants(output: &Output) -> Vec<&str> {
    assert!(output.status.success(), "{}{}", text(output), String::from_utf8_lossy(&output.stderr));
    text(output).lines().map(|line| line.strip_prefix("ok        ").unwrap_or(line)).collect()
}

fn without_ids(line: &str) -> String {
    let words = line.split(' ').map(|word| match word.strip_suffix(':').map(Uuid::parse_str) {
        Some(Ok(_)) => "ID:",
        _ => word,
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Changes promotions in every possible way: customer 1 holds two and redeemed one; customer 2 unlinked one; customer 3
/// holds one, and redeemed and unlinked another; customer 4 redeemed one three times, of which one was reversed;
/// customer 5 redeemed one and unlinked it, and the redemption was reversed.
async fn change_everything(database: &Database) -> (Server, Caller) {
    let spring = campaign("Spring").with(|campaign| {
        campaign.max_links_per_customer = Some(3);
        campaign.max_redemptions_per_link = 2;
    });
    let spring = spring.code("SINGLE-0001", Some(1)).code("DOUBLE-0001", Some(2)).code("ENDLESS-0001", None);
    database.seed(&[spring, campaign("Autumn").code("UNTOUCHED-0001", Some(1))]).await;
    let server = Server::serve(database, &[]);
    let shop = server.caller(&database.key(ORG, "admin"));
    for (customer, code) in [(1, "SINGLE-0001"), (1, "DOUBLE-0001"), (3, "DOUBLE-0001")] {
        assert_eq!(code_of(&shop.link(customer, code).await), "OK");
    }
    let mut holds = Vec::new();
    for customer in 2..=5 {
        let linked = shop.link(customer, "ENDLESS-0001").await;
        holds.push(linked["data"]["linkPromotionCode"]["id"].clone());
    }
    let redeem = async |customer, code, transaction| {
        let redeemed = shop.redeem(customer, code, transaction).await;
        assert_eq!(code_of(&redeemed), "OK", "{redeemed:#}");
        redeemed["data"]["redeemPromotion"]["id"].clone()
    };
    redeem(1, "SINGLE-0001", "single").await;
    redeem(3, "ENDLESS-0001", "used up").await;
    let to_be_kept = redeem(4, "ENDLESS-0001", "reversed").await;
    let to_be_given_up = redeem(5, "ENDLESS-0001", "given up").await;
    for hold in [&holds[0], &holds[1], &holds[3]] {
        shop.data(UNLINK, json!({ "id": hold })).await;
    }
    for redemption in [to_be_kept, to_be_given_up] {
        shop.data(REVERSE, json!({ "id": redemption })).await;
    }
    redeem(4, "ENDLESS-0001", "second").await;
    redeem(4, "ENDLESS-0001", "third").await;
    (server, shop)
}

/// Links, redeems, unlinks and reverses, as far as concurrent customers permit.
async fn link_redeem_and_undo(shop: &Caller, customer: i64, turn: u32) {
    for code in ["BUSY-0001", "BUSY-0002"] {
        let hold = &shop.link(customer, code).await["data"]["linkPromotionCode"]["id"];
        let redeemed = shop.redeem(customer, code, &format!("{code} {turn}")).await;
        shop.execute(UNLINK, json!({ "id": hold })).await;
        shop.execute(REVERSE, json!({ "id": redeemed["data"]["redeemPromotion"]["id"] })).await;
    }
}

fn is_sqlite(database: &Database) -> bool {
    database.url.starts_with("sqlite:")
}

/// Drops the constraints that reject inconsistent rows.
async fn drop_constraints(database: &Database) {
    if !is_sqlite(database) {
        let all = "DO $$ DECLARE held record; BEGIN
            FOR held IN SELECT conrelid::regclass AS owner, conname FROM pg_constraint
                WHERE contype IN ('c', 'f') AND connamespace = 'public'::regnamespace
            LOOP EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', held.owner, held.conname); END LOOP;
        END $$";
        database.run(all).await;
    }
    database.run("DROP INDEX promotions_one_hold").await;
}

/// Runs statements without constraint checks. On PostgreSQL, the constraints must have been dropped.
async fn run_unchecked(database: &Database, statements: &str) {
    // In SQLite, these checks are settings of the connection.
    let first =
        if is_sqlite(database) { "PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON;" } else { "" };
    database.run(&format!("{first} {statements}")).await;
}
