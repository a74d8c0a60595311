//! The root of mutations: the documentation of each field, and the function that executes it.

use async_graphql::{Context, ID, Object, Result};

use super::{
    access_directive::{Role, access},
    campaign::{Campaign, CreateCampaignInput, UpdateCampaignInput, create_campaign, update_campaign},
    cost_directives::list_size,
    link::{LinkPromotionCodeInput, LinkPromotionCodeResult, link_promotion_code, link_promotion_codes},
    new_codes::{
        GeneratePromotionCodesInput, GeneratePromotionCodesResult, ImportPromotionCodesInput,
        ImportPromotionCodesResult, generate_promotion_codes, import_promotion_codes,
    },
    promotion::{Promotion, unlink_promotion},
    promotion_code::{PromotionCode, PromotionCodeInput, revoke_promotion_code},
    redemption::{RedeemPromotionInput, Redemption, redeem_promotion, reverse_redemption},
    scalars::Long,
    webhook::{
        CreateWebhookEndpointInput, UpdateWebhookEndpointInput, WebhookEndpoint, WebhookSecretResult,
        create_webhook_endpoint, delete_webhook_endpoint, replay_events, rotate_webhook_secret, send_test_event,
        update_webhook_endpoint,
    },
};
use crate::graphql::error::Nullable;

pub struct Mutation;

/// The operations that change data. The fields of a mutation are executed one after another, and each one takes effect
/// independently of the others. A field that fails is null and has an entry in `errors`. An acknowledged change
/// survives a crash.
#[Object]
impl Mutation {
    /// Links a promotion code to a customer. From then on, only that customer can redeem the promotion. Safe to retry:
    /// if the customer already holds the code, the same promotion is returned. A code can be linked before
    /// `redeemableFrom`, but not redeemed.
    ///
    /// Fails with the first of these that applies: INVALID_INPUT, CODE_NOT_FOUND, CODE_REVOKED, PROMOTION_INACTIVE,
    /// PROMOTION_EXPIRED, CODE_ALREADY_LINKED (if `maxLinks` is 1) or LINK_LIMIT_REACHED (if it is more),
    /// CUSTOMER_LIMIT_REACHED. Storefronts and customers get CODE_NOT_USABLE instead of these errors, except for
    /// INVALID_INPUT. May also fail with FORBIDDEN or RATE_LIMITED. Access: storefront and above.
    #[graphql(directive = access::apply(Role::Storefront))]
    async fn link_promotion_code(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The code and the customer.")] input: LinkPromotionCodeInput,
    ) -> Nullable<Promotion> {
        Some(link_promotion_code(ctx, input).await)
    }

    /// Links several codes, in the same way as `linkPromotionCode`. Returns one result for each code, in the order of
    /// the input. A link that fails does not affect the others. Safe to retry. Fails with INVALID_INPUT if the list is
    /// empty or too long. Access: storefront and above.
    #[graphql(directive = access::apply(Role::Storefront), directive = list_size::apply(Some(500), None, None, None))]
    async fn link_promotion_codes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "1 to 500 codes, each with its customer.")] input: Vec<LinkPromotionCodeInput>,
    ) -> Result<Vec<LinkPromotionCodeResult>> {
        link_promotion_codes(ctx, input).await
    }

    /// Unlinks a promotion: the customer no longer holds the code. The promotion remains readable, in the state
    /// UNLINKED. If it was never redeemed, or every redemption was reversed, its code can be linked again, which
    /// creates a new promotion. Otherwise, the promotion still counts against `maxLinks` and `maxLinksPerCustomer`.
    /// Safe to retry. Fails with INVALID_INPUT or NOT_FOUND. Access: service and above.
    #[graphql(directive = access::apply(Role::Service))]
    async fn unlink_promotion(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The `id` of the promotion, a UUID.")] id: ID,
        #[graphql(
            desc = "The reason for the change, which its event records: 1 to 500 visible characters after trimming. Null: no reason."
        )]
        reason: Option<String>,
    ) -> Nullable<Promotion> {
        Some(unlink_promotion(ctx, &id, reason).await)
    }

    /// Redeems a promotion, once for each `transactionId`. Safe to retry: the same `transactionId`, customer and code
    /// return the existing redemption, even if it has been reversed.
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

    /// Reverses a redemption, for example when an order is cancelled. The promotion can then be redeemed once more,
    /// with another `transactionId`. Safe to retry: a redemption that has already been reversed is returned unchanged.
    /// Fails with INVALID_INPUT or NOT_FOUND. Access: service and above.
    #[graphql(directive = access::apply(Role::Service))]
    async fn reverse_redemption(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The `id` of the redemption, a UUID.")] id: ID,
        #[graphql(
            desc = "The reason for the change, which its event records: 1 to 500 visible characters after trimming. Null: no reason."
        )]
        reason: Option<String>,
    ) -> Nullable<Redemption> {
        Some(reverse_redemption(ctx, &id, reason).await)
    }

    /// Creates a campaign. Not safe to retry: each call creates another campaign. Fails with INVALID_INPUT.
    /// Access: admin.
    #[graphql(directive = access::apply(Role::Admin), tag = "admin")]
    async fn create_campaign(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The definition of the campaign.")] input: CreateCampaignInput,
    ) -> Nullable<Campaign> {
        Some(create_campaign(ctx, input).await)
    }

    /// Changes a campaign. The changes also apply to its existing promotions. Safe to retry. Fails with INVALID_INPUT
    /// or NOT_FOUND. Access: admin.
    #[graphql(directive = access::apply(Role::Admin), tag = "admin")]
    async fn update_campaign(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The campaign and its changes.")] input: UpdateCampaignInput,
    ) -> Nullable<Campaign> {
        Some(update_campaign(ctx, input).await)
    }

    /// Generates random codes for a campaign. To keep codes from being guessed, the pattern must have at least 10,000
    /// possible codes for every code, new or existing, that begins with the pattern's text before the first `#`. Not
    /// safe to retry: each call adds more codes. Fails with INVALID_INPUT, NOT_FOUND or CODE_SPACE_TOO_SMALL.
    /// Access: admin.
    #[graphql(directive = access::apply(Role::Admin), tag = "admin")]
    async fn generate_promotion_codes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The campaign, and the number and format of the codes.")] input: GeneratePromotionCodesInput,
    ) -> Nullable<GeneratePromotionCodesResult> {
        Some(generate_promotion_codes(ctx, input).await)
    }

    /// Adds codes to a campaign. Safe to retry: existing codes are not changed. If it fails with INVALID_INPUT (for
    /// example because a code is malformed) or NOT_FOUND, no codes are added. After any other error, some of the codes
    /// may have been added. Access: admin.
    #[graphql(directive = access::apply(Role::Admin), tag = "admin")]
    async fn import_promotion_codes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The campaign and the codes.")] input: ImportPromotionCodesInput,
    ) -> Nullable<ImportPromotionCodesResult> {
        Some(import_promotion_codes(ctx, input).await)
    }

    /// Revokes a code permanently: it can no longer be linked or redeemed, and its promotions become INACTIVE. Safe to
    /// retry. Fails with INVALID_INPUT or CODE_NOT_FOUND. Access: admin.
    #[graphql(directive = access::apply(Role::Admin), tag = "admin")]
    async fn revoke_promotion_code(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The code.")] input: PromotionCodeInput,
    ) -> Nullable<PromotionCode> {
        Some(revoke_promotion_code(ctx, input).await)
    }
    /// Creates a webhook endpoint, which gets the events from now on. Not safe to retry: each call creates another
    /// endpoint. Fails with INVALID_INPUT, also if the organisation has 20 endpoints already. Access: admin.
    #[graphql(directive = access::apply(Role::Admin), tag = "admin")]
    async fn create_webhook_endpoint(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The endpoint.")] input: CreateWebhookEndpointInput,
    ) -> Nullable<WebhookSecretResult> {
        Some(create_webhook_endpoint(ctx, input).await)
    }

    /// Changes a webhook endpoint. Safe to retry. Fails with INVALID_INPUT or NOT_FOUND. Access: admin.
    #[graphql(directive = access::apply(Role::Admin), tag = "admin")]
    async fn update_webhook_endpoint(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The endpoint and its changes.")] input: UpdateWebhookEndpointInput,
    ) -> Nullable<WebhookEndpoint> {
        Some(update_webhook_endpoint(ctx, input).await)
    }

    /// Replaces the secret of a webhook endpoint. For 24 hours, messages are signed with the old secret too. Not safe to
    /// retry: each call creates another secret. Fails with INVALID_INPUT or NOT_FOUND. Access: admin.
    #[graphql(directive = access::apply(Role::Admin), tag = "admin")]
    async fn rotate_webhook_secret(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The `id` of the endpoint, a UUID.")] id: ID,
    ) -> Nullable<WebhookSecretResult> {
        Some(rotate_webhook_secret(ctx, &id).await)
    }

    /// Deletes a webhook endpoint. A message that is being sent may still arrive. Fails with INVALID_INPUT or NOT_FOUND.
    /// Access: admin.
    #[graphql(directive = access::apply(Role::Admin), tag = "admin")]
    async fn delete_webhook_endpoint(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The `id` of the endpoint, a UUID.")] id: ID,
    ) -> Nullable<WebhookEndpoint> {
        Some(delete_webhook_endpoint(ctx, &id).await)
    }

    /// Sends a message of the type `webhook.test` to an endpoint, once, within a second, also if the endpoint is DISABLED. If
    /// that fails, `lastError` of the endpoint says why, after `test:`. Fails with INVALID_INPUT or NOT_FOUND. Access: admin.
    #[graphql(directive = access::apply(Role::Admin), tag = "admin")]
    async fn send_test_event(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The `id` of the endpoint, a UUID.")] endpoint_id: ID,
    ) -> Nullable<WebhookEndpoint> {
        Some(send_test_event(ctx, &endpoint_id).await)
    }

    /// Delivers all events after a position, whether they were delivered before or not. A position after
    /// `deliveredPosition` skips the events in between. Fails with INVALID_INPUT, NOT_FOUND or POSITION_EXPIRED. Access: admin.
    #[graphql(directive = access::apply(Role::Admin), tag = "admin")]
    async fn replay_events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The `id` of the endpoint, a UUID.")] endpoint_id: ID,
        #[graphql(desc = "The position after which to continue. 0: from the oldest event that has not been removed.")]
        after_position: Long,
    ) -> Nullable<WebhookEndpoint> {
        Some(replay_events(ctx, &endpoint_id, &after_position).await)
    }
}
