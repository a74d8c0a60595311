//! The root of mutations: the documentation of each field, and the function that executes it.

use async_graphql::{Context, ID, Object, Result};

use super::{
    access_directive::{Role, access},
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

/// Changes. The fields of a mutation are executed one after the other, and each takes effect by itself. A field that
/// fails is null, has an entry in `errors`, and does not affect the others. Once acknowledged, a change survives a
/// crash.
#[Object]
impl Mutation {
    /// Links a promotion code to a customer. From then on only that customer can redeem the promotion. Safe to retry:
    /// if the customer already holds the code, it returns the same promotion. A code can be linked before
    /// `redeemableFrom`, but not redeemed.
    ///
    /// Fails with the first of these that applies: INVALID_INPUT, CODE_NOT_FOUND, CODE_REVOKED, PROMOTION_INACTIVE,
    /// PROMOTION_EXPIRED, CODE_ALREADY_LINKED (if `maxLinks` is 1) or LINK_LIMIT_REACHED (if it is more),
    /// CUSTOMER_LIMIT_REACHED. Storefronts and customers get CODE_NOT_USABLE instead of all but INVALID_INPUT. May also
    /// fail with FORBIDDEN or RATE_LIMITED. Access: storefront and above.
    #[graphql(directive = access::apply(Role::Storefront))]
    async fn link_promotion_code(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The code and the customer.")] input: LinkPromotionCodeInput,
    ) -> Nullable<Promotion> {
        Some(link_promotion_code(ctx, input).await)
    }

    /// Links several codes, like `linkPromotionCode`. Returns one result for each, in the order given; a link that
    /// fails does not affect the others. Safe to retry. Fails with INVALID_INPUT if there are none or too many.
    /// Access: storefront and above.
    #[graphql(directive = access::apply(Role::Storefront))]
    async fn link_promotion_codes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "1 to 500 codes, each with its customer.")] input: Vec<LinkPromotionCodeInput>,
    ) -> Result<Vec<LinkPromotionCodeResult>> {
        link_promotion_codes(ctx, input).await
    }

    /// Unlinks a promotion: the customer no longer holds the code. The promotion remains readable, in state UNLINKED.
    /// If it was never redeemed, or every redemption was reversed, its code can be linked again, which creates a new
    /// promotion. Otherwise it still counts against `maxLinks` and `maxLinksPerCustomer`. Safe to retry. Fails with
    /// INVALID_INPUT or NOT_FOUND. Access: service and above.
    #[graphql(directive = access::apply(Role::Service))]
    async fn unlink_promotion(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The `id` of the promotion, a UUID.")] id: ID,
    ) -> Nullable<Promotion> {
        Some(unlink_promotion(ctx, &id).await)
    }

    /// Redeems a promotion, once for each `transactionId`. Safe to retry: the same `transactionId`, customer and code
    /// return the existing redemption, even if it was reversed since.
    ///
    /// Fails with the first of these that applies: INVALID_INPUT, CODE_NOT_FOUND, TRANSACTION_ID_REUSED, NOT_LINKED,
    /// CODE_REVOKED, PROMOTION_INACTIVE, PROMOTION_EXPIRED, NOT_YET_REDEEMABLE, REDEMPTION_LIMIT_REACHED.
    /// Access: service and above.
    #[graphql(directive = access::apply(Role::Service))]
    async fn redeem_promotion(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The customer, the code and the `transactionId`.")] input: RedeemPromotionInput,
    ) -> Nullable<Redemption> {
        Some(redeem_promotion(ctx, input).await)
    }

    /// Reverses a redemption, for example of a cancelled order. The promotion can then be redeemed once more, with
    /// another `transactionId`. Safe to retry: a redemption that was reversed is returned as it is. Fails with
    /// INVALID_INPUT or NOT_FOUND. Access: service and above.
    #[graphql(directive = access::apply(Role::Service))]
    async fn reverse_redemption(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The `id` of the redemption, a UUID.")] id: ID,
    ) -> Nullable<Redemption> {
        Some(reverse_redemption(ctx, &id).await)
    }

    /// Creates a campaign. Not safe to retry: each call creates another one. Fails with INVALID_INPUT. Access: admin.
    #[graphql(directive = access::apply(Role::Admin), tag = "admin")]
    async fn create_campaign(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The definition of the campaign.")] input: CreateCampaignInput,
    ) -> Nullable<Campaign> {
        Some(create_campaign(ctx, input).await)
    }

    /// Changes a campaign. The changes apply to its existing promotions, too. Safe to retry. Fails with INVALID_INPUT
    /// or NOT_FOUND. Access: admin.
    #[graphql(directive = access::apply(Role::Admin), tag = "admin")]
    async fn update_campaign(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The campaign and its changes.")] input: UpdateCampaignInput,
    ) -> Nullable<Campaign> {
        Some(update_campaign(ctx, input).await)
    }

    /// Generates random codes for a campaign. So that codes can't be guessed, the pattern must have at least 10,000
    /// possible codes for every code that begins like it, existing ones included. Not safe to retry: each call adds
    /// more codes. Fails with INVALID_INPUT, NOT_FOUND or CODE_SPACE_TOO_SMALL, whose message says how many `#` are
    /// needed. Access: admin.
    #[graphql(directive = access::apply(Role::Admin), tag = "admin")]
    async fn generate_promotion_codes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The campaign, the number of codes and their form.")] input: GeneratePromotionCodesInput,
    ) -> Nullable<GeneratePromotionCodesResult> {
        Some(generate_promotion_codes(ctx, input).await)
    }

    /// Adds codes to a campaign. Safe to retry: existing codes do not change. Fails with INVALID_INPUT, if a code is
    /// malformed, or NOT_FOUND, and then adds none. After any other error some of the codes may have been added.
    /// Access: admin.
    #[graphql(directive = access::apply(Role::Admin), tag = "admin")]
    async fn import_promotion_codes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The campaign and the codes.")] input: ImportPromotionCodesInput,
    ) -> Nullable<ImportPromotionCodesResult> {
        Some(import_promotion_codes(ctx, input).await)
    }

    /// Revokes a code for good: it can no longer be linked or redeemed, and its promotions become INACTIVE. Safe to
    /// retry. Fails with INVALID_INPUT or CODE_NOT_FOUND. Access: admin.
    #[graphql(directive = access::apply(Role::Admin), tag = "admin")]
    async fn revoke_promotion_code(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The code.")] input: PromotionCodeInput,
    ) -> Nullable<PromotionCode> {
        Some(revoke_promotion_code(ctx, input).await)
    }
}
