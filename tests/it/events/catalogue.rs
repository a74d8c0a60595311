//! The catalogue of events in docs/events.md: an example of each type, from the constructors that the server uses.

use std::fmt::Write;

use promolink::{
    auth::{ApiKey, KeyRole},
    events::Endpoint,
    promotions::{
        Actor, Attribution, BenefitKind, Campaign, CampaignChange, CampaignContent, CampaignWithContent, Code,
        EventType, LinkOrigin, MetadataEntry, NewBenefit, NewCodes, NewEvent, NewMoney, NewOffer, Promotion,
        PromotionCode, PromotionMode, Redemption, Timestamp, TransactionId,
    },
};
use uuid::{Uuid, uuid};

const BEGIN: &str = "<!-- Begin of the catalogue. The test events::catalogue prints it. -->\n";
const END: &str = "<!-- End of the catalogue. -->\n";

const CAMPAIGN: Uuid = uuid!("01a219bd-a6b0-7198-b249-321b80c18c9d");
const PROMOTION: Uuid = uuid!("01a219bd-ac74-7ebf-abca-80eb3600ac87");
const REDEMPTION: Uuid = uuid!("01a219be-31c9-7d02-9a4e-5f0c6b1d2e83");
const ENDPOINT: Uuid = uuid!("01a219bf-1d20-7a31-9c4e-6b5a49382716");
const API_KEY: Uuid = uuid!("01a219bc-77f1-7c55-8b0d-c1e2f3a4b5d6");

const CREATED: Timestamp = Timestamp::from_millis(1_795_728_189_104);
const LINKED: Timestamp = Timestamp::from_millis(1_795_728_190_580);
const REDEEMED: Timestamp = Timestamp::from_millis(1_795_728_224_713);
const LATER: Timestamp = Timestamp::from_millis(1_795_731_605_022);

#[test]
fn documented_events_match_those_of_the_server() {
    let page = include_str!("../../../docs/events.md");
    let documented = page.split_once(BEGIN).and_then(|(_, rest)| rest.split_once(END)).map(|(part, _)| part);
    let current = catalogue();
    assert!(
        documented == Some(&*current),
        "docs/events.md lacks the current catalogue, which is:\n{BEGIN}{current}{END}"
    );
}

/// Each type in Markdown: its names, when it occurs, and the data of an example.
fn catalogue() -> String {
    let entries = entries();
    let documented: Vec<EventType> = entries.iter().map(|(event, _)| event.event_type).collect();
    assert_eq!(documented, EventType::ALL);

    let schema = promolink::graphql::sdl();
    let mut text = String::new();
    for (event, occurs) in entries {
        let name = event.event_type.name();
        let graphql = name.replace('.', "_").to_uppercase();
        assert!(schema.contains(&format!("\n  {graphql}\n")), "the schema lacks {graphql}");
        // Unlike serde_json's, these values keep the order of fields.
        let data: async_graphql::Value = serde_json::from_str(&event.data).unwrap();
        let data = serde_json::to_string_pretty(&data).unwrap();
        write!(text, "\n### `{graphql}`\n\n`{name}`: {occurs}\n\n```json\n{data}\n```\n").unwrap();
    }
    text + "\n"
}

/// An event of each type, and when the type occurs.
fn entries() -> Vec<(NewEvent, &'static str)> {
    let by = Attribution::to(Actor::CommandLine);
    let campaign = campaign();
    let created = CampaignWithContent { campaign: campaign.clone(), content: content() };
    let change = CampaignChange {
        name: Some("Summer sale: 25 % off".to_owned()),
        max_links_per_customer: Some(Some(2)),
        metadata: Some(Vec::new()),
        ..CampaignChange::default()
    };
    let changed = change.apply(&created).unwrap();
    let linked = promotion(&campaign);
    let unlinked = Promotion { unlinked_on: Some(LATER), ..linked.clone() };
    let redeemed = Promotion { redemption_count: 1, ..linked.clone() };
    let redemption = redemption(&campaign);
    let reversed = Redemption { reversed_on: Some(LATER), ..redemption.clone() };
    let added = NewCodes::with_max_links(&campaign, Vec::new(), Some(1), &by, CREATED);
    let key = api_key(&campaign);
    let endpoint = endpoint(&campaign);
    let disabled = Endpoint { enabled: false, ..endpoint.clone() };
    let revoked_key = ApiKey { revoked_on: Some(LATER), ..key.clone() };
    vec![
        (
            NewEvent::linked(&linked, LinkOrigin::Link, &by, LINKED),
            "a code was linked to a customer. `origin` is `LINK` if a request linked it, and `IMPORT` if\n\
             `promolink codes import` did.",
        ),
        (NewEvent::unlinked(&unlinked, &by, LATER), "a promotion was unlinked."),
        (
            NewEvent::redeemed(&redeemed, &redemption, &by, REDEEMED),
            "a promotion was redeemed. `state` is `REDEEMED` once it was redeemed as often as the\n\
             campaign permits.",
        ),
        (NewEvent::reversed(&linked, &reversed, &by, LATER), "a redemption was reversed."),
        (
            NewEvent::codes_added(&added, 500).unwrap(),
            "codes were generated or imported: one event for each batch of up to 500 codes. `added` does not count\n\
             codes that existed before. It counts codes that were imported as revoked, which have no event of their own.",
        ),
        (
            NewEvent::code_revoked(&code(&campaign), &by, LATER),
            "codes were revoked. `codes` lists them. Their promotions become `INACTIVE`, and have no events of\n\
             their own.",
        ),
        (NewEvent::campaign_created(&created, &by), "a campaign was created."),
        (
            NewEvent::campaign_updated(&created, &changed, &by, LATER).unwrap(),
            "a campaign was changed. `changes` has each changed field with its old and new value: `name`,\n\
             `active`, `redeemableFrom`, `validTill`, `validForDays`, `maxLinksPerCustomer`, `maxRedemptionsPerLink`, `offer`, `metadata`.\n\
             Promotions of the campaign have no events of their own.",
        ),
        (
            key.created_event(&by),
            "an API key was created. The first key of an organisation also creates the organisation.",
        ),
        (revoked_key.revoked_event(&by, LATER), "an API key was revoked."),
        (
            endpoint.created_event(&by),
            "a webhook endpoint was created. `origin` is its URL without the path and the query, which may be secret.\n\
             `eventTypes` is empty for all types.",
        ),
        (
            disabled.updated_event(&endpoint, &by, LATER).unwrap(),
            "a webhook endpoint was changed, or disabled by the server. `changes` has each changed field with its old\n\
             and new value: `origin`, `eventTypes`, `batchSize`, `enabled`, `deliveredPosition` (after a replay). `pathChanged` and\n\
             `secretRotated` are `true` if only the path or query of the URL changed, and if the secret was rotated.",
        ),
        (disabled.deleted_event(&by, LATER), "a webhook endpoint was deleted."),
    ]
}

fn campaign() -> Campaign {
    Campaign {
        org: 100_458.try_into().unwrap(),
        id: CAMPAIGN.into(),
        name: "Summer sale: 20 % off".to_owned(),
        mode: PromotionMode::Discount,
        active: true,
        created_on: CREATED,
        redeemable_from: CREATED,
        valid_till: CREATED.plus_days(90),
        valid_for_days: Some(30),
        max_links_per_customer: None,
        max_redemptions_per_link: 1,
        version: 1,
    }
}

fn content() -> CampaignContent {
    let offer = NewOffer {
        title: Some("20 % off the summer collection".to_owned()),
        benefit: Some(NewBenefit { kind: BenefitKind::PercentOff, percent_off: Some(20.0), amount: None }),
        terms_url: Some("https://shop.example.com/terms".to_owned()),
        ..NewOffer::default()
    };
    let entry = MetadataEntry { key: "budget".to_owned(), value: "B-2026-07".to_owned() };
    CampaignContent { offer: Some(offer.parse().unwrap()), metadata: vec![entry] }
}

fn code(campaign: &Campaign) -> PromotionCode {
    PromotionCode {
        org: campaign.org,
        mode: campaign.mode,
        code: Code::parse_new("SUMMER-0002").unwrap(),
        campaign_id: campaign.id,
        created_on: CREATED,
        revoked_on: Some(LATER),
        max_links: Some(1),
        link_count: 0,
    }
}

fn promotion(campaign: &Campaign) -> Promotion {
    Promotion {
        id: PROMOTION.into(),
        customer_id: 42.try_into().unwrap(),
        code: Code::parse_new("SUMMER-0001").unwrap(),
        created_on: LINKED,
        unlinked_on: None,
        revoked: false,
        redemption_count: 0,
        campaign: campaign.clone().into(),
    }
}

fn redemption(campaign: &Campaign) -> Redemption {
    Redemption {
        id: REDEMPTION.into(),
        org: campaign.org,
        promotion_id: PROMOTION.into(),
        transaction_id: TransactionId::parse("order-1001").unwrap(),
        redeemed_on: REDEEMED,
        reversed_on: None,
        amount: Some(NewMoney { minor_units: 1999, currency: "EUR".to_owned() }.parse("amount").unwrap()),
    }
}

fn endpoint(campaign: &Campaign) -> Endpoint {
    Endpoint {
        org: campaign.org,
        id: ENDPOINT.into(),
        url: "https://hooks.example.com/promolink".to_owned(),
        event_types: vec![EventType::PromotionLinked],
        batch_size: 100,
        enabled: true,
        secret: Vec::new(),
        previous_secret: None,
        delivered_position: 0,
        failed_attempts: 0,
        next_attempt_on: CREATED,
        last_error: None,
        test_requested: false,
        lease: None,
    }
}

fn api_key(campaign: &Campaign) -> ApiKey {
    let expires_on = Some(CREATED.plus_days(90));
    let (key, _) = ApiKey::generate(campaign.org, KeyRole::Storefront, "app".to_owned(), CREATED, expires_on).unwrap();
    ApiKey { id: API_KEY.into(), ..key }
}
