//! `Campaign` and `PromotionMode`.

use std::sync::Arc;

use async_graphql::{Enum, ID, Object};

use super::scalars::{Long, Timestamp};
use crate::promotions;

/// What a promotion code is for. The same text may be a code in each of the two modes.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "crate::promotions::PromotionMode")]
pub enum PromotionMode {
    /// Code-linked promotion: the code takes a discount off the cart.
    Discount,
    /// Gift-voucher promotion: the code pays for the cart.
    PaymentVoucher,
}

/// What marketing defines; promotionId and promotionName of its promotions are its id and name.
pub struct Campaign(pub Arc<promotions::Campaign>);

#[Object]
impl Campaign {
    /// The campaign's id (a UUID).
    async fn id(&self) -> ID {
        self.0.id.get().into()
    }

    /// The organisation that the campaign belongs to.
    async fn org_id(&self) -> Long {
        self.0.org.into()
    }

    /// The campaign's name, for people.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// What its codes are for.
    async fn mode(&self) -> PromotionMode {
        self.0.mode.into()
    }

    /// Whether its codes can be linked and redeemed at all.
    async fn active(&self) -> bool {
        self.0.active
    }

    /// When it was defined.
    async fn created_on(&self) -> Timestamp {
        self.0.created_on.into()
    }

    /// The first moment at which its promotions can be redeemed. Linking is possible before.
    async fn redeemable_from(&self) -> Timestamp {
        self.0.redeemable_from.into()
    }

    /// The last moment at which its codes can be linked and its promotions redeemed.
    async fn valid_till(&self) -> Timestamp {
        self.0.valid_till.into()
    }

    /// Days (of 24 hours) a promotion stays valid after linking, never past validTill. Null: until validTill.
    async fn valid_for_days(&self) -> Option<u32> {
        self.0.valid_for_days
    }

    /// How many codes of this campaign one customer may hold. Null: no limit.
    async fn max_links_per_customer(&self) -> Option<u32> {
        self.0.max_links_per_customer
    }

    /// How often one linked promotion may be redeemed.
    async fn max_redemptions_per_link(&self) -> u32 {
        self.0.max_redemptions_per_link
    }
}
