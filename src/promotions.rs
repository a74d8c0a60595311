//! The domain: campaigns, promotion codes, and customers' holds on codes.
//!
//! Owns the vocabulary and the rules, as pure functions. Does no I/O and does not depend on GraphQL, HTTP, SQL or an async
//! runtime: those layers call it, and the store implements [`PromotionRepository`].

mod attribution;
mod campaign;
mod code;
mod event;
mod event_feed;
mod folding;
mod generate;
mod ids;
mod import;
mod link;
mod money;
mod offer;
mod page;
mod promotion;
mod redeem;
mod refusal;
mod repository;
mod time;
mod visibility;

pub use attribution::{Actor, Attribution, InvalidReason, MAX_REASON_CHARS, Reason};
pub use campaign::{
    Campaign, CampaignChange, CampaignRejection, CampaignWithContent, InvalidCampaign, InvalidName, MAX_LIMIT,
    NewCampaign, PromotionMode,
};
pub use code::{Code, CodeKey, FoldedCode, InvalidCode, MAX_CODE_CHARS, PromotionCode};
pub use event::{Changed, Event, EventId, EventType, LinkOrigin, NewEvent};
pub use event_feed::{
    AgeLimit, EventActor, EventFilter, EventOrder, EventPage, EventReads, EventRepository, FeedBounds, Removed,
};
pub use generate::{GenerationFailed, InvalidPattern, Pattern, SpaceTooSmall};
pub use ids::{CampaignId, CustomerId, MAX_SAFE_INTEGER, OrgId, OutOfRange, PromotionId, RedemptionId};
pub(crate) use ids::{uuid_id, uuid_v7};
pub use import::{CODE_BATCH, CodeImport, Contradiction, NewCode, NewCodes, RowDetails, RowLink, RowOutcome};
pub use link::{
    CodeState, Decisions, LinkCheck, LinkKey, LinkOutcome, LinkRequest, Linkable, WorkingSet, check, decide,
};
pub use money::{Money, NewMoney, Percent};
pub use offer::{
    Benefit, BenefitKind, CampaignContent, InvalidContent, MAX_METADATA, MetadataEntry, NewBenefit, NewOffer, Offer,
    parse_metadata,
};
pub use page::{Page, Start, WalletFilter};
pub use promotion::{Promotion, PromotionState};
pub use redeem::{
    InvalidTransactionId, RedeemDecision, RedeemOutcome, RedeemRequest, RedeemState, Redemption, Release,
    TransactionId, decide_redeem, decide_reverse, decide_unlink,
};
pub use refusal::Refusal;
pub use repository::{Cause, LinkRepository, OnLocked, PromotionReads, PromotionRepository, StoreError};
pub use time::{Clock, SystemClock, Timestamp};
pub use visibility::{Invisible, check_visible};
