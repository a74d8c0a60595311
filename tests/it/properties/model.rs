//! The rules in their simplest form, for comparison with the stores.

use promolink::promotions::{PromotionId, RedemptionId, Refusal};

/// The parts of a campaign that the rules depend on.
#[derive(Debug, Clone)]
pub struct Terms {
    pub active: bool,
    pub valid_till: i64,
    pub valid_for_days: Option<u32>,
    pub redeemable_from: i64,
    pub max_links_per_customer: Option<u32>,
    pub max_redemptions: u32,
}

#[derive(Debug, Clone)]
pub struct Code {
    pub campaign: usize,
    pub max_links: Option<u32>,
    pub revoked: bool,
}

#[derive(Debug, Clone)]
pub struct Hold {
    pub id: PromotionId,
    pub code: usize,
    pub customer: i64,
    pub linked_on: i64,
    pub standing: bool,
    pub uses: u32,
}

impl Hold {
    /// Whether it counts towards limits.
    fn counts(&self) -> bool {
        self.standing || self.uses > 0
    }
}

#[derive(Debug, Clone)]
pub struct Use {
    pub id: RedemptionId,
    pub hold: usize,
    pub transaction: String,
    pub reversed: bool,
}

#[derive(Debug, Clone, Default)]
pub struct Model {
    pub campaigns: Vec<Terms>,
    pub codes: Vec<Code>,
    pub holds: Vec<Hold>,
    pub uses: Vec<Use>,
}

impl Model {
    fn terms(&self, code: usize) -> &Terms {
        &self.campaigns[self.codes[code].campaign]
    }

    fn standing(&self, code: usize, customer: i64) -> Option<usize> {
        self.holds.iter().position(|hold| hold.standing && hold.code == code && hold.customer == customer)
    }

    /// The number of holds that count towards the limit of a code.
    pub fn links(&self, code: usize) -> usize {
        self.holds.iter().filter(|hold| hold.counts() && hold.code == code).count()
    }

    fn held(&self, campaign: usize, customer: i64) -> usize {
        let of =
            |hold: &&Hold| hold.counts() && hold.customer == customer && self.codes[hold.code].campaign == campaign;
        self.holds.iter().filter(of).count()
    }

    pub fn link(&mut self, id: PromotionId, code: usize, customer: i64, now: i64) -> Result<PromotionId, Refusal> {
        let Some(Code { campaign, max_links, revoked }) = self.codes.get(code).cloned() else {
            return Err(Refusal::CodeNotFound);
        };
        if let Some(hold) = self.standing(code, customer) {
            return Ok(self.holds[hold].id);
        }
        let terms = self.terms(code);
        let full = |limit: Option<u32>, count: usize| limit.is_some_and(|limit| count >= limit as usize);
        if revoked {
            Err(Refusal::CodeRevoked)
        } else if !terms.active {
            Err(Refusal::PromotionInactive)
        } else if now > terms.valid_till {
            Err(Refusal::PromotionExpired)
        } else if full(max_links, self.links(code)) {
            Err(if max_links == Some(1) { Refusal::CodeAlreadyLinked } else { Refusal::LinkLimitReached })
        } else if full(terms.max_links_per_customer, self.held(campaign, customer)) {
            Err(Refusal::CustomerLimitReached)
        } else {
            self.holds.push(Hold { id, code, customer, linked_on: now, standing: true, uses: 0 });
            Ok(id)
        }
    }

    pub fn redeem(
        &mut self,
        id: RedemptionId,
        (code, customer): (usize, i64),
        transaction: &str,
        now: i64,
    ) -> Result<RedemptionId, Refusal> {
        if code >= self.codes.len() {
            return Err(Refusal::CodeNotFound);
        }
        if let Some(earlier) = self.uses.iter().find(|earlier| earlier.transaction == transaction) {
            let hold = &self.holds[earlier.hold];
            let same = hold.code == code && hold.customer == customer;
            return if same { Ok(earlier.id) } else { Err(Refusal::TransactionIdReused) };
        }
        let Some(hold) = self.standing(code, customer) else { return Err(Refusal::NotLinked) };
        let terms = self.terms(code);
        let days = terms.valid_for_days.map(|days| self.holds[hold].linked_on + i64::from(days) * 86_400_000);
        if self.codes[code].revoked {
            Err(Refusal::CodeRevoked)
        } else if !terms.active {
            Err(Refusal::PromotionInactive)
        } else if now > terms.valid_till || days.is_some_and(|till| now > till) {
            Err(Refusal::PromotionExpired)
        } else if now < terms.redeemable_from {
            Err(Refusal::NotYetRedeemable)
        } else if self.holds[hold].uses >= terms.max_redemptions {
            Err(Refusal::RedemptionLimitReached)
        } else {
            self.holds[hold].uses += 1;
            self.uses.push(Use { id, hold, transaction: transaction.to_owned(), reversed: false });
            Ok(id)
        }
    }

    pub fn unlink(&mut self, hold: usize) {
        self.holds[hold].standing = false;
    }

    pub fn reverse(&mut self, number: usize) {
        if !std::mem::replace(&mut self.uses[number].reversed, true) {
            self.holds[self.uses[number].hold].uses -= 1;
        }
    }
}
