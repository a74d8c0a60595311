//! `linkPromotionCode` and `linkPromotionCodes`.

mod attempts;
mod check;
mod failure;
mod timing_concealment;

use async_graphql::{Context, InputObject, Result, SimpleObject};

use self::attempts::LinkAttempts;
pub use self::check::{PromotionCodeCheck, check_promotion_code};
use super::{
    access_directive::{Role, access},
    campaign::PromotionMode,
    promotion::Promotion,
    scalars::{Long, parse_code},
};
use crate::{
    graphql::error::{ApiError, ErrorCode, invalid_input},
    promotions::{self, Code, CustomerId, Linkable},
};

/// The most links of one call.
const MAX_LINKS: usize = 500;

/// The code to link, and the customer to link it to.
#[derive(InputObject)]
pub struct LinkPromotionCodeInput {
    /// The customer's number in the organisation's own systems. Customers need not be registered with Promolink. With a
    /// customer token, this must be the number of the token's customer; otherwise the link fails with FORBIDDEN.
    customer_id: Long,
    /// The code, in any spelling: 1 to 64 characters after trimming, no control characters. Letter case and character
    /// width (Unicode NFKC_Casefold), invisible characters, surrounding and repeated white space, and the kind of
    /// hyphen, apostrophe and quotation mark are ignored.
    code: String,
    /// The mode of the code. The same text can be a different code in each mode.
    mode: PromotionMode,
}

/// A link whose values were parsed.
struct RequestedLink {
    mode: promotions::PromotionMode,
    code: Code,
    customer: CustomerId,
}

impl LinkPromotionCodeInput {
    fn customer(&self) -> Result<CustomerId, ApiError> {
        self.customer_id.parse_as("customerId")
    }

    fn parse(&self) -> Result<RequestedLink, ApiError> {
        let customer = self.customer()?;
        Ok(RequestedLink { mode: self.mode.into(), code: parse_code(&self.code, "code")?, customer })
    }
}

/// Links one code.
pub async fn link_promotion_code(ctx: &Context<'_>, input: LinkPromotionCodeInput) -> Result<Promotion> {
    let linked = LinkAttempts::new(ctx)?.attempt_one(&input).await?;
    Ok(Promotion(linked.into_promotion()))
}

/// The result of one link of a list: either a promotion or an error.
#[derive(SimpleObject)]
pub struct LinkPromotionCodeResult {
    /// The promotion, as `linkPromotionCode` returns it. Null if the link failed. Access: storefront and above.
    #[graphql(directive = access::apply(Role::Storefront))]
    promotion: Option<Promotion>,
    /// Why the link failed. Null if it succeeded. Access: storefront and above.
    #[graphql(directive = access::apply(Role::Storefront))]
    error: Option<LinkPromotionCodeError>,
}

/// Why a code was not linked. The fields correspond to the `message` and the `extensions` of an entry in `errors`.
#[derive(SimpleObject)]
pub struct LinkPromotionCodeError {
    /// The reason, as a stable code. Access: storefront and above.
    #[graphql(directive = access::apply(Role::Storefront))]
    code: ErrorCode,
    /// The reason, as human-readable text. The text may change. Access: storefront and above.
    #[graphql(directive = access::apply(Role::Storefront))]
    message: String,
    /// Whether the same link may succeed later. Access: storefront and above.
    #[graphql(directive = access::apply(Role::Storefront))]
    retryable: bool,
    /// The input field that is invalid (INVALID_INPUT) or not permitted (FORBIDDEN), otherwise null.
    /// Access: storefront and above.
    #[graphql(directive = access::apply(Role::Storefront))]
    field: Option<String>,
    /// How many seconds to wait before the next attempt (RATE_LIMITED), otherwise null. Access: storefront and above.
    #[graphql(directive = access::apply(Role::Storefront))]
    retry_after: Option<u64>,
}

/// Links codes, each with its own result.
pub async fn link_promotion_codes(
    ctx: &Context<'_>,
    inputs: Vec<LinkPromotionCodeInput>,
) -> Result<Vec<LinkPromotionCodeResult>> {
    if !(1..=MAX_LINKS).contains(&inputs.len()) {
        return Err(invalid_input("input", format_args!("must have 1 to {MAX_LINKS} links")).into());
    }
    let results = LinkAttempts::new(ctx)?.attempt_all(&inputs).await;
    Ok(results.into_iter().map(LinkPromotionCodeResult::from).collect())
}

impl From<Result<Linkable, ApiError>> for LinkPromotionCodeResult {
    fn from(result: Result<Linkable, ApiError>) -> Self {
        match result {
            Ok(linked) => Self { promotion: Some(Promotion(linked.into_promotion())), error: None },
            Err(error) => Self { promotion: None, error: Some(error.into()) },
        }
    }
}

impl From<ApiError> for LinkPromotionCodeError {
    fn from(error: ApiError) -> Self {
        let ApiError { code, message, field, retry_after } = error;
        Self { code, message, retryable: code.is_retryable(), field, retry_after }
    }
}
