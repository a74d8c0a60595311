//! Whatever comes, the guard, and the parser behind it, answer soon and on the stack of a server's thread; and where the
//! parser takes a text for a document, the scanner has seen the same brackets.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use async_graphql::{
    Positioned, Variables,
    parser::{
        parse_query,
        types::{BaseType, Directive, ExecutableDocument, Selection, SelectionSet, Type},
    },
};
use async_graphql_value::{ConstValue, Value};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};

use super::{
    super::{DocumentLimits, Unfit, bounds::bounds, load, scan, scan::Scanned},
    grammar,
};

/// What a thread of the server has.
const STACK: usize = 2 * 1024 * 1024;

/// The parser's own nesting limits aside, nothing is too much.
const ANYTHING: DocumentLimits = DocumentLimits {
    nesting: 1_000,
    tokens: usize::MAX,
    name: usize::MAX,
    operations: usize::MAX,
    variables: usize::MAX,
    selections: usize::MAX,
    depth: 1_000,
    aliases: usize::MAX,
    directives: usize::MAX,
    root_fields: usize::MAX,
    values: usize::MAX,
};

/// Runs cases on the stack of a server's thread. Answers with how many of them the parser took.
fn run<Texts: Strategy<Value = String> + 'static>(cases: u32, texts: fn() -> Texts) -> usize {
    let test = move || {
        let parsed = AtomicUsize::new(0);
        let config = Config { cases, failure_persistence: None, max_shrink_time: 5_000, ..Config::default() };
        let result = TestRunner::new(config).run(&texts(), |text| {
            parsed.fetch_add(usize::from(check(&text)?), Ordering::Relaxed);
            Ok(())
        });
        result.unwrap();
        parsed.into_inner()
    };
    thread::Builder::new().stack_size(STACK).spawn(test).unwrap().join().unwrap()
}

/// Guards one text, and compares what was scanned with what was parsed. Answers with whether it was a document.
fn check(text: &str) -> Result<bool, TestCaseError> {
    let started = Instant::now();
    let limits = DocumentLimits::default();
    if scan(text, &limits).is_ok()
        && let Ok(document) = parse_query(text)
        && bounds(&document, &limits).is_ok()
    {
        let _ = load(&document, None, &Variables::default(), &limits);
    }
    prop_assert!(started.elapsed() < Duration::from_secs(2));
    let scanned = scan(text, &ANYTHING);
    let Ok(document) = parse_query(text) else { return Ok(false) };
    let seen = measure(&document);
    match scanned {
        Ok(scanned) => {
            // Of fields of one name in an object the parser keeps one: what was in the others is gone.
            let nests_alike = scanned.nesting == seen.nesting || text.contains(':') && scanned.nesting > seen.nesting;
            prop_assert!(nests_alike && scanned.tokens >= seen.tokens, "{:?} scanned, {:?} parsed", scanned, seen);
        }
        // The parser takes what does not end for an empty string and another one.
        Err(Unfit::Unterminated(_)) => prop_assert!(text.contains("\"\"\"")),
        Err(unfit) => prop_assert!(false, "{}", unfit),
    }
    // Nothing is so large that it can't be counted, and rings are found.
    match bounds(&document, &ANYTHING) {
        Ok(()) | Err(Unfit::Ring) => Ok(true),
        Err(unfit) => Err(TestCaseError::fail(unfit.to_string())),
    }
}

#[test]
fn documents_are_scanned_as_they_are_parsed() {
    let parsed = run(400, grammar::document);
    assert!(parsed > 200, "only {parsed} were documents");
}

#[test]
fn spoiled_documents_are_scanned_as_they_are_parsed() {
    let parsed = run(400, grammar::spoiled);
    assert!(parsed > 20, "only {parsed} were documents");
}

#[test]
fn strings_of_any_kind_are_scanned_as_they_are_parsed() {
    let parsed = run(6_000, || grammar::soup(12).prop_map(|soup| format!("{{ a(b: [{soup}]) }}")));
    assert!(parsed > 100, "only {parsed} were documents");
}

/// The brackets and the least number of tokens of a document.
fn measure(document: &ExecutableDocument) -> Scanned {
    let mut seen = Scanned::default();
    for (_, operation) in document.operations.iter() {
        for variable in &operation.node.variable_definitions {
            at(&mut seen, 2, 1 + in_type(&variable.node.var_type.node));
            if let Some(value) = &variable.node.default_value {
                constant(&mut seen, 1, &value.node);
            }
            in_directives(&mut seen, 1, &variable.node.directives);
        }
        in_directives(&mut seen, 0, &operation.node.directives);
        in_set(&mut seen, 0, &operation.node.selection_set.node);
    }
    for fragment in document.fragments.values() {
        at(&mut seen, 4, 0);
        in_directives(&mut seen, 0, &fragment.node.directives);
        in_set(&mut seen, 0, &fragment.node.selection_set.node);
    }
    seen
}

fn at(seen: &mut Scanned, tokens: usize, nesting: usize) {
    seen.nesting = seen.nesting.max(nesting);
    seen.tokens += tokens;
}

fn in_type(ty: &Type) -> usize {
    match &ty.base {
        BaseType::Named(_) => 0,
        BaseType::List(item) => 1 + in_type(item),
    }
}

fn in_set(seen: &mut Scanned, level: usize, set: &SelectionSet) {
    if set.items.is_empty() {
        return;
    }
    at(seen, 2, level + 1);
    for selection in &set.items {
        in_directives(seen, level + 1, selection.node.directives());
        match &selection.node {
            Selection::Field(field) => {
                at(seen, if field.node.alias.is_some() { 3 } else { 1 }, 0);
                in_arguments(seen, level + 1, field.node.arguments.iter().map(|(_, value)| &value.node));
                in_set(seen, level + 1, &field.node.selection_set.node);
            }
            Selection::FragmentSpread(_) => at(seen, 2, 0),
            Selection::InlineFragment(fragment) => {
                at(seen, if fragment.node.type_condition.is_some() { 3 } else { 1 }, 0);
                in_set(seen, level + 1, &fragment.node.selection_set.node);
            }
        }
    }
}

fn in_directives(seen: &mut Scanned, level: usize, directives: &[Positioned<Directive>]) {
    for directive in directives {
        at(seen, 2, 0);
        in_arguments(seen, level, directive.node.arguments.iter().map(|(_, value)| &value.node));
    }
}

fn in_arguments<'a>(seen: &mut Scanned, level: usize, values: impl ExactSizeIterator<Item = &'a Value>) {
    if values.len() > 0 {
        at(seen, 2, level + 1);
    }
    for value in values {
        at(seen, 2, 0);
        in_value(seen, level + 1, value);
    }
}

fn in_value(seen: &mut Scanned, level: usize, value: &Value) {
    at(seen, 1, 0);
    match value {
        Value::Variable(_) => at(seen, 1, 0),
        Value::List(items) => {
            at(seen, 1, level + 1);
            for item in items {
                in_value(seen, level + 1, item);
            }
        }
        Value::Object(fields) => {
            at(seen, 1 + 2 * fields.len(), level + 1);
            for field in fields.values() {
                in_value(seen, level + 1, field);
            }
        }
        _ => {}
    }
}

fn constant(seen: &mut Scanned, level: usize, value: &ConstValue) {
    in_value(seen, level, &value.clone().into_value());
}
