//! The root of queries.

use async_graphql::{Context, ID, MergedObject, Object, Result};

use super::{
    access::{Role, access},
    campaign::{Campaign, PromotionMode},
    customer::{WalletArguments, wallet},
    paging::{List, list, page},
    promotion::Promotion,
    promotion_code::PromotionCode,
    scalars::{Long, parse_codes, parse_id},
};
use crate::{
    auth::Principal,
    graphql::{
        error::{Nullable, invalid_input, own_customer},
        loaders::Loaders,
    },
    promotions::Code,
};

/// The most codes that one look-up takes.
const MAX_CODES: usize = 500;

/// What can be read. Everything belongs to the caller's organisation.
#[derive(MergedObject)]
#[graphql(name = "Query")]
pub struct Query(pub Reads);

/// The fields of the root, which gateways see with more beside them.
pub struct Reads;

#[Object]
impl Reads {
    /// The promotion with this id. Null: the organisation has none, or the credential is another customer's.
    #[graphql(directive = access::apply(Role::Customer))]
    async fn promotion(&self, ctx: &Context<'_>, id: ID) -> Nullable<Promotion> {
        promotion(ctx, &id).await.transpose()
    }

    /// Looks up 1 to 500 codes, in any spelling. Answers in the order of the codes asked for; null where the
    /// organisation has no such code in that mode.
    #[graphql(directive = access::apply(Role::Admin), tag = "admin")]
    async fn promotion_codes(
        &self,
        ctx: &Context<'_>,
        codes: Vec<String>,
        mode: PromotionMode,
    ) -> Result<Vec<Option<PromotionCode>>> {
        if !(1..=MAX_CODES).contains(&codes.len()) {
            return Err(invalid_input("codes", format_args!("1 to {MAX_CODES} codes are wanted")));
        }
        let folded = parse_codes(&codes, "codes", Code::parse)?.into_iter().map(Code::into_folded);
        let found = ctx.data::<Loaders>()?.codes(mode.into(), folded).await?;
        Ok(found.into_iter().map(|code| code.map(PromotionCode)).collect())
    }

    /// A customer's wallet: all promotions, newest first; those of one mode alone, and those alone that are active, or
    /// are not. `first` is 1 to 100. Not named customer: that root field belongs to the graph that owns customers.
    #[graphql(directive = access::apply(Role::Customer))]
    async fn customer_promotions(
        &self,
        ctx: &Context<'_>,
        customer_id: Long,
        #[graphql(default = 20)] first: Option<i32>,
        after: Option<String>,
        mode: Option<PromotionMode>,
        active: Option<bool>,
    ) -> Result<List<Promotion>> {
        let customer = customer_id.parse_as("customerId")?;
        own_customer(ctx.data::<Principal>()?, customer)?;
        wallet(ctx, customer, WalletArguments { first, after, mode, active }).await
    }

    /// The campaign with this id. Null: the organisation has none.
    #[graphql(directive = access::apply(Role::Admin), tag = "admin")]
    async fn campaign(&self, ctx: &Context<'_>, id: ID) -> Nullable<Campaign> {
        campaign(ctx, &id).await.transpose()
    }

    /// The organisation's campaigns, newest first. `first` is 1 to 100.
    #[graphql(directive = access::apply(Role::Admin), tag = "admin")]
    async fn campaigns(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 20)] first: Option<i32>,
        after: Option<String>,
    ) -> Result<List<Campaign>> {
        let page = page(first, after.as_deref())?;
        let rows = ctx.data::<Loaders>()?.campaigns(&page).await?;
        Ok(list(&page, rows, |campaign| campaign.id, Campaign))
    }
}

/// The promotion with this id, unless it is another customer's.
pub async fn promotion(ctx: &Context<'_>, id: &ID) -> Result<Option<Promotion>> {
    let principal = ctx.data::<Principal>()?;
    let found = ctx.data::<Loaders>()?.promotion(parse_id(id, "id")?).await?;
    Ok(found.filter(|promotion| own_customer(principal, promotion.customer_id).is_ok()).map(Promotion))
}

async fn campaign(ctx: &Context<'_>, id: &ID) -> Result<Option<Campaign>> {
    Ok(ctx.data::<Loaders>()?.campaign(parse_id(id, "id")?).await?.map(Campaign))
}
