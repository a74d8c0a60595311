//! The claims of a token whose signature is right: what they must be, and whose token it is (RFC 7519).
//!
//! The library can check claims as well, but only of a token whose header it can read, which excludes the names of RFC 9864.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::get_current_timestamp;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    auth::Rejection,
    promotions::{CustomerId, OrgId},
};

/// How far the issuer's clock and ours may be apart, in seconds. Servers that keep their time are well within it, and a
/// token that is believed half a minute too long does little harm.
const LEEWAY_SECONDS: f64 = 30.0;

/// What the claims must be.
pub struct Expected {
    pub issuer: String,
    pub audience: String,
}

/// The claims that are checked. They are taken as they come, for a reason that tells more than "malformed".
#[derive(Deserialize)]
struct Claims {
    #[serde(default)]
    iss: Value,
    #[serde(default)]
    aud: Value,
    #[serde(default)]
    exp: Value,
    #[serde(default)]
    nbf: Value,
    #[serde(default)]
    sub: Value,
    #[serde(default)]
    org_id: Value,
}

impl Expected {
    /// Checks the claims of a token, as it has them. Returns whose token it is.
    pub fn check(&self, payload: &str) -> Result<(OrgId, CustomerId), Rejection> {
        let claims: Claims = read(payload).ok_or(Rejection::Invalid("the token is malformed"))?;
        let wrong = |reason| Err(Rejection::Invalid(reason));
        #[expect(clippy::cast_precision_loss, reason = "it is exact for millions of years")]
        let now = get_current_timestamp() as f64;
        let Some(exp) = moment(&claims.exp) else { return wrong("the token's claim exp is missing or malformed") };
        if exp < now - LEEWAY_SECONDS {
            return wrong("the token has expired");
        }
        if !claims.nbf.is_null() {
            let Some(nbf) = moment(&claims.nbf) else { return wrong("the token's claim nbf is malformed") };
            if nbf > now + LEEWAY_SECONDS {
                return wrong("the token is not valid yet");
            }
        }
        match &claims.iss {
            Value::Null => return wrong("the token's claim iss is missing or malformed"),
            // There is one issuer (section 4.1.1), so a list of them is not ours.
            issuer if *issuer != *self.issuer => return wrong("the token is another issuer's"),
            _ => {}
        }
        match &claims.aud {
            Value::String(audience) if *audience == self.audience => {}
            Value::Array(audiences) if audiences.iter().any(|audience| *audience == *self.audience) => {}
            Value::String(_) | Value::Array(_) => return wrong("the token is for another audience"),
            _ => return wrong("the token's claim aud is missing or malformed"),
        }
        Ok((organisation(&claims.org_id)?, customer(&claims.sub)?))
    }
}

/// Reads the JSON object that is a part of a token. An array would be read as the fields in a row.
pub fn read<T: DeserializeOwned>(part: &str) -> Option<T> {
    let json = URL_SAFE_NO_PAD.decode(part).ok()?;
    json.trim_ascii_start().starts_with(b"{").then(|| serde_json::from_slice(&json).ok()).flatten()
}

/// A moment in seconds since the Unix epoch, perhaps with a fraction (section 2, `NumericDate`).
fn moment(claim: &Value) -> Option<f64> {
    claim.as_f64().filter(|seconds| *seconds >= 0.0)
}

fn organisation(claim: &Value) -> Result<OrgId, Rejection> {
    let number = match claim {
        Value::Null => return Err(Rejection::Invalid("the token has no claim org_id")),
        Value::Number(number) => number.as_i64(),
        // Some issuers can send nothing but strings.
        Value::String(text) => canonical(text),
        _ => None,
    };
    number
        .and_then(|number| number.try_into().ok())
        .ok_or(Rejection::Invalid("the token's claim org_id is no organisation's id"))
}

/// A subject is a string (RFC 7519, section 4.1.2), not a number.
fn customer(claim: &Value) -> Result<CustomerId, Rejection> {
    let number = match claim {
        Value::Null => return Err(Rejection::Invalid("the token has no claim sub")),
        Value::String(text) => canonical(text),
        _ => None,
    };
    number
        .and_then(|number| number.try_into().ok())
        .ok_or(Rejection::Invalid("the token's claim sub is no customer's id"))
}

/// The number that a text is the decimal form of. The parser also accepts a sign and leading zeros, but then one customer
/// would have several subjects, which an issuer may have given to different people.
fn canonical(text: &str) -> Option<i64> {
    text.parse().ok().filter(|number: &i64| number.to_string() == text)
}
