//! The root of mutations: each field's documentation, and the call that it makes.

use async_graphql::{Context, Object};

use super::{
    error::Nullable,
    link::{LinkPromotionCodeInput, link_promotion_code},
    promotion::Promotion,
};

/// What can be changed. A field that fails is null and has an entry in `errors`; the others are not affected.
pub struct Mutation;

#[Object]
impl Mutation {
    /// Links a promotion code to a customer, who from then on is the only one to redeem that hold. Safe to retry: for a
    /// code that the customer holds already the answer is the same promotion.
    ///
    /// Fails, in this order of precedence, with INVALID_INPUT, CODE_NOT_FOUND, CODE_REVOKED, PROMOTION_INACTIVE,
    /// PROMOTION_EXPIRED, CODE_ALREADY_LINKED (a code for one customer) or LINK_LIMIT_REACHED (for several), and
    /// CUSTOMER_LIMIT_REACHED. Linking before redeemableFrom is possible; only redeeming waits.
    async fn link_promotion_code(&self, ctx: &Context<'_>, input: LinkPromotionCodeInput) -> Nullable<Promotion> {
        Some(link_promotion_code(ctx, input).await)
    }
}
