//! Preparation ends in time for any text, on the stack of a server's thread.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use apollo_compiler::ast;
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use serde_json::json;

use super::{DocumentLimits, grammar, prepare, schema};

/// The stack of a server's thread, in bytes.
const STACK: usize = 2 * 1024 * 1024;

/// The longest that the preparation of a small document may take, in a debug build while other tests run.
const MAX_TIME: Duration = Duration::from_secs(2);

/// Prepares texts on the stack of a server's thread. Returns the number of texts without a syntax error.
fn run<Texts: Strategy<Value = String> + 'static>(cases: u32, texts: fn() -> Texts) -> usize {
    let test = move || {
        let (schema, limits) = (schema(), DocumentLimits::default());
        let parsed = AtomicUsize::new(0);
        let config = Config { cases, failure_persistence: None, max_shrink_time: 5_000, ..Config::default() };
        let result = TestRunner::new(config).run(&texts(), |text| {
            let started = Instant::now();
            let _ = prepare(&schema, &text, json!({}), &limits);
            prop_assert!(started.elapsed() < MAX_TIME);
            let mut parser = ast::Document::parser().recursion_limit(limits.nesting);
            parsed.fetch_add(usize::from(parser.parse_ast(text, "document").is_ok()), Ordering::Relaxed);
            Ok(())
        });
        result.unwrap();
        parsed.into_inner()
    };
    thread::Builder::new().stack_size(STACK).spawn(test).unwrap().join().unwrap()
}

#[test]
fn documents_are_prepared_in_time() {
    let parsed = run(400, grammar::document);
    assert!(parsed > 100, "only {parsed} were documents");
}

#[test]
fn corrupted_documents_are_prepared_in_time() {
    let parsed = run(400, grammar::corrupted);
    assert!(parsed > 20, "only {parsed} were documents");
}

#[test]
fn any_strings_are_prepared_in_time() {
    let parsed = run(6_000, || grammar::soup(12).prop_map(|soup| format!("{{ a(b: [{soup}]) }}")));
    assert!(parsed > 100, "only {parsed} were documents");
}
