//! Management of campaigns and their codes.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::support::{Database, Server, campaign, code_of, in_days, on_all_databases};

const CREATE: &str = "mutation($input: CreateCampaignInput!) {
    createCampaign(input: $input) {
        id name mode active redeemableFrom validTill validForDays maxLinksPerCustomer maxRedemptionsPerLink
    }
}";
const UPDATE: &str = "mutation($input: UpdateCampaignInput!) {
    updateCampaign(input: $input) { name active redeemableFrom validTill maxLinksPerCustomer }
}";
const GENERATE: &str = "mutation($input: GeneratePromotionCodesInput!) {
    generatePromotionCodes(input: $input) { campaign { name } codes }
}";
const IMPORT: &str = "mutation($input: ImportPromotionCodesInput!) {
    importPromotionCodes(input: $input) { campaign { name } imported duplicates }
}";
const REVOKE: &str = "mutation($input: PromotionCodeInput!) { revokePromotionCode(input: $input) { code revoked } }";

async fn create(server: &Server, input: Value) -> String {
    let data = server.data(CREATE, json!({ "input": input })).await;
    data["createCampaign"]["id"].as_str().unwrap().to_owned()
}

async fn spring(server: &Server) -> String {
    create(server, json!({ "name": "Spring", "mode": "DISCOUNT", "validTill": in_days(30).millis() })).await
}

on_all_databases! {
    async fn omitted_campaign_terms_have_defaults(database: Database) {
        let server = Server::start(&database);
        let input = json!({ "name": "  Spring ", "mode": "PAYMENT_VOUCHER", "validTill": in_days(30).millis() });
        let created = &server.data(CREATE, json!({ "input": input })).await["createCampaign"];
        let soon = in_days(0).millis() - created["redeemableFrom"].as_i64().unwrap();
        assert!((0..60_000).contains(&soon), "redeemable from its creation");
        let terms = ["name", "mode", "active", "validForDays", "maxLinksPerCustomer", "maxRedemptionsPerLink"];
        let terms: Vec<&Value> = terms.iter().map(|term| &created[term]).collect();
        assert_eq!(json!(terms), json!(["Spring", "PAYMENT_VOUCHER", true, null, null, 1]));

        let query = "query($id: ID!) { campaign(id: $id) { name validTill } }";
        let read = server.data(query, json!({ "id": created["id"] })).await;
        assert_eq!(read["campaign"], json!({ "name": "Spring", "validTill": created["validTill"] }));
    }

    async fn timestamps_are_accepted_in_several_formats(database: Database) {
        let server = Server::start(&database);
        let literal = |moment: &Value| format!("mutation {{ createCampaign(input: {{
            name: \"Spring\", mode: DISCOUNT, validTill: {moment} }}) {{ validTill }} }}");
        let variable = "mutation($till: Timestamp!) { createCampaign(input: {
            name: \"Spring\", mode: DISCOUNT, validTill: $till }) { validTill } }";
        for (moment, millis) in [
            (json!(4_070_908_800_000_i64), 4_070_908_800_000_i64),
            (json!("4070908800000"), 4_070_908_800_000),
            (json!("8640000000000000"), 8_640_000_000_000_000),
            (json!("2099-01-01T00:00:00Z"), 4_070_908_800_000),
            (json!("2099-01-01t00:00:00z"), 4_070_908_800_000),
            (json!("2099-01-01 00:00:00+00:00"), 4_070_908_800_000),
            (json!("2099-01-01T05:30:00+05:30"), 4_070_908_800_000),
            (json!("2098-12-31T19:00:00.000-05:00"), 4_070_908_800_000),
            (json!("2099-01-01T00:00:00.007Z"), 4_070_908_800_007),
            // Fractions of a millisecond are truncated.
            (json!("2099-01-01T00:00:00.1239999Z"), 4_070_908_800_123),
            (json!("2096-02-29T23:59:59Z"), 3_981_398_399_000),
        ] {
            for data in [
                server.data(&literal(&moment), Value::Null).await,
                server.data(variable, json!({ "till": moment })).await,
            ] {
                assert_eq!(data["createCampaign"]["validTill"], millis, "{moment}");
            }
        }
        let unreadable = "must be whole milliseconds since 1970-01-01T00:00:00Z, such as 1830297599000, or a date and \
                          time with a time zone, such as \"2027-12-31T23:59:59Z\"";
        let no_zone = "must have a time zone: append Z for UTC, or an offset such as +01:00";
        let out_of_range = "must be 0 to 8640000000000000 milliseconds since 1970-01-01T00:00:00Z";
        for (moment, reason) in [
            (json!(""), unreadable),
            (json!("soon"), unreadable),
            (json!("2099-01-01"), unreadable),
            (json!("2099-02-29T00:00:00Z"), unreadable),
            (json!("2099-01-01T24:00:00Z"), unreadable),
            (json!("2099-01-01T00:00:00Z "), unreadable),
            (json!("-1"), unreadable),
            (json!("1e12"), unreadable),
            (json!("\u{0664}070908800000"), unreadable),
            (json!(1.5), unreadable),
            (json!(true), unreadable),
            (json!({}), unreadable),
            (json!("2099-01-01T00:00:00"), no_zone),
            (json!("2099-01-01T00:00:00.000"), no_zone),
            (json!(-1), out_of_range),
            (json!("8640000000000001"), out_of_range),
            (json!("99999999999999999999"), out_of_range),
            (json!("1969-12-31T23:59:59Z"), out_of_range),
        ] {
            let response = server.execute(variable, json!({ "till": moment })).await;
            let error = &response["errors"][0];
            assert_eq!((code_of(&response), &error["extensions"]["field"]), ("INVALID_INPUT", &json!("validTill")));
            assert_eq!(error["message"], format!("validTill {reason}."), "{moment}");
        }
    }

    async fn malformed_campaign_input_is_rejected_with_its_field(database: Database) {
        let server = Server::start(&database);
        for (field, value) in [
            ("name", json!(" ")),
            ("name", json!("x".repeat(201))),
            ("name", json!("a\nb")),
            ("validTill", json!(-1)),
            ("validTill", json!("soon")),
            ("validTill", json!(8_640_000_000_000_001_i64)),
            ("validTill", json!(0)),
            ("redeemableFrom", json!(1.5)),
            ("validForDays", json!(0)),
            ("validForDays", json!(36_501)),
            ("maxLinksPerCustomer", json!(-1)),
            ("maxRedemptionsPerLink", json!(0)),
        ] {
            let mut input = json!({ "name": "Spring", "mode": "DISCOUNT", "validTill": in_days(30).millis() });
            input[field] = value.clone();
            let response = server.execute(CREATE, json!({ "input": input })).await;
            assert_eq!(response["errors"][0]["extensions"]["field"], field, "{value}: {response:#}");
            assert_eq!(code_of(&response), "INVALID_INPUT");
        }
    }

    async fn promotions_reflect_changes_to_their_campaign(database: Database) {
        let spring = campaign("Spring").code("SAVE", None).code("MORE", None);
        let id = spring.campaign.id.get().to_string();
        database.seed(&[spring]).await;
        let server = Server::start(&database);
        let linked = server.link(1, "SAVE").await;
        let promotion = &linked["data"]["linkPromotionCode"]["id"];

        for (change, shown) in [
            (json!({ "active": false }), json!({ "active": false, "state": "INACTIVE" })),
            (json!({ "active": true, "name": "Summer" }), json!({ "promotionName": "Summer", "state": "ACTIVE" })),
            (json!({ "redeemableFrom": in_days(9).millis() }), json!({ "state": "NOT_YET_REDEEMABLE" })),
            (
                json!({ "redeemableFrom": in_days(-9).millis(), "validTill": in_days(-1).millis() }),
                json!({ "active": false, "state": "EXPIRED" }),
            ),
            (json!({ "validTill": 4_000_000_000_000_i64 }), json!({ "validTill": 4_000_000_000_000_i64, "state": "ACTIVE" })),
        ] {
            let mut input = change.clone();
            input["id"] = json!(id);
            server.data(UPDATE, json!({ "input": input })).await;
            let query = "query($id: ID!) { promotion(id: $id) { promotionName active state validTill } }";
            let read = server.data(query, json!({ "id": promotion })).await;
            for (field, value) in shown.as_object().unwrap() {
                assert_eq!(&read["promotion"][field], value, "{field} after {change}");
            }
        }
    }

    async fn a_customer_limit_can_be_set_and_removed(database: Database) {
        let spring = campaign("Spring").code("A", None).code("B", None).code("C", None);
        let id = spring.campaign.id.get().to_string();
        database.seed(&[spring]).await;
        let server = Server::start(&database);
        assert_eq!(code_of(&server.link(1, "A").await), "OK");
        server.data(UPDATE, json!({ "input": { "id": id, "maxLinksPerCustomer": 1 } })).await;
        assert_eq!(code_of(&server.link(1, "B").await), "CUSTOMER_LIMIT_REACHED");
        server.data(UPDATE, json!({ "input": { "id": id, "name": "Still limited" } })).await;
        assert_eq!(code_of(&server.link(1, "B").await), "CUSTOMER_LIMIT_REACHED");
        server.data(UPDATE, json!({ "input": { "id": id, "maxLinksPerCustomer": null } })).await;
        assert_eq!(code_of(&server.link(1, "B").await), "OK");

        let unknown = json!({ "id": "01890000-0000-7000-8000-000000000000", "active": false });
        assert_eq!(code_of(&server.execute(UPDATE, json!({ "input": unknown })).await), "NOT_FOUND");
        let backwards = json!({ "id": id, "validTill": 1 });
        assert_eq!(code_of(&server.execute(UPDATE, json!({ "input": backwards })).await), "INVALID_INPUT");
    }

    async fn generated_codes_can_be_linked(database: Database) {
        let server = Server::start(&database);
        let id = spring(&server).await;
        let input = json!({ "campaignId": id, "count": 1000, "pattern": "SAVE-########" });
        let generated = server.data(GENERATE, json!({ "input": input })).await;
        let codes = generated["generatePromotionCodes"]["codes"].as_array().unwrap();
        let distinct: HashSet<&str> = codes.iter().map(|code| code.as_str().unwrap()).collect();
        assert_eq!(distinct.len(), 1000);
        assert!(distinct.iter().all(|code| code.starts_with("SAVE-") && code.len() == 13));
        let code = codes[0].as_str().unwrap().to_lowercase();
        assert_eq!(code_of(&server.link(1, &code).await), "OK");
        assert_eq!(code_of(&server.link(2, &code).await), "CODE_ALREADY_LINKED");
    }

    async fn patterns_with_too_few_possible_codes_are_rejected(database: Database) {
        let server = Server::start(&database);
        let id = spring(&server).await;
        let generate = async |count: i64, pattern: &str| {
            let input = json!({ "campaignId": id, "count": count, "pattern": pattern });
            server.execute(GENERATE, json!({ "input": input })).await
        };
        // 31^4 / 10,000: at most 92 codes, existing ones included.
        assert_eq!(code_of(&generate(90, "G####").await), "OK");
        let refused = generate(3, "G####").await;
        assert_eq!(code_of(&refused), "CODE_SPACE_TOO_SMALL");
        let message = refused["errors"][0]["message"].as_str().unwrap();
        assert!(message.contains("at least 5 #"), "{message}");
        assert_eq!(code_of(&generate(2, "G####").await), "OK");
        // Codes of other campaigns count too. Here, all possible codes exist.
        let letters = "23456789ABCDEFGHJKMNPQRSTUVWXYZ";
        let every: Vec<String> = letters.chars().map(|letter| format!("X{letter}")).collect();
        let other = json!({ "campaignId": spring(&server).await, "codes": every });
        server.data(IMPORT, json!({ "input": other })).await;
        assert_eq!(code_of(&generate(1, "X#").await), "CODE_SPACE_TOO_SMALL");
        for (count, pattern, field) in [(0, "########", "count"), (10_001, "########", "count"), (1, "SAVE", "pattern")] {
            assert_eq!(generate(count, pattern).await["errors"][0]["extensions"]["field"], field);
        }
    }

    async fn an_import_can_be_repeated(database: Database) {
        let server = Server::start(&database);
        let (first, second) = (spring(&server).await, spring(&server).await);
        let import = async |campaign: &str, codes: &[&str]| {
            let input = json!({ "campaignId": campaign, "codes": codes, "maxLinks": null });
            server.execute(IMPORT, json!({ "input": input })).await
        };
        let answer = |imported: i32, duplicates: &[&str]| {
            json!({ "campaign": { "name": "Spring" }, "imported": imported, "duplicates": duplicates })
        };
        let response = import(&first, &["A", "B", "a", " C "]).await;
        assert_eq!(response["data"]["importPromotionCodes"], answer(3, &["a"]));
        let response = import(&first, &["A", "B", "D"]).await;
        assert_eq!(response["data"]["importPromotionCodes"], answer(1, &["A", "B"]));
        let response = import(&second, &["A", "E"]).await;
        assert_eq!(response["data"]["importPromotionCodes"], answer(1, &["A"]));

        let response = import(&first, &["F", "G\u{0}"]).await;
        assert_eq!(response["errors"][0]["extensions"]["field"], "codes");
        assert_eq!(code_of(&server.link(1, "F").await), "CODE_NOT_FOUND", "all or none");
        assert_eq!(code_of(&import("01890000-0000-7000-8000-000000000000", &["H"]).await), "NOT_FOUND");
        assert_eq!(code_of(&import(&first, &[]).await), "INVALID_INPUT");
    }

    async fn the_first_of_two_spellings_is_kept_and_cursors_of_long_codes_are_accepted(database: Database) {
        let server = Server::start(&database);
        let id = spring(&server).await;
        // NFKC expands this character to eighteen.
        let long: Vec<String> = (1..4).map(|n| format!("{}{n}", "\u{fdfa}".repeat(60))).collect();
        let codes = [vec!["zabc".to_owned(), "ZABC".to_owned()], long].concat();
        let imported = server.data(IMPORT, json!({ "input": { "campaignId": id, "codes": codes } })).await;
        assert_eq!(imported["importPromotionCodes"]["duplicates"], json!(["ZABC"]));
        let query = "query($id: ID!, $after: String) { campaign(id: $id) {
            codes(first: 1, after: $after) { nodes { code } pageInfo { hasNextPage hasPreviousPage endCursor } }
        } }";
        let pages = read_pages(&server, query, json!(id), "/campaign/codes").await;
        let read: Vec<&Value> = pages.iter().flatten().map(|node| &node["code"]).collect();
        assert_eq!(read.len(), 4);
        assert_eq!(read[0], "zabc");
    }

    async fn revoking_a_code_ends_its_promotions(database: Database) {
        database.seed(&[campaign("Spring").code("Save", None)]).await;
        let server = Server::start(&database);
        let linked = server.link(1, "save").await;
        let revoke = json!({ "input": { "code": " SAVE", "mode": "DISCOUNT" } });
        let revoked = server.data(REVOKE, revoke.clone()).await;
        assert_eq!(revoked, json!({ "revokePromotionCode": { "code": "Save", "revoked": true } }));
        assert_eq!(server.data(REVOKE, revoke).await, revoked, "safe to retry");

        let query = "query($id: ID!) { promotion(id: $id) { state active } }";
        let read = server.data(query, json!({ "id": linked["data"]["linkPromotionCode"]["id"] })).await;
        assert_eq!(read["promotion"], json!({ "state": "INACTIVE", "active": false }));
        assert_eq!(code_of(&server.link(2, "SAVE").await), "CODE_REVOKED");
        assert_eq!(code_of(&server.link(1, "SAVE").await), "OK", "its holder gets the same response");
        assert_eq!(code_of(&server.redeem(1, "SAVE", "order-1").await), "CODE_REVOKED");
        let unknown = json!({ "input": { "code": "nowhere", "mode": "DISCOUNT" } });
        assert_eq!(code_of(&server.execute(REVOKE, unknown).await), "CODE_NOT_FOUND");
    }

    async fn pages_of_a_list_contain_every_item_once(database: Database) {
        let seeded: Vec<_> = (0..7).map(|number| (0..7).fold(campaign(&format!("C{number}")), |campaign, code| {
            campaign.code(&format!("Code-{number}-{code}"), None)
        })).collect();
        database.seed(&seeded).await;
        let server = Server::start(&database);

        let query = "query($after: String) {
            campaigns(first: 3, after: $after) { nodes { name } pageInfo { hasNextPage hasPreviousPage endCursor } }
        }";
        let pages = read_pages(&server, query, Value::Null, "/campaigns").await;
        let names: Vec<&str> = pages.iter().flatten().map(|node| node["name"].as_str().unwrap()).collect();
        assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [3, 3, 1]);
        assert_eq!(names.iter().collect::<HashSet<_>>().len(), 7);

        let query = "query($id: ID!, $after: String) {
            campaign(id: $id) {
                codes(first: 2, after: $after) { nodes { code } pageInfo { hasNextPage hasPreviousPage endCursor } }
            }
        }";
        let pages = read_pages(&server, query, json!(seeded[4].campaign.id.get().to_string()), "/campaign/codes").await;
        let codes: Vec<&Value> = pages.iter().flatten().map(|node| &node["code"]).collect();
        assert_eq!(json!(codes), json!((0..7).map(|code| format!("Code-4-{code}")).collect::<Vec<_>>()));

        // A page of codes for each of many campaigns.
        let query = "{ campaigns { edges { cursor node { name codes(first: 2) { nodes { code } } } } } }";
        let all = server.data(query, Value::Null).await;
        for edge in all["campaigns"]["edges"].as_array().unwrap() {
            let number = edge["node"]["name"].as_str().unwrap().trim_start_matches('C');
            let first_two = json!([{ "code": format!("Code-{number}-0") }, { "code": format!("Code-{number}-1") }]);
            assert_eq!(edge["node"]["codes"]["nodes"], first_two);
        }
        for (arguments, field) in [("first: 0", "first"), ("first: 101", "first"), ("after: \"x\"", "after")] {
            let response = server.execute(&format!("{{ campaigns({arguments}) {{ nodes {{ id }} }} }}"), Value::Null).await;
            assert_eq!(response["errors"][0]["extensions"]["field"], field, "{arguments}");
        }
    }
}

/// Reads all pages of a list. Returns the nodes of each page.
async fn read_pages(server: &Server, query: &str, id: Value, list: &str) -> Vec<Vec<Value>> {
    let mut pages = Vec::new();
    let mut after = Value::Null;
    loop {
        let data = server.data(query, json!({ "id": id, "after": after })).await;
        let page = data.pointer(list).unwrap();
        assert_eq!(page["pageInfo"]["hasPreviousPage"], !pages.is_empty());
        pages.push(page["nodes"].as_array().unwrap().clone());
        after = page["pageInfo"]["endCursor"].clone();
        if page["pageInfo"]["hasNextPage"] == false {
            return pages;
        }
    }
}
