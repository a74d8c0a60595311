//! Rules of the source tree: dependencies between modules, the length of files, and maps of the tree.

use std::{
    collections::{BTreeSet, HashSet},
    fs,
    path::Path,
};

/// Each layer, and those that it may use beside itself.
const LAYERS: [(&str, &[&str]); 12] = [
    ("promotions", &[]),
    ("service", &["promotions"]),
    ("events", &["promotions", "telemetry"]),
    ("store", &["auth", "events", "promotions", "telemetry"]),
    ("auth", &["promotions", "service"]),
    ("graphql", &["auth", "events", "promotions", "service", "telemetry"]),
    ("http", &["auth", "graphql", "promotions", "telemetry"]),
    ("telemetry", &[]),
    ("app", &["auth", "events", "graphql", "http", "promotions", "service", "telemetry"]),
    ("config", &["app", "auth", "events", "graphql", "http", "store", "telemetry"]),
    (
        "commands",
        &["app", "auth", "config", "events", "graphql", "http", "promotions", "service", "store", "telemetry"],
    ),
    ("main", &["commands", "telemetry"]),
];

/// Families of libraries, by the prefix of their names, and the only layers that may use them.
const LIBRARIES: [(&str, &[&str]); 6] = [
    ("apollo_", &["graphql"]),
    ("diesel", &["store"]),
    ("async_graphql", &["graphql", "http"]),
    ("axum", &["http", "app"]),
    ("anyhow", &["commands", "main"]),
    ("clap", &["commands", "config", "main"]),
];

/// Families of libraries that a layer must not use: the domain has no runtime.
const FORBIDDEN: [(&str, &[&str]); 1] = [("promotions", &["metrics", "tokio"])];

#[test]
fn dependencies_point_one_way() {
    let mut wrong = Vec::new();
    each_source(Path::new("src"), &mut |path, text| {
        let layer = layer_of(path);
        let Some((_, may_use)) = LAYERS.iter().find(|(name, _)| *name == layer) else {
            assert_eq!(layer, "lib", "{} is in no known layer", path.display());
            return;
        };
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
        for used in modules_used(&code, if layer == "main" { "promolink::" } else { "crate::" }) {
            if used != layer && !may_use.contains(&used.as_str()) {
                wrong.push(format!("{} uses {used}", path.display()));
            }
        }
        let words: HashSet<&str> = code.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
        let elsewhere =
            LIBRARIES.iter().filter(|(_, layers)| !layers.contains(&layer.as_str())).map(|(family, _)| family);
        let forbidden = FORBIDDEN.iter().filter(|(name, _)| *name == layer).flat_map(|(_, families)| *families);
        for family in elsewhere.chain(forbidden) {
            if words.iter().any(|word| word.starts_with(family)) {
                wrong.push(format!("{} uses {family}", path.display()));
            }
        }
    });
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn hand_written_files_stay_within_the_length_limit() {
    let mut long = Vec::new();
    each_source(Path::new("src"), &mut |path, text| {
        if text.lines().count() > 250 {
            long.push(path.display().to_string());
        }
    });
    assert!(long.is_empty(), "{long:?}");
}

/// Compares the two maps of the source, in `src/lib.rs` and docs/architecture.md, with the files.
#[test]
fn maps_match_the_tree() {
    let modules: BTreeSet<String> =
        names_in("src").iter().map(|name| name.trim_end_matches('/').trim_end_matches(".rs").to_owned()).collect();
    let listed = include_str!("../../src/lib.rs").lines().filter_map(|line| line.strip_prefix("//! - [`"));
    let listed = listed.filter_map(|line| line.split('`').next()).map(str::to_owned);
    let programs = ["lib", "main"].map(str::to_owned);
    assert_eq!(listed.chain(programs).collect::<BTreeSet<_>>(), modules, "src/lib.rs");

    let page = include_str!("../../docs/architecture.md");
    let map = page.split("```text map\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let shown: BTreeSet<&str> = map.lines().filter_map(|line| line.split_whitespace().next()).collect();
    let absent: Vec<_> = shown.iter().filter(|path| !Path::new(path).exists()).collect();
    assert!(absent.is_empty(), "docs/architecture.md shows {absent:?}, which do not exist");
    let folders =
        names_in(".").into_iter().filter(|name| name.ends_with('/') && !name.starts_with('.') && name != "target/");
    let inside = ["src", "tests"]
        .iter()
        .flat_map(|folder| names_in(folder).into_iter().map(move |name| format!("{folder}/{name}")));
    // A directory stands for the module of its name and for the files in it.
    let expected = folders.filter(|name| name != "src/" && name != "tests/").chain(inside);
    let missing: Vec<_> = expected
        .filter(|path| !shown.contains(path.as_str()) && !shown.contains(path.replace(".rs", "/").as_str()))
        .filter(|path| path != "src/lib.rs")
        .collect();
    assert!(missing.is_empty(), "docs/architecture.md lacks {missing:?}");
}

/// The entries of a directory. Names of directories end with a slash.
fn names_in(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy();
            if path.is_dir() { format!("{name}/") } else { name.into_owned() }
        })
        .collect()
}

/// The modules after `crate::` or another root, single or in braces.
fn modules_used(code: &str, root: &str) -> Vec<String> {
    let mut used = Vec::new();
    for (start, _) in code.match_indices(root) {
        let rest = &code[start + root.len()..];
        let Some(list) = rest.strip_prefix('{') else {
            used.push(first_word(rest));
            continue;
        };
        let mut depth = 1;
        let mut at_name = true;
        for (position, character) in list.char_indices() {
            match character {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 1 => at_name = true,
                character if at_name && character.is_alphabetic() => {
                    used.push(first_word(&list[position..]));
                    at_name = false;
                }
                _ => {}
            }
            if depth == 0 {
                break;
            }
        }
    }
    used
}

fn first_word(text: &str) -> String {
    text.chars().take_while(|character| character.is_alphanumeric() || *character == '_').collect()
}

#[test]
fn module_uses_are_found_in_every_form() {
    let code =
        "use crate::auth;\nuse crate::{\n    graphql::{error::x, y},\n    http,\n};\nlet a = crate::store::open();";
    assert_eq!(modules_used(code, "crate::"), ["auth", "graphql", "http", "store"]);
}

/// The first part of a file's path below `src`: `graphql.rs` and `graphql/query.rs` are both `graphql`.
fn layer_of(path: &Path) -> String {
    let first = path.components().nth(1).unwrap().as_os_str().to_string_lossy();
    first.trim_end_matches(".rs").to_owned()
}

fn each_source(folder: &Path, look: &mut impl FnMut(&Path, &str)) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            each_source(&path, look);
        } else {
            look(&path, &fs::read_to_string(&path).unwrap());
        }
    }
}
