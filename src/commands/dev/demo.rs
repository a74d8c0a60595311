//! The demo data of `promolink dev`: one organisation with campaigns in both modes and unlinked codes.

use anyhow::Context;

use crate::promotions::{
    Campaign, CampaignId, Code, InvalidCode, OrgId, PromotionCode, PromotionMode, PromotionRepository, Timestamp,
};

/// The id of the demo organisation.
pub const ORG: i64 = 100_458;

/// A code that one customer can link.
pub const FREE_CODE: &str = "SUMMER-0001";

/// A campaign and its codes. Times are in days after seeding.
struct DemoCampaign {
    name: &'static str,
    mode: PromotionMode,
    redeemable_in_days: i64,
    valid_days: i64,
    valid_for_days: Option<u32>,
    max_links_per_customer: Option<u32>,
    max_links: Option<u32>,
    codes: &'static [&'static str],
}

const CAMPAIGNS: [DemoCampaign; 5] = [
    DemoCampaign {
        name: "Summer sale: 20 % off",
        mode: PromotionMode::Discount,
        redeemable_in_days: 0,
        valid_days: 365,
        valid_for_days: Some(30),
        max_links_per_customer: None,
        max_links: Some(1),
        codes: &[FREE_CODE, "SUMMER-0002", "SUMMER-0003", "SUMMER-0004", "SUMMER-0005"],
    },
    DemoCampaign {
        name: "Welcome: 10 % off the first order",
        mode: PromotionMode::Discount,
        redeemable_in_days: 0,
        valid_days: 365,
        valid_for_days: None,
        max_links_per_customer: Some(1),
        max_links: None,
        codes: &["WELCOME", "HELLO"],
    },
    DemoCampaign {
        name: "Winter preview",
        mode: PromotionMode::Discount,
        redeemable_in_days: 30,
        valid_days: 365,
        valid_for_days: None,
        max_links_per_customer: None,
        max_links: Some(100),
        codes: &["WINTER"],
    },
    DemoCampaign {
        name: "Last year's clearance",
        mode: PromotionMode::Discount,
        redeemable_in_days: -400,
        valid_days: -35,
        valid_for_days: None,
        max_links_per_customer: None,
        max_links: Some(1),
        codes: &["BYGONE-0001"],
    },
    DemoCampaign {
        name: "Gift voucher: 50 euros",
        mode: PromotionMode::PaymentVoucher,
        redeemable_in_days: 0,
        valid_days: 3 * 365,
        valid_for_days: None,
        max_links_per_customer: None,
        max_links: Some(1),
        codes: &["GIFT-0001", "GIFT-0002", "GIFT-0003"],
    },
];

/// Adds the demo data, unless the organisation has campaigns already. Returns whether it added them.
pub async fn seed(repository: &dyn PromotionRepository, org: OrgId, now: Timestamp) -> anyhow::Result<bool> {
    let mut campaigns = Vec::new();
    let mut codes = Vec::new();
    for demo in &CAMPAIGNS {
        let campaign = demo.campaign(org, now);
        for text in demo.codes {
            codes.push(demo.code(&campaign, text)?);
        }
        campaigns.push(campaign);
    }
    repository.seed(org, &campaigns, &codes, now).await.context("cannot add the demo data")
}

impl DemoCampaign {
    fn campaign(&self, org: OrgId, now: Timestamp) -> Campaign {
        let in_days = |days: i64| Timestamp::from_millis(now.millis() + days * 86_400_000);
        Campaign {
            org,
            id: CampaignId::new(now),
            name: self.name.to_owned(),
            mode: self.mode,
            active: true,
            created_on: now,
            redeemable_from: in_days(self.redeemable_in_days),
            valid_till: in_days(self.valid_days),
            valid_for_days: self.valid_for_days,
            max_links_per_customer: self.max_links_per_customer,
            max_redemptions_per_link: 1,
        }
    }

    fn code(&self, campaign: &Campaign, text: &str) -> Result<PromotionCode, InvalidCode> {
        Ok(PromotionCode {
            org: campaign.org,
            mode: campaign.mode,
            code: Code::parse_new(text)?,
            campaign_id: campaign.id,
            created_on: campaign.created_on,
            revoked_on: None,
            max_links: self.max_links,
            link_count: 0,
        })
    }
}
