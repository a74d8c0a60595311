//! Keys that are rejected at start, and keys that are skipped.

use serde_json::json;

use super::*;

async fn start_error(keys: KeySource) -> String {
    start(keys).await.err().expect("the start must fail").to_string()
}

async fn file_error(document: &[u8]) -> String {
    let file = file_with(document);
    start_error(KeySource::File(file.path().to_owned())).await
}

#[tokio::test]
async fn a_short_secret_is_rejected() {
    let error = start_error(secrets(&[&"x".repeat(31)])).await;
    assert!(error.contains("at least 32 bytes"), "{error}");
    assert!(start(secrets(&[&"x".repeat(32)])).await.is_ok());
}

#[tokio::test]
async fn a_url_that_can_be_intercepted_is_rejected() {
    for url in [
        "http://issuer.example/keys",
        "http://127.0.0.1.example/keys",
        "http://localhost.example/keys",
        "http://10.0.0.1/keys",
        "http://localhost@issuer.example/keys",
        "ftp://localhost/keys",
        "file:///keys.json",
        "https://user:password@issuer.example/keys",
        "issuer.example/keys",
        "",
    ] {
        let error = start_error(KeySource::Url(url.to_owned())).await;
        assert!(error.starts_with("the URL of the key set "), "{url}: {error}");
        assert!(!error.contains("password@"), "{error}");
    }
}

#[tokio::test]
async fn a_file_that_is_not_a_key_set_is_rejected() {
    let error = start_error(KeySource::File("/nowhere/keys.json".into())).await;
    assert_eq!(error, "cannot read the key set: No such file or directory (os error 2)");
    for (document, expected) in [
        (&b"{}"[..], "the document is not a JSON Web Key Set (RFC 7517): error at line 1, column 2"),
        (b"", "the document is not a JSON Web Key Set (RFC 7517): error at line 1, column 0"),
        (b"{\"keys\":\"hidden\"}", "the document is not a JSON Web Key Set (RFC 7517): error at line 1, column 16"),
        (&vec![b' '; 1_000_001], "the key set has more than 1000000 bytes"),
        (json!({ "keys": vec![ED.jwk("1"); 101] }).to_string().as_bytes(), "the key set has more than 100 keys"),
    ] {
        assert_eq!(file_error(document).await, expected);
    }
}

#[tokio::test]
async fn unusable_keys_are_skipped() {
    let weak = |bytes: usize| json!({ "kty": "RSA", "kid": "weak", "n": encode(vec![0xff; bytes]), "e": "AQAB" });
    let with = |mut jwk: Value, name: &str, value: Value| {
        jwk[name] = value;
        jwk
    };
    let secret = encode([7; 32]);
    let others = [
        json!({ "kty": "oct", "kid": "secret", "k": secret }),
        json!({ "kty": "oct", "kid": "secret", "k": secret, "alg": "HS256", "use": "sig" }),
        json!({ "kty": "oct", "kid": "secret", "k": secret, "alg": "RS256" }),
        json!({ "kty": "EC", "crv": "P-384", "x": encode([7; 48]), "y": encode([7; 48]) }),
        json!({ "kty": "OKP", "crv": "X25519", "x": encode([7; 32]) }),
        json!({ "kty": "RSA", "e": "AQAB" }),
        json!({ "kty": "new" }),
        json!(7),
        weak(255),
        weak(1025),
        with(weak(256), "n", json!("not base64!")),
        with(EC.jwk("1"), "x", json!("AA")),
        // Together as long as two coordinates.
        with(with(EC.jwk("1"), "x", json!(encode([7; 33]))), "y", json!(encode([7; 31]))),
        with(RSA.jwk("1"), "e", json!("AAAA")),
        with(RSA.jwk("1"), "n", json!(encode(vec![0; 256]))),
        with(ED.jwk("1"), "x", json!("AA")),
        with(EC.jwk("1"), "use", json!("enc")),
        with(EC.jwk("1"), "use", json!(7)),
        with(EC.jwk("1"), "key_ops", json!(["sign"])),
        with(EC.jwk("1"), "alg", json!("ES384")),
        with(RSA.jwk("1"), "alg", json!("HS256")),
        with(RSA.jwk("1"), "alg", json!("PS256")),
        with(RSA.jwk("1"), "alg", json!("RSA-OAEP")),
    ];
    for other in &others {
        let error = file_error(json!({ "keys": [other] }).to_string().as_bytes()).await;
        assert!(error.starts_with("the key set has no usable key"), "{other}: {error}");
    }
    // One usable key suffices.
    let keys = [&others[..], &[with(ED.jwk("good"), "key_ops", json!(["verify"]))]].concat();
    let file = file_with(json!({ "keys": keys }).to_string().as_bytes());
    let tokens = start(KeySource::File(file.path().to_owned())).await.unwrap();
    let signed = token(&json!({ "alg": "EdDSA", "kid": "good" }), &claims(), &ED);
    assert_eq!(verified(&tokens, &signed).await, (100_458, 10_025));
    let forged = token(&json!({ "alg": "HS256", "kid": "secret" }), &claims(), &Signer::Secret(vec![7; 32]));
    assert_eq!(reason(&tokens, &forged).await, "the token is signed with an unknown key");
}
