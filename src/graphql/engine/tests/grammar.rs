//! Random documents for the property tests: grammatical ones with everything that could confuse a parser, and corrupted ones.

use proptest::{collection::vec, prelude::*, sample::select};

/// The pieces of strings, comments and corruptions.
const SOUP: [&str; 24] = [
    "\"", "\"\"\"", "\\", "\\\"", "\\\"\"\"", "#", "\n", "\r", "\r\n", "{", "}", "[", "]", "(", ")", "\\u0041",
    "\\u{41}", ",", "...", "\u{feff}", "\u{2028}", "é", "x", " ",
];

/// Any sequence of these pieces.
pub fn soup(length: usize) -> impl Strategy<Value = String> {
    vec(select(&SOUP[..]), 0..length).prop_map(|pieces| pieces.concat())
}

/// Ignored tokens, which may separate others.
fn gap() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => Just(" ".to_owned()),
        1 => select(&[",", "\n", "\r", "\r\n", "\t", "\u{feff}", " , "][..]).prop_map(str::to_owned),
        1 => (soup(6), select(&["\n", "\r", "\r\n"][..])).prop_map(|(soup, end)| {
            format!("#{}{end}", soup.replace(['\r', '\n'], " "))
        }),
    ]
}

fn name() -> impl Strategy<Value = String> {
    select(&["a", "b", "nodes", "codes", "_", "on_", "query", "nullable", "A1"][..]).prop_map(str::to_owned)
}

/// A terminated string or block string.
fn string() -> impl Strategy<Value = String> {
    let string = soup(8).prop_map(|soup| {
        let content = soup.replace(['\r', '\n'], "").replace("\\u{41}", "").replace('\\', "\\\\").replace('"', "\\\"");
        format!("\"{content}\"")
    });
    let block = soup(8).prop_map(|soup| {
        let content = soup.replace("\\\"\"\"", "").replace("\"\"\"", "\\\"\"\"");
        // So that its end is neither escaped nor early.
        format!("\"\"\"{}.\"\"\"", content.replace("\"\"\"\"", "\"\"\" \"").replace("\"\"\"\"", "\"\"\" \""))
    });
    prop_oneof![string, block, Just("\"\"".to_owned()), Just("\"\"\"\"\"\"".to_owned())]
}

/// A value, with or without variables.
fn value(variables: bool) -> BoxedStrategy<String> {
    let leaf = prop_oneof![
        select(&["0", "-1", "1.5e+3", "0.5", "true", "null", "ENUM", "nullable"][..]).prop_map(str::to_owned),
        string(),
        if variables { Just("$a").boxed() } else { Just("7").boxed() }.prop_map(str::to_owned),
    ];
    let nested = leaf.prop_recursive(6, 24, 4, |inner| {
        let items = (vec((gap(), inner.clone()), 0..4), gap());
        let items = items.prop_map(|(items, gap)| items.into_iter().map(|(a, b)| a + &b).collect::<String>() + &gap);
        // Names are unique, because the parser keeps one field of each name.
        let fields = vec((gap(), gap(), inner), 0..3).prop_map(|fields| fields.into_iter().zip('a'..));
        prop_oneof![
            items.prop_map(|items| format!("[{items}]")),
            fields.prop_map(|fields| {
                let fields: Vec<_> = fields.map(|((a, b, value), name)| format!("{a}{name}{b}:{value}")).collect();
                format!("{{{}}}", fields.concat())
            }),
        ]
    });
    // Sometimes deeply nested.
    (nested, prop_oneof![9 => Just(0_usize), 1 => 0..120_usize], any::<bool>())
        .prop_map(|(value, levels, is_list)| {
            let (open, close) = if is_list { ("[", "]") } else { ("{a:", "}") };
            format!("{}{value}{}", open.repeat(levels), close.repeat(levels))
        })
        .boxed()
}

fn arguments() -> impl Strategy<Value = String> {
    let argument = (gap(), name(), gap(), value(true)).prop_map(|(a, name, b, value)| format!("{a}{name}:{b}{value}"));
    let some = vec(argument, 1..3).prop_map(|arguments| format!("({})", arguments.concat()));
    prop_oneof![3 => Just(String::new()), 1 => some]
}

fn directives() -> impl Strategy<Value = String> {
    let directive = (gap(), name(), arguments()).prop_map(|(gap, name, arguments)| format!("@{gap}{name}{arguments}"));
    prop_oneof![3 => Just(String::new()), 1 => vec(directive, 1..3).prop_map(|directives| directives.concat())]
}

fn fragment_name() -> impl Strategy<Value = String> {
    (0..5_u8).prop_map(|number| format!("f{number}"))
}

/// A selection set.
fn selections() -> BoxedStrategy<String> {
    let alias = prop_oneof![2 => Just(String::new()), 1 => name().prop_map(|name| format!("{name}:"))];
    let field = (gap(), alias, name(), arguments(), directives())
        .prop_map(|(gap, alias, name, arguments, directives)| format!("{gap}{alias}{name}{arguments}{directives}"))
        .boxed();
    let spread = (gap(), fragment_name(), directives())
        .prop_map(|(gap, name, directives)| format!("...{gap}{name}{directives}"));
    let leaf = prop_oneof![field.clone(), spread].boxed();
    let one = leaf.prop_recursive(5, 20, 4, move |inner| {
        let set = (vec(inner, 1..4), gap()).prop_map(|(items, gap)| format!("{{{}{gap}}}", items.join(" "))).boxed();
        let condition =
            prop_oneof![Just("...".to_owned()), (gap(), name()).prop_map(|(gap, name)| format!("...{gap}on {name}"))];
        let inline = (condition, directives(), set.clone())
            .prop_map(|(condition, directives, set)| format!("{condition}{directives}{set}"));
        prop_oneof![(field.clone(), set).prop_map(|(field, set)| field + &set), inline]
    });
    let deep = (one.clone(), 0..80_usize, any::<bool>()).prop_map(|(inner, levels, is_field)| {
        format!("{}{inner}{}", if is_field { "a{" } else { "...{" }.repeat(levels), "}".repeat(levels))
    });
    vec(prop_oneof![9 => one, 1 => deep], 1..4).prop_map(|items| format!("{{{}}}", items.join(" "))).boxed()
}

fn operation() -> impl Strategy<Value = String> {
    let ty = (select(&["Int", "[Int!]!", "[[A]]"][..]), prop_oneof![9 => Just(0_usize), 1 => 0..120_usize])
        .prop_map(|(ty, levels)| format!("{}{ty}{}", "[".repeat(levels), "]".repeat(levels)));
    let default = prop_oneof![Just(String::new()), value(false).prop_map(|value| format!("={value}"))];
    let variable =
        (gap(), name(), ty, default).prop_map(|(gap, name, ty, default)| format!("{gap}${name}:{ty}{default}"));
    let variables = vec(variable, 0..3).prop_map(|variables| format!("({})", variables.concat()));
    let named = (select(&["query", "mutation"][..]), gap(), name(), variables, directives(), selections()).prop_map(
        |(kind, gap, name, variables, directives, set)| format!("{kind}{gap} {name}{variables}{directives}{set}"),
    );
    prop_oneof![selections(), named]
}

/// A document: an operation, and fragments that may spread each other, repeatedly or in cycles.
pub fn document() -> impl Strategy<Value = String> {
    let fragments = vec((gap(), selections()), 0..5).prop_map(|fragments| {
        let fragments = fragments.into_iter().enumerate();
        let texts: Vec<_> =
            fragments.map(|(number, (gap, set))| format!("{gap}fragment f{number} on A{set}")).collect();
        texts.concat()
    });
    (gap(), operation(), fragments, gap())
        .prop_map(|(a, operation, fragments, b)| format!("{a}{operation}{fragments}{b}"))
}

/// A document with random insertions, deletions and repetitions.
pub fn corrupted() -> impl Strategy<Value = String> {
    let change = (any::<prop::sample::Index>(), 0..4_usize, select(&SOUP[..]), 0..3_u8);
    (document(), vec(change, 1..4)).prop_map(|(mut text, changes)| {
        for (index, length, piece, kind) in changes {
            let offsets: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
            let from = index.index(offsets.len());
            let (start, end) = (offsets[from], offsets[(from + length).min(offsets.len() - 1)]);
            match kind {
                0 => text.replace_range(start..end, ""),
                1 => text.insert_str(start, piece),
                _ => text.insert_str(start, &text[start..end].repeat(3)),
            }
        }
        text
    })
}
