//! Failed links as data: what their callers learn, and what is counted and logged.

use std::sync::LazyLock;

use metrics::{Counter, counter};

use crate::{
    auth::{Limit, RetryAfter},
    graphql::error::{ApiError, ErrorCode, busy, log_overload, log_store_error, not_usable, rate_limited, refused},
    promotions::{Code, Linkable, Refusal, StoreError},
};

/// What came of a link.
pub type LinkResult = Result<Linkable, LinkFailure>;

/// Why a link has no promotion.
#[derive(Debug)]
pub enum LinkFailure {
    /// Rejected before the code was looked up: a value is malformed, or the credential is for another customer.
    Rejected(ApiError),
    /// The caller has used up a limit. The code was not looked up.
    RateLimited(Limit, RetryAfter),
    /// Links under way of the same caller reserved its whole budget for too long. The code was not looked up.
    NotAttempted,
    /// The domain rules refuse the link.
    Refused(Code, Refusal),
    /// The store failed.
    Store(StoreError),
}

impl From<ApiError> for LinkFailure {
    fn from(error: ApiError) -> Self {
        Self::Rejected(error)
    }
}

impl LinkFailure {
    /// Whether the code was looked up. If so, the time that the link took depends on the code.
    pub const fn is_of_code(&self) -> bool {
        matches!(self, Self::Refused(..) | Self::Store(_))
    }

    /// Whether the failure counts against the limits on failed links.
    pub const fn spends_failed_link(&self, is_trusted: bool) -> bool {
        match self {
            Self::Refused(..) => true,
            Self::Store(error) => learns_of_lock(error, is_trusted),
            _ => false,
        }
    }

    /// The error that the caller gets. An untrusted caller does not learn why a code can't be linked.
    pub fn into_error(self, is_trusted: bool) -> ApiError {
        match self {
            Self::Rejected(error) => error,
            Self::RateLimited(limit, wait) => rate_limited(limit, wait),
            Self::NotAttempted => busy(),
            Self::Refused(_, refusal) if is_trusted => refused(refusal),
            Self::Refused(..) => not_usable(),
            Self::Store(error) => error.into(),
        }
    }

    /// The code of [`Self::into_error`].
    fn code(&self, is_trusted: bool) -> ErrorCode {
        match self {
            Self::Rejected(error) => error.code,
            Self::RateLimited(..) => ErrorCode::RateLimited,
            Self::NotAttempted => ErrorCode::Overloaded,
            Self::Refused(_, refusal) if is_trusted => (*refusal).into(),
            Self::Refused(..) => ErrorCode::CodeNotUsable,
            Self::Store(error) => error.into(),
        }
    }
}

/// Whether an error tells an untrusted caller that a code exists, which the caller pays for: only a code that exists can be locked.
pub const fn learns_of_lock(error: &StoreError, is_trusted: bool) -> bool {
    matches!(error, StoreError::Contended(_)) && !is_trusted
}

/// Counts the outcome of a link or of a check, and logs what the caller does not learn about it.
pub fn report(outcome: &LinkResult, is_check: bool, is_trusted: bool) {
    static LINKED: LazyLock<Counter> = LazyLock::new(|| counter!("promolink_links_total", "outcome" => "LINKED"));
    let metric = if is_check { "promolink_link_checks_total" } else { "promolink_links_total" };
    let failure = match outcome {
        Ok(_) if is_check => return counter!(metric, "outcome" => "LINKABLE").increment(1),
        Ok(_) => return LINKED.increment(1),
        Err(failure) => failure,
    };
    counter!(metric, "outcome" => failure.code(is_trusted).name()).increment(1);
    match failure {
        LinkFailure::NotAttempted => log_overload("links of the same caller have reserved its whole budget"),
        LinkFailure::Refused(code, refusal) if !is_trusted => log_refusal(code, *refusal, is_check),
        LinkFailure::Store(error) => log_store_error(error),
        _ => {}
    }
}

/// The shortest code of which the log has the beginning, in characters. The beginning of a shorter one would give it away.
const MIN_SHORTENED_CHARS: usize = 8;

/// Logs a refusal whose reason the caller does not learn.
fn log_refusal(code: &Code, refusal: Refusal, is_check: bool) {
    let reason = ErrorCode::from(refusal).name();
    let shown = if code.text().chars().count() < MIN_SHORTENED_CHARS { 0 } else { 2 };
    let beginning: String = code.text().chars().take(shown).collect();
    let code = format_args!("{beginning}...");
    if is_check {
        tracing::info!(%code, reason, "a checked code can't be linked");
    } else {
        tracing::info!(%code, reason, "a code was not linked");
    }
}

#[cfg(test)]
mod tests {
    use std::{fmt, sync::Arc};

    use super::*;

    #[test]
    fn the_code_that_is_counted_is_the_code_that_the_caller_gets() {
        let code = || Code::parse("SUMMER-0001").unwrap();
        let failures = || {
            [
                LinkFailure::NotAttempted,
                LinkFailure::Refused(code(), Refusal::CodeNotFound),
                LinkFailure::Refused(code(), Refusal::CodeAlreadyLinked),
                LinkFailure::Store(StoreError::Overloaded),
                LinkFailure::Store(StoreError::Failed(Arc::new(fmt::Error))),
            ]
        };
        for is_trusted in [false, true] {
            for (counted, returned) in failures().into_iter().zip(failures()) {
                assert_eq!(counted.code(is_trusted), returned.into_error(is_trusted).code, "{counted:?}");
            }
        }
    }

    #[test]
    fn an_untrusted_caller_gets_the_same_error_for_every_refusal() {
        let error = |refusal| {
            let code = Code::parse("SUMMER-0001").unwrap();
            LinkFailure::Refused(code, refusal).into_error(false)
        };
        let refusals = [Refusal::CodeNotFound, Refusal::CodeAlreadyLinked, Refusal::CustomerLimitReached];
        let messages = refusals.map(|refusal| format!("{:?}", error(refusal)));
        assert!(messages.iter().all(|message| *message == messages[0]), "{messages:#?}");
    }
}
