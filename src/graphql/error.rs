//! Failures as callers see them: a message, and `extensions: { code, field?, retryable }`.

mod request;

use std::sync::{Arc, LazyLock};

use async_graphql::{Context, Enum, Error, PathSegment, ServerError, resolver_utils::enum_value};
use metrics::counter;

pub use self::request::{
    bad_request, code_of, credential_unchecked, internal, is_overloaded, name, name_request, not_looked_up, overloaded,
    request_error, timed_out, too_many_operations, unauthenticated,
};
use crate::{
    auth::{Limit, Principal, Wait},
    promotions::{CustomerId, Refusal, SpaceTooSmall, StoreError},
    telemetry::LogThrottle,
};

/// What a nullable field that can fail returns: a failure leaves it null and the rest of the answer alone.
pub type Nullable<T> = Option<Result<T, Error>>;

/// Every value that errors[].extensions.code can take.
///
/// Beside it stand `retryable`, true where the same request may succeed later, and with INVALID_INPUT `field`, the
/// argument or input field that is wrong.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorCode {
    /// A value is malformed or out of range; the extension `field` names it. The field at the error's `path` did nothing;
    /// where that is below a mutation's field, the mutation itself was done.
    InvalidInput,
    /// The organisation has no such code in this mode.
    CodeNotFound,
    /// The code is for one customer, and another one has linked it.
    CodeAlreadyLinked,
    /// The code was revoked.
    CodeRevoked,
    /// As many customers as may (`maxLinks`) hold the code.
    LinkLimitReached,
    /// The customer holds as many codes of the campaign as one may (`maxLinksPerCustomer`).
    CustomerLimitReached,
    /// The campaign is switched off.
    PromotionInactive,
    /// The campaign or the promotion is past its `validTill`.
    PromotionExpired,
    /// The customer does not hold this code.
    NotLinked,
    /// The campaign's `redeemableFrom` has not come.
    NotYetRedeemable,
    /// The promotion has been redeemed as often as it may be (`maxRedemptionsPerLink`).
    RedemptionLimitReached,
    /// The `transactionId` belongs to a redemption of another promotion.
    TransactionIdReused,
    /// There is nothing with this id.
    NotFound,
    /// It is there already.
    Duplicate,
    /// The code can't be used; callers that are not trusted learn no more than that.
    CodeNotUsable,
    /// The pattern has too few codes in it for as many as were asked for.
    CodeSpaceTooSmall,
    /// The credential is missing, unknown, expired, revoked or malformed. Nothing was executed.
    Unauthenticated,
    /// The credential does not allow this; the extension `field` names what it does not allow. A field of the schema
    /// (`Query.campaigns`): nothing of the document was executed. An argument (`customerId`): the credential is another
    /// customer's, and the field at the error's `path` did nothing.
    Forbidden,
    /// Too many operations, links, failed links or new links; the message says which, and whether with this credential or
    /// for this customer. The extension `retryAfter` says how many seconds to wait, and so does the header Retry-After
    /// where the whole request was refused. A code was not looked up.
    RateLimited,
    /// The document is larger, deeper or asks for more at once than the server takes; the message says of what, and how
    /// much it takes. Nothing was executed.
    LimitExceeded,
    /// The server can't take more at the moment. Nothing was lost: try again shortly.
    Overloaded,
    /// Something broke in the server. Its log has the reason, under the request's id: the extension `requestId`, and
    /// the header x-request-id.
    Internal,
    /// The request is no GraphQL request: the message says what is wrong with it. Nothing was executed.
    BadRequest,
    /// The document can't be read. Nothing was executed.
    GraphqlParseFailed,
    /// The schema does not allow the document. Nothing was executed.
    GraphqlValidationFailed,
    /// A variable's value is not of its type. Nothing was executed.
    BadUserInput,
    /// The server has no persisted document with this id. Nothing was executed.
    PersistedDocumentNotFound,
    /// The server executes persisted documents only. Nothing was executed.
    PersistedDocumentRequired,
    /// The server does not have the document with this hash, which an automatic persisted query names. Send its text
    /// along with the hash. Nothing was executed.
    PersistedQueryNotFound,
    /// The server accepts no automatic persisted queries, because it executes persisted documents only. Nothing was
    /// executed.
    PersistedQueryNotSupported,
    /// The request took too long. A change that was under way is still made: sending the same link, redemption or other
    /// change that is safe to retry tells whether it was.
    Timeout,
}

impl From<Refusal> for ErrorCode {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::CodeNotFound => Self::CodeNotFound,
            Refusal::CodeRevoked => Self::CodeRevoked,
            Refusal::PromotionInactive => Self::PromotionInactive,
            Refusal::PromotionExpired => Self::PromotionExpired,
            Refusal::CodeAlreadyLinked => Self::CodeAlreadyLinked,
            Refusal::LinkLimitReached => Self::LinkLimitReached,
            Refusal::CustomerLimitReached => Self::CustomerLimitReached,
            Refusal::NotLinked => Self::NotLinked,
            Refusal::NotYetRedeemable => Self::NotYetRedeemable,
            Refusal::RedemptionLimitReached => Self::RedemptionLimitReached,
            Refusal::TransactionIdReused => Self::TransactionIdReused,
            Refusal::NotFound => Self::NotFound,
        }
    }
}

/// What an error's extensions say.
#[derive(Debug, Clone)]
pub struct Coded {
    /// What went wrong.
    pub code: ErrorCode,
    /// Whether the same request may succeed later.
    pub retryable: bool,
    /// The field that is wrong, or not allowed.
    pub field: Option<String>,
    /// How many seconds to wait before the same request may succeed.
    pub retry_after: Option<u64>,
    /// The path of the field that failed, if [`place`] was told it.
    path: Vec<PathSegment>,
}

impl Coded {
    /// What an error that this module made says.
    pub fn of(error: &Error) -> Self {
        let coded = error.source.as_ref().and_then(|source| source.downcast_ref::<Self>());
        coded.cloned().unwrap_or(Self::new(ErrorCode::Internal))
    }

    fn new(code: ErrorCode) -> Self {
        let retryable = matches!(code, ErrorCode::Overloaded | ErrorCode::RateLimited | ErrorCode::Timeout);
        Self { code, retryable, field: None, retry_after: None, path: Vec::new() }
    }

    fn into_error(self, message: impl Into<String>) -> Error {
        let mut error = Error::new(message);
        let extensions = error.extensions.get_or_insert_default();
        extensions.set("code", enum_value(self.code));
        extensions.set("retryable", self.retryable);
        if let Some(field) = &self.field {
            extensions.set("field", field.as_str());
        }
        if let Some(seconds) = self.retry_after {
            extensions.set("retryAfter", seconds);
        }
        error.source = Some(Arc::new(self));
        error
    }
}

/// Notes the path of a field that fails below a list. async-graphql cuts the path of an error at each list that it passes on
/// its way up, where an item must not be null; [`restore_path`] puts it back.
pub fn place(ctx: &Context<'_>) -> impl Fn(Error) -> Error {
    |mut error| {
        let path = ctx.set_error_path(ServerError::new("", None)).path;
        error.source = Some(Arc::new(Coded { path, ..Coded::of(&error) }));
        error
    }
}

/// Gives an error the path that [`place`] noted.
pub fn restore_path(error: &mut ServerError) {
    if let Some(Coded { path, .. }) = error.source::<Coded>()
        && !path.is_empty()
    {
        error.path = path.clone();
    }
}

/// What is told when there is too much to do.
const BUSY: &str = "The server is busy. Please try again shortly.";

/// All that is told of what broke.
const BROKEN: &str = "Something went wrong in the server.";

fn coded(code: ErrorCode, message: impl Into<String>) -> Error {
    Coded::new(code).into_error(message)
}

/// The error for a value that is malformed or out of range.
pub fn invalid_input(field: &str, reason: impl std::fmt::Display) -> Error {
    let coded = Coded { field: Some(field.to_owned()), ..Coded::new(ErrorCode::InvalidInput) };
    coded.into_error(format!("Invalid {field}: {reason}."))
}

/// The error for a credential that is not enough.
pub fn forbidden(field: &str, reason: impl std::fmt::Display) -> Error {
    let coded = Coded { field: Some(field.to_owned()), ..Coded::new(ErrorCode::Forbidden) };
    coded.into_error(format!("Forbidden {field}: {reason}."))
}

/// Refuses a caller whose credential is another customer's.
pub fn own_customer(principal: &Principal, customer: CustomerId) -> Result<(), Error> {
    match principal.only_customer() {
        Some(own) if own != customer => Err(forbidden("customerId", "the credential is another customer's")),
        _ => Ok(()),
    }
}

/// The error for a caller who has spent a limit.
pub fn rate_limited(wait: Wait, limit: Limit) -> Error {
    let (what, whose) = match limit {
        Limit::Operations => ("operations", "with this credential"),
        Limit::Links => ("links", "with this credential"),
        Limit::FailedLinks => ("failed links", "with this credential"),
        Limit::FailedLinksPerCustomer => ("failed links", "for this customer"),
        Limit::NewLinks => ("new links", "with this credential"),
        Limit::NewLinksPerCustomer => ("new links", "for this customer"),
    };
    counter!("promolink_refusals_total", "limit" => what).increment(1);
    let seconds = wait.seconds();
    let coded = Coded { retry_after: Some(seconds), ..Coded::new(ErrorCode::RateLimited) };
    let unit = if seconds == 1 { "second" } else { "seconds" };
    coded.into_error(format!("Too many {what} {whose}. Try again in {seconds} {unit}."))
}

/// Masks an error that no resolver made, which is unexpected: the log gets its message, and the caller INTERNAL.
pub fn mask_uncoded(error: &mut ServerError) {
    if error.extensions.as_ref().is_none_or(|extensions| extensions.get("code").is_none()) {
        tracing::error!(error = %error.message, "request failed");
        let masked = internal();
        (error.message, error.extensions) = (masked.message, masked.extensions);
    }
}

/// The longest message, in characters: the names of fields and types fit.
const MAX_MESSAGE_CHARS: usize = 300;

/// A message that is cut where it is too long.
pub fn shortened(message: String) -> String {
    match message.char_indices().nth(MAX_MESSAGE_CHARS) {
        Some((end, _)) => format!("{}...", &message[..end]),
        None => message,
    }
}

/// The one error for every code that can't be linked, for callers who may not know why.
pub fn not_usable() -> Error {
    coded(ErrorCode::CodeNotUsable, "This promotion code can't be used.")
}

/// The error for what the rules forbid.
pub fn refused(refusal: Refusal) -> Error {
    coded(refusal.into(), refusal.to_string())
}

/// The error for a pattern with too few codes in it.
pub fn code_space_too_small(too_small: SpaceTooSmall) -> Error {
    coded(ErrorCode::CodeSpaceTooSmall, too_small.to_string())
}

/// The error for what broke. The cause goes to the log, once, and no further.
pub fn broken(error: &StoreError) -> Error {
    match error {
        StoreError::Overloaded | StoreError::Contended(_) => {
            static LINES: LazyLock<LogThrottle> = LazyLock::new(LogThrottle::default);
            if let Some(left_out) = LINES.allow_line() {
                tracing::warn!(%error, left_out, "request refused");
            }
            coded(ErrorCode::Overloaded, BUSY)
        }
        StoreError::Unavailable(_) | StoreError::Full(_) => {
            static LINES: LazyLock<LogThrottle> = LazyLock::new(LogThrottle::default);
            if let Some(left_out) = LINES.allow_line() {
                tracing::error!(%error, left_out, "request failed");
            }
            coded(ErrorCode::Overloaded, "The server can't use its database at the moment. Please try again shortly.")
        }
        StoreError::Failed(_) => {
            tracing::error!(%error, "request failed");
            coded(ErrorCode::Internal, BROKEN)
        }
    }
}
