//! The root of queries.

use std::{collections::HashMap, sync::Arc};

use async_graphql::{Context, ID, Object, Result};
use uuid::Uuid;

use super::{
    campaign::PromotionMode,
    error::{Nullable, broken, invalid_input},
    promotion::Promotion,
    promotion_code::PromotionCode,
};
use crate::{
    auth::Principal,
    promotions::{Code, FoldedCode, PromotionService},
};

/// The most codes that one look-up takes.
const MAX_CODES: usize = 500;

/// What can be read. Everything belongs to the caller's organisation.
pub struct Query;

#[Object]
impl Query {
    /// The promotion with this id. Null: the organisation has none.
    async fn promotion(&self, ctx: &Context<'_>, id: ID) -> Nullable<Promotion> {
        promotion(ctx, &id).await.transpose()
    }

    /// Looks up 1 to 500 codes, in any spelling. Answers in the order of the codes asked for; null where the
    /// organisation has no such code in that mode.
    async fn promotion_codes(
        &self,
        ctx: &Context<'_>,
        codes: Vec<String>,
        mode: PromotionMode,
    ) -> Result<Vec<Option<PromotionCode>>> {
        if codes.is_empty() || codes.len() > MAX_CODES {
            return Err(invalid_input("codes", format_args!("1 to {MAX_CODES} codes are wanted")));
        }
        let wanted = codes
            .iter()
            .map(|code| Code::parse(code).map(Code::into_folded))
            .collect::<Result<Vec<FoldedCode>, _>>()
            .map_err(|reason| invalid_input("codes", reason))?;
        let org = ctx.data::<Principal>()?.org;
        let found = ctx
            .data::<Arc<PromotionService>>()?
            .codes(org, mode.into(), &wanted)
            .await
            .map_err(|error| broken(&error))?;
        let found: HashMap<_, _> = found.into_iter().map(|code| (code.code.folded().clone(), code)).collect();
        Ok(wanted.iter().map(|folded| found.get(folded).cloned().map(PromotionCode)).collect())
    }
}

async fn promotion(ctx: &Context<'_>, id: &ID) -> Result<Option<Promotion>> {
    let id = Uuid::parse_str(id).map_err(|_| invalid_input("id", "a UUID is wanted"))?;
    let org = ctx.data::<Principal>()?.org;
    let found = ctx.data::<Arc<PromotionService>>()?.promotion(org, id.into()).await;
    Ok(found.map_err(|error| broken(&error))?.map(Promotion))
}
