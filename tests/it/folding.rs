//! The spellings that find a code, characters that codes and names can't contain, and codes folded by an earlier version.

use std::process::Output;

use serde_json::{Value, json};

use crate::support::{Database, ORG, Server, campaign, code_of, on_both_databases, program};

/// Removes the record of the migration that folds codes as this version does.
const EARLIER: &str = "DELETE FROM __diesel_schema_migrations WHERE version = '20261127000000';";

/// The status of the migration after that.
const PENDING: &str = "pending 2026-11-27-000000_fold_codes\n";

on_both_databases! {
    async fn spellings_altered_by_other_programs_find_the_code(database: Database) {
        let codes = campaign("Spring").code("SAVE-20", Some(1)).code("DON'T PAY", Some(1)).code("\u{391}\u{301}\u{399}", Some(1));
        database.seed(&[codes]).await;
        let server = Server::start(&database);
        for (number, spellings) in [
            &["SAVE-20\u{200b}", "\u{feff}save-20", "SA\u{ad}VE-20", "save\u{2060}-20", "\u{202a}save-20\u{202c}",
                "save\u{2010}20", "save\u{2011}20", "save\u{2012}20", "save\u{2013}20", "save\u{2014}20", "save\u{2212}20"][..],
            &["don\u{2019}t pay", "don\u{2018}t  pay", "don\u{b4}t \u{a0}pay", "don\u{2bc}t\u{2003}pay"],
            &["\u{1fb3}\u{301}", "\u{1fb4}", "\u{3b1}\u{345}\u{301}", "\u{3b1}\u{301}\u{345}"],
        ].into_iter().enumerate() {
            for spelling in spellings {
                let linked = server.link(i64::try_from(number).unwrap(), spelling).await;
                assert_eq!(code_of(&linked), "OK", "{spelling:?}: {linked:#}");
            }
        }
        assert_eq!(code_of(&server.link(1, "\u{200b}").await), "INVALID_INPUT");
        assert_eq!(code_of(&server.link(1, "SAVE\u{7}20").await), "INVALID_INPUT");
        assert_eq!(code_of(&server.link(1, "SAVE20").await), "CODE_NOT_FOUND");
    }

    async fn invisible_characters_are_rejected_in_new_codes_and_names(database: Database) {
        let spring = campaign("Spring");
        let id = spring.campaign.id.get().to_string();
        database.seed(&[spring]).await;
        let server = Server::start(&database);
        let import = "mutation($codes: [String!]!, $id: ID!) {
            importPromotionCodes(input: { campaignId: $id, codes: $codes }) { imported } }";
        let create = "mutation($name: String!) {
            createCampaign(input: { name: $name, mode: DISCOUNT, validTill: 8640000000000000 }) { name } }";
        let rename = "mutation($name: String!, $id: ID!) { updateCampaign(input: { id: $id, name: $name }) { name } }";
        for (character, number) in
            [('\u{200b}', "U+200B"), ('\u{feff}', "U+FEFF"), ('\u{ad}', "U+00AD"), ('\u{202e}', "U+202E"), ('\u{7}', "U+0007"), ('\u{2800}', "U+2800"), ('\u{e000}', "U+E000")]
        {
            let text = format!("A{character}B");
            for (document, variables) in [
                (import, json!({ "id": id, "codes": ["GOOD", text] })),
                (create, json!({ "name": text })),
                (rename, json!({ "id": id, "name": text })),
            ] {
                let response = server.execute(document, variables).await;
                let message = response["errors"][0]["message"].as_str().unwrap_or_default();
                assert!(code_of(&response) == "INVALID_INPUT" && message.contains(number), "{response:#}");
            }
            let mut key = program();
            key.args(["key", "create", "--role", "admin", "--org", "7", "--name", &text]).env("DATABASE_URL", &database.url);
            let errors = String::from_utf8(key.output().unwrap().stderr).unwrap();
            assert!(errors.contains(number), "{errors}");
        }
        let heart = "Valentine\u{2019}s \u{2764}\u{fe0f}";
        assert_eq!(server.data(create, json!({ "name": heart })).await["createCampaign"]["name"], heart);
        // An existing name is kept, and the campaign can be changed.
        database.run("UPDATE campaigns SET name = 'Spr\u{ad}ing' WHERE name = 'Spring'").await;
        let switch = "mutation($id: ID!) { updateCampaign(input: { id: $id, active: false }) { active } }";
        assert_eq!(server.data(switch, json!({ "id": id })).await["updateCampaign"]["active"], false);
    }

    async fn codes_folded_by_an_earlier_version_are_folded_again_and_stay_linked(database: Database) {
        let spring = campaign("Spring").code("SAVE\u{2013}20", Some(1)).code("TWO  WORDS", Some(1)).code("PLAIN", Some(1));
        let spring = spring.code("A\u{2013}B", Some(1)).code("C\u{2013}D", Some(1)).code("\u{1fb3}\u{301}", Some(1));
        database.seed(&[spring]).await;
        let mut linked = Vec::new();
        let codes = ["SAVE-20", "TWO WORDS", "PLAIN", "A-B", "C-D", "\u{391}\u{301}\u{399}"];
        {
            let server = Server::start(&database);
            for (customer, code) in (1_i64..).zip(codes) {
                linked.push(server.link(customer, code).await);
            }
            assert_eq!(code_of(&server.redeem(2, "TWO WORDS", "order").await), "OK");
            let unlink = "mutation($id: ID!) { unlinkPromotion(id: $id) { state } }";
            server.data(unlink, json!({ "id": linked[2]["data"]["linkPromotionCode"]["id"] })).await;
            server.stop();
        }
        for (folded, before) in [
            ("save-20", "save\u{2013}20"),
            ("two words", "two  words"),
            // The old folded text of one code is the new folded text of another.
            ("c-d", "on the way"),
            ("a-b", "a\u{2013}b"),
            ("on the way", "a-b"),
            ("\u{3ac}\u{3b9}", "\u{3b1}\u{3af}"),
        ] {
            rename(&database, folded, before).await;
        }
        database.run(EARLIER).await;
        assert!(text(&run(&database, &["migrate", "--status"])).contains(PENDING));
        let refused = run(&database, &["check"]);
        assert!(errors(&refused).contains("run `promolink migrate`"), "{}", errors(&refused));

        assert_eq!(text(&run(&database, &["migrate"])), "applied 2026-11-27-000000_fold_codes\n");
        let checked = run(&database, &["check"]);
        assert!(checked.status.success(), "{}{}", text(&checked), errors(&checked));
        let server = Server::start(&database);
        for ((customer, code), before) in (1_i64..).zip(codes).zip(&linked) {
            let again = server.link(customer, code).await;
            let ids = [before, &again].map(|response| &response["data"]["linkPromotionCode"]["id"]);
            // The third promotion was unlinked, so this link created a new one.
            assert_eq!(ids[0] == ids[1], customer != 3, "{again:#}");
            assert_eq!(code_of(&server.link(99, code).await), "CODE_ALREADY_LINKED");
        }
        if !database.url.starts_with("sqlite:") {
            let keys = "SELECT count(*) AS number FROM pg_constraint WHERE conname = 'promotions_org_id_mode_folded_fkey'";
            assert_eq!(database.session().await.number(keys).await, 1);
        }
    }

    async fn colliding_codes_are_listed_and_nothing_is_changed(database: Database) {
        let spring = campaign("Spring").code("SAVE-20", Some(1)).code("ONE", Some(1)).code("TWO", None).code("THREE", None);
        database.seed(&[spring, campaign("Autumn").code("CHANGES\u{2013}ALONE", None)]).await;
        let become_another = |folded: &str, code: &str| {
            format!("UPDATE promotion_codes SET folded = '{}', code = '{code}' WHERE folded = '{folded}';", code.to_lowercase())
        };
        database.run(&become_another("one", "SAVE\u{2013}20")).await;
        database.run(&become_another("two", "X\u{200b}Y")).await;
        database.run(&become_another("three", "X\u{ad}Y")).await;
        database.run(&become_another("changes-alone", "CHANGES\u{2013}ALONE")).await;
        database.run(EARLIER).await;
        let refused = run(&database, &["migrate"]);
        assert_eq!(refused.status.code(), Some(1));
        let listed = String::from_utf8(refused.stdout.clone()).unwrap();
        let lines: Vec<&str> = listed.lines().collect();
        assert_eq!(lines.len(), 2, "{lines:#?}");
        let pair = |one: &str, other: &str| lines.iter().any(|line| line.contains(one) && line.contains(other));
        assert!(pair("\"SAVE\u{2013}20\"", "\"SAVE-20\"") && pair("\"X\\u{200b}Y\"", "\"X\\u{ad}Y\""), "{lines:#?}");
        assert!(lines[0].contains(&format!("organisation {ORG}, DISCOUNT")), "{lines:#?}");
        assert!(errors(&refused).contains("2 pairs of codes"), "{}", errors(&refused));
        // The log of a server contains no codes.
        let server = run(&database, &["serve", "--migrate", "--listen", "127.0.0.1:0"]);
        assert!(errors(&server).contains("`promolink migrate` lists them"), "{}", errors(&server));
        assert!(!errors(&server).contains("SAVE") && !text_of(&server).contains("SAVE"));
        assert!(text(&run(&database, &["migrate", "--status"])).contains(PENDING));

        // The code without a collision is unchanged too. Without the collisions, the migration succeeds.
        database.run("UPDATE promotion_codes SET code = 'S\u{2013}20' WHERE folded = 'save\u{2013}20'").await;
        database.run("DELETE FROM promotion_codes WHERE folded = 'x\u{ad}y'").await;
        database.run("UPDATE promotion_codes SET link_count = 0 WHERE folded = 'changes\u{2013}alone'").await;
        assert_eq!(text(&run(&database, &["migrate"])), "applied 2026-11-27-000000_fold_codes\n");
        let server = Server::start(&database);
        for code in ["save-20", "s-20", "xy", "changes-alone"] {
            assert_eq!(code_of(&server.link(1, code).await), "OK", "{code}");
        }
    }

    async fn codes_added_later_by_an_earlier_version_are_found_and_folded_again(database: Database) {
        database.seed(&[campaign("Spring").code("SAVE\u{2013}20", Some(1)).code("NOTHING", None)]).await;
        rename(&database, "save-20", "save\u{2013}20").await;
        // This code is invisible, so no spelling finds it, and it can stay as it is.
        database.run("UPDATE promotion_codes SET code = '\u{200b}', folded = '\u{200b}' WHERE folded = 'nothing'").await;
        let checked = run(&database, &["check"]);
        assert!(text_of(&checked).contains("2 wrong   every code is found by its own spelling"), "{}", text_of(&checked));
        assert!(text(&run(&database, &["migrate", "--fold-codes"])).ends_with("1 codes folded again\n"));
        assert!(text(&run(&database, &["migrate", "--fold-codes"])).ends_with("0 codes folded again\n"));
        let server = Server::start(&database);
        assert_eq!(code_of(&server.link(1, "save-20").await), "OK");
        let looked_up = server.execute("{ promotionCodes(codes: [\"SAVE\u{2212}20\"], mode: DISCOUNT) { code } }", Value::Null).await;
        assert_eq!(looked_up["data"]["promotionCodes"][0]["code"], "SAVE\u{2013}20");
    }
}

/// Replaces the folded text of a code and its promotions, as another version might have stored it.
async fn rename(database: &Database, from: &str, to: &str) {
    let is_sqlite = database.url.starts_with("sqlite:");
    let unbound = if is_sqlite { "PRAGMA foreign_keys = OFF;" } else { "SET session_replication_role = replica;" };
    let tables = ["promotion_codes", "promotions"];
    let updates = tables.map(|table| format!("UPDATE {table} SET folded = '{to}' WHERE folded = '{from}';"));
    database.run(&format!("{unbound} {}", updates.concat())).await;
}

fn run(database: &Database, arguments: &[&str]) -> Output {
    program().args(arguments).env("DATABASE_URL", &database.url).output().unwrap()
}

#[track_caller]
fn text(output: &Output) -> String {
    assert!(output.status.success(), "{}", errors(output));
    text_of(output)
}

fn text_of(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
