//! The root of queries.

use async_graphql::{Context, ID, MergedObject, Object, Result};

use super::{
    access_directive::{Role, access},
    campaign::{Campaign, PromotionMode},
    cost_directives::{LOOKUP_WEIGHT, cost, list_size, page_size},
    customer::{WalletArguments, wallet},
    event::{Event, EventFilter, EventOrder, FeedArguments, events},
    link::{LinkPromotionCodeInput, PromotionCodeCheck, check_promotion_code},
    paging::{List, list, page},
    promotion::Promotion,
    promotion_code::PromotionCode,
    scalars::{Long, parse_code, parse_codes, parse_id},
    webhook::{WebhookEndpoint, webhook_endpoints},
};
use crate::{
    auth::Principal,
    graphql::{
        error::{Nullable, invalid_input, own_customer},
        loaders::Loaders,
    },
    promotions::Code,
};

/// The most codes of one lookup.
const MAX_CODES: usize = 500;

/// The root of queries in the text of the public schema. `query.md` is its description there.
#[derive(MergedObject)]
#[graphql(name = "Query")]
pub struct Query(pub Reads);

/// The fields of the public root. Gateways see others beside them.
pub struct Reads;

#[Object]
impl Reads {
    /// The promotion with this id. Null if the organisation has no such promotion, or if the caller's customer token is
    /// for another customer. Fails with INVALID_INPUT if the id is not a UUID. Access: customer and above.
    #[graphql(directive = access::apply(Role::Customer), directive = cost::apply(LOOKUP_WEIGHT))]
    async fn promotion(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The `id` of the promotion, a UUID.")] id: ID,
    ) -> Nullable<Promotion> {
        promotion(ctx, &id).await.transpose()
    }

    /// Looks up codes. Returns one item for each code, in the order of the input. An item is null if the organisation
    /// has no such code in this mode. Fails with INVALID_INPUT if there are too many codes, or if one is malformed.
    /// Access: admin.
    #[graphql(directive = access::apply(Role::Admin), directive = cost::apply(LOOKUP_WEIGHT), directive = list_size::apply(Some(500), None, None, None), tag = "admin")]
    async fn promotion_codes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "1 to 500 codes, in any spelling, as in LinkPromotionCodeInput.")] codes: Vec<String>,
        #[graphql(desc = "The mode of all codes.")] mode: PromotionMode,
    ) -> Result<Vec<Option<PromotionCode>>> {
        if !(1..=MAX_CODES).contains(&codes.len()) {
            return Err(invalid_input("codes", format_args!("must have 1 to {MAX_CODES} codes")).into());
        }
        let folded = parse_codes(&codes, "codes", Code::parse)?.into_iter().map(Code::into_folded);
        let found = ctx.data::<Loaders>()?.codes(mode.into(), folded).await?;
        Ok(found.into_iter().map(|code| code.map(PromotionCode)).collect())
    }

    /// A customer's promotions, newest first, including those that are no longer active. Fails with INVALID_INPUT if an
    /// argument is invalid, and with FORBIDDEN if a customer token is for another customer. Access: customer and above.
    // Not named customer: that root field belongs to the graph that owns customers.
    #[graphql(directive = access::apply(Role::Customer), directive = cost::apply(LOOKUP_WEIGHT), directive = page_size::apply())]
    async fn customer_promotions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The customer's number.")] customer_id: Long,
        #[graphql(default = 20, desc = "How many promotions to return, 1 to 100. Null: 20.")] first: Option<i32>,
        #[graphql(desc = "The `endCursor` of the previous page. Null: the first page.")] after: Option<String>,
        #[graphql(desc = "Returns only promotions of this mode. Null: both modes.")] mode: Option<PromotionMode>,
        #[graphql(desc = "Returns only promotions whose `active` has this value. Null: all.")] active: Option<bool>,
    ) -> Result<List<Promotion>> {
        let customer = customer_id.parse_as("customerId")?;
        own_customer(ctx.data::<Principal>()?, customer)?;
        wallet(ctx, customer, WalletArguments { first, after, mode, active }).await
    }

    /// The promotion by which a customer holds a code. Null: the customer does not hold it. Fails with INVALID_INPUT if an
    /// argument is malformed, and with FORBIDDEN if a customer token is for another customer. Access: customer and above.
    #[graphql(directive = access::apply(Role::Customer), directive = cost::apply(LOOKUP_WEIGHT))]
    async fn customer_promotion(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The customer's number.")] customer_id: Long,
        #[graphql(desc = "The code, in any spelling, as in LinkPromotionCodeInput.")] code: String,
        #[graphql(desc = "The mode of the code.")] mode: PromotionMode,
    ) -> Nullable<Promotion> {
        customer_promotion(ctx, &customer_id, &code, mode).await.transpose()
    }

    /// Whether a customer can link a code now, by the same rules and in the same order as `linkPromotionCode`. Nothing is
    /// changed or reserved. A check counts against the limits on links, failed links and new links as the link would, unless the
    /// customer already holds the code. To a customer, every reason is CODE_NOT_USABLE. Fails with INVALID_INPUT if an argument
    /// is malformed, with FORBIDDEN if a customer token is for another customer, and with RATE_LIMITED. Access: customer and
    /// above.
    #[graphql(directive = access::apply(Role::Customer), directive = cost::apply(LOOKUP_WEIGHT))]
    async fn check_promotion_code(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The code and the customer.")] input: LinkPromotionCodeInput,
    ) -> Nullable<PromotionCodeCheck> {
        Some(check_promotion_code(ctx, input).await)
    }

    /// The campaign with this id. Null if the organisation has no such campaign. Fails with INVALID_INPUT if the id is
    /// not a UUID. Access: admin.
    #[graphql(directive = access::apply(Role::Admin), directive = cost::apply(LOOKUP_WEIGHT), tag = "admin")]
    async fn campaign(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The `id` of the campaign, a UUID.")] id: ID,
    ) -> Nullable<Campaign> {
        campaign(ctx, &id).await.transpose()
    }

    /// The organisation's campaigns, newest first. Fails with INVALID_INPUT if an argument is invalid. Access: admin.
    #[graphql(directive = access::apply(Role::Admin), directive = cost::apply(LOOKUP_WEIGHT), directive = page_size::apply(), tag = "admin")]
    async fn campaigns(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 20, desc = "How many campaigns to return, 1 to 100. Null: 20.")] first: Option<i32>,
        #[graphql(desc = "The `endCursor` of the previous page. Null: the first page.")] after: Option<String>,
    ) -> Result<List<Campaign>> {
        let page = page(first, after.as_deref())?;
        let rows = ctx.data::<Loaders>()?.campaigns(&page).await?;
        Ok(list(&page, rows, |campaign| campaign.id, Campaign))
    }

    /// The organisation's events: one for each change. To read every event exactly once, pass the `position` of the last
    /// event as `afterPosition` of the next query. An event is visible within 100 milliseconds of its change, unless the
    /// server is overloaded or reads from a replica that lags behind. Events are removed when they are older than
    /// `--events-kept`. Fails with INVALID_INPUT if an argument is invalid, and with POSITION_EXPIRED if events that follow
    /// the given position have been removed. Access: admin.
    #[graphql(directive = access::apply(Role::Admin), directive = cost::apply(LOOKUP_WEIGHT), directive = page_size::apply(), tag = "admin")]
    async fn events(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 20, desc = "How many events to return, 1 to 100. Null: 20.")] first: Option<i32>,
        #[graphql(desc = "The `endCursor` of the previous page. Null: the first page.")] after: Option<String>,
        #[graphql(
            desc = "Returns the events that follow this position. Requires the order OLDEST_FIRST, and excludes \
                          `after`. 0 or null: from the oldest event that has not been removed."
        )]
        after_position: Option<Long>,
        #[graphql(desc = "Conditions on the events. Null: all events.")] filter: Option<EventFilter>,
        #[graphql(
            default_with = "Some(EventOrder::OldestFirst)",
            desc = "The order of the events. Null: OLDEST_FIRST."
        )]
        order: Option<EventOrder>,
    ) -> Result<List<Event>> {
        events(ctx, FeedArguments { first, after, after_position, filter, order }).await
    }

    /// The organisation's webhook endpoints, oldest first: at most 20. Access: admin.
    #[graphql(directive = access::apply(Role::Admin), directive = cost::apply(LOOKUP_WEIGHT), directive = list_size::apply(Some(20), None, None, None), tag = "admin")]
    async fn webhook_endpoints(&self, ctx: &Context<'_>) -> Result<Vec<WebhookEndpoint>> {
        webhook_endpoints(ctx).await
    }
}

/// Returns the promotion with this id, unless the caller may only see those of another customer.
pub async fn promotion(ctx: &Context<'_>, id: &ID) -> Result<Option<Promotion>> {
    let principal = ctx.data::<Principal>()?;
    let found = ctx.data::<Loaders>()?.promotion(parse_id(id, "id")?).await?;
    Ok(found.filter(|promotion| own_customer(principal, promotion.customer_id).is_ok()).map(Promotion))
}

async fn campaign(ctx: &Context<'_>, id: &ID) -> Result<Option<Campaign>> {
    Ok(ctx.data::<Loaders>()?.campaign(parse_id(id, "id")?).await?.map(Campaign))
}

/// Finds the promotion by which a customer holds a code.
async fn customer_promotion(
    ctx: &Context<'_>,
    customer: &Long,
    code: &str,
    mode: PromotionMode,
) -> Result<Option<Promotion>> {
    let customer = customer.parse_as("customerId")?;
    own_customer(ctx.data::<Principal>()?, customer)?;
    let key = (mode.into(), parse_code(code, "code")?.into_folded(), customer);
    Ok(ctx.data::<Loaders>()?.held_promotion(key).await?.map(Promotion))
}
