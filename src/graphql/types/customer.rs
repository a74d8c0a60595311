//! `Customer`, and wallets.

use async_graphql::{Context, ID, Object, Result};

use super::{
    access::{Role, access},
    campaign::PromotionMode,
    paging::{List, list, page},
    promotion::Promotion,
};
use crate::{
    graphql::{error::place, loaders::Loaders},
    promotions::{CustomerId, WalletFilter},
};

pub struct Customer(pub CustomerId);

/// A customer of the organisation, owned by another graph; this one adds the customer's wallet.
#[Object]
impl Customer {
    /// The customer's number.
    #[graphql(directive = access::apply(Role::Customer))]
    async fn id(&self) -> ID {
        self.0.get().into()
    }

    /// The customer's wallet: all promotions, newest first; those of one mode alone, and those alone that are active, or
    /// are not. `first` is 1 to 100.
    #[graphql(directive = access::apply(Role::Customer))]
    async fn promotions(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 20)] first: Option<i32>,
        after: Option<String>,
        mode: Option<PromotionMode>,
        active: Option<bool>,
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
