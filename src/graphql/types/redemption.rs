//! `Redemption`, and the mutations that create and reverse it.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object, Result};

use super::{
    access_directive::{Role, access},
    campaign::PromotionMode,
    offer::{Money, MoneyInput},
    promotion::Promotion,
    scalars::{Long, Timestamp, attribution, parse_code, parse_id},
};
use crate::{
    auth::Principal,
    graphql::{
        error::{ApiError, invalid_input, log_store_error, place, refused},
        loaders::Loaders,
    },
    promotions::{self, Attribution, CodeKey, Refusal, TransactionId},
    service::PromotionService,
};

pub struct Redemption(pub promotions::Redemption);

/// The database is inconsistent. Not an [`ApiError`]: the response masks it, and the log has it.
#[derive(Debug, thiserror::Error)]
#[error("the promotion of a redemption does not exist")]
struct MissingPromotion;

/// One use of a promotion.
#[Object]
impl Redemption {
    /// The redemption's id, a UUID. Access: customer and above.
    #[graphql(directive = access::apply(Role::Customer))]
    async fn id(&self) -> ID {
        self.0.id.get().into()
    }

    /// The promotion that was redeemed. Access: customer and above.
    #[graphql(directive = access::apply(Role::Customer))]
    async fn promotion(&self, ctx: &Context<'_>) -> Result<Promotion> {
        let promotion = ctx.data::<Loaders>()?.promotion(self.0.promotion_id).await.map_err(place(ctx))?;
        promotion.map(Promotion).ok_or_else(|| place(ctx)(MissingPromotion))
    }

    /// The caller's own identifier of the redemption, such as an order number. Access: customer and above.
    #[graphql(directive = access::apply(Role::Customer))]
    async fn transaction_id(&self) -> &str {
        self.0.transaction_id.as_str()
    }

    /// When the promotion was redeemed. Access: customer and above.
    #[graphql(directive = access::apply(Role::Customer))]
    async fn redeemed_on(&self) -> Timestamp {
        self.0.redeemed_on.into()
    }

    /// When the redemption was reversed. Null: not reversed. Access: customer and above.
    #[graphql(directive = access::apply(Role::Customer))]
    async fn reversed_on(&self) -> Option<Timestamp> {
        self.0.reversed_on.map(Into::into)
    }

    /// What the redemption took off the cart, as its caller said. Null: not stated. Access: customer and above.
    #[graphql(directive = access::apply(Role::Customer))]
    async fn amount(&self) -> Option<Money> {
        self.0.amount.map(Into::into)
    }
}

/// The promotion to redeem, identified by its customer and code, and an identifier of the redemption.
#[derive(InputObject)]
pub struct RedeemPromotionInput {
    /// The number of the customer who holds the code.
    customer_id: Long,
    /// The code, in any spelling, as in LinkPromotionCodeInput.
    code: String,
    /// The mode of the code.
    mode: PromotionMode,
    /// The caller's own identifier of the redemption, such as an order number: 1 to 128 characters, no control
    /// characters, unique in the organisation. A retry with the same identifier does not redeem the promotion again.
    transaction_id: String,
    /// What the redemption takes off the cart. Promolink stores it and calculates nothing. A retry does not change it. Null: not
    /// stated.
    amount: Option<MoneyInput>,
}

/// Redeems a promotion.
pub async fn redeem_promotion(ctx: &Context<'_>, input: RedeemPromotionInput) -> Result<Redemption> {
    let org = ctx.data::<Principal>()?.org;
    let customer_id = input.customer_id.parse_as("customerId")?;
    let folded = parse_code(&input.code, "code")?.into_folded();
    let transaction_id =
        TransactionId::parse(&input.transaction_id).map_err(|reason| invalid_input("transactionId", reason))?;
    let amount = input.amount.map(|amount| amount.parse("amount")).transpose()?;
    let by = ctx.data::<Attribution>()?.clone();
    let key = CodeKey { org, mode: input.mode.into(), folded };
    let outcome = ctx.data::<Arc<PromotionService>>()?.redeem(key, customer_id, transaction_id, amount, by).await;
    let outcome = outcome.inspect_err(log_store_error).map_err(ApiError::from)?;
    Ok(outcome.map(Redemption).map_err(refused)?)
}

/// Reverses a redemption.
pub async fn reverse_redemption(ctx: &Context<'_>, id: &ID, reason: Option<String>) -> Result<Redemption> {
    let by = attribution(ctx, reason)?;
    let org = ctx.data::<Principal>()?.org;
    let found = ctx.data::<Arc<PromotionService>>()?.reverse(org, parse_id(id, "id")?, &by).await;
    let found = found.inspect_err(log_store_error).map_err(ApiError::from)?;
    Ok(found.map(Redemption).ok_or_else(|| refused(Refusal::NotFound))?)
}
