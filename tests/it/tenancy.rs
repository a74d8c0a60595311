//! Two organisations with the same data: neither can find, read or change any of the other's.

use std::{collections::BTreeSet, io::Write};

use serde_json::{Value, json};

use crate::support::{Caller, Database, ORG, Server, code_of, on_all_databases, program};

/// A caller of an organisation, and the ids of its data.
struct Organisation {
    caller: Caller,
    campaign: String,
    promotion: String,
    redemption: String,
    cursors: [String; 4],
}

const CUSTOMER: i64 = 42;

impl Organisation {
    /// Creates a campaign, codes, holds and a redemption. Only the ids differ between organisations.
    async fn set_up(caller: Caller) -> Self {
        let create = "mutation { createCampaign(input: { name: \"Spring\", mode: DISCOUNT, validTill: 4000000000000, maxLinksPerCustomer: 3, maxRedemptionsPerLink: 2 }) { id } }";
        let campaign = text(&caller.data(create, Value::Null).await["createCampaign"]["id"]);
        let import = "mutation($id: ID!) { importPromotionCodes(input: { campaignId: $id, codes: [\"A\", \"B\", \"C\", \"D\"] }) { imported duplicates } }";
        let imported = caller.data(import, json!({ "id": campaign })).await;
        assert_eq!(imported["importPromotionCodes"], json!({ "imported": 4, "duplicates": [] }));
        let linked = caller.link(CUSTOMER, "A").await;
        let promotion = text(&linked["data"]["linkPromotionCode"]["id"]);
        assert_eq!(code_of(&caller.link(CUSTOMER, "B").await), "OK");
        let redeemed = caller.redeem(CUSTOMER, "A", "order-1").await;
        assert_eq!(code_of(&redeemed), "OK", "{redeemed:#}");
        let redemption = text(&redeemed["data"]["redeemPromotion"]["id"]);
        let page = "pageInfo { startCursor }";
        let query = format!(
            "{{ campaigns {{ {page} nodes {{ codes(first: 1) {{ {page} nodes {{ promotions {{ {page} }} }} }} }} }}
                customerPromotions(customerId: {CUSTOMER}) {{ {page} }} }}"
        );
        let data = caller.data(&query, Value::Null).await;
        let (campaigns, codes) = (&data["campaigns"], &data["campaigns"]["nodes"][0]["codes"]);
        let lists = [campaigns, codes, &codes["nodes"][0]["promotions"], &data["customerPromotions"]];
        let cursors = lists.map(|list| text(&list["pageInfo"]["startCursor"]));
        Self { caller, campaign, promotion, redemption, cursors }
    }

    /// Everything that the API returns about the organisation.
    async fn all(&self) -> Value {
        let query = format!(
            "{{ campaigns(first: 5) {{ nodes {{
                id orgId name mode active validTill maxLinksPerCustomer
                codes(first: 9) {{ nodes {{ code revoked maxLinks linkCount promotions(first: 9) {{ nodes {{
                    id orgId promotionId customerId state createdOn
                    customer {{ promotions(first: 9) {{ nodes {{ id code state }} }} }}
                    redemptions(first: 9) {{ nodes {{ id transactionId redeemedOn reversedOn }} }}
                }} }} }} }}
            }} }}
            customerPromotions(customerId: {CUSTOMER}) {{ nodes {{ id orgId state campaign {{ id }} }} }}
            promotionCodes(codes: [\"A\", \"B\", \"C\", \"D\"], mode: DISCOUNT) {{ code linkCount campaign {{ id orgId }} }} }}"
        );
        self.caller.data(&query, Value::Null).await
    }
}

on_all_databases! {
    async fn an_organisation_cannot_read_or_change_the_data_of_another(database: Database) {
        database.open().await;
        let server = Server::serve(&database, &[("RUST_LOG", "promolink::sql=debug"), ("PROMOLINK_LOG_FORMAT", "text")]);
        let (ours, theirs) = (server.caller(&database.key(ORG, "admin")), server.caller(&database.key(ORG + 1, "admin")));
        let (ours, theirs) = (Organisation::set_up(ours).await, Organisation::set_up(theirs).await);
        let (our_data, their_data) = (ours.all().await, theirs.all().await);
        assert_ne!(ids(&our_data), ids(&their_data));
        assert!(ids(&our_data).is_disjoint(&ids(&their_data)), "{our_data:#} {their_data:#}");

        // By id.
        let us = &ours.caller;
        for (field, id) in [("promotion", &theirs.promotion), ("campaign", &theirs.campaign)] {
            let query = format!("query($id: ID!) {{ {field}(id: $id) {{ id }} }}");
            assert_eq!(us.data(&query, json!({ "id": id })).await[field], Value::Null);
        }
        for (mutation, id) in [
            ("unlinkPromotion(id: $id) { id }", &theirs.promotion),
            ("reverseRedemption(id: $id) { id }", &theirs.redemption),
            ("updateCampaign(input: { id: $id, active: false, name: \"Taken over\" }) { id }", &theirs.campaign),
            ("generatePromotionCodes(input: { campaignId: $id, count: 1 }) { codes }", &theirs.campaign),
            ("importPromotionCodes(input: { campaignId: $id, codes: [\"E\"] }) { imported }", &theirs.campaign),
        ] {
            let response = us.execute(&format!("mutation($id: ID!) {{ {mutation} }}"), json!({ "id": id })).await;
            assert_eq!(code_of(&response), "NOT_FOUND", "{mutation}: {response:#}");
        }
        // From the command line.
        let mut file = tempfile::NamedTempFile::new().unwrap();
        writeln!(file, "code,customer_id\nE,1").unwrap();
        let path = file.path().to_str().unwrap();
        for command in [&["generate", "--count", "1"][..], &["import", path], &["export"]] {
            let of_ours = ["--org", &ORG.to_string(), "--campaign", &theirs.campaign];
            let output = program().arg("codes").args(command).args(of_ours).env("DATABASE_URL", &database.url).output();
            let output = output.unwrap();
            let errors = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(!output.status.success() && errors.contains("has no campaign"), "{command:?}: {errors}");
            assert!(output.stdout.is_empty());
        }
        // By cursor: their cursor is a position in our own lists and gives no access to theirs.
        let [campaigns, codes, holds, wallet] = &theirs.cursors;
        let query = "query($campaigns: String, $codes: String, $holds: String, $wallet: String) {
            campaigns(after: $campaigns) { nodes { id } }
            customerPromotions(customerId: 42, after: $wallet) { nodes { id } }
            promotionCodes(codes: [\"A\"], mode: DISCOUNT) { promotions(after: $holds) { nodes { id } } campaign { codes(after: $codes) { nodes { code linkCount } } } }
        }";
        let variables = json!({ "campaigns": campaigns, "codes": codes, "holds": holds, "wallet": wallet });
        let found = us.data(query, variables).await;
        assert!(ids(&found).is_disjoint(&ids(&their_data)), "{found:#}");
        // None of this changed anything.
        assert_eq!((ours.all().await, theirs.all().await), (our_data, their_data));

        // By code and transaction id: changes to our data leave theirs unchanged.
        let before = theirs.all().await;
        assert_eq!(us.redeem(CUSTOMER, "B", "order-2").await["data"]["redeemPromotion"]["transactionId"], "order-2");
        assert_eq!(us.redeem(CUSTOMER, "A", "order-1").await["data"]["redeemPromotion"]["id"], ours.redemption);
        assert_eq!(code_of(&us.link(CUSTOMER, "C").await), "OK");
        assert_eq!(code_of(&us.link(CUSTOMER, "D").await), "CUSTOMER_LIMIT_REACHED");
        assert_eq!(code_of(&us.link(7, "D").await), "OK");
        for mutation in ["revokePromotionCode(input: { code: \"A\", mode: DISCOUNT }) { code }".to_owned(), format!("unlinkPromotion(id: \"{}\") {{ id }}", ours.promotion), format!("reverseRedemption(id: \"{}\") {{ id }}", ours.redemption), format!("updateCampaign(input: {{ id: \"{}\", active: false }}) {{ id }}", ours.campaign)] {
            us.data(&format!("mutation {{ {mutation} }}"), Value::Null).await;
        }
        assert_eq!(theirs.all().await, before);
        assert_eq!(code_of(&theirs.caller.link(CUSTOMER, "C").await), "OK", "their customer limit is separate");
        assert_eq!(code_of(&theirs.caller.link(7, "D").await), "OK", "their code is separate");
        assert_eq!(code_of(&theirs.caller.redeem(CUSTOMER, "B", "order-2").await), "OK", "their transaction id is separate");

        // A code that only they have does not exist for us, and their customers' wallets are empty for us.
        let only = "mutation($id: ID!) { importPromotionCodes(input: { campaignId: $id, codes: [\"THEIRS\"] }) { imported } }";
        theirs.caller.data(only, json!({ "id": theirs.campaign })).await;
        assert_eq!(code_of(&theirs.caller.link(4711, "THEIRS").await), "OK");
        let before = theirs.all().await;
        assert_eq!(code_of(&us.link(1, "THEIRS").await), "CODE_NOT_FOUND");
        assert_eq!(code_of(&us.redeem(4711, "THEIRS", "order-3").await), "CODE_NOT_FOUND");
        let links = "mutation { linkPromotionCodes(input: [{ customerId: 1, code: \"THEIRS\", mode: DISCOUNT }]) { error { code } } }";
        assert_eq!(us.data(links, Value::Null).await["linkPromotionCodes"], json!([{ "error": { "code": "CODE_NOT_FOUND" } }]));
        let revoke = "mutation { revokePromotionCode(input: { code: \"THEIRS\", mode: DISCOUNT }) { code } }";
        assert_eq!(code_of(&us.execute(revoke, Value::Null).await), "CODE_NOT_FOUND");
        let look = "{ promotionCodes(codes: [\"THEIRS\"], mode: DISCOUNT) { code } customerPromotions(customerId: 4711) { nodes { id } } }";
        let nothing = json!({ "promotionCodes": [null], "customerPromotions": { "nodes": [] } });
        assert_eq!(us.data(look, Value::Null).await, nothing);
        // We cannot revoke their key.
        let list = program().args(["key", "list", "--org", &(ORG + 1).to_string()]).env("DATABASE_URL", &database.url).output();
        let list = String::from_utf8(list.unwrap().stdout).unwrap();
        let id = list.lines().nth(1).and_then(|line| line.split(' ').next()).unwrap();
        let of_ours = ["--org", &ORG.to_string(), id];
        let output = program().args(["key", "revoke"]).args(of_ours).env("DATABASE_URL", &database.url).output().unwrap();
        assert!(!output.status.success(), "{output:?}");
        assert_eq!(theirs.all().await, before);

        let log = server.log();
        let statements: Vec<_> = log.lines().filter_map(|line| line.split_once("sql=")).map(|(_, sql)| sql).collect();
        assert!(statements.len() > 50, "the log lacks statements");
        let open: BTreeSet<_> = statements.iter().filter(|sql| !names_its_organisation(sql)).collect();
        assert!(open.is_empty(), "statements that are not limited to an organisation: {open:#?}");
    }
}

/// Whether a statement is limited to one organisation, or to those of its own rows: an INSERT sets `org_id`, and any
/// other statement compares it in each condition.
fn names_its_organisation(sql: &str) -> bool {
    const TABLES: [&str; 6] =
        ["campaigns", "promotion_codes", "promotions", "redemptions", "api_keys", "organisations"];
    // How a condition asks for an organisation: that of a parameter, of the keys that the statement is given (`requested`,
    // `linked`), or of a code (`existing`, `promotion_codes`) or a promotion that was found by such a condition.
    const ASKS: [&str; 7] = [
        "org_id = $",
        "org_id = ?",
        "org_id = requested.",
        "org_id = linked.",
        "org_id = existing.",
        "org_id = promotion_codes.",
        "org_id = promotions.",
    ];
    let plain = sql.replace(['"', '`', '\\'], "");
    if !TABLES.iter().any(|table| plain.contains(&format!(" {table}"))) {
        return true;
    }
    if plain.starts_with("INSERT INTO") {
        return plain.split(['(', ')']).nth(1).is_some_and(|columns| columns.contains("org_id"));
    }
    let asks = |condition: &str| ASKS.iter().any(|ask| condition.contains(ask));
    plain.contains(" WHERE ") && plain.split(" WHERE ").skip(1).all(asks)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value:?}")).to_owned()
}

/// The ids in a response.
fn ids(value: &Value) -> BTreeSet<&str> {
    match value {
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(name, value)| if name == "id" { value.as_str().into_iter().collect() } else { ids(value) })
            .collect(),
        Value::Array(items) => items.iter().flat_map(ids).collect(),
        _ => BTreeSet::new(),
    }
}
