//! Linking in PostgreSQL: locks first, then reads, each statement over all that the batch asks for.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::statements;
use crate::{
    promotions::{
        Campaign, CampaignId, CodeState, LinkOutcome, LinkRequest, OrgId, Promotion, PromotionCode, Timestamp,
        WorkingSet, decide,
    },
    store::{
        error::StoreResult,
        rows::{CampaignRow, CodeRow, HeldKey, HoldRow, Id, code_key, corrupt, into_domain},
    },
};

/// Links a batch, in the transaction that is open.
pub async fn link(
    connection: &mut AsyncPgConnection,
    requests: &[LinkRequest],
    now: Timestamp,
) -> StoreResult<Vec<LinkOutcome>> {
    let set = read_working_set(connection, requests).await?;
    let decisions = decide(set, requests, now);
    let new: Vec<&Promotion> = decisions.new_promotions().collect();
    if !new.is_empty() {
        statements::InsertPromotions::new(&new).execute(connection).await?;
        statements::CountLinks::new(&new).execute(connection).await?;
    }
    Ok(decisions.outcomes)
}

/// Locks the codes of a batch, then reads what the rules look at. Each statement sees what was committed before it, so
/// the holds are read in statements of their own, after the locks: nobody can add one any more.
async fn read_working_set(connection: &mut AsyncPgConnection, requests: &[LinkRequest]) -> StoreResult<WorkingSet> {
    let mut set = WorkingSet::default();
    let keys: BTreeSet<_> = requests.iter().map(|request| &request.key).collect();
    let locked: Vec<CodeRow> = statements::LockCodes::new(keys).load(connection).await?;
    let campaigns = read_campaigns(connection, &locked).await?;
    for row in locked {
        let code: PromotionCode = row.try_into()?;
        let campaign =
            campaigns.get(&(code.org, code.campaign_id)).ok_or_else(|| corrupt("a code without a campaign"))?;
        let campaign = Arc::clone(campaign);
        set.codes.insert(code.key(), CodeState { code, campaign, holds: HashMap::new() });
    }

    // After the codes, the customers whose holds are limited: all processes lock in this order, so none waits in a ring.
    let limited: BTreeSet<HeldKey> = requests
        .iter()
        .filter_map(|request| {
            let campaign = &set.codes.get(&request.key)?.campaign;
            campaign.max_links_per_customer.map(|_| (campaign.org, campaign.id, request.customer_id))
        })
        .collect();
    if !limited.is_empty() {
        statements::AdvisoryLocks::customers(&limited).execute(connection).await?;
        let counts: Vec<(i64, Id, i64, i64)> = statements::CountHeld::new(&limited).load(connection).await?;
        for (org, campaign, customer, held) in counts {
            set.held.insert((org.try_into()?, campaign.0.into(), customer.try_into()?), u32::try_from(held)?);
        }
    }

    let holds: Vec<HoldRow> = statements::ReadHolds::new(requests).load(connection).await?;
    for row in holds {
        let key = code_key(row.org_id, row.mode, row.folded.clone())?;
        if let Some(state) = set.codes.get_mut(&key) {
            let promotion = row.into_promotion(&state.code, &state.campaign)?;
            state.holds.insert(promotion.customer_id, promotion);
        }
    }
    Ok(set)
}

async fn read_campaigns(
    connection: &mut AsyncPgConnection,
    codes: &[CodeRow],
) -> StoreResult<HashMap<(OrgId, CampaignId), Arc<Campaign>>> {
    let rows: Vec<CampaignRow> = statements::ReadCampaigns::new(codes).load(connection).await?;
    let campaigns: Vec<Campaign> = into_domain(rows)?;
    Ok(campaigns.into_iter().map(|campaign| ((campaign.org, campaign.id), Arc::new(campaign))).collect())
}
