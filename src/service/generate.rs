//! Adds generated codes to a campaign.

use std::{collections::HashSet, sync::Arc};

use crate::promotions::{
    CODE_BATCH, Campaign, Code, FoldedCode, NewCodes, Pattern, PromotionRepository, SpaceTooSmall, StoreError,
    Timestamp,
};

/// More codes than any table holds: a pattern with so much room needs no counting of what is there.
const BEYOND_COUNTING: u128 = 10_000_000_000;

/// Whether the pattern has room for so many more codes. Those count that begin like it, of any campaign of the mode:
/// they can be guessed, and collided with, alike.
pub async fn check_space(
    repository: &dyn PromotionRepository,
    campaign: &Campaign,
    pattern: &Pattern,
    count: u64,
) -> Result<Result<(), SpaceTooSmall>, StoreError> {
    let count = u128::from(count);
    if pattern.capacity().saturating_sub(count) > BEYOND_COUNTING {
        return Ok(Ok(()));
    }
    let interesting = u64::try_from(pattern.capacity()).unwrap_or(u64::MAX);
    let present = repository.count_codes(campaign.org, campaign.mode, &pattern.beginning(), interesting).await?;
    Ok(pattern.fits(u128::from(present) + count))
}

/// Adds so many new codes to a campaign. That the pattern has room for them was checked.
pub async fn add_generated(
    repository: &dyn PromotionRepository,
    campaign: &Campaign,
    pattern: &Pattern,
    count: usize,
    max_links: Option<u32>,
    now: Timestamp,
) -> Result<Vec<Code>, StoreError> {
    let mut codes = Vec::with_capacity(count);
    while codes.len() < count {
        let tried = pattern
            .generate(CODE_BATCH.min(count - codes.len()))
            .map_err(|error| StoreError::Failed(Arc::new(error)))?;
        let new = NewCodes::alike(campaign, tried, max_links, now);
        let mut added: HashSet<FoldedCode> = repository.add_codes(&new).await?.into_iter().collect();
        let new = new.codes.into_iter().map(|new| new.code);
        codes.extend(new.filter(|code| added.remove(code.folded())));
    }
    Ok(codes)
}
