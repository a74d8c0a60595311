//! Wallets, and the relations between promotions, codes, campaigns and customers, through the server.

use promolink::promotions::PromotionMode;
use serde_json::{Value, json};

use crate::support::{Database, Server, TestCampaign, campaign, code_of, in_days, on_all_databases};

fn with_codes(campaign: TestCampaign, prefix: &str, count: usize) -> TestCampaign {
    (0..count).fold(campaign, |campaign, number| campaign.code(&format!("{prefix}-{number:03}"), None))
}

on_all_databases! {
    async fn a_wallet_is_ordered_newest_first_and_can_be_filtered(database: Database) {
        let vouchers = campaign("Vouchers").with(|campaign| campaign.mode = PromotionMode::PaymentVoucher);
        let stopping = campaign("Stopping");
        let stopping_id = stopping.campaign.id.get().to_string();
        database
            .seed(&[
                with_codes(campaign("Spring"), "S", 3),
                with_codes(vouchers, "V", 2),
                with_codes(stopping, "X", 1),
                campaign("Short").with(|campaign| campaign.valid_till = in_days(1)).code("SHORT", None),
            ])
            .await;
        let server = Server::start(&database);
        let link = "mutation($code: String!, $mode: PromotionMode!) {
            linkPromotionCode(input: { customerId: 7, code: $code, mode: $mode }) { id }
        }";
        for (code, mode) in [
            ("S-000", "DISCOUNT"), ("V-000", "PAYMENT_VOUCHER"), ("X-000", "DISCOUNT"), ("S-001", "DISCOUNT"),
            ("V-001", "PAYMENT_VOUCHER"), ("S-002", "DISCOUNT"), ("SHORT", "DISCOUNT"),
        ] {
            server.data(link, json!({ "code": code, "mode": mode })).await;
            // Ids are ordered by their time, to the millisecond.
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
        server.link(8, "S-000").await;
        let update = "mutation($input: UpdateCampaignInput!) { updateCampaign(input: $input) { id } }";
        server.data(update, json!({ "input": { "id": stopping_id, "active": false } })).await;

        for (arguments, expected) in [
            ("", "SHORT S-002 V-001 S-001 X-000 V-000 S-000"),
            ("mode: PAYMENT_VOUCHER", "V-001 V-000"),
            ("active: false", "X-000"),
            ("active: true, mode: DISCOUNT", "SHORT S-002 S-001 S-000"),
            ("active: true, first: 2", "SHORT S-002"),
        ] {
            let query = format!("{{ customerPromotions(customerId: 7, {arguments}) {{ nodes {{ code }} }} }}");
            let data = server.data(&query.replace(", )", ")"), Value::Null).await;
            let codes: Vec<_> = data["customerPromotions"]["nodes"].as_array().unwrap().iter().map(|node| node["code"].as_str().unwrap()).collect();
            assert_eq!(codes.join(" "), expected, "{arguments}");
        }

        let page = "query($after: String) { customerPromotions(customerId: 7, first: 3, after: $after) {
            edges { cursor node { code } } pageInfo { hasNextPage endCursor }
        } }";
        let first = server.data(page, json!({})).await;
        let second = server.data(page, json!({ "after": first["customerPromotions"]["pageInfo"]["endCursor"] })).await;
        let codes = |page: &Value| page["customerPromotions"]["edges"].as_array().unwrap().iter().map(|edge| edge["node"]["code"].clone()).collect::<Vec<_>>();
        assert_eq!(json!([codes(&first), codes(&second)]), json!([["SHORT", "S-002", "V-001"], ["S-001", "X-000", "V-000"]]));
    }

    async fn the_number_of_statements_does_not_depend_on_the_number_of_rows(database: Database) {
        database.seed(&[
            with_codes(campaign("Spring"), "S", 60),
            with_codes(campaign("Summer"), "T", 60),
        ]).await;
        let server = Server::start_logging(&database, "promolink::sql=debug");
        for number in 0..50 {
            for prefix in ["S", "T"] {
                let code = format!("{prefix}-{number:03}");
                assert_eq!(code_of(&server.link(1, &code).await), "OK");
                assert_eq!(code_of(&server.redeem(1, &code, &format!("order-{code}")).await), "OK");
            }
        }
        let (count, data) = server.statements(
            "{ customerPromotions(customerId: 1, first: 100) { nodes {
                code campaign { name } customer { id } redemptions { nodes { transactionId } }
            } } }",
            Value::Null,
        )
        .await;
        let wallet = data["customerPromotions"]["nodes"].as_array().unwrap();
        assert_eq!(wallet.len(), 100);
        for promotion in wallet {
            let transaction = format!("order-{}", promotion["code"].as_str().unwrap());
            assert_eq!(promotion["redemptions"]["nodes"], json!([{ "transactionId": transaction }]));
        }
        assert_eq!(count, 2, "one for the wallet with its campaigns, one for all redemptions");

        let (count, data) = server.statements(
            "{ campaigns { nodes { codes(first: 100) { nodes {
                code campaign { name } promotions { nodes { customerId customer { promotions(first: 1, active: false) { nodes { code } } } } }
            } } } } }",
            Value::Null,
        )
        .await;
        let codes = |campaign: usize| data["campaigns"]["nodes"][campaign]["codes"]["nodes"].as_array().unwrap();
        assert_eq!((codes(0).len(), codes(1).len()), (60, 60));
        let held = codes(0).iter().chain(codes(1)).filter(|code| code["promotions"]["nodes"] != json!([])).count();
        assert_eq!(held, 100);
        assert_eq!(count, 5, "campaigns, codes, the codes' campaigns, their holds, wallets");
    }

    async fn a_code_lists_its_holders(database: Database) {
        database.seed(&[campaign("Spring").code("ANY", None)]).await;
        let server = Server::start(&database);
        let mut last = Value::Null;
        for customer in [5, 3, 9, 1] {
            last = server.link(customer, "ANY").await["data"]["linkPromotionCode"]["id"].take();
        }
        server.data("mutation($id: ID!) { unlinkPromotion(id: $id) { id } }", json!({ "id": last })).await;
        let query = "query($after: String) { promotionCodes(codes: [\"any\"], mode: DISCOUNT) {
            linkCount promotions(first: 2, after: $after) { nodes { customerId } pageInfo { hasNextPage endCursor } }
        } }";
        let first = &server.data(query, json!({})).await["promotionCodes"][0];
        assert_eq!(first["linkCount"], 3);
        assert_eq!(first["promotions"]["nodes"], json!([{ "customerId": 3 }, { "customerId": 5 }]));
        let after = &first["promotions"]["pageInfo"]["endCursor"];
        let second = &server.data(query, json!({ "after": after })).await["promotionCodes"][0]["promotions"];
        assert_eq!(second["nodes"], json!([{ "customerId": 9 }]));
        assert_eq!(second["pageInfo"]["hasNextPage"], false);
    }
}
