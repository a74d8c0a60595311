//! `Redemption`, and the mutations that make it and give it back.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object, Result};

use super::{
    access::{Role, access},
    campaign::PromotionMode,
    promotion::Promotion,
    scalars::{Long, Timestamp, parse_code, parse_id},
};
use crate::{
    auth::Principal,
    graphql::{
        error::{broken, invalid_input, place, refused},
        loaders::Loaders,
    },
    promotions::{self, CodeKey, Refusal, StoreError, TransactionId},
    service::PromotionService,
};

pub struct Redemption(pub promotions::Redemption);

#[derive(Debug, thiserror::Error)]
#[error("a redemption belongs to a promotion that is not there")]
struct NoPromotion;

/// One use of a promotion.
#[Object]
impl Redemption {
    /// The redemption's id (a UUID).
    #[graphql(directive = access::apply(Role::Customer))]
    async fn id(&self) -> ID {
        self.0.id.get().into()
    }

    /// What was used.
    #[graphql(directive = access::apply(Role::Customer))]
    async fn promotion(&self, ctx: &Context<'_>) -> Result<Promotion> {
        let promotion = ctx.data::<Loaders>()?.promotion(self.0.promotion_id).await.map_err(place(ctx))?;
        promotion.map(Promotion).ok_or_else(|| place(ctx)(broken(&StoreError::Failed(Arc::new(NoPromotion)))))
    }

    /// The caller's name for the use.
    #[graphql(directive = access::apply(Role::Customer))]
    async fn transaction_id(&self) -> &str {
        self.0.transaction_id.as_str()
    }

    /// When the promotion was used.
    #[graphql(directive = access::apply(Role::Customer))]
    async fn redeemed_on(&self) -> Timestamp {
        self.0.redeemed_on.into()
    }

    /// When the use was given back. Null: it was not.
    #[graphql(directive = access::apply(Role::Customer))]
    async fn reversed_on(&self) -> Option<Timestamp> {
        self.0.reversed_on.map(Into::into)
    }
}

/// Which promotion to use, and under what name.
#[derive(InputObject)]
pub struct RedeemPromotionInput {
    /// The customer who holds the code.
    customer_id: Long,
    /// The code, in any spelling.
    code: String,
    /// What the code is for.
    mode: PromotionMode,
    /// The caller's own name for this use, such as an order number: 1 to 128 characters, none of them a control
    /// character, unique in the organisation. A retry under the same name redeems nothing twice.
    transaction_id: String,
}

/// Uses a promotion.
pub async fn redeem_promotion(ctx: &Context<'_>, input: RedeemPromotionInput) -> Result<Redemption> {
    let org = ctx.data::<Principal>()?.org;
    let customer_id = input.customer_id.parse_as("customerId")?;
    let folded = parse_code(&input.code, "code")?.into_folded();
    let transaction_id =
        TransactionId::parse(&input.transaction_id).map_err(|reason| invalid_input("transactionId", reason))?;
    let key = CodeKey { org, mode: input.mode.into(), folded };
    let outcome = ctx.data::<Arc<PromotionService>>()?.redeem(key, customer_id, transaction_id).await;
    outcome.map_err(|error| broken(&error))?.map(Redemption).map_err(refused)
}

/// Gives a use back.
pub async fn reverse_redemption(ctx: &Context<'_>, id: &ID) -> Result<Redemption> {
    let org = ctx.data::<Principal>()?.org;
    let found = ctx.data::<Arc<PromotionService>>()?.reverse(org, parse_id(id, "id")?).await;
    found.map_err(|error| broken(&error))?.map(Redemption).ok_or_else(|| refused(Refusal::NotFound))
}
