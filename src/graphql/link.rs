//! `linkPromotionCode` and `linkPromotionCodes`: their input, and its way to the domain.

use std::sync::Arc;

use async_graphql::{Context, InputObject, Result, SimpleObject};

use super::{
    campaign::PromotionMode,
    error::{Coded, ErrorCode, broken, invalid_input, refused},
    promotion::Promotion,
    scalars::{Long, parse_code},
};
use crate::{
    auth::Principal,
    promotions::{self, Code, CustomerId, LinkOutcome, PromotionService, StoreError},
};

/// The most links that one call makes.
const MAX_LINKS_A_CALL: usize = 500;

/// Which code to link, and to whom.
#[derive(InputObject)]
pub struct LinkPromotionCodeInput {
    /// The customer, as the organisation's own systems number them.
    customer_id: Long,
    /// The code, in any spelling: blanks around it, letter case and character width (Unicode NFKC) do not matter. 1 to
    /// 64 characters after trimming, no control characters.
    code: String,
    /// What the code is for.
    mode: PromotionMode,
}

/// Links one code.
pub async fn link_promotion_code(ctx: &Context<'_>, input: LinkPromotionCodeInput) -> Result<Promotion> {
    let service = ctx.data::<Arc<PromotionService>>()?;
    let org = ctx.data::<Principal>()?.org;
    let (mode, code, customer_id) = input.parse()?;
    answer(service.link(org, mode, code, customer_id).await)
}

fn answer(outcome: Result<LinkOutcome, StoreError>) -> Result<Promotion> {
    outcome.map_err(|error| broken(&error))?.map(Promotion).map_err(refused)
}

/// What came of one of several links: a promotion or an error.
#[derive(SimpleObject)]
pub struct LinkPromotionCodeResult {
    /// The promotion, as linkPromotionCode returns it.
    promotion: Option<Promotion>,
    /// Why there is none.
    error: Option<LinkPromotionCodeError>,
}

/// Why a code was not linked.
#[derive(SimpleObject)]
pub struct LinkPromotionCodeError {
    /// What programs read.
    code: ErrorCode,
    /// What people read.
    message: String,
    /// Whether the same link may succeed later.
    retryable: bool,
    /// With INVALID_INPUT, the input field that is wrong.
    field: Option<String>,
}

/// Links codes, each with its own outcome.
pub async fn link_promotion_codes(
    ctx: &Context<'_>,
    inputs: Vec<LinkPromotionCodeInput>,
) -> Result<Vec<LinkPromotionCodeResult>> {
    if !(1..=MAX_LINKS_A_CALL).contains(&inputs.len()) {
        return Err(invalid_input("input", format_args!("1 to {MAX_LINKS_A_CALL} links are wanted")));
    }
    let parsed: Vec<_> = inputs.iter().map(LinkPromotionCodeInput::parse).collect();
    let links = parsed.iter().filter_map(|link| link.as_ref().ok()).cloned().collect();
    let org = ctx.data::<Principal>()?.org;
    let mut outcomes = ctx.data::<Arc<PromotionService>>()?.link_many(org, links).await.into_iter();
    let results = parsed.into_iter().map(|link| {
        // The well-formed ones have an outcome each, in their order.
        link.and_then(|_| answer(outcomes.next().unwrap_or(Err(StoreError::Overloaded))))
    });
    Ok(results.map(LinkPromotionCodeResult::from).collect())
}

impl From<Result<Promotion>> for LinkPromotionCodeResult {
    fn from(result: Result<Promotion>) -> Self {
        match result {
            Ok(promotion) => Self { promotion: Some(promotion), error: None },
            Err(error) => {
                let Coded { code, retryable, field } = Coded::of(&error);
                let error = LinkPromotionCodeError { code, message: error.message, retryable, field };
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
