//! The order of the house: who may use whom, read off the source.

use std::{fs, path::Path};

/// The layers, lowest first: each may use those before it.
const LAYERS: [&str; 9] = ["promotions", "store", "auth", "graphql", "http", "telemetry", "app", "commands", "main"];

/// Libraries that stay in their layer.
const LIBRARIES: [(&str, &[&str]); 4] = [
    ("diesel", &["store"]),
    ("async_graphql", &["graphql", "http"]),
    ("axum", &["http", "app"]),
    ("anyhow", &["commands", "main"]),
];

#[test]
fn dependencies_run_one_way() {
    let mut wrong = Vec::new();
    each_source(Path::new("src"), &mut |path, text| {
        let layer = layer_of(path);
        let Some(rank) = LAYERS.iter().position(|name| *name == layer) else {
            assert_eq!(layer, "lib", "{} is in no known layer", path.display());
            return;
        };
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
        for used in layers_used(&code) {
            let allowed = LAYERS[..=rank].contains(&used.as_str());
            if !allowed || layer == "store" && !["store", "promotions"].contains(&used.as_str()) {
                wrong.push(format!("{} uses {used}", path.display()));
            }
        }
        for (library, layers) in LIBRARIES {
            if !layers.contains(&layer.as_str()) && code.contains(&format!("{library}::")) {
                wrong.push(format!("{} uses {library}", path.display()));
            }
        }
    });
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn hand_written_files_fit_on_a_few_screens() {
    let mut long = Vec::new();
    each_source(Path::new("src"), &mut |path, text| {
        if text.lines().count() > 350 {
            long.push(path.display().to_string());
        }
    });
    assert!(long.is_empty(), "{long:?}");
}

/// The modules that follow `crate::`, alone or in braces.
fn layers_used(code: &str) -> Vec<String> {
    let mut used = Vec::new();
    for (start, _) in code.match_indices("crate::") {
        let rest = &code[start + "crate::".len()..];
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
fn uses_are_found_in_every_form() {
    let code =
        "use crate::auth;\nuse crate::{\n    graphql::{error::x, y},\n    http,\n};\nlet a = crate::store::open();";
    assert_eq!(layers_used(code), ["auth", "graphql", "http", "store"]);
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
