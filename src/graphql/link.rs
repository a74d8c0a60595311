//! `linkPromotionCode`: its input, and its way to the domain.

use std::sync::Arc;

use async_graphql::{Context, InputObject, Result};

use super::{
    campaign::PromotionMode,
    error::{broken, invalid_input, refused},
    promotion::Promotion,
    scalars::Long,
};
use crate::{
    auth::Principal,
    promotions::{Code, PromotionService},
};

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
    let customer_id = input.customer_id.parse_as("customerId")?;
    let code = Code::parse(&input.code).map_err(|reason| invalid_input("code", reason))?;
    let outcome = service.link(org, input.mode.into(), code, customer_id).await.map_err(|error| broken(&error))?;
    outcome.map(Promotion).map_err(refused)
}
