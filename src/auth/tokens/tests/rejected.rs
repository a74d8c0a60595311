//! Tokens that are rejected, and the reason in the log.

use serde_json::json;

use super::*;

const WRONG_SIGNATURE: &str = "the token's signature is invalid";
const WRONG_ALGORITHM: &str = "the token's algorithm is not that of the key";
const UNKNOWN_ALGORITHM: &str = "the token's header is malformed or has an unknown algorithm";
const UNKNOWN_KEY: &str = "the token is signed with an unknown key";
const MALFORMED: &str = "the token is malformed";

/// The parts of a valid token, signed by the key `RS256`.
fn valid() -> Vec<String> {
    let token = token(&json!({ "alg": "RS256", "kid": "RS256" }), &claims(), &RSA);
    token.split('.').map(str::to_owned).collect()
}

#[tokio::test]
async fn an_unsigned_token() {
    let (tokens, _file) = customer_tokens().await;
    let parts = valid();
    for alg in ["none", "None", "NONE", "", "nOnE"] {
        let header = encode(json!({ "alg": alg, "kid": "RS256" }).to_string());
        for signature in ["", &parts[2]] {
            let forged = format!("{header}.{}.{signature}", parts[1]);
            assert_eq!(reason(&tokens, &forged).await, UNKNOWN_ALGORITHM, "{alg}");
        }
    }
    let unsigned = format!("{}.{}.", parts[0], parts[1]);
    assert_eq!(reason(&tokens, &unsigned).await, WRONG_SIGNATURE);
    for (alg, kid) in [("ES256", "ES256"), ("EdDSA", "EdDSA")] {
        let forged = token(&json!({ "alg": alg, "kid": kid }), &claims(), &Signer::Unsigned);
        assert_eq!(reason(&tokens, &forged).await, WRONG_SIGNATURE, "{alg}");
    }
}

#[tokio::test]
async fn a_token_signed_with_a_public_key_as_if_it_were_a_secret() {
    let (tokens, _file) = customer_tokens().await;
    for form in public_forms() {
        let signer = Signer::Secret(form);
        let named = token(&json!({ "alg": "HS256", "kid": "RS256" }), &claims(), &signer);
        assert_eq!(reason(&tokens, &named).await, WRONG_ALGORITHM);
        let unnamed = token(&json!({ "alg": "HS256" }), &claims(), &signer);
        assert_eq!(reason(&tokens, &unnamed).await, UNKNOWN_KEY);
    }
}

#[tokio::test]
async fn a_token_that_names_another_algorithm_than_the_keys() {
    let (tokens, _file) = customer_tokens().await;
    let forged = token(&json!({ "alg": "ES256", "kid": "RS256" }), &claims(), &EC);
    assert_eq!(reason(&tokens, &forged).await, WRONG_ALGORITHM);
    for alg in ["RS384", "RS512", "PS256", "PS512", "HS512", "EdDSA"] {
        let forged = token(&json!({ "alg": alg, "kid": "RS256" }), &claims(), &RSA);
        assert_eq!(reason(&tokens, &forged).await, WRONG_ALGORITHM, "{alg}");
    }
}

#[tokio::test]
async fn a_token_that_was_changed() {
    let (tokens, _file) = customer_tokens().await;
    let parts = valid();
    let (header, payload, signature) = (&parts[0], &parts[1], &parts[2]);
    let other_payload = encode(claims_with("sub", json!("10026")).to_string());
    assert_eq!(reason(&tokens, &format!("{header}.{other_payload}.{signature}")).await, WRONG_SIGNATURE);

    let flipped = if signature.starts_with('A') { "B" } else { "A" };
    let other_signature = format!("{flipped}{}", &signature[1..]);
    assert_eq!(reason(&tokens, &format!("{header}.{payload}.{other_signature}")).await, WRONG_SIGNATURE);
    // Shortened to a length that is still valid base64.
    let short = &signature[..signature.len() - 6];
    assert_eq!(reason(&tokens, &format!("{header}.{payload}.{short}")).await, WRONG_SIGNATURE);
    for damaged in [
        format!("{header}.{payload}.{signature}="),
        format!("{header}.{payload}.+/{signature}"),
        format!("{header}.{payload}"),
        format!("{header}..{signature}.{payload}.{signature}"),
        format!("{header}.{payload}.{signature}.{signature}.{signature}"),
        format!("{header}.{payload}.{signature}."),
        header.clone(),
        "..".to_owned(),
        ".".to_owned(),
        String::new(),
        "\u{0}\u{1f600}".to_owned(),
    ] {
        let reason = reason(&tokens, &damaged).await;
        assert!([MALFORMED, UNKNOWN_ALGORITHM].contains(&reason), "{reason}: {damaged}");
    }
    // Truncated at every position.
    let whole = parts.join(".");
    for length in 0..whole.len() {
        reason(&tokens, &whole[..length]).await;
    }
}

#[tokio::test]
async fn a_token_signed_by_another_key() {
    let (tokens, _file) = customer_tokens().await;
    let stranger = Signer::ec();
    let forged = token(&json!({ "alg": "ES256", "kid": "ES256" }), &claims(), &stranger);
    assert_eq!(reason(&tokens, &forged).await, WRONG_SIGNATURE);
    let forged = token(&json!({ "alg": "ES256", "kid": "stranger" }), &claims(), &stranger);
    assert_eq!(reason(&tokens, &forged).await, UNKNOWN_KEY);
    // Keys in the token's header are ignored.
    let brought = json!({
        "jwk": stranger.jwk("ES256"), "jku": "https://forger.example/keys", "x5u": "https://forger.example/x5u",
        "x5c": ["MIIB"], "alg": "ES256", "kid": "ES256",
    });
    assert_eq!(reason(&tokens, &token(&brought, &claims(), &stranger)).await, WRONG_SIGNATURE);
    let brought = json!({ "jwk": stranger.jwk("stranger"), "alg": "ES256", "kid": "stranger" });
    assert_eq!(reason(&tokens, &token(&brought, &claims(), &stranger)).await, UNKNOWN_KEY);
    let brought = json!({ "jwk": stranger.jwk("stranger"), "alg": "ES256" });
    assert_eq!(reason(&tokens, &token(&brought, &claims(), &stranger)).await, WRONG_SIGNATURE);
}

#[tokio::test]
async fn a_token_with_missing_malformed_or_wrong_claims() {
    let (tokens, _file) = customer_tokens().await;
    let now = get_current_timestamp();
    let no_customer = "the token's claim with the customer is not a customer id";
    let no_organisation = "the token's claim with the organisation is not an organisation id";
    for (name, value, expected) in [
        ("exp", json!(now - 60), "the token has expired"),
        ("exp", json!(0), "the token has expired"),
        ("exp", Value::Null, "the token's claim exp is missing or malformed"),
        ("exp", json!((now + 300).to_string()), "the token's claim exp is missing or malformed"),
        ("exp", json!(-1), "the token's claim exp is missing or malformed"),
        ("nbf", json!(now + 60), "the token is not valid yet"),
        ("nbf", json!("soon"), "the token's claim nbf is malformed"),
        ("iss", json!("https://forger.example"), "the token's claim iss is not the configured issuer"),
        ("iss", json!(["https://forger.example", ISSUER]), "the token's claim iss is not the configured issuer"),
        ("iss", Value::Null, "the token's claim iss is missing or malformed"),
        ("aud", json!("another"), "the token's claim aud does not include the configured audience"),
        ("aud", json!([]), "the token's claim aud does not include the configured audience"),
        ("aud", Value::Null, "the token's claim aud is missing or malformed"),
        ("sub", Value::Null, "the token has no claim with the customer"),
        ("sub", json!(10_025), "the token's claim sub is not a string"),
        ("sub", json!(""), no_customer),
        ("sub", json!("anna"), no_customer),
        ("sub", json!("-1"), no_customer),
        ("sub", json!("+1"), no_customer),
        ("sub", json!(" 1"), no_customer),
        ("sub", json!("00042"), no_customer),
        ("sub", json!("42.0"), no_customer),
        ("sub", json!("4_2"), no_customer),
        ("sub", json!("-0"), no_customer),
        ("sub", json!("٣"), no_customer),
        ("sub", json!("9007199254740992"), no_customer),
        ("sub", json!("99999999999999999999"), no_customer),
        ("org_id", Value::Null, "the token has no claim with the organisation"),
        ("org_id", json!(-1), no_organisation),
        ("org_id", json!(1.5), no_organisation),
        ("org_id", json!(9_007_199_254_740_992_i64), no_organisation),
        ("org_id", json!("one"), no_organisation),
        ("org_id", json!("0100458"), no_organisation),
        ("org_id", json!("+100458"), no_organisation),
        ("org_id", json!([100_458]), no_organisation),
    ] {
        let token = token(&json!({ "alg": "EdDSA", "kid": "EdDSA" }), &claims_with(name, value.clone()), &ED);
        assert_eq!(reason(&tokens, &token).await, expected, "{name}: {value}");
    }
    let list = token(&json!({ "alg": "EdDSA", "kid": "EdDSA" }), &json!([claims()]), &ED);
    assert_eq!(reason(&tokens, &list).await, MALFORMED);
}

#[tokio::test]
async fn a_token_with_a_repeated_claim() {
    let (tokens, _file) = customer_tokens().await;
    let twice = claims().to_string().replacen('{', r#"{"sub":"10026","#, 1);
    let message = format!("{}.{}", encode(r#"{"alg":"EdDSA","kid":"EdDSA"}"#), encode(twice));
    let token = format!("{message}.{}", encode(ED.sign(message.as_bytes())));
    assert_eq!(reason(&tokens, &token).await, MALFORMED);
}

#[tokio::test]
async fn a_token_with_a_critical_extension() {
    let (tokens, _file) = customer_tokens().await;
    for crit in [json!(["b64"]), json!(["exp"]), json!([])] {
        let header = json!({ "alg": "EdDSA", "kid": "EdDSA", "b64": false, "crit": crit });
        let rejected = reason(&tokens, &token(&header, &claims(), &ED)).await;
        assert_eq!(rejected, "the token requires an extension (crit), and none is supported");
    }
}

#[tokio::test]
async fn a_token_that_is_too_long() {
    let (tokens, _file) = customer_tokens().await;
    let long = claims_with("filler", json!("x".repeat(7000)));
    let token = token(&json!({ "alg": "EdDSA", "kid": "EdDSA" }), &long, &ED);
    assert!(token.len() > 9 * 1024);
    assert_eq!(reason(&tokens, &token).await, "the token is too long");
}
