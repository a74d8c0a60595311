//! Both databases, driven by the same random operations: they agree with each other, and keep every promise.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use promolink::promotions::{
    Campaign, CampaignId, Code, CodeKey, CustomerId, LinkOutcome, LinkRequest, OrgId, PromotionCode, PromotionId,
    PromotionMode, PromotionRepository, Refusal, Timestamp,
};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use uuid::Uuid;

use crate::support::Database;

const START: i64 = 1_800_000_000_000;
const HOUR: i64 = 3_600_000;

/// A campaign with one code per entry of `codes`: its `maxLinks`, and whether it is revoked.
#[derive(Debug, Clone)]
struct Plan {
    active: bool,
    valid_for_hours: i64,
    max_links_per_customer: Option<u32>,
    codes: Vec<(Option<u32>, bool)>,
}

#[derive(Debug, Clone)]
enum Operation {
    /// Customers ask for codes, together.
    Link(Vec<(i64, usize)>),
    Wait {
        hours: i64,
    },
}

fn plans() -> impl Strategy<Value = Vec<Plan>> {
    let limit = || prop_oneof![Just(None), (1..4_u32).prop_map(Some)];
    let plan = (
        proptest::bool::weighted(0.8),
        1..40_i64,
        limit(),
        proptest::collection::vec((limit(), proptest::bool::weighted(0.1)), 1..5),
    );
    proptest::collection::vec(
        plan.prop_map(|(active, valid_for_hours, max_links_per_customer, codes)| Plan {
            active,
            valid_for_hours,
            max_links_per_customer,
            codes,
        }),
        1..4,
    )
}

fn operations() -> impl Strategy<Value = Vec<Operation>> {
    // One code number more than there can be codes: some do not exist.
    let links = proptest::collection::vec((0..4_i64, 0..13_usize), 1..12).prop_map(Operation::Link);
    proptest::collection::vec(
        prop_oneof![4 => links, 1 => (1..10_i64).prop_map(|hours| Operation::Wait { hours })],
        1..20,
    )
}

#[test]
fn both_databases_agree_and_keep_every_promise() {
    let databases = [Database::sqlite(), Database::postgres()];
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let stores = databases.each_ref().map(|database| runtime.block_on(database.open()));
    let mut runner = TestRunner::new(Config { cases: 96, failure_persistence: None, ..Config::default() });
    runner
        .run(&(plans(), operations()), |(plans, operations)| {
            runtime.block_on(run(&stores, &plans, &operations));
            Ok(())
        })
        .unwrap();
}

/// Every case is an organisation of its own.
fn next_org() -> OrgId {
    static NEXT: AtomicI64 = AtomicI64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed).try_into().unwrap()
}

async fn run(stores: &[Arc<dyn PromotionRepository>; 2], plans: &[Plan], operations: &[Operation]) {
    let org = next_org();
    let (campaigns, codes) = lay_out(org, plans);
    for store in stores {
        assert!(store.seed(org, &campaigns, &codes).await.unwrap());
    }
    let mut now = Timestamp::from_millis(START);
    let mut holds: HashMap<(usize, i64), PromotionId> = HashMap::new();
    for operation in operations {
        match operation {
            Operation::Wait { hours } => now = Timestamp::from_millis(now.millis() + hours * HOUR),
            Operation::Link(wishes) => {
                let requests: Vec<LinkRequest> =
                    wishes.iter().map(|(customer, number)| request(org, *customer, *number, now)).collect();
                let [ours, theirs] =
                    [stores[0].link(&requests, now).await.unwrap(), stores[1].link(&requests, now).await.unwrap()];
                assert_eq!(ours, theirs, "the databases disagree");
                for ((customer, number), outcome) in wishes.iter().zip(&ours) {
                    check(&mut holds, (*number, *customer), outcome);
                }
            }
        }
        check_limits(&campaigns, &codes, &holds);
    }
    check_what_is_stored(stores, org, &codes, &holds).await;
}

fn lay_out(org: OrgId, plans: &[Plan]) -> (Vec<Campaign>, Vec<PromotionCode>) {
    let start = Timestamp::from_millis(START);
    let (mut campaigns, mut codes) = (Vec::new(), Vec::new());
    for plan in plans {
        let campaign = Campaign {
            org,
            id: CampaignId::new(start),
            name: "Random".to_owned(),
            mode: PromotionMode::Discount,
            active: plan.active,
            created_on: start,
            redeemable_from: start,
            valid_till: Timestamp::from_millis(START + plan.valid_for_hours * HOUR),
            valid_for_days: None,
            max_links_per_customer: plan.max_links_per_customer,
            max_redemptions_per_link: 1,
        };
        for (max_links, revoked) in &plan.codes {
            codes.push(PromotionCode {
                org,
                mode: campaign.mode,
                code: Code::parse(&format!("Code-{}", codes.len())).unwrap(),
                campaign_id: campaign.id,
                created_on: start,
                revoked_on: revoked.then_some(start),
                max_links: *max_links,
                link_count: 0,
            });
        }
        campaigns.push(campaign);
    }
    (campaigns, codes)
}

fn request(org: OrgId, customer: i64, number: usize, now: Timestamp) -> LinkRequest {
    let folded = Code::parse(&format!("code-{number}")).unwrap().into_folded();
    let key = CodeKey { org, mode: PromotionMode::Discount, folded };
    LinkRequest { id: PromotionId::new(now), key, customer_id: customer.try_into().unwrap() }
}

/// A repeat has the first answer; a refusal is never given to who holds the code.
fn check(holds: &mut HashMap<(usize, i64), PromotionId>, hold: (usize, i64), outcome: &LinkOutcome) {
    match outcome {
        Ok(promotion) => assert_eq!(*holds.entry(hold).or_insert(promotion.id), promotion.id, "a retry differs"),
        Err(refusal) => assert!(!holds.contains_key(&hold), "{refusal:?} for a hold that stands"),
    }
}

fn check_limits(campaigns: &[Campaign], codes: &[PromotionCode], holds: &HashMap<(usize, i64), PromotionId>) {
    for (number, code) in codes.iter().enumerate() {
        let holders = holds.keys().filter(|(of, _)| *of == number).count();
        assert!(code.max_links.is_none_or(|max_links| holders <= max_links as usize), "a code has too many holders");
        assert!(holders == 0 || code.revoked_on.is_none(), "a revoked code was linked");
    }
    for campaign in campaigns {
        for customer in 0..4 {
            let held = holds.keys().filter(|(number, of)| *of == customer && codes[*number].campaign_id == campaign.id);
            let held = held.count();
            assert!(
                campaign.max_links_per_customer.is_none_or(|limit| held <= limit as usize),
                "a customer has too many"
            );
            assert!(held == 0 || campaign.active, "a code of an inactive campaign was linked");
        }
    }
}

async fn check_what_is_stored(
    stores: &[Arc<dyn PromotionRepository>; 2],
    org: OrgId,
    codes: &[PromotionCode],
    holds: &HashMap<(usize, i64), PromotionId>,
) {
    let ids: Vec<PromotionId> = holds.values().copied().collect();
    let folded: Vec<_> = codes.iter().map(|code| code.code.folded().clone()).collect();
    for store in stores {
        let found = store.codes(org, PromotionMode::Discount, &folded).await.unwrap();
        assert_eq!(found.len(), codes.len());
        for code in found {
            let number = codes.iter().position(|issued| issued.code == code.code).unwrap();
            let holders = holds.keys().filter(|(of, _)| *of == number).count();
            assert_eq!(code.link_count as usize, holders, "a count differs from the holds");
        }
        let promotions = store.promotions(org, &ids).await.unwrap();
        let found: HashSet<(String, CustomerId, Uuid)> = promotions
            .iter()
            .map(|promotion| (promotion.code.folded().as_str().to_owned(), promotion.customer_id, promotion.id.get()))
            .collect();
        let expected = holds
            .iter()
            .map(|((number, customer), id)| (format!("code-{number}"), (*customer).try_into().unwrap(), id.get()))
            .collect();
        assert_eq!(found, expected, "what was acknowledged is not what is stored");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_organisation_never_sees_anothers_codes() {
    for database in [Database::sqlite(), Database::postgres()] {
        let store = database.open().await;
        let plan =
            Plan { active: true, valid_for_hours: 9, max_links_per_customer: None, codes: vec![(Some(1), false)] };
        let (ours, theirs) = (next_org(), next_org());
        let (campaigns, codes) = lay_out(ours, &[plan]);
        store.seed(ours, &campaigns, &codes).await.unwrap();
        let now = Timestamp::from_millis(START);
        assert_eq!(store.link(&[request(theirs, 1, 0, now)], now).await.unwrap(), [Err(Refusal::CodeNotFound)]);
        let linked = store.link(&[request(ours, 1, 0, now)], now).await.unwrap().remove(0).unwrap();
        assert_eq!(store.promotions(theirs, &[linked.id]).await.unwrap(), []);
        assert_eq!(store.campaigns(theirs, &[linked.campaign.id]).await.unwrap(), []);
        assert_eq!(store.codes(theirs, linked.campaign.mode, &[linked.code.folded().clone()]).await.unwrap(), []);
        assert_eq!(store.promotions(ours, &[linked.id]).await.unwrap(), [linked]);
    }
}
