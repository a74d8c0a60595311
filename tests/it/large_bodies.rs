//! Request bodies over 64 KiB: admins need them to import 10,000 codes, and no caller can exhaust the memory with them.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::support::{Caller, Database, ORG, Server, campaign, code_of, on_both_databases};

const IMPORT: &str = "mutation($codes: [String!]!, $id: ID!) {
    importPromotionCodes(input: { campaignId: $id, codes: $codes }) { imported duplicates } }";

on_both_databases! {
    async fn ten_thousand_codes_of_64_characters_can_be_imported_in_any_encoding(database: Database) {
        let spring = campaign("Spring");
        let id = spring.campaign.id.get().to_string();
        database.seed(&[spring]).await;
        let server = Server::serve(&database, &[]);
        let key = database.key(ORG, "admin");
        for (name, rest, escaped) in [("ascii", 'X', false), ("four bytes", '\u{20000}', false), ("escapes", '\u{20001}', true)] {
            let codes: Vec<String> = (0..10_000).map(|number| format!("{number:05}{}", rest.to_string().repeat(59))).collect();
            let mut body = json!({ "query": IMPORT, "variables": { "id": id, "codes": codes } }).to_string();
            if escaped {
                body = body.replace(rest, "\\ud840\\udc01");
            }
            assert!(body.len() > 600_000);
            let response = post(&server, &key, body).await;
            assert_eq!(response.0, 200, "{name}: {}", response.1);
            let result = json!({ "imported": 10_000, "duplicates": [] });
            assert_eq!(response.1["data"]["importPromotionCodes"], result, "{name}: {}", response.1);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_over_the_limits_on_size_and_values_are_rejected() {
    let database = Database::sqlite();
    database.seed(&[campaign("Spring")]).await;
    let server = Server::serve(&database, &[]);
    let large = |text: &str| json!({ "query": "{ __typename }", "variables": { "unused": text } }).to_string();
    for role in ["service", "storefront"] {
        let key = database.key(ORG, role);
        assert_eq!(post(&server, &key, large(&"x".repeat(260_000))).await.0, 200);
        let (status, answer) = post(&server, &key, large(&"x".repeat(263_000))).await;
        assert_eq!(status, 413, "{answer}");
    }
    let admin = database.key(ORG, "admin");
    assert_eq!(post(&server, &admin, large(&"x\\\"".repeat(100_000))).await.0, 200);
    // Separators within a string do not count as values.
    assert_eq!(post(&server, &admin, large(&"\\\",[{".repeat(100_000))).await.0, 200);
    let values = format!("{{\"query\":\"{{ __typename }}\",\"variables\":{{\"unused\":[{}0]}}}}", "0,".repeat(200_000));
    let (status, answer) = post(&server, &admin, values).await;
    assert!(status == 413 && answer["errors"][0]["message"].as_str().unwrap().contains("50,000 values"), "{answer}");
    let document = json!({ "query": format!("{{ __typename }} # {}", "x".repeat(300_000)) }).to_string();
    let (status, answer) = post(&server, &admin, document).await;
    assert!(status == 413 && answer["errors"][0]["message"].as_str().unwrap().contains("as variables"), "{answer}");
    let (status, answer) = post(&server, &admin, large(&"x".repeat(9 << 20))).await;
    assert!(status == 413 && answer["errors"][0]["message"].as_str().unwrap().contains("8 MiB"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn large_bodies_take_at_most_32_mib_of_memory() {
    let database = Database::sqlite();
    database.seed(&[campaign("Spring").code("A", None)]).await;
    let server = Server::serve(&database, &[]);
    let key = database.key(ORG, "admin");
    let head = format!(
        "POST /graphql HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\n\
         content-length: 8388608\r\nconnection: close\r\n\r\n"
    );
    let mut stalled = Vec::new();
    for _ in 0..4 {
        let mut stream = TcpStream::connect(&server.address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&vec![b' '; 400_000]).await.unwrap();
        stalled.push(stream);
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    let body = json!({ "query": "{ __typename }", "variables": { "unused": "x".repeat(300_000) } }).to_string();
    let (status, answer) = post(&server, &key, body.clone()).await;
    assert!(status == 503 && code_of(&answer) == "OVERLOADED", "{status} {answer}");
    // Small requests are not affected.
    assert_eq!(code_of(&server.caller(&key).link(1, "A").await), "OK");
    // A stalled request that completes gets its response and frees its memory.
    let mut first = stalled.pop().unwrap();
    first.write_all(&vec![b' '; 8_388_608 - 400_000]).await.unwrap();
    let mut answer = String::new();
    timeout(Duration::from_secs(20), first.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert_eq!(post(&server, &key, body).await.0, 200);
}

async fn post(server: &Caller, key: &str, body: String) -> (u16, Value) {
    let request = reqwest::Client::new().post(server.url("/graphql")).bearer_auth(key);
    let response = request.header("content-type", "application/json").body(body).send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}
