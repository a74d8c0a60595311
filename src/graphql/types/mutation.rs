//! The root of mutations: each field's documentation, and the call that it makes.

use async_graphql::{Context, ID, Object, Result};

use super::{
    access::{Role, access},
    campaign::{Campaign, CreateCampaignInput, UpdateCampaignInput, create_campaign, update_campaign},
    link::{LinkPromotionCodeInput, LinkPromotionCodeResult, link_promotion_code, link_promotion_codes},
    new_codes::{
        GeneratePromotionCodesInput, GeneratePromotionCodesResult, ImportPromotionCodesInput,
        ImportPromotionCodesResult, generate_promotion_codes, import_promotion_codes,
    },
    promotion::{Promotion, unlink_promotion},
    promotion_code::{PromotionCode, PromotionCodeInput, revoke_promotion_code},
    redemption::{RedeemPromotionInput, Redemption, redeem_promotion, reverse_redemption},
};
use crate::graphql::error::Nullable;

pub struct Mutation;

/// What can be changed. A field that fails is null and has an entry in `errors`; the others are not affected.
#[Object]
impl Mutation {
    /// Links a promotion code to a customer, who from then on is the only one to redeem that hold. Safe to retry: for a
    /// code that the customer holds already the answer is the same promotion.
    ///
    /// Fails, in this order of precedence, with INVALID_INPUT, CODE_NOT_FOUND, CODE_REVOKED, PROMOTION_INACTIVE,
    /// PROMOTION_EXPIRED, CODE_ALREADY_LINKED (a code for one customer) or LINK_LIMIT_REACHED (for several), and
    /// CUSTOMER_LIMIT_REACHED. Linking before redeemableFrom is possible; only redeeming waits.
    #[graphql(directive = access::apply(Role::Storefront))]
    async fn link_promotion_code(&self, ctx: &Context<'_>, input: LinkPromotionCodeInput) -> Nullable<Promotion> {
        Some(link_promotion_code(ctx, input).await)
    }

    /// Links 1 to 500 codes in one call, each with its own outcome, in the order given: one that fails does not affect
    /// the others. Safe to retry.
    #[graphql(directive = access::apply(Role::Storefront))]
    async fn link_promotion_codes(
        &self,
        ctx: &Context<'_>,
        input: Vec<LinkPromotionCodeInput>,
    ) -> Result<Vec<LinkPromotionCodeResult>> {
        link_promotion_codes(ctx, input).await
    }

    /// Gives a hold up: the promotion stays readable in state UNLINKED, and its code can be linked again, by the same
    /// customer too, for a new promotion. A hold that was redeemed is used up: it still counts against maxLinks and
    /// maxLinksPerCustomer. Safe to retry. Fails with NOT_FOUND.
    #[graphql(directive = access::apply(Role::Service))]
    async fn unlink_promotion(&self, ctx: &Context<'_>, id: ID) -> Nullable<Promotion> {
        Some(unlink_promotion(ctx, &id).await)
    }

    /// Uses a promotion, once for each transactionId: the same transactionId for the same customer and code answers with
    /// the redemption that is there, also when it was reversed since.
    ///
    /// Fails, in this order of precedence, with INVALID_INPUT, CODE_NOT_FOUND, TRANSACTION_ID_REUSED, NOT_LINKED,
    /// CODE_REVOKED, PROMOTION_INACTIVE, PROMOTION_EXPIRED, NOT_YET_REDEEMABLE and REDEMPTION_LIMIT_REACHED.
    #[graphql(directive = access::apply(Role::Service))]
    async fn redeem_promotion(&self, ctx: &Context<'_>, input: RedeemPromotionInput) -> Nullable<Redemption> {
        Some(redeem_promotion(ctx, input).await)
    }

    /// Gives a use back, once: the promotion can be redeemed again, under another transactionId. Safe to retry. Fails
    /// with NOT_FOUND.
    #[graphql(directive = access::apply(Role::Service))]
    async fn reverse_redemption(&self, ctx: &Context<'_>, id: ID) -> Nullable<Redemption> {
        Some(reverse_redemption(ctx, &id).await)
    }

    /// Defines a campaign. Fails with INVALID_INPUT.
    #[graphql(directive = access::apply(Role::Admin), tag = "admin")]
    async fn create_campaign(&self, ctx: &Context<'_>, input: CreateCampaignInput) -> Nullable<Campaign> {
        Some(create_campaign(ctx, input).await)
    }

    /// Changes a campaign; its promotions follow. Fails with INVALID_INPUT and NOT_FOUND.
    #[graphql(directive = access::apply(Role::Admin), tag = "admin")]
    async fn update_campaign(&self, ctx: &Context<'_>, input: UpdateCampaignInput) -> Nullable<Campaign> {
        Some(update_campaign(ctx, input).await)
    }

    /// Generates codes for a campaign, from the operating system's random source. There must be 10,000 possible codes
    /// for each that begins like the pattern, new or there already, lest they be guessed; else it fails with
    /// CODE_SPACE_TOO_SMALL, which says what would do. Fails too with INVALID_INPUT and NOT_FOUND.
    #[graphql(directive = access::apply(Role::Admin), tag = "admin")]
    async fn generate_promotion_codes(
        &self,
        ctx: &Context<'_>,
        input: GeneratePromotionCodesInput,
    ) -> Nullable<GeneratePromotionCodesResult> {
        Some(generate_promotion_codes(ctx, input).await)
    }

    /// Adds codes to a campaign: all of the well-formed list or, if one is malformed, none. Codes that are there already
    /// stay as they are, so that it is safe to retry: what fails with another error than INVALID_INPUT and NOT_FOUND may
    /// have added some of them.
    #[graphql(directive = access::apply(Role::Admin), tag = "admin")]
    async fn import_promotion_codes(
        &self,
        ctx: &Context<'_>,
        input: ImportPromotionCodesInput,
    ) -> Nullable<ImportPromotionCodesResult> {
        Some(import_promotion_codes(ctx, input).await)
    }

    /// Revokes a code: it can't be linked or redeemed any more, and its promotions become INACTIVE. Safe to retry. Fails
    /// with INVALID_INPUT and CODE_NOT_FOUND.
    #[graphql(directive = access::apply(Role::Admin), tag = "admin")]
    async fn revoke_promotion_code(&self, ctx: &Context<'_>, input: PromotionCodeInput) -> Nullable<PromotionCode> {
        Some(revoke_promotion_code(ctx, input).await)
    }
}
