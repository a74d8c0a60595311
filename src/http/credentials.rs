//! Who is at the door: the credential of a request, as RFC 6750 has it, and what is answered to who may not come in.

use std::sync::LazyLock;

use axum::{
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{AUTHORIZATION, RETRY_AFTER, WWW_AUTHENTICATE},
    },
    response::Response,
};
use futures_util::FutureExt;

use super::{
    access_log::{About, Reason},
    graphql::{Media, unseen},
};
use crate::{
    auth::{Authenticator, Credential, Limiter, Principal, Rejection},
    graphql,
    promotions::StoreError,
    telemetry::LogThrottle,
};

/// Lets a request in, as whose it is, or answers it.
pub async fn admit(
    authenticator: &Authenticator,
    limiter: &Limiter,
    headers: &HeaderMap,
    media: Media,
    about: About,
) -> Result<Principal, Box<Response>> {
    let admitted = authenticator.authenticate(bearer(headers)).await;
    let principal = match admitted {
        Ok(principal) => principal,
        Err(rejection) => return Err(Box::new(reject(rejection, media, about))),
    };
    limiter.take_operation(&principal).map_err(|wait| {
        let credential = Some(name_of(&principal).into());
        let about = About { credential, reason: Some(Reason::TooManyOperations), ..about };
        let mut response = unseen(StatusCode::TOO_MANY_REQUESTS, media, graphql::too_many_operations(wait), about);
        response.headers_mut().insert(RETRY_AFTER, wait.seconds().into());
        Box::new(response)
    })?;
    Ok(principal)
}

/// Whose request it is, if that is known without asking the database or an issuer.
pub fn known_caller(authenticator: &Authenticator, headers: &HeaderMap) -> Option<Principal> {
    authenticator.authenticate(bearer(headers)).now_or_never()?.ok()
}

/// The credential that a request shows, if it shows any.
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

fn reject(rejection: Rejection, media: Media, about: About) -> Response {
    let because = |reason| About { reason: Some(reason), ..about };
    let (challenge, about) = match rejection {
        Rejection::Unavailable(cause) => {
            log_unchecked(&*cause);
            let error = graphql::credential_unchecked();
            return unseen(StatusCode::SERVICE_UNAVAILABLE, media, error, because(Reason::CredentialUnchecked));
        }
        Rejection::Store(error) => {
            let broken = matches!(error, StoreError::Failed(_));
            let status = if broken { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::SERVICE_UNAVAILABLE };
            graphql::log_store_error(&error);
            let response = graphql::credential_lookup_failed(error);
            return unseen(status, media, response, because(Reason::KeyNotLookedUp));
        }
        Rejection::Missing => ("Bearer", because(Reason::NoCredential)),
        Rejection::Invalid(reason) => ("Bearer error=\"invalid_token\"", because(Reason::Credential(reason))),
    };
    let mut response = unseen(StatusCode::UNAUTHORIZED, media, graphql::unauthenticated(), about);
    response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    response
}

/// Logs why a customer token can't be checked.
fn log_unchecked(cause: &(dyn std::error::Error + 'static)) {
    static THROTTLE: LazyLock<LogThrottle> = LazyLock::new(LogThrottle::default);
    if let Some(left_out) = THROTTLE.next() {
        tracing::error!(error = cause, left_out, "a credential could not be checked");
    }
}

/// How the log names the caller. Customers' numbers are not logged.
pub fn name_of(principal: &Principal) -> String {
    match principal.credential {
        Credential::None => "none".to_owned(),
        Credential::ApiKey(id) => format!("{} key {}", principal.role, id.get()),
        Credential::Customer(_) => format!("customer of {}", principal.org.get()),
    }
}
