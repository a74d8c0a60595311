//! Any text gets a verdict soon, on the stack of a server's thread.

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

/// The stack of a thread of the server.
const STACK: usize = 2 * 1024 * 1024;

/// How long a verdict on one of these small documents may take in a debug build beside other tests.
const SOON: Duration = Duration::from_secs(2);

/// Prepares texts on the stack of a server's thread. Returns how many of them had no syntax error.
fn run<Texts: Strategy<Value = String> + 'static>(cases: u32, texts: fn() -> Texts) -> usize {
    let test = move || {
        let (schema, limits) = (schema(), DocumentLimits::default());
        let parsed = AtomicUsize::new(0);
        let config = Config { cases, failure_persistence: None, max_shrink_time: 5_000, ..Config::default() };
        let result = TestRunner::new(config).run(&texts(), |text| {
            let started = Instant::now();
            let _ = prepare(&schema, &text, json!({}), &limits);
            prop_assert!(started.elapsed() < SOON);
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
fn documents_get_a_verdict() {
    let parsed = run(400, grammar::document);
    assert!(parsed > 100, "only {parsed} were documents");
}

#[test]
fn spoiled_documents_get_a_verdict() {
    let parsed = run(400, grammar::spoiled);
    assert!(parsed > 20, "only {parsed} were documents");
}

#[test]
fn strings_of_any_kind_get_a_verdict() {
    let parsed = run(6_000, || grammar::soup(12).prop_map(|soup| format!("{{ a(b: [{soup}]) }}")));
    assert!(parsed > 100, "only {parsed} were documents");
}
