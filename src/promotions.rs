//! The domain: campaigns, promotion codes, and the holds that customers have on them.
//!
//! It owns the words, the rules and the way of a link from request to repository. It knows nothing of GraphQL, HTTP or
//! SQL: those layers call it, and the store implements [`PromotionRepository`].

mod batcher;
mod campaign;
mod code;
pub mod demo;
mod ids;
mod link;
mod promotion;
mod refusal;
mod repository;
mod service;
mod time;

pub use batcher::Workers;
pub use campaign::{Campaign, PromotionMode};
pub use code::{Code, CodeKey, FoldedCode, InvalidCode, MAX_CODE_CHARS, PromotionCode};
pub use ids::{CampaignId, CustomerId, MAX_SAFE_INTEGER, OrgId, OutOfRange, PromotionId};
pub use link::{CodeState, Decisions, LinkOutcome, LinkRequest, WorkingSet, decide};
pub use promotion::{Promotion, PromotionState};
pub use refusal::Refusal;
pub use repository::{Cause, PromotionRepository, StoreError};
pub use service::PromotionService;
pub use time::{Clock, SystemClock, Timestamp};
