//! Campaigns and codes for tests.

use promolink::promotions::{
    Campaign, CampaignId, Clock, Code, OrgId, PromotionCode, PromotionMode, SystemClock, Timestamp,
};

/// The organisation of `promolink dev`.
pub const ORG: i64 = 100_458;

pub fn org() -> OrgId {
    ORG.try_into().unwrap()
}

pub fn in_days(days: i64) -> Timestamp {
    Timestamp::from_millis(SystemClock.now().millis() + days * 86_400_000)
}

/// A campaign and its codes.
pub struct TestCampaign {
    pub campaign: Campaign,
    pub codes: Vec<PromotionCode>,
}

/// An active discount campaign of the test organisation, without limits.
pub fn campaign(name: &str) -> TestCampaign {
    let campaign = Campaign {
        org: org(),
        id: CampaignId::new(in_days(-2)),
        name: name.to_owned(),
        mode: PromotionMode::Discount,
        active: true,
        created_on: in_days(-2),
        redeemable_from: in_days(-1),
        valid_till: in_days(100),
        valid_for_days: None,
        max_links_per_customer: None,
        max_redemptions_per_link: 1,
        version: 1,
    };
    TestCampaign { campaign, codes: Vec::new() }
}

impl TestCampaign {
    pub fn with(mut self, change: impl FnOnce(&mut Campaign)) -> Self {
        change(&mut self.campaign);
        self
    }

    /// Adds a code that `max_links` customers can link, or any number if `None`.
    pub fn code(mut self, text: &str, max_links: Option<u32>) -> Self {
        self.codes.push(PromotionCode {
            org: self.campaign.org,
            mode: self.campaign.mode,
            code: Code::parse(text).unwrap(),
            campaign_id: self.campaign.id,
            created_on: self.campaign.created_on,
            revoked_on: None,
            max_links,
            link_count: 0,
        });
        self
    }

    pub fn revoked_code(self, text: &str) -> Self {
        let mut campaign = self.code(text, Some(1));
        if let Some(code) = campaign.codes.last_mut() {
            code.revoked_on = Some(in_days(-1));
        }
        campaign
    }
}
