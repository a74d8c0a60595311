//! The claims of a token with a valid signature: their checks, and the organisation and customer in them (RFC 7519).
//!
//! Not the library's checks, which reject headers with the algorithm names of RFC 9864.

use std::collections::HashMap;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::get_current_timestamp;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    auth::rejection::Rejection,
    promotions::{CustomerId, OrgId, OutOfRange},
};

/// The accepted difference between the issuer's clock and ours, in seconds. Synchronised clocks are well within it, and a token
/// that is accepted half a minute too long does little harm.
const LEEWAY_SECONDS: f64 = 30.0;

/// The required claims.
pub struct Expected {
    pub issuer: String,
    pub audience: String,
    /// The claim with the customer's number.
    pub customer_claim: String,
    pub organisation: TokenOrganisation,
}

/// The organisation of tokens.
#[derive(Debug, Clone)]
pub enum TokenOrganisation {
    /// The claim with this name has its number.
    Claim(String),
    /// All tokens are of this organisation.
    Fixed(OrgId),
}

impl TokenOrganisation {
    /// A fixed organisation, by its number.
    pub fn fixed(number: &str) -> Result<Self, OutOfRange> {
        number.parse().map(Self::Fixed)
    }
}

/// The claims that are checked. Any JSON value is accepted here, so that the reason of a rejection can name the claim.
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
    /// All others.
    #[serde(flatten)]
    others: HashMap<String, Value>,
}

impl Expected {
    /// Checks the claims of a token. Returns its organisation and customer.
    pub fn check(&self, payload: &str) -> Result<(OrgId, CustomerId), Rejection> {
        let claims: Claims = read(payload).ok_or(Rejection::Invalid("the token is malformed"))?;
        let wrong = |reason| Err(Rejection::Invalid(reason));
        #[expect(clippy::cast_precision_loss, reason = "exact for millions of years")]
        let now = get_current_timestamp() as f64;
        let Some(exp) = numeric_date(&claims.exp) else {
            return wrong("the token's claim exp is missing or malformed");
        };
        if exp < now - LEEWAY_SECONDS {
            return wrong("the token has expired");
        }
        if !claims.nbf.is_null() {
            let Some(nbf) = numeric_date(&claims.nbf) else { return wrong("the token's claim nbf is malformed") };
            if nbf > now + LEEWAY_SECONDS {
                return wrong("the token is not valid yet");
            }
        }
        match &claims.iss {
            Value::Null => return wrong("the token's claim iss is missing or malformed"),
            // The issuer is a single string (section 4.1.1), so a list is rejected.
            issuer if *issuer != *self.issuer => return wrong("the token's claim iss is not the configured issuer"),
            _ => {}
        }
        match &claims.aud {
            Value::String(audience) if *audience == self.audience => {}
            Value::Array(audiences) if audiences.iter().any(|audience| *audience == *self.audience) => {}
            Value::String(_) | Value::Array(_) => {
                return wrong("the token's claim aud does not include the configured audience");
            }
            _ => return wrong("the token's claim aud is missing or malformed"),
        }
        let organisation = match &self.organisation {
            TokenOrganisation::Claim(name) => organisation(claims.others.get(name))?,
            TokenOrganisation::Fixed(organisation) => *organisation,
        };
        // The subject must be a string (section 4.1.2). Other claims may be numbers, too.
        let customer = match &*self.customer_claim {
            "sub" if claims.sub.is_number() => return wrong("the token's claim sub is not a string"),
            "sub" => customer(Some(&claims.sub))?,
            name => customer(claims.others.get(name))?,
        };
        Ok((organisation, customer))
    }
}

/// Decodes a part of a token, which must be a JSON object. Without the check, serde would accept an array of the fields.
pub fn read<T: DeserializeOwned>(part: &str) -> Option<T> {
    let json = URL_SAFE_NO_PAD.decode(part).ok()?;
    json.trim_ascii_start().starts_with(b"{").then(|| serde_json::from_slice(&json).ok()).flatten()
}

/// A time in seconds since the Unix epoch, possibly with a fraction (section 2, `NumericDate`).
fn numeric_date(claim: &Value) -> Option<f64> {
    claim.as_f64().filter(|seconds| *seconds >= 0.0)
}

fn organisation(claim: Option<&Value>) -> Result<OrgId, Rejection> {
    let claim = present(claim).ok_or(Rejection::Invalid("the token has no claim with the organisation"))?;
    let organisation = number(claim).and_then(|number| number.try_into().ok());
    organisation.ok_or(Rejection::Invalid("the token's claim with the organisation is not an organisation id"))
}

fn customer(claim: Option<&Value>) -> Result<CustomerId, Rejection> {
    let claim = present(claim).ok_or(Rejection::Invalid("the token has no claim with the customer"))?;
    let customer = number(claim).and_then(|number| number.try_into().ok());
    customer.ok_or(Rejection::Invalid("the token's claim with the customer is not a customer id"))
}

fn present(claim: Option<&Value>) -> Option<&Value> {
    claim.filter(|claim| !claim.is_null())
}

/// The number in a claim. Some issuers can send only strings.
fn number(claim: &Value) -> Option<i64> {
    match claim {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => canonical(text),
        _ => None,
    }
}

/// Parses a number in its canonical decimal form. The parser alone would accept a sign and leading zeros: one customer would
/// have several subjects, which an issuer may have assigned to different people.
fn canonical(text: &str) -> Option<i64> {
    text.parse().ok().filter(|number: &i64| number.to_string() == text)
}
