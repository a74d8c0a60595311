//! `Customer`, and customers' wallets: their promotions.

use async_graphql::{Context, ID, Object, Result};

use super::{
    access_directive::{Role, access},
    campaign::PromotionMode,
    cost_directives::{LOOKUP_WEIGHT, cost, page_size},
    paging::{List, list, page},
    promotion::Promotion,
};
use crate::{
    graphql::{error::place, loaders::Loaders},
    promotions::{CustomerId, WalletFilter},
};

pub struct Customer(pub CustomerId);

/// A customer of the organisation. In a federated graph, another subgraph owns this type, and Promolink adds the
/// customer's promotions.
#[Object]
impl Customer {
    /// The customer's number in decimal digits: the `customerId` of the customer's promotions.
    /// Access: customer and above.
    #[graphql(directive = access::apply(Role::Customer))]
    async fn id(&self) -> ID {
        self.0.get().into()
    }

    /// The customer's promotions, newest first, including those that are no longer active. Fails with INVALID_INPUT if
    /// an argument is invalid. Access: customer and above.
    #[graphql(directive = access::apply(Role::Customer), directive = cost::apply(LOOKUP_WEIGHT), directive = page_size::apply())]
    async fn promotions(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 20, desc = "How many promotions to return, 1 to 100. Null: 20.")] first: Option<i32>,
        #[graphql(desc = "The `endCursor` of the previous page. Null: the first page.")] after: Option<String>,
        #[graphql(desc = "Returns only promotions of this mode. Null: both modes.")] mode: Option<PromotionMode>,
        #[graphql(desc = "Returns only promotions whose `active` has this value. Null: all.")] active: Option<bool>,
    ) -> Result<List<Promotion>> {
        wallet(ctx, self.0, WalletArguments { first, after, mode, active }).await.map_err(place(ctx))
    }
}

/// The arguments of a wallet.
pub struct WalletArguments {
    pub first: Option<i32>,
    pub after: Option<String>,
    pub mode: Option<PromotionMode>,
    pub active: Option<bool>,
}

/// A page of a customer's wallet.
pub async fn wallet(ctx: &Context<'_>, customer: CustomerId, arguments: WalletArguments) -> Result<List<Promotion>> {
    let page = page(arguments.first, arguments.after.as_deref())?;
    let loaders = ctx.data::<Loaders>()?;
    let active = arguments.active.map(|active| (active, loaders.now()));
    let rows = loaders.wallet(customer, WalletFilter { mode: arguments.mode.map(Into::into), active }, &page).await?;
    Ok(list(&page, rows, |promotion| promotion.id, Promotion))
}
