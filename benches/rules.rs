//! `cargo bench --bench rules`: parts of a request without a server: parsing and validating a document, compared with
//! only the parser of async-graphql, and the rules of linking.
#![expect(clippy::unwrap_used, reason = "a failure ends the run and prints its location")]

use std::{collections::HashMap, hint::black_box, sync::Arc};

use apollo_compiler::{ExecutableDocument, Schema};
use async_graphql::parser::parse_query;
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput};
use promolink::{
    graphql::sdl,
    promotions::{
        Actor, Attribution, Campaign, CampaignId, Code, CodeKey, CodeState, CustomerId, LinkOrigin, LinkRequest, OrgId,
        PromotionCode, PromotionId, PromotionMode, Timestamp, WorkingSet, decide,
    },
};

const LINK: &str = "{ id orgId promotionId promotionName code customerId active createdOn validTill mode }";

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    documents(&mut criterion);
    decisions(&mut criterion);
    criterion.final_summary();
}

/// Documents with one link, and with the maximum number of links.
fn documents(criterion: &mut Criterion) {
    let schema = Schema::parse_and_validate(sdl(), "schema.graphql").unwrap();
    let mut group = criterion.benchmark_group("document");
    for links in [1, 1000] {
        let fields = (0..links).map(|link| {
            format!("a{link}: linkPromotionCode(input: {{ customerId: 7, code: \"SPRING-{link}\", mode: DISCOUNT }}) {LINK} ")
        });
        let text = format!("mutation {{ {} }}", fields.collect::<String>());
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(BenchmarkId::new("parse and validate", links), |bencher| {
            bencher.iter(|| ExecutableDocument::parse_and_validate(&schema, black_box(&text), "link").unwrap());
        });
        group.bench_function(BenchmarkId::new("parse with async-graphql", links), |bencher| {
            bencher.iter(|| parse_query(black_box(&text)).unwrap());
        });
    }
    group.finish();
}

/// Batches of links, each of a different code.
fn decisions(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decide");
    for links in [1, 64, 512] {
        let requests: Vec<LinkRequest> = (0..links).map(request).collect();
        group.throughput(Throughput::Elements(u64::from(links)));
        group.bench_function(BenchmarkId::from_parameter(links), |bencher| {
            let set = || working_set(&requests);
            bencher.iter_batched(set, |set| decide(set, &requests, Timestamp::from_millis(2)), BatchSize::SmallInput);
        });
    }
    group.finish();
}

fn request(number: u32) -> LinkRequest {
    let code = Code::parse(&format!("SPRING-{number}")).unwrap();
    LinkRequest {
        id: PromotionId::new(Timestamp::from_millis(1)),
        key: CodeKey { org: org(), mode: PromotionMode::Discount, folded: code.into_folded() },
        customer_id: CustomerId::try_from(i64::from(number)).unwrap(),
        origin: LinkOrigin::Link,
        attribution: Attribution::to(Actor::Server),
    }
}

/// The requested codes, none of which is linked yet.
fn working_set(requests: &[LinkRequest]) -> WorkingSet {
    let campaign = Arc::new(Campaign {
        org: org(),
        id: CampaignId::new(Timestamp::from_millis(1)),
        name: "Spring".to_owned(),
        mode: PromotionMode::Discount,
        active: true,
        created_on: Timestamp::from_millis(0),
        redeemable_from: Timestamp::from_millis(0),
        valid_till: Timestamp::from_millis(10),
        valid_for_days: None,
        max_links_per_customer: None,
        max_redemptions_per_link: 1,
        version: 1,
    });
    let codes = requests.iter().map(|request| {
        let code = PromotionCode {
            org: org(),
            mode: PromotionMode::Discount,
            code: Code::parse(request.key.folded.as_str()).unwrap(),
            campaign_id: campaign.id,
            created_on: Timestamp::from_millis(0),
            revoked_on: None,
            max_links: Some(1),
            link_count: 0,
        };
        (request.key.clone(), CodeState { code, campaign: Arc::clone(&campaign), holds: HashMap::new() })
    });
    WorkingSet { codes: codes.collect(), ..WorkingSet::default() }
}

fn org() -> OrgId {
    OrgId::try_from(1).unwrap()
}
