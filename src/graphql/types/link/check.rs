//! `checkPromotionCode`: what linking a code would do.

use async_graphql::{Context, Object, Result};

use super::{LinkPromotionCodeError, LinkPromotionCodeInput, attempts::LinkAttempts};
use crate::{
    graphql::{
        error::{ApiError, ErrorCode, Nullable},
        types::{
            Promotion,
            access_directive::{Role, access},
            cost_directives::{LOOKUP_WEIGHT, cost},
            offer::PreparedOffer,
            scalars::Timestamp,
        },
    },
    promotions::{self, Linkable},
};

/// The promotion that the customer holds or would get, or why linking would fail.
pub struct PromotionCodeCheck(Result<Linkable, ApiError>);

impl PromotionCodeCheck {
    /// The promotion that the customer holds or would get.
    fn terms(&self) -> Option<&promotions::Promotion> {
        self.0.as_ref().ok().map(Linkable::promotion)
    }
}

/// Whether a customer can link a code now. It reserves nothing: another customer may link the code before this one does.
#[Object]
impl PromotionCodeCheck {
    /// Whether `linkPromotionCode` would succeed now. Also true if the customer already holds the code.
    /// Access: customer and above.
    #[graphql(directive = access::apply(Role::Customer))]
    async fn linkable(&self) -> bool {
        self.0.is_ok()
    }

    /// Why linking would fail. Null if it would succeed. Access: customer and above.
    #[graphql(directive = access::apply(Role::Customer))]
    async fn error(&self) -> Option<LinkPromotionCodeError> {
        self.0.as_ref().err().cloned().map(Into::into)
    }

    /// The promotion by which the customer already holds the code. Null: none. Access: customer and above.
    #[graphql(directive = access::apply(Role::Customer))]
    async fn promotion(&self) -> Option<Promotion> {
        match &self.0 {
            Ok(Linkable::Held(promotion)) => Some(Promotion(promotion.clone())),
            _ => None,
        }
    }

    /// The code as it was issued. Null if it can't be linked. Access: customer and above.
    #[graphql(directive = access::apply(Role::Customer))]
    async fn code(&self) -> Option<&str> {
        self.terms().map(|promotion| promotion.code.text())
    }

    /// What shoppers are told about the promotion. Null if there is nothing or the code can't be linked.
    /// Access: customer and above.
    #[graphql(directive = access::apply(Role::Customer), directive = cost::apply(LOOKUP_WEIGHT))]
    async fn offer(&self, ctx: &Context<'_>) -> Nullable<PreparedOffer> {
        PreparedOffer::of(ctx, &self.terms()?.campaign).await
    }

    /// The `promotionName` that the promotion has or would have. Null if the code can't be linked.
    /// Access: customer and above.
    #[graphql(directive = access::apply(Role::Customer))]
    async fn promotion_name(&self) -> Option<&str> {
        self.terms().map(|promotion| &*promotion.campaign.name)
    }

    /// The `validTill` that the promotion has, or would have if the code were linked now. Null if the code can't be linked.
    /// Access: customer and above.
    #[graphql(directive = access::apply(Role::Customer))]
    async fn valid_till(&self) -> Option<Timestamp> {
        self.terms().map(|promotion| promotion.valid_till().into())
    }

    /// The `redeemableFrom` that the promotion has, or would have if the code were linked now. Null if the code can't be
    /// linked. Access: customer and above.
    #[graphql(directive = access::apply(Role::Customer))]
    async fn redeemable_from(&self) -> Option<Timestamp> {
        self.terms().map(|promotion| promotion.redeemable_from().into())
    }
}

/// Checks a code.
pub async fn check_promotion_code(ctx: &Context<'_>, input: LinkPromotionCodeInput) -> Result<PromotionCodeCheck> {
    let checked = LinkAttempts::checking(ctx)?.attempt_one(&input).await;
    match checked {
        // Such an error says nothing about the code.
        Err(error) if !is_about_linking(error.code) => Err(error.into()),
        checked => Ok(PromotionCodeCheck(checked)),
    }
}

/// Whether an error says what linking would do.
fn is_about_linking(code: ErrorCode) -> bool {
    !matches!(
        code,
        ErrorCode::InvalidInput
            | ErrorCode::Forbidden
            | ErrorCode::RateLimited
            | ErrorCode::Overloaded
            | ErrorCode::Internal
    )
}
