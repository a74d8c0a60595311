//! Adds generated codes to a campaign.

use std::{collections::HashSet, sync::Arc};

use crate::promotions::{
    Attribution, CODE_BATCH, Campaign, Code, FoldedCode, NewCodes, Pattern, PromotionRepository, SpaceTooSmall,
    StoreError, Timestamp,
};

/// More codes than any table holds. With this much room in a pattern, there is no need to count the existing codes.
const AMPLE_ROOM: u128 = 10_000_000_000;

/// Checks that the pattern has room for this number of new codes. Existing codes of the mode with the pattern's prefix count,
/// of any campaign: guesses and new codes can hit them as well.
pub async fn check_space(
    repository: &dyn PromotionRepository,
    campaign: &Campaign,
    pattern: &Pattern,
    count: u64,
) -> Result<Result<(), SpaceTooSmall>, StoreError> {
    let count = u128::from(count);
    if pattern.capacity().saturating_sub(count) > AMPLE_ROOM {
        return Ok(Ok(()));
    }
    let at_most = u64::try_from(pattern.capacity()).unwrap_or(u64::MAX);
    let present = repository.count_codes(campaign.org, campaign.mode, &pattern.prefix(), at_most).await?;
    Ok(pattern.check_capacity(u128::from(present) + count))
}

/// Adds this number of new codes to a campaign. The caller has checked the space of the pattern.
pub async fn add_generated(
    repository: &dyn PromotionRepository,
    campaign: &Campaign,
    pattern: &Pattern,
    count: usize,
    max_links: Option<u32>,
    by: &Attribution,
    now: Timestamp,
) -> Result<Vec<Code>, StoreError> {
    let mut codes = Vec::with_capacity(count);
    while codes.len() < count {
        let candidates = pattern
            .generate(CODE_BATCH.min(count - codes.len()))
            .map_err(|error| StoreError::Failed(Arc::new(error)))?;
        let new = NewCodes::with_max_links(campaign, candidates, max_links, by, now);
        let mut added: HashSet<FoldedCode> = repository.add_codes(&new).await?.into_iter().collect();
        let new = new.codes.into_iter().map(|new| new.code);
        codes.extend(new.filter(|code| added.remove(code.folded())));
    }
    Ok(codes)
}
