//! `linkPromotionCode` and `linkPromotionCodes`: their input, and its way to the domain.

mod attempts;

use std::sync::Arc;

use async_graphql::{Context, InputObject, Result, SimpleObject};

use self::attempts::LinkAttempts;
use super::{
    access::{Role, access},
    campaign::PromotionMode,
    promotion::Promotion,
    scalars::{Long, parse_code},
};
use crate::{
    graphql::error::{Coded, ErrorCode, broken, invalid_input},
    promotions::{self, Code, CustomerId, StoreError},
};

/// The most links that one call makes.
const MAX_LINKS_A_CALL: usize = 500;

/// Which code to link, and to whom.
#[derive(InputObject)]
pub struct LinkPromotionCodeInput {
    /// The customer, as the organisation's own systems number them.
    customer_id: Long,
    /// The code, in any spelling: letter case and character width (Unicode NFKC_Casefold), characters that are not seen,
    /// blanks around it, repeated blanks, and which hyphens, apostrophes and quotation marks it has do not matter. 1 to
    /// 64 characters after trimming, no control characters.
    code: String,
    /// What the code is for.
    mode: PromotionMode,
}

#[derive(Debug, thiserror::Error)]
#[error("a link has no result")]
struct NoResult;

/// Links one code.
pub async fn link_promotion_code(ctx: &Context<'_>, input: LinkPromotionCodeInput) -> Result<Promotion> {
    let mut results = LinkAttempts::new(ctx)?.link(std::slice::from_ref(&input)).await;
    results.pop().unwrap_or_else(|| Err(broken(&StoreError::Failed(Arc::new(NoResult)))))
}

/// What came of one of several links: a promotion or an error.
#[derive(SimpleObject)]
pub struct LinkPromotionCodeResult {
    /// The promotion, as linkPromotionCode returns it.
    #[graphql(directive = access::apply(Role::Storefront))]
    promotion: Option<Promotion>,
    /// Why there is none.
    #[graphql(directive = access::apply(Role::Storefront))]
    error: Option<LinkPromotionCodeError>,
}

/// Why a code was not linked.
#[derive(SimpleObject)]
pub struct LinkPromotionCodeError {
    /// What programs read.
    #[graphql(directive = access::apply(Role::Storefront))]
    code: ErrorCode,
    /// What people read.
    #[graphql(directive = access::apply(Role::Storefront))]
    message: String,
    /// Whether the same link may succeed later.
    #[graphql(directive = access::apply(Role::Storefront))]
    retryable: bool,
    /// With INVALID_INPUT, the input field that is wrong; with FORBIDDEN, the one that the credential does not allow.
    #[graphql(directive = access::apply(Role::Storefront))]
    field: Option<String>,
    /// With RATE_LIMITED, how many seconds to wait.
    #[graphql(directive = access::apply(Role::Storefront))]
    retry_after: Option<u64>,
}

/// Links codes, each with its own outcome.
pub async fn link_promotion_codes(
    ctx: &Context<'_>,
    inputs: Vec<LinkPromotionCodeInput>,
) -> Result<Vec<LinkPromotionCodeResult>> {
    if !(1..=MAX_LINKS_A_CALL).contains(&inputs.len()) {
        return Err(invalid_input("input", format_args!("1 to {MAX_LINKS_A_CALL} links are wanted")));
    }
    let results = LinkAttempts::new(ctx)?.link(&inputs).await;
    Ok(results.into_iter().map(LinkPromotionCodeResult::from).collect())
}

impl From<Result<Promotion>> for LinkPromotionCodeResult {
    fn from(result: Result<Promotion>) -> Self {
        match result {
            Ok(promotion) => Self { promotion: Some(promotion), error: None },
            Err(error) => {
                let Coded { code, retryable, field, retry_after, .. } = Coded::of(&error);
                let error = LinkPromotionCodeError { code, message: error.message, retryable, field, retry_after };
                Self { promotion: None, error: Some(error) }
            }
        }
    }
}

impl LinkPromotionCodeInput {
    fn parse(&self) -> Result<(promotions::PromotionMode, Code, CustomerId)> {
        let customer_id = self.customer_id.parse_as("customerId")?;
        Ok((self.mode.into(), parse_code(&self.code, "code")?, customer_id))
    }
}
