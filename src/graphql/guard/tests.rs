//! What is refused and what is not: each bound by itself, and documents that people do send.

mod grammar;
mod properties;

use async_graphql::{
    Variables,
    parser::{
        parse_schema,
        types::{BaseType, TypeKind, TypeSystemDefinition},
    },
};
use serde_json::{Value, json};

use super::{DocumentLimits, Unfit, load, parse, scan};
use crate::graphql::{sdl, text::SchemaText};

const INTROSPECTION: &str = include_str!("../../../tests/it/hostile/introspection.graphql");

/// What there is too much of in a request, by the limits that everyone has.
fn excess(text: &str, variables: Value) -> Option<&'static str> {
    let refused = |unfit| match unfit {
        Unfit::Exceeded { what, .. } => what.split(',').next(),
        other => panic!("{other}: {text}"),
    };
    let limits = DocumentLimits::default();
    match parse(text, &SchemaText::parse(&sdl()).unwrap(), &limits) {
        Ok(document) => load(&document, None, &Variables::from_json(variables), &limits).err().and_then(refused),
        Err(unfit) => refused(unfit),
    }
}

fn repeat(count: usize, part: impl Fn(usize) -> String) -> String {
    (0..count).map(part).collect()
}

/// A document that has so many of something.
type Document<'a> = &'a dyn Fn(usize) -> String;

#[test]
fn each_bound_takes_as_much_as_it_says_and_no_more() {
    let brackets = |count: usize| format!("{{ a(b: {}{}) }}", "[".repeat(count - 2), "]".repeat(count - 2));
    let selection_sets = |count: usize| format!("{}a{}", "{a".repeat(count), "}".repeat(count));
    let chain = |count: usize| {
        let link = |n| format!("fragment f{n} on A {{ ...f{} }} ", n + 1);
        format!("{{ ...f0 }} {} fragment f{} on A {{ a }}", repeat(count - 2, link), count - 2)
    };
    let fragment = |count: usize| format!("{{ {} }} fragment f on A {{ a: b @c }}", "...f ".repeat(count));
    let cases: [(&str, usize, Document); 11] = [
        ("levels of brackets", 64, &brackets),
        ("tokens", 40_000, &|count| format!("{{ a(b: [{}]) }}", "1 ".repeat(count - 9))),
        ("bytes in one name or number", 256, &|count| format!("{{ {} }}", "a".repeat(count))),
        ("operations", 50, &|count| repeat(count, |n| format!("query q{n} {{ a }} "))),
        ("variables in one operation", 1_000, &|count| {
            format!("query ({}) {{ a }}", repeat(count, |n| format!("$a{n}: Int ")))
        }),
        ("selections", 25_000, &|count| format!("{{ a {{ {} }} }}", "a ".repeat(count - 1))),
        ("selection sets within each other", 32, &selection_sets),
        ("selection sets within each other", 32, &chain),
        ("fields at the root of one operation", 1_000, &fragment),
        ("aliases", 2_000, &|count| format!("{{ a {{ {} }} }}", "a: b ".repeat(count))),
        ("directives", 2_000, &|count| format!("{{ a {} }}", "@a ".repeat(count))),
    ];
    for (what, limit, document) in cases {
        assert_eq!(excess(&document(limit), json!({})), None, "{limit} {what}");
        assert_eq!(excess(&document(limit + 1), json!({})), Some(what), "{} {what}", limit + 1);
    }
}

#[test]
fn doubled_fragments_are_counted_wherever_they_are_spread() {
    let doubled = |levels: usize| {
        let double = |n| format!("fragment f{n} on A {{ ...f{m} ...f{m} }} ", m = n + 1);
        format!("{{ ...f0 }} {} fragment f{levels} on A {{ a }}", repeat(levels, double))
    };
    assert_eq!(excess(&doubled(9), json!({})), None);
    for levels in [13, 22, 28] {
        assert_eq!(excess(&doubled(levels), json!({})), Some("fields at the root of one operation"), "{levels}");
    }
    // Where every set spreads a large fragment, the library goes through it for each.
    let spreads = |fields: &str| format!("{{ a {{ {} }} }} fragment f on A {{ {fields} }}", "b { ...f }".repeat(1_000));
    assert_eq!(excess(&spreads(&"c ".repeat(20)), json!({})), None);
    assert_eq!(excess(&spreads(&"c ".repeat(30)), json!({})), Some("selections"));
}

#[test]
fn variables_count_wherever_they_are_used() {
    let codes = |count: usize| json!({ "codes": vec!["A"; count] });
    let look_up = "promotionCodes(codes: $codes, mode: DISCOUNT) { code }";
    let aliased =
        |count| format!("query ($codes: [String!]!) {{ {} }}", repeat(count, |n| format!("a{n}: {look_up} ")));
    assert_eq!(excess(&aliased(1), codes(500)), None);
    assert_eq!(excess(&aliased(200), codes(500)), None);
    assert_eq!(excess(&aliased(600), codes(500)), Some("values to read and answer with"));
    let within = |count| {
        format!("query ($codes: [String!]!) {{ promotionCodes(codes: [{}]) {{ code }} }}", "$codes ".repeat(count))
    };
    assert_eq!(excess(&within(1_000), codes(20_000)), Some("values to read and answer with"));
    // Validation puts them into what is not used as well, and where a directive is.
    let unused =
        format!("query ($codes: [String!]!) {{ a }} fragment f on A {{ a(b: [{}]) }}", "$codes ".repeat(1_000));
    assert_eq!(excess(&unused, codes(20_000)), Some("values to read and answer with"));
    let directives = format!("query ($codes: [String!]!) {{ {} }}", "a @include(if: $codes) ".repeat(1_000));
    assert_eq!(excess(&directives, codes(20_000)), Some("values to read and answer with"));
    let default = format!("query ($a: [Int] = [{}]) {{ a(b: [{}]) }}", "1 ".repeat(10_000), "$a ".repeat(1_000));
    assert_eq!(excess(&default, json!({})), Some("values to read and answer with"));
    // A cursor of 200 KB is read for each of 10,000 codes.
    let cursor = "query ($after: String) { campaigns(first: 100) { nodes { codes(first: 100) { nodes {
        promotions(first: 1, after: $after) { nodes { id } } } } } } }";
    assert_eq!(excess(cursor, json!({ "after": "x".repeat(64) })), None);
    assert_eq!(excess(cursor, json!({ "after": "x".repeat(200_000) })), Some("values to read and answer with"));
}

#[test]
fn lists_within_lists_count_for_every_row() {
    let pages = |first: &str| {
        format!("query ($first: Int = 100) {{ campaigns({first}) {{ nodes {{ codes({first}) {{ edges {{ node {{ ...c }} }} }} }} }} }}
            fragment c on PromotionCode {{ promotions({first}) {{ ...p }} }}
            fragment p on PromotionConnection {{ nodes {{ id }} }}")
    };
    for (first, variables, is_too_much) in [
        ("first: 70", json!({}), true),
        ("first: 30", json!({}), false),
        ("after: null", json!({}), false),
        ("first: null", json!({}), false),
        ("first: $first", json!({}), true),
        ("first: $first", json!({ "first": 20 }), false),
        ("first: $first", json!({ "first": 100 }), true),
        // These are refused by the field.
        ("first: $first", json!({ "first": -1 }), false),
        ("first: $first", json!({ "first": 1e300 }), false),
        ("first: $first", json!({ "first": 99_999_999_999_i64 }), true),
    ] {
        let excess = excess(&pages(first), variables.clone());
        assert_eq!(excess.is_some(), is_too_much, "{first} {variables}");
    }
    let introspection = |levels| {
        format!("{{ __schema {{ types {} name {} }} }}", "{ fields { type ".repeat(levels), "} }".repeat(levels))
    };
    assert_eq!(excess(&introspection(2).replace("name", "{ name }"), json!({})), None);
    assert_eq!(
        excess(&introspection(5).replace("name", "{ name }"), json!({})),
        Some("values to read and answer with")
    );
}

#[test]
fn long_answers_to_short_documents_count() {
    let sdl = |count| format!("{{ _service {{ {} }} }}", repeat(count, |n| format!("a{n}: sdl ")));
    assert_eq!(excess(&sdl(1), json!({})), None);
    assert_eq!(excess(&sdl(1_000), json!({})), Some("values to read and answer with"));
    let keys = |length: usize| {
        let fields = repeat(200, |n| format!("{}{n:03}: code ", "k".repeat(length - 3)));
        format!("{{ campaigns(first: 100) {{ nodes {{ codes(first: 10) {{ nodes {{ {fields} }} }} }} }} }}")
    };
    assert_eq!(excess(&keys(8), json!({})), None);
    assert_eq!(excess(&keys(256), json!({})), Some("values to read and answer with"));
    let generate = |count| {
        format!(
            "mutation ($n: Int!) {{ {} }}",
            repeat(count, |n| format!("g{n}: generatePromotionCodes(input: {{ count: $n }}) {{ codes }} "))
        )
    };
    assert_eq!(excess(&generate(40), json!({ "n": 10_000 })), None);
    assert_eq!(excess(&generate(60), json!({ "n": 10_000 })), Some("values to read and answer with"));
    let input = generate(60).replace("{ count: $n }", "$n");
    assert_eq!(excess(&input, json!({ "n": { "count": 10_000 } })), Some("values to read and answer with"));
}

#[test]
fn what_people_send_is_within_the_bounds() {
    assert_eq!(excess(INTROSPECTION, json!({})), None);
    // The number of levels that later versions can be told to ask for.
    let deep = |levels| format!("{}kind{}", "ofType { ".repeat(levels), " }".repeat(levels));
    assert_eq!(
        excess(&INTROSPECTION.replace("ofType {\n    kind", &format!("{} ofType {{\n kind", deep(15))), json!({})),
        None
    );
    let promotion =
        "{ id orgId promotionId promotionName code customerId active createdOn validTill mode redeemableFrom state }";
    let link = |n| {
        format!("l{n}: linkPromotionCode(input: {{ customerId: {n}, code: \"C-{n}\", mode: DISCOUNT }}) {promotion} ")
    };
    assert_eq!(excess(&format!("mutation {{ {} }}", repeat(1_000, link)), json!({})), None);
    let links = format!(
        "mutation ($input: [LinkPromotionCodeInput!]!) {{ linkPromotionCodes(input: $input) {{ promotion {promotion} error {{ code }} }} }}"
    );
    let input = json!({ "customerId": 1, "code": "C", "mode": "DISCOUNT" });
    assert_eq!(excess(&links, json!({ "input": vec![input; 500] })), None);
}

#[test]
fn a_ring_of_fragments_is_refused_as_such() {
    let schema = SchemaText::parse(&sdl()).unwrap();
    for document in [
        "{ ...a } fragment a on A { ...a }",
        "{ ...a } fragment a on A { b { ...b } } fragment b on A { ... { ...a } }",
        "{ a } fragment a on A { ...b } fragment b on A { ...a }",
    ] {
        let unfit = parse(document, &schema, &DocumentLimits::default());
        assert!(matches!(unfit, Err(Unfit::Ring)), "{document}");
    }
}

#[test]
fn a_default_value_of_no_type_of_the_schema_is_refused() {
    let schema = SchemaText::parse(&sdl()).unwrap();
    let check = |ty: &str| parse(&format!("query ($a: {ty} = null) {{ a }}"), &schema, &DocumentLimits::default());
    for known in ["Int", "[String!]!", "PromotionMode", "[[LinkPromotionCodeInput]]"] {
        assert!(check(known).is_ok(), "{known}");
    }
    for unknown in ["Nope", "[Nope]", "[[Nope!]!]!"] {
        assert!(matches!(check(unknown), Err(Unfit::UnknownType(at)) if (at.line, at.column) == (1, 8)), "{unknown}");
    }
}

#[test]
fn strings_and_comments_hide_no_brackets_and_show_none() {
    let limits = DocumentLimits::default();
    for (text, nesting, tokens) in [
        ("{ a }", 1, 3),
        ("{ a(b: \"[[[\") }", 2, 8),
        ("{ a(b: \"\\\"[[\") }", 2, 8),
        ("{ a(b: \"\\\\\" c: [\"]\"]) }", 3, 13),
        ("{ a(b: \"\" c: [\"\"]) }", 3, 13),
        ("{ a(b: \"\"\"[[\"\"\") }", 2, 8),
        ("{ a(b: \"\"\"[[\\\"\"\"[[\n\"\"\") }", 2, 8),
        ("{ a(b: \"\"\"[[\\\\\"\"\"[[\n\"\"\") }", 2, 8),
        ("{ a(b: \"\"\"\"[[\"\"\") }", 2, 8),
        ("{ a(b: \"#\" c: [1]) }", 3, 13),
        ("{ a # {{{ \"\r}", 1, 3),
        ("{ a # {{{ \"\n}", 1, 3),
        ("{ a # \"\"\"\n b(c: [\"\"]) }", 3, 11),
        ("{ a # \u{2028} {{\n}", 1, 3),
        ("\u{feff}{,,a...{b}...c}", 2, 9),
        ("[nullnullnull 000 -1.5e+3]", 1, 14),
    ] {
        let scanned = scan(text, &limits).unwrap();
        assert_eq!((scanned.nesting, scanned.tokens), (nesting, tokens), "{text}");
    }
    for (text, line, column) in [
        ("{ a(b: \"[) }", 1, 8),
        ("{\r\n a(b: \"[\n\") }", 2, 7),
        ("{\r a\n(b: \"\\\n\") }", 3, 5),
        ("{ a(b: \"\\", 1, 8),
        ("{ ä(b: \"\"\"[ \" \\\"\"\" ) }", 1, 8),
    ] {
        let unfit = scan(text, &limits);
        assert!(matches!(unfit, Err(Unfit::Unterminated(at)) if (at.line, at.column) == (line, column)), "{text}");
    }
}

#[test]
fn every_list_of_the_schema_is_one_whose_length_is_known() {
    for definition in parse_schema(sdl()).unwrap().definitions {
        let TypeSystemDefinition::Type(definition) = definition else { continue };
        let TypeKind::Object(object) = &definition.node.kind else { continue };
        for field in &object.fields {
            let (name, ty) = (&field.node.name.node, &field.node.ty.node);
            let is_given = |argument: &str| field.node.arguments.iter().any(|has| has.node.name.node == argument);
            let takes_list = field.node.arguments.iter().any(|has| matches!(has.node.ty.node.base, BaseType::List(_)));
            let text = ty.to_string();
            let is_leaf = text.contains("String");
            let known = match ty.base {
                BaseType::List(_) => ["nodes", "edges"].contains(&name.as_str()) || takes_list || is_leaf,
                BaseType::Named(_) => is_given("first") || !text.contains("Connection"),
            };
            assert!(known, "{}.{name}: {text}", definition.node.name.node);
        }
    }
}
