//! The demo data of `promolink dev`: one organisation with campaigns in both modes and unlinked codes.

use anyhow::Context;

use crate::promotions::{
    BenefitKind, Campaign, CampaignContent, CampaignId, CampaignWithContent, Code, InvalidCode, InvalidContent,
    NewBenefit, NewMoney, NewOffer, Offer, OrgId, PromotionCode, PromotionMode, PromotionRepository, Timestamp,
};

/// The id of the demo organisation.
pub const ORG: i64 = 100_458;

/// A code that one customer can link.
pub const FREE_CODE: &str = "SUMMER-0001";

/// The codes, for people.
pub const CODES: &str = "  SUMMER-0001 to SUMMER-0005  for one customer each
  WELCOME, HELLO              for any number of customers, one code each
  WINTER                      can be linked now, and redeemed 30 days after the demo data was added
  BYGONE-0001                 has expired
  GIFT-0001 to GIFT-0003      gift vouchers, of mode PAYMENT_VOUCHER
";

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
    title: &'static str,
    description: &'static str,
    benefit: DemoBenefit,
}

/// What a promotion of a campaign is worth.
#[derive(Clone, Copy)]
enum DemoBenefit {
    PercentOff(f64),
    /// In euro cents.
    AmountOff(i64),
    /// In euro cents.
    Payment(i64),
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
        title: "20 % off the summer collection",
        description: "Valid for one order within 30 days after you add the code.",
        benefit: DemoBenefit::PercentOff(20.0),
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
        title: "10 % off your first order",
        description: "For new customers. One code for each customer.",
        benefit: DemoBenefit::PercentOff(10.0),
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
        title: "5 euros off the winter collection",
        description: "Add the code today, and use it once the collection is here.",
        benefit: DemoBenefit::AmountOff(500),
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
        title: "30 % off last year's collection",
        description: "While stocks last.",
        benefit: DemoBenefit::PercentOff(30.0),
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
        title: "Gift voucher: 50 euros",
        description: "Pays for any order. Keep the voucher until the order has arrived.",
        benefit: DemoBenefit::Payment(5_000),
    },
];

/// Adds the demo data, unless the organisation has campaigns already. Returns whether it added them.
pub async fn seed(repository: &dyn PromotionRepository, org: OrgId, now: Timestamp) -> anyhow::Result<bool> {
    let mut campaigns = Vec::new();
    let mut codes = Vec::new();
    for demo in &CAMPAIGNS {
        let campaign = demo.campaign(org, now);
        let offer = demo.offer().context("an offer of the demo data is invalid")?;
        for text in demo.codes {
            codes.push(demo.code(&campaign, text)?);
        }
        let content = CampaignContent { offer: Some(offer), metadata: Vec::new() };
        campaigns.push(CampaignWithContent { campaign, content });
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
            version: 1,
        }
    }

    fn offer(&self) -> Result<Offer, InvalidContent> {
        let euros = |minor_units| Some(NewMoney { minor_units, currency: "EUR".to_owned() });
        let (kind, percent_off, amount) = match self.benefit {
            DemoBenefit::PercentOff(percent) => (BenefitKind::PercentOff, Some(percent), None),
            DemoBenefit::AmountOff(cents) => (BenefitKind::AmountOff, None, euros(cents)),
            DemoBenefit::Payment(cents) => (BenefitKind::Payment, None, euros(cents)),
        };
        let offer = NewOffer {
            title: Some(self.title.to_owned()),
            description: Some(self.description.to_owned()),
            benefit: Some(NewBenefit { kind, percent_off, amount }),
            terms_url: Some("https://shop.example.com/terms".to_owned()),
            ..NewOffer::default()
        };
        offer.parse()
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
