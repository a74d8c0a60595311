//! Automatic persisted queries: a client names a document by its hash, and sends the text only if the server does not
//! know the hash.

use std::fs;

use serde_json::{Value, json};

use crate::support::{Database, ORG, Server, code_of, program};

const QUERY: &str = "{ __typename }";
/// The SHA-256 of the query: `printf '{ __typename }' | sha256sum`.
const HASH: &str = "7f56e67dd21ab3f30d1ff8b7bed08893f0a0db86449836189b361dd1e56ddb4b";

fn by_hash(hash: &str) -> Value {
    json!({ "extensions": { "persistedQuery": { "version": 1, "sha256Hash": hash } } })
}

fn with_text(hash: &str, text: &str) -> Value {
    let mut request = by_hash(hash);
    request["query"] = text.into();
    request
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hash_executes_a_query_after_its_text_was_sent() {
    let database = Database::sqlite();
    let server = Server::start(&database);
    let unknown = server.post(&by_hash(HASH)).await;
    assert_eq!(unknown["errors"][0]["message"], "PersistedQueryNotFound");
    assert_eq!(code_of(&unknown), "PERSISTED_QUERY_NOT_FOUND");
    // A text without a hash is not registered.
    assert_eq!(code_of(&server.execute(QUERY, Value::Null).await), "OK");
    assert_eq!(code_of(&server.post(&by_hash(HASH)).await), "PERSISTED_QUERY_NOT_FOUND");

    assert_eq!(code_of(&server.post(&with_text(HASH, QUERY)).await), "OK");
    for hash in [HASH.to_owned(), HASH.to_uppercase()] {
        assert_eq!(server.post(&by_hash(&hash)).await, json!({ "data": { "__typename": "Query" } }), "{hash}");
    }
    let extensions = by_hash(HASH)["extensions"].to_string();
    let client = reqwest::Client::new();
    let get = client.get(server.url("/graphql")).query(&[("extensions", extensions.as_str())]).send().await.unwrap();
    assert_eq!(get.json::<Value>().await.unwrap()["data"]["__typename"], "Query");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hash_must_match_its_text_and_the_text_must_be_valid() {
    let database = Database::sqlite();
    let server = Server::start(&database);
    assert_eq!(code_of(&server.post(&with_text(HASH, "{ __typename } ")).await), "BAD_REQUEST");
    assert_eq!(code_of(&server.post(&with_text("abc", QUERY)).await), "BAD_REQUEST");
    // The SHA-256 of the empty document.
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(code_of(&server.post(&with_text(empty, "")).await), "GRAPHQL_PARSE_FAILED");
    assert_eq!(code_of(&server.post(&by_hash(empty)).await), "PERSISTED_QUERY_NOT_FOUND");
    assert_eq!(code_of(&server.post(&by_hash(HASH)).await), "PERSISTED_QUERY_NOT_FOUND");
    for hash in ["", "zz", "é", &"é".repeat(32)] {
        assert_eq!(code_of(&server.post(&by_hash(hash)).await), "PERSISTED_QUERY_NOT_FOUND", "{hash}");
    }
    for extension in [
        json!({ "version": 2, "sha256Hash": HASH }),
        json!({ "version": 1 }),
        json!({ "sha256Hash": HASH }),
        json!({ "version": 1, "sha256Hash": 5 }),
        json!([1, HASH]),
        json!("x"),
    ] {
        let request = json!({ "query": QUERY, "extensions": { "persistedQuery": extension } });
        assert_eq!(code_of(&server.post(&request).await), "BAD_REQUEST", "{extension}");
    }
    let both = json!({ "documentId": HASH, "extensions": by_hash(HASH)["extensions"] });
    assert_eq!(code_of(&server.post(&both).await), "BAD_REQUEST");
    let none = json!({ "query": QUERY, "extensions": { "persistedQuery": null, "else": 1 } });
    assert_eq!(code_of(&server.post(&none).await), "OK");
}

/// One organisation must not learn which documents another has sent: they may contain codes.
#[tokio::test(flavor = "multi_thread")]
async fn a_hash_is_known_only_to_the_organisation_that_sent_the_text() {
    let database = Database::sqlite();
    database.open().await;
    let server = Server::serve(&database, &[]);
    let [own, other] = [ORG, ORG + 1].map(|org| server.caller(&database.key(org, "service")));
    assert_eq!(code_of(&own.post(&with_text(HASH, QUERY)).await), "OK");
    assert_eq!(code_of(&own.post(&by_hash(HASH)).await), "OK");
    assert_eq!(code_of(&other.post(&by_hash(HASH)).await), "PERSISTED_QUERY_NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_of_apollo_may_have_ids_that_are_no_hashes() {
    let database = Database::sqlite();
    database.open().await;
    let folder = tempfile::tempdir().unwrap();
    let manifest = folder.path().join("documents.json");
    let operation = |id: &str, body: &str| json!({ "id": id, "name": "Query", "type": "query", "body": body });
    let write = |operations: Value| {
        let contents = json!({ "format": "apollo-persisted-query-manifest", "version": 1, "operations": operations });
        fs::write(&manifest, contents.to_string()).unwrap();
    };
    let variable = ("PROMOLINK_DOCUMENTS", manifest.to_str().unwrap());
    write(json!([operation("Wallet-V1", QUERY), operation("Wallet-V1", QUERY)]));
    let server = Server::serve(&database, &[variable]);
    let service = server.caller(&database.key(ORG, "service"));
    assert_eq!(code_of(&service.post(&json!({ "documentId": "Wallet-V1" })).await), "OK");
    assert_eq!(code_of(&service.post(&by_hash("Wallet-V1")).await), "OK");

    let refused = |message: &str| {
        let output = program().arg("serve").envs([variable]).env("DATABASE_URL", &database.url).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && error.contains(message), "{error}");
    };
    write(json!([operation("a", QUERY), operation("sha256:a", "{ other: __typename }")]));
    refused("different documents with the id sha256:a");
    write(json!([{ "id": "a" }]));
    refused("missing field `body`");
    fs::write(&manifest, json!({ "format": "other", "operations": [] }).to_string()).unwrap();
    refused("apollo-persisted-query-manifest: invalid type");
}

#[tokio::test(flavor = "multi_thread")]
async fn if_only_persisted_documents_are_accepted_a_hash_must_name_one() {
    let database = Database::sqlite();
    database.open().await;
    let folder = tempfile::tempdir().unwrap();
    let manifest = folder.path().join("documents.json");
    let operation = json!({ "id": HASH, "name": "Query", "type": "query", "body": QUERY });
    let of_apollo = json!({ "format": "apollo-persisted-query-manifest", "version": 1, "operations": [operation] });
    let service = database.key(ORG, "service");
    let serve_with = |contents: &Value| {
        fs::write(&manifest, contents.to_string()).unwrap();
        let documents = manifest.to_str().unwrap();
        Server::serve(&database, &[("PROMOLINK_DOCUMENTS", documents), ("PROMOLINK_DOCUMENTS_ONLY", "true")])
    };
    let server = serve_with(&of_apollo);
    assert_eq!(code_of(&server.caller(&service).post(&by_hash(HASH)).await), "OK");
    let server = serve_with(&json!({ HASH: QUERY }));
    let service = server.caller(&service);
    assert_eq!(code_of(&service.post(&by_hash(HASH)).await), "OK");
    let unknown = service.post(&by_hash(&HASH.replace('7', "8"))).await;
    assert_eq!(unknown["errors"][0]["message"], "PersistedQueryNotSupported");
    assert_eq!(code_of(&unknown), "PERSISTED_QUERY_NOT_SUPPORTED");
    let admin = server.caller(&database.key(ORG, "admin"));
    assert_eq!(code_of(&admin.post(&by_hash(&HASH.replace('7', "8"))).await), "PERSISTED_QUERY_NOT_FOUND");
    assert_eq!(code_of(&service.post(&with_text(HASH, QUERY)).await), "OK");
    assert_eq!(code_of(&service.execute(QUERY, Value::Null).await), "PERSISTED_DOCUMENT_REQUIRED");
}
