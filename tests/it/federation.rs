//! The subgraph for federation gateways: entities by their keys, and the subgraph's schema.

use serde_json::{Value, json};

use crate::support::{Database, ORG, Server, campaign, code_of, issuer, on_both_databases};

const ENTITIES: &str = "query($representations: [_Any!]!) { _entities(representations: $representations) {
    __typename
    ... on Customer { id promotions(first: 5) { nodes { code customer { id } } } }
    ... on Promotion { id code customerId redemptions { nodes { transactionId } } }
    ... on Campaign { id name }
} }";

fn promotion(id: &Value) -> Value {
    json!({ "__typename": "Promotion", "id": id })
}

fn customer(number: i64) -> Value {
    json!({ "__typename": "Customer", "id": number.to_string() })
}

on_both_databases! {
    async fn entities_are_read_in_batches_and_returned_in_request_order(database: Database) {
        let mut spring = campaign("Spring");
        for number in 0..100 {
            spring = spring.code(&format!("S-{number:03}"), Some(1));
        }
        let campaign_id = spring.campaign.id.get().to_string();
        database.seed(&[spring]).await;
        let server = Server::start_logging(&database, "promolink::sql=debug");
        let mut ids = Vec::new();
        for number in 0..100 {
            ids.push(server.link(number, &format!("S-{number:03}")).await["data"]["linkPromotionCode"]["id"].take());
        }
        let nobody = json!("00000000-0000-7000-8000-000000000000");
        let mut representations: Vec<Value> = (0..100).map(customer).collect();
        representations.extend(ids.iter().map(promotion));
        representations.push(promotion(&nobody));
        representations.push(json!({ "__typename": "Campaign", "id": campaign_id }));
        representations.push(json!({ "__typename": "Campaign", "id": nobody }));
        representations.push(customer(4711));
        let (count, data) = server.statements(ENTITIES, json!({ "representations": representations })).await;
        let entities = data["_entities"].as_array().unwrap();
        for number in 0..100 {
            let code = format!("S-{number:03}");
            let nodes = json!([{ "code": code, "customer": { "id": number.to_string() } }]);
            assert_eq!(
                entities[number],
                json!({ "__typename": "Customer", "id": number.to_string(), "promotions": { "nodes": nodes } })
            );
            assert_eq!(
                entities[100 + number],
                json!({ "__typename": "Promotion", "id": ids[number], "code": code, "customerId": number,
                        "redemptions": { "nodes": [] } })
            );
        }
        assert_eq!(entities[200], Value::Null);
        assert_eq!(entities[201], json!({ "__typename": "Campaign", "id": campaign_id, "name": "Spring" }));
        assert_eq!(entities[202], Value::Null);
        assert_eq!(entities[203]["promotions"]["nodes"], json!([]), "a customer without promotions");
        assert_eq!(count, 4, "promotions, campaigns, wallets, redemptions");
    }

    async fn a_malformed_representation_fails_only_its_entity(database: Database) {
        let server = Server::start(&database);
        let representations = json!([
            promotion(&json!("no UUID")), customer(7), customer(-1), customer(9_007_199_254_740_991),
            { "__typename": "Customer", "id": "9007199254740992" }, { "__typename": "Customer", "id": 8 },
            promotion(&Value::Null), promotion(&json!(true)), { "__typename": "Campaign", "name": "Spring" },
            { "__typename": "Nothing", "id": 1 }, { "id": 1 }, { "__typename": 1, "id": 1 }, "Customer", customer(9),
        ]);
        let response = server.execute(ENTITIES, json!({ "representations": representations })).await;
        let entities = response["data"]["_entities"].as_array().unwrap();
        let ids: Vec<_> = entities.iter().map(|entity| entity["id"].as_str()).collect();
        let good = [(1, "7"), (3, "9007199254740991"), (5, "8"), (13, "9")];
        let expected: Vec<_> =
            (0..14).map(|index| good.iter().find(|(at, _)| *at == index).map(|(_, id)| *id)).collect();
        assert_eq!(ids, expected);
        let errors = response["errors"].as_array().unwrap();
        let told: Vec<_> = errors
            .iter()
            .map(|error| (error["path"][1].as_u64().unwrap(), error["extensions"]["field"].as_str().unwrap()))
            .collect();
        assert_eq!(told, [
            (0, "id"), (2, "id"), (4, "id"), (6, "id"), (7, "id"), (8, "id"),
            (9, "__typename"), (10, "__typename"), (11, "__typename"), (12, "representations"),
        ]);
        for error in errors {
            assert_eq!((&error["path"][0], &error["extensions"]["code"]), (&json!("_entities"), &json!("INVALID_INPUT")));
        }
    }

    async fn a_failed_non_null_field_makes_its_entity_null(database: Database) {
        let server = Server::start(&database);
        let query = "query($representations: [_Any!]!) { _entities(representations: $representations) {
            ... on Customer { z: id promotions(first: 0) { nodes { code } } a: id }
        } }";
        let response = server.execute(query, json!({ "representations": [customer(7)] })).await;
        assert_eq!(code_of(&response), "INVALID_INPUT");
        assert_eq!(response["data"], json!({ "_entities": [null] }), "promotions can't be null, so the customer is");
        assert_eq!(response["errors"][0]["path"], json!(["_entities", 0, "promotions"]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn entities_follow_the_access_rules_of_their_fields() {
    let database = Database::sqlite();
    let spring = campaign("Spring").code("A", Some(1)).code("B", Some(1));
    let campaign_id = spring.campaign.id.get().to_string();
    database.seed(&[spring]).await;
    let server = Server::serve(&database, &issuer::VARIABLES);
    let service = server.caller(&database.key(ORG, "service"));
    let ids: Vec<Value> = [
        service.link(1, "A").await["data"]["linkPromotionCode"]["id"].take(),
        service.link(2, "B").await["data"]["linkPromotionCode"]["id"].take(),
    ]
    .into();
    let entities = "query($r: [_Any!]!) { _entities(representations: $r) {
        ... on Promotion { code } ... on Customer { promotions { nodes { code } } }
    } }";
    let representations = json!({ "r": [promotion(&ids[0]), promotion(&ids[1]), customer(1), customer(2)] });

    let all = service.data(entities, representations.clone()).await;
    let wallet = |code: &str| json!({ "promotions": { "nodes": [{ "code": code }] } });
    assert_eq!(all["_entities"], json!([{ "code": "A" }, { "code": "B" }, wallet("A"), wallet("B")]));

    // A customer's token gives access to the customer's own entities only.
    let own = server.caller(&issuer::token(ORG, 1)).execute(entities, representations.clone()).await;
    assert_eq!(own["data"]["_entities"], json!([{ "code": "A" }, null, wallet("A"), null]));
    assert_eq!(code_of(&own), "FORBIDDEN");

    // Another organisation sees nothing.
    let strange = server.caller(&database.key(ORG + 1, "service")).data(entities, representations.clone()).await;
    let empty = json!({ "promotions": { "nodes": [] } });
    assert_eq!(strange["_entities"], json!([null, null, empty, empty]));

    let storefront = server.caller(&database.key(ORG, "storefront")).execute(entities, representations).await;
    assert_eq!(storefront["errors"][0]["extensions"]["field"], "Query._entities");
    let campaigns = "query($r: [_Any!]!) { _entities(representations: $r) { ... on Campaign { ...c } } }
        fragment c on Campaign { name }";
    let campaign = json!({ "r": [{ "__typename": "Campaign", "id": campaign_id }] });
    let refused = service.execute(campaigns, campaign.clone()).await;
    assert_eq!(
        (code_of(&refused), &refused["errors"][0]["extensions"]["field"]),
        ("FORBIDDEN", &json!("Campaign.name"))
    );
    let admin = server.caller(&database.key(ORG, "admin")).data(campaigns, campaign).await;
    assert_eq!(admin["_entities"], json!([{ "name": "Spring" }]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_field_returns_the_schema_that_the_command_prints() {
    let database = Database::sqlite();
    let server = Server::start(&database);
    let data = server.data("{ _service { sdl } }", Value::Null).await;
    let told = data["_service"]["sdl"].as_str().unwrap();
    let printed = promolink::graphql::subgraph_sdl();
    assert_eq!(told, printed);
    for entity in ["Promotion", "Campaign", "Customer"] {
        assert!(printed.contains(&format!("type {entity} @key(fields: \"id\")")), "{entity}");
    }
    for field in ["createCampaign(", "campaigns(", "promotionCodes(", "campaign: Campaign!"] {
        let start = format!("\n  {field}");
        let definitions = printed.split(&start).skip(1);
        // Up to the description of the next field.
        let mut definitions = definitions.filter_map(|rest| rest.split("\n  \"\"\"\n").next());
        assert!(definitions.any(|definition| definition.contains("@tag(name: \"admin\")")), "{field}");
    }
    let public = promolink::graphql::sdl();
    assert!(!public.contains("_entities") && !public.contains("@key"));
}

#[tokio::test(flavor = "multi_thread")]
async fn representations_count_towards_the_limits_of_a_request() {
    let database = Database::sqlite();
    let server = Server::start(&database);
    let query = "query($r: [_Any!]!) { _entities(representations: $r) { ... on Customer {
        promotions(first: 100) { nodes { code promotionName campaign { name } } }
    } } }";
    let many: Vec<_> = (0..2000).map(customer).collect();
    assert_eq!(code_of(&server.execute(query, json!({ "r": many })).await), "LIMIT_EXCEEDED");
}
