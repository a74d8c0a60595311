//! Admits callers: reads the credential of a request (RFC 6750), authenticates it, and counts the operation. Its results
//! are data; rendering the response to a denied request is the endpoint's task.

use axum::http::{HeaderMap, header::AUTHORIZATION};
use futures_util::FutureExt;

use crate::auth::{Authenticator, Limiter, Principal, Rejection, RetryAfter};

/// Why a request was denied.
pub enum Denied {
    /// The credential is missing or invalid, or can't be checked at the moment.
    Credential(Rejection),
    /// The caller has exceeded its limit of operations.
    OperationLimit { caller: Principal, wait: RetryAfter },
}

/// Authenticates the caller, and takes one operation from its limit.
pub async fn admit(authenticator: &Authenticator, limiter: &Limiter, headers: &HeaderMap) -> Result<Principal, Denied> {
    let caller = authenticator.authenticate(bearer(headers)).await.map_err(Denied::Credential)?;
    match limiter.take_operation(&caller) {
        Ok(()) => Ok(caller),
        Err(wait) => Err(Denied::OperationLimit { caller, wait }),
    }
}

/// The caller, if it is known without asking the database or an issuer.
pub fn known_caller(authenticator: &Authenticator, headers: &HeaderMap) -> Option<Principal> {
    authenticator.authenticate(bearer(headers)).now_or_never()?.ok()
}

/// The credential of a request. `None` if it has none.
fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Rejection> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return if headers.contains_key(AUTHORIZATION) {
            Err(Rejection::Invalid("there is more than one header Authorization"))
        } else {
            Ok(None)
        };
    };
    let value = value.to_str().map_err(|_| Rejection::Invalid("the header Authorization is not ASCII"))?;
    match value.split_once(' ') {
        Some((scheme, credential)) if scheme.eq_ignore_ascii_case("Bearer") => Ok(Some(credential.trim())),
        _ => Err(Rejection::Invalid("the header Authorization is not Bearer")),
    }
}
