//! Tokens that are accepted.

use std::fs;

use serde_json::json;

use super::*;

#[tokio::test]
async fn tokens_of_each_algorithm_are_accepted() {
    let (tokens, _file) = customer_tokens().await;
    for (alg, signer) in [("RS256", &*RSA), ("ES256", &*EC), ("EdDSA", &*ED)] {
        let token = token(&json!({ "typ": "JWT", "alg": alg, "kid": alg }), &claims(), signer);
        assert_eq!(verified(&tokens, &token).await, (100_458, 10_025), "{alg}");
    }
}

/// RFC 9864 names EdDSA with Ed25519 after its curve.
#[tokio::test]
async fn ed25519_is_accepted_by_its_old_and_its_new_name() {
    for named in [None, Some("EdDSA"), Some("Ed25519")] {
        let mut jwk = ED.jwk("1");
        jwk["alg"] = json!(named);
        let file = file_with(json!({ "keys": [jwk] }).to_string().as_bytes());
        let tokens = start(KeySource::File(file.path().to_owned())).await.unwrap();
        for alg in ["EdDSA", "Ed25519"] {
            for header in [json!({ "alg": alg, "kid": "1" }), json!({ "alg": alg })] {
                let token = token(&header, &claims(), &ED);
                assert_eq!(verified(&tokens, &token).await, (100_458, 10_025), "{named:?}: {header}");
            }
        }
        let forged = token(&json!({ "alg": "Ed25519", "kid": "1" }), &claims(), &Signer::Unsigned);
        assert_eq!(reason(&tokens, &forged).await, "the token's signature is invalid");
        for alg in ["Ed448", "ed25519", "ESP256"] {
            let other = token(&json!({ "alg": alg, "kid": "1" }), &claims(), &ED);
            assert_eq!(reason(&tokens, &other).await, "the token's header is malformed or has an unknown algorithm");
        }
    }
}

/// Big integers of some languages have a sign byte.
#[tokio::test]
async fn the_numbers_of_an_rsa_key_may_have_leading_zero_bytes() {
    let Signer::Rsa(pair) = &*RSA else { panic!("not an RSA key") };
    let RsaPublicKeyComponents::<Vec<u8>> { n, e } = pair.public_key().into();
    for zeros in 1..=2 {
        let padded = |number: &[u8]| encode([&vec![0; zeros], number].concat());
        let mut jwk = RSA.jwk("1");
        (jwk["n"], jwk["e"]) = (json!(padded(&n)), json!(padded(&e)));
        let file = file_with(json!({ "keys": [jwk] }).to_string().as_bytes());
        let tokens = start(KeySource::File(file.path().to_owned())).await.unwrap();
        let token = token(&json!({ "alg": "RS256", "kid": "1" }), &claims(), &RSA);
        assert_eq!(verified(&tokens, &token).await, (100_458, 10_025));
    }
}

#[tokio::test]
async fn a_shared_secret_signs_with_hs256() {
    let secret = "a secret of thirty-two bytes: yes";
    let tokens = start(secrets(&[secret])).await.unwrap();
    let signer = Signer::Secret(secret.into());
    for header in [json!({ "alg": "HS256" }), json!({ "alg": "HS256", "kid": "any" })] {
        assert_eq!(verified(&tokens, &token(&header, &claims(), &signer)).await, (100_458, 10_025));
    }
    let other = Signer::Secret(b"another secret of thirty-two bytes".to_vec());
    let forged = token(&json!({ "alg": "HS256" }), &claims(), &other);
    assert_eq!(reason(&tokens, &forged).await, "the token's signature is invalid");
    for alg in ["HS384", "HS512", "RS256", "ES256"] {
        let forged = token(&json!({ "alg": alg }), &claims(), &signer);
        assert_eq!(reason(&tokens, &forged).await, "the token's algorithm is not that of the key", "{alg}");
    }
}

#[tokio::test]
async fn claims_are_accepted_in_each_permitted_form() {
    let (tokens, _file) = customer_tokens().await;
    let now = get_current_timestamp();
    for claims in [
        claims_with("aud", json!(["another", AUDIENCE])),
        claims_with("org_id", json!("100458")),
        claims_with("nbf", json!(now)),
        claims_with("scope", json!({ "more": ["than", "we", "ask"] })),
        // Clocks may differ.
        claims_with("exp", json!(now - 10)),
        claims_with("nbf", json!(now + 10)),
    ] {
        let token = token(&json!({ "alg": "EdDSA", "kid": "EdDSA" }), &claims, &ED);
        assert_eq!(verified(&tokens, &token).await, (100_458, 10_025), "{claims}");
    }
    let largest = claims_with("sub", json!("9007199254740991"));
    let token = token(&json!({ "alg": "EdDSA", "kid": "EdDSA" }), &largest, &ED);
    assert_eq!(verified(&tokens, &token).await, (100_458, 9_007_199_254_740_991));
}

#[tokio::test]
async fn a_token_without_kid_is_verified_by_the_only_key_of_its_algorithm() {
    let other = Signer::ec();
    let keys = json!({ "keys": [EC.jwk("1"), ED.jwk("2"), other.jwk("3")] });
    let file = file_with(keys.to_string().as_bytes());
    let tokens = start(KeySource::File(file.path().to_owned())).await.unwrap();
    let unnamed = token(&json!({ "alg": "EdDSA" }), &claims(), &ED);
    assert_eq!(verified(&tokens, &unnamed).await, (100_458, 10_025));
    let unnamed = token(&json!({ "alg": "ES256" }), &claims(), &EC);
    assert_eq!(reason(&tokens, &unnamed).await, "more than one key matches the token");
    let unnamed = token(&json!({ "alg": "RS256" }), &claims(), &RSA);
    assert_eq!(reason(&tokens, &unnamed).await, "the token is signed with an unknown key");
}

#[tokio::test]
async fn a_new_key_in_the_file_is_accepted_immediately() {
    let (tokens, file) = customer_tokens().await;
    let new = Signer::ec();
    let signed = token(&json!({ "alg": "ES256", "kid": "new" }), &claims(), &new);
    fs::write(file.path(), json!({ "keys": [new.jwk("new")] }).to_string()).unwrap();
    assert_eq!(verified(&tokens, &signed).await, (100_458, 10_025));
    let old = token(&json!({ "alg": "ES256", "kid": "ES256" }), &claims(), &EC);
    assert_eq!(reason(&tokens, &old).await, "the token is signed with an unknown key");
}

#[tokio::test]
async fn each_of_two_secrets_verifies() {
    let [old, new, other] =
        ["an old secret of thirty-two bytes", "a new secret of thirty-two bytes.", "another one of thirty-two bytes.."];
    let tokens = start(secrets(&[new, old])).await.unwrap();
    let signed = |secret: &str| token(&json!({ "alg": "HS256" }), &claims(), &Signer::Secret(secret.into()));
    for secret in [old, new] {
        assert_eq!(verified(&tokens, &signed(secret)).await, (100_458, 10_025));
    }
    assert_eq!(reason(&tokens, &signed(other)).await, "the token's signature is invalid");
}

#[tokio::test]
async fn the_customer_and_the_organisation_can_be_in_other_claims_or_be_fixed() {
    let secret = "a secret of thirty-two bytes: yes";
    let mut claims = claims_with("sub", json!("auth0|5f7c8ec7c33c6c004bbafe82"));
    claims["https://shop.example/customer"] = json!(77);
    claims["https://shop.example/org"] = json!("5");
    let token = token(&json!({ "alg": "HS256" }), &claims, &Signer::Secret(secret.into()));
    let namespaced = TokenSettings {
        customer_claim: "https://shop.example/customer".to_owned(),
        organisation: TokenOrganisation::Claim("https://shop.example/org".to_owned()),
        ..settings(secrets(&[secret]))
    };
    let fixed = TokenSettings { organisation: TokenOrganisation::Fixed(9.try_into().unwrap()), ..namespaced.clone() };
    for (settings, expected) in [(namespaced.clone(), (5, 77)), (fixed, (9, 77))] {
        assert_eq!(verified(&CustomerTokens::start(settings).await.unwrap(), &token).await, expected);
    }
    let missing = TokenSettings { customer_claim: "customer_id".to_owned(), ..namespaced };
    let tokens = CustomerTokens::start(missing).await.unwrap();
    assert_eq!(reason(&tokens, &token).await, "the token has no claim with the customer");
}
