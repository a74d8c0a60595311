//! What clients see: one file per type or mutation. Resolvers parse arguments into domain types and call one method of the
//! service; they contain no rules of their own. Doc comments of what the schema has are its descriptions, read in GraphiQL.

mod access_directive;
mod campaign;
mod cost_directives;
mod customer;
mod event;
mod federation;
mod link;
mod mutation;
mod new_codes;
mod offer;
mod paging;
mod promotion;
mod promotion_code;
mod query;
mod redemption;
mod scalars;
mod webhook;

pub use self::{
    campaign::Campaign,
    cost_directives::LOOKUP_WEIGHT,
    event::Event,
    federation::{Federation, Keys, RootQuery, SubgraphQuery},
    mutation::Mutation,
    offer::OfferCache,
    paging::{DEFAULT_FIRST, List, ListItem, MAX_FIRST},
    promotion::Promotion,
    promotion_code::PromotionCode,
    query::{Query, Reads},
    redemption::Redemption,
};
