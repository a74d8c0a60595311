//! Offers, metadata and versions of campaigns, and amounts of redemptions.

use serde_json::{Value, json};

use crate::support::{Caller, Database, ORG, Server, campaign, code_of, issuer, on_all_databases};

const CONTENT: &str = "id version validForDays maxRedemptionsPerLink metadata { key value }
    offer { title description benefit { kind percentOff amount { minorUnits currency } } termsUrl imageUrl metadata { key value } }";

fn full() -> Value {
    json!({
        "title": " 15 % off ", "description": "Valid for one order.\nNot for gift cards.",
        "benefit": { "kind": "PERCENT_OFF", "percentOff": 12.5 },
        "termsUrl": "https://shop.example.com/terms", "imageUrl": "https://cdn.example.com/summer.png",
        "metadata": [{ "key": "colour", "value": "red" }, { "key": "badge", "value": "" }],
    })
}

async fn create(server: &Caller, offer: Value) -> Value {
    let query =
        format!("mutation($input: CreateCampaignInput!) {{ created: createCampaign(input: $input) {{ {CONTENT} }} }}");
    let input = json!({ "name": "Summer", "mode": "DISCOUNT", "validTill": "2099-01-01T00:00:00Z", "offer": offer,
        "metadata": [{ "key": "budget", "value": "B-7" }] });
    server.execute(&query, json!({ "input": input })).await
}

async fn update(server: &Caller, id: &Value, mut input: Value) -> Value {
    let query =
        format!("mutation($input: UpdateCampaignInput!) {{ updated: updateCampaign(input: $input) {{ {CONTENT} }} }}");
    input["id"] = id.clone();
    server.execute(&query, json!({ "input": input })).await
}

on_all_databases! {
    async fn an_offer_is_returned_as_it_was_given_to_everyone_who_reads_the_promotion(database: Database) {
        let server = Server::start(&database);
        let created = create(&server, full()).await["data"]["created"].take();
        let mut offer = full();
        offer["title"] = json!("15 % off");
        offer["benefit"]["amount"] = Value::Null;
        assert_eq!(created["offer"], offer);
        assert_eq!((&created["metadata"], &created["version"]), (&json!([{ "key": "budget", "value": "B-7" }]), &json!(1)));
        let codes = "mutation($input: ImportPromotionCodesInput!) { importPromotionCodes(input: $input) { imported } }";
        server.data(codes, json!({ "input": { "campaignId": created["id"], "codes": ["ONE"] } })).await;
        server.stop();
        let storefront = database.key(ORG, "storefront");
        let server = Server::serve(&database, &issuer::VARIABLES);
        let link = "mutation { linkPromotionCode(input: { customerId: 7, code: \"ONE\", mode: DISCOUNT })
            { promotionName offer { title benefit { percentOff } metadata { key } } } }";
        let linked = server.caller(&storefront).data(link, Value::Null).await["linkPromotionCode"].take();
        let seen = json!({ "title": "15 % off", "benefit": { "percentOff": 12.5 }, "metadata": [{ "key": "colour" }, { "key": "badge" }] });
        assert_eq!(linked["offer"], seen);
        let customer = server.caller(&issuer::token(ORG, 7));
        let wallet = "{ customerPromotions(customerId: 7) { nodes { offer { title benefit { percentOff } metadata { key } } } } }";
        assert_eq!(customer.data(wallet, Value::Null).await["customerPromotions"]["nodes"][0]["offer"], seen);
        // The metadata of the campaign is for operators.
        let campaign = "{ customerPromotions(customerId: 7) { nodes { campaign { metadata { key } } } } }";
        assert_eq!(code_of(&customer.execute(campaign, Value::Null).await), "FORBIDDEN");
    }

    async fn a_malformed_offer_is_rejected_with_its_field(database: Database) {
        let server = Server::start(&database);
        let entry = |key: &str, value: String| json!({ "metadata": [{ "key": key, "value": value }] });
        let money = |units: i64, currency: &str| json!({ "kind": "AMOUNT_OFF", "amount": { "minorUnits": units, "currency": currency } });
        for (offer, field) in [
            (json!({ "title": " " }), "offer.title"),
            (json!({ "title": "x".repeat(201) }), "offer.title"),
            (json!({ "title": "two\nlines" }), "offer.title"),
            (json!({ "description": "x".repeat(2001) }), "offer.description"),
            (json!({ "description": "a\u{202e}b" }), "offer.description"),
            (json!({ "benefit": { "kind": "PERCENT_OFF" } }), "offer.benefit.percentOff"),
            (json!({ "benefit": { "kind": "PERCENT_OFF", "percentOff": 0 } }), "offer.benefit.percentOff"),
            (json!({ "benefit": { "kind": "PERCENT_OFF", "percentOff": 100.5 } }), "offer.benefit.percentOff"),
            (json!({ "benefit": { "kind": "PERCENT_OFF", "percentOff": 33.333 } }), "offer.benefit.percentOff"),
            (json!({ "benefit": { "kind": "OTHER", "percentOff": 10 } }), "offer.benefit.percentOff"),
            (json!({ "benefit": { "kind": "PAYMENT" } }), "offer.benefit.amount"),
            (json!({ "benefit": money(0, "EUR") }), "offer.benefit.amount.minorUnits"),
            (json!({ "benefit": money(-1, "EUR") }), "offer.benefit.amount.minorUnits"),
            (json!({ "benefit": money(5, "eur") }), "offer.benefit.amount.currency"),
            (json!({ "benefit": money(5, "EURO") }), "offer.benefit.amount.currency"),
            (json!({ "benefit": money(5, "XXX") }), "offer.benefit.amount.currency"),
            (json!({ "termsUrl": "http://shop.example.com" }), "offer.termsUrl"),
            (json!({ "termsUrl": "javascript:alert(1)" }), "offer.termsUrl"),
            (json!({ "termsUrl": "https:shop.example.com" }), "offer.termsUrl"),
            (json!({ "termsUrl": "https:///shop.example.com" }), "offer.termsUrl"),
            (json!({ "termsUrl": "https://shop.exa\nmple.com" }), "offer.termsUrl"),
            (json!({ "termsUrl": "https://@shop.example.com" }), "offer.termsUrl"),
            (json!({ "imageUrl": "https://user:secret@cdn.example.com" }), "offer.imageUrl"),
            (json!({ "imageUrl": format!("https://cdn.example.com/{}", "x".repeat(2048)) }), "offer.imageUrl"),
            (entry("", String::new()), "offer.metadata.key"),
            (entry(&"k".repeat(41), String::new()), "offer.metadata.key"),
            (entry("key", "v".repeat(501)), "offer.metadata.value"),
            (json!({ "metadata": [{ "key": "a", "value": "1" }, { "key": "a", "value": "2" }] }), "offer.metadata.key"),
            (json!({ "metadata": vec![json!({ "key": "a", "value": "1" }); 51] }), "offer.metadata"),
        ] {
            let response = create(&server, offer.clone()).await;
            assert_eq!(code_of(&response), "INVALID_INPUT", "{offer}: {response}");
            assert_eq!(response["errors"][0]["extensions"]["field"], field, "{offer}");
        }
        for offer in [json!({}), json!({ "description": "\u{1f600} \u{e9}\n\n1\u{fe0f}\u{20e3}\t\u{200f}\u{5d0}" }), json!({ "benefit": { "kind": "OTHER" } }),
            json!({ "benefit": money(1, "JPY") }), json!({ "benefit": { "kind": "PERCENT_OFF", "percentOff": 100 } })] {
            assert_eq!(code_of(&create(&server, offer.clone()).await), "OK", "{offer}");
        }
    }

    async fn a_change_with_an_old_version_is_a_conflict_and_changes_nothing(database: Database) {
        let server = Server::start(&database);
        let created = create(&server, full()).await["data"]["created"].take();
        let id = &created["id"];
        let first = update(&server, id, json!({ "expectedVersion": 1, "validForDays": 30, "maxRedemptionsPerLink": 3 })).await;
        let updated = &first["data"]["updated"];
        assert_eq!((&updated["version"], &updated["validForDays"], &updated["maxRedemptionsPerLink"]), (&json!(2), &json!(30), &json!(3)));
        assert_eq!(updated["offer"], created["offer"]);
        let conflict = update(&server, id, json!({ "expectedVersion": 1, "name": "Other" })).await;
        assert_eq!((code_of(&conflict), &conflict["errors"][0]["extensions"]["retryable"]), ("CONFLICT", &json!(false)));
        // The same values are no change.
        assert_eq!(update(&server, id, json!({ "validForDays": 30 })).await["data"]["updated"]["version"], 2);
        let removed = update(&server, id, json!({ "offer": null, "metadata": [], "validForDays": null, "reason": "Over" })).await;
        let removed = &removed["data"]["updated"];
        assert_eq!((&removed["offer"], &removed["metadata"], &removed["version"]), (&Value::Null, &json!([]), &json!(3)));
        let query = "{ events(first: 1, order: NEWEST_FIRST, filter: { types: [CAMPAIGN_UPDATED] }) { nodes { reason data } } }";
        let mut event = Value::Null;
        for _ in 0..40 {
            event = server.data(query, Value::Null).await["events"]["nodes"].get(0).cloned().unwrap_or_default();
            if event["reason"] == "Over" {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(25)).await;
        }
        assert_eq!((&event["reason"], &event["data"]["version"]), (&json!("Over"), &json!(3)));
        let changes = &event["data"]["changes"];
        assert_eq!((&changes["offer"]["new"], &changes["offer"]["old"]["title"]), (&Value::Null, &json!("15 % off")));
        assert_eq!(changes["metadata"], json!({ "old": [{ "key": "budget", "value": "B-7" }], "new": [] }));
    }

    async fn a_redemption_keeps_the_amount_of_its_first_request(database: Database) {
        database.seed(&[campaign("Spring").with(|campaign| campaign.max_redemptions_per_link = 2).code("ONE", None)]).await;
        let server = Server::start(&database);
        assert_eq!(code_of(&server.link(1, "ONE").await), "OK");
        let redeem = "mutation($input: RedeemPromotionInput!) { redeemPromotion(input: $input) { id amount { minorUnits currency } } }";
        let input = |transaction: &str, amount: Value| json!({ "input": { "customerId": 1, "code": "ONE", "mode": "DISCOUNT",
            "transactionId": transaction, "amount": amount } });
        let amount = json!({ "minorUnits": 1999, "currency": "EUR" });
        let redeemed = server.data(redeem, input("order-1", amount.clone())).await;
        assert_eq!(redeemed["redeemPromotion"]["amount"], amount);
        let other = json!({ "minorUnits": 5, "currency": "USD" });
        assert_eq!(server.data(redeem, input("order-1", other)).await, redeemed);
        assert_eq!(server.data(redeem, input("order-2", Value::Null)).await["redeemPromotion"]["amount"], Value::Null);
        let malformed = server.execute(redeem, input("order-3", json!({ "minorUnits": 5, "currency": "XYZ" }))).await;
        assert_eq!((code_of(&malformed), &malformed["errors"][0]["extensions"]["field"]), ("INVALID_INPUT", &json!("amount.currency")));
    }

    /// The offer of one campaign can't be read.
    async fn an_unreadable_offer_leaves_the_rest_of_the_response(database: Database) {
        database.seed(&[campaign("Spring").code("S1", None)]).await;
        let server = Server::start(&database);
        database.run("UPDATE campaigns SET offer = 'no JSON'").await;
        let link = "mutation { linkPromotionCode(input: { customerId: 1, code: \"S1\", mode: DISCOUNT }) { code offer { title } } }";
        let linked = server.execute(link, Value::Null).await;
        assert_eq!(linked["data"]["linkPromotionCode"], json!({ "code": "S1", "offer": null }));
        assert_eq!(code_of(&linked), "INTERNAL");
    }

    async fn an_unreadable_offer_does_not_affect_those_of_other_campaigns(database: Database) {
        database.seed(&[campaign("Spring").code("S1", None), campaign("Summer").code("T1", None)]).await;
        let server = Server::start(&database);
        for code in ["S1", "T1"] {
            assert_eq!(code_of(&server.link(1, code).await), "OK");
        }
        database.run("UPDATE campaigns SET offer = '{\"title\":\"Hello\",\"metadata\":[]}' WHERE name = 'Spring'").await;
        database.run("UPDATE campaigns SET offer = '{bad' WHERE name = 'Summer'").await;
        let wallet = server.execute("{ customerPromotions(customerId: 1) { nodes { code offer { title } } } }", Value::Null).await;
        assert_eq!(wallet["data"]["customerPromotions"]["nodes"], json!([
            { "code": "T1", "offer": null }, { "code": "S1", "offer": { "title": "Hello" } }]));
        assert_eq!(wallet["errors"].as_array().unwrap().len(), 1);
        assert!(server.log().contains("the offer or the metadata of campaign"));
    }

    /// Even if others change the campaign concurrently.
    async fn a_change_returns_what_it_has_written(database: Database) {
        database.seed(&[campaign("Spring").code("S1", None)]).await;
        let server = Server::start(&database);
        let campaigns = server.data("{ campaigns { nodes { id } } }", Value::Null).await;
        let id = &campaigns["campaigns"]["nodes"][0]["id"];
        let change = "mutation($input: UpdateCampaignInput!) { updateCampaign(input: $input) { version offer { title } metadata { value } } }";
        let writers = ["a", "b", "c", "d"].map(async |writer| {
            let mut versions = Vec::new();
            for number in 0..10 {
                let text = format!("{writer}{number}");
                let input = json!({ "input": { "id": id, "offer": { "title": text }, "metadata": [{ "key": "k", "value": text }] } });
                let changed = server.data(change, input).await["updateCampaign"].take();
                assert_eq!((&changed["offer"]["title"], &changed["metadata"][0]["value"]), (&json!(text), &json!(text)));
                versions.push(changed["version"].as_i64().unwrap());
            }
            versions
        });
        let mut versions: Vec<i64> = futures_util::future::join_all(writers).await.into_iter().flatten().collect();
        versions.sort_unstable();
        assert_eq!(versions, (2..=41).collect::<Vec<_>>());
    }

    /// One for the wallet, and one for the offers whose version is not known yet.
    async fn a_wallet_with_offers_takes_at_most_two_statements(database: Database) {
        database.seed(&[campaign("Spring").code("S1", None).code("S2", None), campaign("Summer").code("T1", None)]).await;
        let server = Server::start_logging(&database, "promolink::sql=debug");
        for code in ["S1", "S2", "T1"] {
            assert_eq!(code_of(&server.link(1, code).await), "OK");
        }
        let wallet = "{ customerPromotions(customerId: 1) { nodes { campaign { id } offer { title } } } }";
        let (count, nodes) = server.statements(wallet, Value::Null).await;
        assert_eq!(count, 2);
        let (count, again) = server.statements(wallet, Value::Null).await;
        assert_eq!((count, &again), (1, &nodes));
        // A change is seen immediately.
        let id = nodes["customerPromotions"]["nodes"][0]["campaign"]["id"].as_str().unwrap();
        let change = format!("mutation {{ updateCampaign(input: {{ id: \"{id}\", offer: {{ title: \"New\" }} }}) {{ version }} }}");
        assert_eq!(code_of(&server.execute(&change, Value::Null).await), "OK");
        let (count, changed) = server.statements(wallet, Value::Null).await;
        assert_eq!((count, &changed["customerPromotions"]["nodes"][0]["offer"]), (2, &json!({ "title": "New" })));
    }
}
