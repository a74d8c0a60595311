//! Property test: the same random operations have the same results on both databases and in a model.

mod model;

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicUsize, Ordering},
    },
};

use promolink::promotions::{
    Actor, Attribution, Campaign, CampaignChange, CampaignId, CampaignWithContent, Code, CodeKey, CustomerId,
    LinkOrigin, LinkRequest, Linkable, OnLocked, OrgId, PromotionCode, PromotionId, PromotionMode, PromotionRepository,
    RedeemRequest, RedemptionId, Refusal, Timestamp, TransactionId, WalletFilter,
};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};

use self::model::{Model, Terms};
use crate::support::Database;

const START: i64 = 1_800_000_000_000;
const HOUR: i64 = 3_600_000;
const CUSTOMERS: i64 = 4;

/// A campaign with one code per entry of `codes`: its `maxLinks`, and whether it is revoked.
#[derive(Debug, Clone)]
struct Plan {
    terms: Terms,
    codes: Vec<(Option<u32>, bool)>,
}

#[derive(Debug, Clone)]
enum Operation {
    /// Customers and the codes that they link in one batch.
    Link(Vec<(i64, usize)>),
    Redeem {
        customer: i64,
        code: usize,
        transaction: u8,
    },
    /// One of the existing holds: the number modulo their count.
    Unlink(usize),
    /// One of the existing uses, likewise.
    Reverse(usize),
    Revoke(usize),
    Switch {
        campaign: usize,
        active: bool,
    },
    Extend {
        campaign: usize,
        hours: i64,
    },
    Wait {
        hours: i64,
    },
}

fn limit() -> impl Strategy<Value = Option<u32>> {
    prop_oneof![Just(None), (1..4_u32).prop_map(Some)]
}

fn plans() -> impl Strategy<Value = Vec<Plan>> {
    let terms = (
        proptest::bool::weighted(0.9),
        5..60_i64,
        prop_oneof![2 => Just(None), 1 => Just(Some(1))],
        prop_oneof![3 => Just(0), 1 => 1..10_i64],
        limit(),
        1..3_u32,
    );
    let terms =
        terms.prop_map(|(active, valid, valid_for_days, wait, max_links_per_customer, max_redemptions)| Terms {
            active,
            valid_till: START + valid * HOUR,
            valid_for_days,
            redeemable_from: START + wait.min(valid) * HOUR,
            max_links_per_customer,
            max_redemptions,
        });
    let codes = proptest::collection::vec((limit(), proptest::bool::weighted(0.1)), 1..5);
    proptest::collection::vec((terms, codes).prop_map(|(terms, codes)| Plan { terms, codes }), 1..4)
}

fn operations() -> impl Strategy<Value = Vec<Operation>> {
    // Most cases have fewer codes than numbers, so some codes do not exist.
    let links = proptest::collection::vec((0..CUSTOMERS, 0..7_usize), 1..12).prop_map(Operation::Link);
    let redeem = (0..CUSTOMERS, 0..7_usize, 0..20_u8).prop_map(|(customer, code, transaction)| Operation::Redeem {
        customer,
        code,
        transaction,
    });
    let operation = prop_oneof![
        6 => links,
        6 => redeem,
        2 => any::<usize>().prop_map(Operation::Unlink),
        2 => any::<usize>().prop_map(Operation::Reverse),
        1 => (0..7_usize).prop_map(Operation::Revoke),
        1 => (0..3_usize, any::<bool>()).prop_map(|(campaign, active)| Operation::Switch { campaign, active }),
        1 => (0..3_usize, 20..90_i64).prop_map(|(campaign, hours)| Operation::Extend { campaign, hours }),
        2 => (1..10_i64).prop_map(|hours| Operation::Wait { hours }),
    ];
    proptest::collection::vec(operation, 1..30)
}

#[test]
fn both_databases_behave_like_the_model() {
    behave_like_the_model(&[Database::sqlite(), Database::postgres()]);
}

#[test]
#[ignore = "needs a Citus cluster: TEST_CITUS_URL=postgres://... tests/run citus"]
fn distributed_tables_behave_like_the_model_on_citus() {
    behave_like_the_model(&[Database::sqlite(), Database::citus()]);
}

fn behave_like_the_model(databases: &[Database; 2]) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let stores = databases.each_ref().map(|database| runtime.block_on(database.open()));
    let granted = AtomicUsize::new(0);
    let mut runner = TestRunner::new(Config { cases: 96, failure_persistence: None, ..Config::default() });
    runner
        .run(&(plans(), operations()), |(plans, operations)| {
            let case = runtime.block_on(Case::begin(&stores, &plans));
            granted.fetch_add(runtime.block_on(case.run(&operations)), Ordering::Relaxed);
            Ok(())
        })
        .unwrap();
    let granted = granted.into_inner();
    assert!(granted > 300, "only {granted} links and redemptions succeeded in total");
}

/// One case, with its own organisation in both stores.
struct Case<'a> {
    stores: &'a [Arc<dyn PromotionRepository>; 2],
    org: OrgId,
    campaigns: Vec<Campaign>,
    model: Model,
    now: i64,
}

/// Runs the same call on both stores, whose results must be equal.
macro_rules! both {
    ($case:ident, $store:ident => $call:expr) => {{
        let $store = &$case.stores[0];
        let first = $call.await.unwrap();
        let $store = &$case.stores[1];
        let second = $call.await.unwrap();
        assert_eq!(first, second, "the databases disagree");
        first
    }};
}

impl<'a> Case<'a> {
    async fn begin(stores: &'a [Arc<dyn PromotionRepository>; 2], plans: &[Plan]) -> Self {
        let org = next_org();
        let (campaigns, codes) = lay_out(org, plans);
        let seeded: Vec<CampaignWithContent> = campaigns.iter().cloned().map(Into::into).collect();
        for store in stores {
            assert!(store.seed(org, &seeded, &codes, Timestamp::from_millis(START)).await.unwrap());
        }
        let mut model = Model::default();
        for (number, plan) in plans.iter().enumerate() {
            model.campaigns.push(plan.terms.clone());
            let codes = plan.codes.iter();
            model.codes.extend(codes.map(|(max_links, revoked)| model::Code {
                campaign: number,
                max_links: *max_links,
                revoked: *revoked,
            }));
        }
        Self { stores, org, campaigns, model, now: START }
    }

    /// Runs the operations. Returns the number of links and redemptions that succeeded.
    async fn run(mut self, operations: &[Operation]) -> usize {
        for operation in operations {
            self.step(operation).await;
            self.compare().await;
        }
        self.model.holds.len() + self.model.uses.len()
    }

    async fn step(&mut self, operation: &Operation) {
        let now = Timestamp::from_millis(self.now);
        match operation {
            Operation::Wait { hours } => self.now += hours * HOUR,
            Operation::Link(wishes) => {
                let requests: Vec<LinkRequest> =
                    wishes.iter().map(|(customer, code)| request(self.org, *customer, *code, now)).collect();
                // Links in a batch see those before them, so only the first is comparable.
                let checked = both!(self, store => store.check_links(&requests, now));
                let outcomes = both!(self, store => store.link(&requests, OnLocked::Skip, now));
                if let (Some(checked), Some(Some(linked))) = (checked.first(), outcomes.first()) {
                    if let Ok(linkable) = checked {
                        let is_new = linked.as_ref().is_ok_and(|linked| linked.id == requests[0].id);
                        assert_eq!(matches!(linkable, Linkable::New(_)), is_new);
                    }
                    // The id is that of the request, which both had.
                    let checked = checked.clone().map(|linkable| linkable.promotion().clone());
                    assert_eq!(checked, *linked, "a check differs from the link after it");
                }
                for ((request, (customer, code)), outcome) in requests.iter().zip(wishes).zip(outcomes) {
                    let expected = self.model.link(request.id, *code, *customer, self.now);
                    assert_eq!(outcome.unwrap().map(|promotion| promotion.id), expected);
                }
            }
            Operation::Redeem { customer, code, transaction } => {
                let transaction = format!("order-{transaction}");
                let request = RedeemRequest {
                    id: RedemptionId::new(now),
                    key: key(self.org, *code),
                    customer_id: (*customer).try_into().unwrap(),
                    transaction_id: TransactionId::parse(&transaction).unwrap(),
                    amount: None,
                    attribution: by(),
                };
                let outcome = both!(self, store => store.redeem(&request, now));
                let expected = self.model.redeem(request.id, (*code, *customer), &transaction, self.now);
                assert_eq!(outcome.map(|redemption| redemption.id), expected);
            }
            Operation::Unlink(any) if !self.model.holds.is_empty() => {
                let number = any % self.model.holds.len();
                let id = self.model.holds[number].id;
                assert!(both!(self, store => store.unlink(self.org, id, &by(), now)).unwrap().unlinked_on.is_some());
                self.model.unlink(number);
            }
            Operation::Reverse(any) if !self.model.uses.is_empty() => {
                let number = any % self.model.uses.len();
                let id = self.model.uses[number].id;
                assert!(both!(self, store => store.reverse(self.org, id, &by(), now)).unwrap().reversed_on.is_some());
                self.model.reverse(number);
            }
            Operation::Unlink(_) | Operation::Reverse(_) => {}
            Operation::Revoke(code) => {
                let found = both!(self, store => store.revoke(&key(self.org, *code), &by(), now));
                assert_eq!(found.is_some(), *code < self.model.codes.len());
                if let Some(code) = self.model.codes.get_mut(*code) {
                    code.revoked = true;
                }
            }
            Operation::Switch { campaign, active } => {
                let change = CampaignChange { active: Some(*active), ..CampaignChange::default() };
                if self.change(*campaign, &change).await {
                    self.model.campaigns[*campaign].active = *active;
                }
            }
            Operation::Extend { campaign, hours } => {
                let till = START + hours * HOUR;
                let valid_till = Some(Timestamp::from_millis(till));
                if self.change(*campaign, &CampaignChange { valid_till, ..CampaignChange::default() }).await {
                    self.model.campaigns[*campaign].valid_till = till;
                }
            }
        }
    }

    async fn change(&self, campaign: usize, change: &CampaignChange) -> bool {
        let Some(campaign) = self.campaigns.get(campaign) else { return false };
        both!(self, store => store.update_campaign(self.org, campaign.id, change, &by(), Timestamp::from_millis(self.now))).unwrap().is_ok()
    }

    /// Compares the stored rows with the model.
    async fn compare(&self) {
        let folded: Vec<_> = (0..self.model.codes.len()).map(|code| key(self.org, code).folded).collect();
        for store in self.stores {
            let codes = store.codes(self.org, PromotionMode::Discount, &folded).await.unwrap();
            assert_eq!(codes.len(), folded.len());
            for code in codes {
                let number = folded.iter().position(|folded| folded == code.code.folded()).unwrap();
                assert_eq!(code.link_count as usize, self.model.links(number), "links of code {number}");
            }
        }
        let starts: Vec<(CustomerId, _)> =
            (0..CUSTOMERS).map(|customer| (customer.try_into().unwrap(), None)).collect();
        let filter = WalletFilter { mode: None, active: None };
        let wallets = both!(self, store => store.wallets(self.org, &starts, filter, 1000));
        let mut stored: Vec<_> = wallets
            .iter()
            .map(|promotion| (promotion.id, promotion.unlinked_on.is_none(), promotion.redemption_count))
            .collect();
        let mut expected: Vec<_> = self.model.holds.iter().map(|hold| (hold.id, hold.standing, hold.uses)).collect();
        stored.sort_unstable();
        expected.sort_unstable();
        assert_eq!(stored, expected);

        // Pages read together equal pages read separately.
        let starts_within: Vec<_> = wallets.iter().step_by(3).map(|row| (row.customer_id, Some(row.id))).collect();
        let found = both!(self, store => store.wallets(self.org, &starts_within, filter, 2));
        let page =
            |(customer, after)| wallets.iter().filter(move |row| row.customer_id == customer && Some(row.id) < after);
        let pages: HashSet<_> = starts_within.iter().flat_map(|start| page(*start).take(2)).map(|row| row.id).collect();
        assert_eq!(found, wallets.iter().filter(|row| pages.contains(&row.id)).cloned().collect::<Vec<_>>());

        // The wallet's filter in SQL agrees with the domain's rule.
        let now = Timestamp::from_millis(self.now);
        for wanted in [true, false] {
            let filter = WalletFilter { mode: None, active: Some((wanted, now)) };
            let found = both!(self, store => store.wallets(self.org, &starts, filter, 1000));
            assert!(found.iter().all(|promotion| promotion.is_active(now) == wanted));
        }
    }
}

fn next_org() -> OrgId {
    static NEXT: AtomicI64 = AtomicI64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed).try_into().unwrap()
}

fn lay_out(org: OrgId, plans: &[Plan]) -> (Vec<Campaign>, Vec<PromotionCode>) {
    let start = Timestamp::from_millis(START);
    let (mut campaigns, mut codes) = (Vec::new(), Vec::new());
    for Plan { terms, codes: planned } in plans {
        let campaign = Campaign {
            org,
            id: CampaignId::new(start),
            name: "Random".to_owned(),
            mode: PromotionMode::Discount,
            active: terms.active,
            created_on: start,
            redeemable_from: Timestamp::from_millis(terms.redeemable_from),
            valid_till: Timestamp::from_millis(terms.valid_till),
            valid_for_days: terms.valid_for_days,
            max_links_per_customer: terms.max_links_per_customer,
            version: 1,
            max_redemptions_per_link: terms.max_redemptions,
        };
        for (max_links, revoked) in planned {
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

fn key(org: OrgId, code: usize) -> CodeKey {
    let folded = Code::parse(&format!("code-{code}")).unwrap().into_folded();
    CodeKey { org, mode: PromotionMode::Discount, folded }
}

fn by() -> Attribution {
    Attribution::to(Actor::Server)
}

fn request(org: OrgId, customer: i64, code: usize, now: Timestamp) -> LinkRequest {
    let customer_id = customer.try_into().unwrap();
    let (id, key) = (PromotionId::new(now), key(org, code));
    LinkRequest { id, key, customer_id, origin: LinkOrigin::Link, attribution: by() }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_organisation_never_sees_anothers_codes() {
    for database in [Database::sqlite(), Database::postgres()] {
        let store = database.open().await;
        let terms = Terms {
            active: true,
            valid_till: START + HOUR,
            valid_for_days: None,
            redeemable_from: START,
            max_links_per_customer: None,
            max_redemptions: 1,
        };
        let (ours, theirs) = (next_org(), next_org());
        let (campaigns, codes) = lay_out(ours, &[Plan { terms, codes: vec![(Some(1), false)] }]);
        let campaigns: Vec<CampaignWithContent> = campaigns.into_iter().map(Into::into).collect();
        store.seed(ours, &campaigns, &codes, Timestamp::from_millis(START)).await.unwrap();
        let now = Timestamp::from_millis(START);
        let refused = store.link(&[request(theirs, 1, 0, now)], OnLocked::Skip, now).await.unwrap();
        assert_eq!(refused, [Some(Err(Refusal::CodeNotFound))]);
        let linked =
            store.link(&[request(ours, 1, 0, now)], OnLocked::Wait, now).await.unwrap().remove(0).unwrap().unwrap();
        assert_eq!(store.promotions(theirs, &[linked.id]).await.unwrap(), []);
        assert_eq!(store.campaigns(theirs, &[linked.campaign.id]).await.unwrap(), []);
        assert_eq!(store.codes(theirs, linked.campaign.mode, &[linked.code.folded().clone()]).await.unwrap(), []);
        assert_eq!(store.unlink(theirs, linked.id, &by(), now).await.unwrap(), None);
        assert_eq!(store.revoke(&key(theirs, 0), &by(), now).await.unwrap(), None);
        let filter = WalletFilter { mode: None, active: None };
        assert_eq!(store.wallets(theirs, &[(linked.customer_id, None)], filter, 10).await.unwrap(), []);
        assert_eq!(store.promotions(ours, &[linked.id]).await.unwrap(), [linked]);
    }
}
