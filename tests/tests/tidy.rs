//! The source tree polices itself: sizes, module headers, SQL in its place, import directions, paths in documents.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// No file is longer.
const LONGEST_LINES: usize = 600;
/// Nine files in ten are at most this long.
const LONG_LINES: usize = 350;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace is the parent").to_owned()
}

/// Every Rust file of the workspace, relative to its root, with its text.
fn sources() -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("readable").map(|entry| entry.expect("readable")) {
            let path = entry.path();
            let name = entry.file_name();
            if path.is_dir() && name != "target" && name != ".git" {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let relative = path.strip_prefix(root()).expect("below the root").to_owned();
                found.insert(relative, std::fs::read_to_string(&path).expect("UTF-8"));
            }
        }
    }
    assert!(found.len() > 100, "the walk found the tree");
    found
}

fn is_test(path: &Path) -> bool {
    let text = path.to_string_lossy();
    text.starts_with("tests/") || text.contains("/tests/") || text.ends_with("tests.rs") || text.contains("/conformance/")
}

/// A file without the tests at its end.
fn production(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod tests {").next().unwrap_or(text)
}

#[test]
fn files_are_small() {
    let lengths: Vec<(usize, PathBuf)> = sources().into_iter().map(|(path, text)| (text.lines().count(), path)).collect();
    let too_long: Vec<_> = lengths.iter().filter(|(lines, _)| *lines > LONGEST_LINES).collect();
    assert!(too_long.is_empty(), "over {LONGEST_LINES} lines: {too_long:?}");
    let long: Vec<_> = lengths.iter().filter(|(lines, _)| *lines > LONG_LINES).collect();
    assert!(long.len() * 10 <= lengths.len(), "{} of {} files are over {LONG_LINES} lines: {long:?}", long.len(), lengths.len());
}

#[test]
fn every_file_says_what_it_is() {
    let silent: Vec<_> = sources()
        .into_iter()
        .filter(|(_, text)| !text.trim_start_matches("#!/usr/bin/env").starts_with("//!"))
        .map(|(path, _)| path)
        .collect();
    assert!(silent.is_empty(), "without a module header: {silent:?}");
}

#[test]
fn sql_lives_in_sql_files_only() {
    let verbs = ["select ", "insert into ", "insert or ", "delete from ", "create table ", "create index ", "drop table "];
    let mut found = Vec::new();
    for (path, text) in sources() {
        if is_test(&path) {
            continue;
        }
        for (number, line) in production(&text).lines().enumerate() {
            // Prose may say "select"; a string that starts with a verb is a statement.
            let lower = line.to_lowercase();
            if verbs.iter().any(|verb| lower.contains(&format!("\"{verb}"))) {
                found.push(format!("{}:{}", path.display(), number + 1));
            }
        }
    }
    assert!(found.is_empty(), "SQL outside sql/: {found:?}");
}

/// What each crate may import of ours, as design: `core`, `keys` and `protocol` import nothing.
const DIRECTIONS: [(&str, &[&str]); 7] = [
    ("orchestrator/core", &[]),
    ("keys", &[]),
    ("agent-shim/protocol", &[]),
    ("agent-shim", &["sortie-protocol"]),
    ("orchestrator/flow", &["sortie-core"]),
    ("orchestrator/store", &["sortie-core"]),
    ("orchestrator", &["sortie-core", "sortie-flow", "sortie-store", "sortie-keys", "sortie-protocol"]),
];

#[test]
fn crates_import_in_one_direction() {
    for (folder, allowed) in DIRECTIONS {
        let manifest = std::fs::read_to_string(root().join(folder).join("Cargo.toml")).expect("a crate");
        let dependencies = manifest.split("[dependencies]").nth(1).expect("a table").split("\n[").next().unwrap_or_default();
        for line in dependencies.lines() {
            let name = line.split(['.', ' ', '=']).next().unwrap_or_default();
            if name == "sortie" || name.starts_with("sortie-") || name == "agent-shim" {
                assert!(allowed.contains(&name), "{folder} may not import {name}");
            }
        }
    }
}

/// What the folders of the program may not know of each other.
const STRANGERS: [(&str, &[&str]); 4] = [
    ("orchestrator/src/driver", &["crate::ssh", "crate::http", "crate::cli", "crate::app", "crate::demo"]),
    ("orchestrator/src/ssh", &["crate::driver", "crate::http", "crate::cli", "crate::app", "crate::callback", "sortie_store"]),
    ("orchestrator/src/callback", &["crate::ssh", "crate::http", "crate::cli", "crate::app"]),
    ("orchestrator/src/http", &["crate::cli", "crate::demo"]),
];

#[test]
fn folders_of_the_program_keep_their_distance() {
    for (path, text) in sources() {
        for (folder, strangers) in STRANGERS {
            if path.starts_with(folder) && !is_test(&path) {
                for stranger in strangers {
                    assert!(!text.contains(&format!("{stranger}::")), "{} may not know {stranger}", path.display());
                }
            }
        }
    }
}

#[test]
fn the_engine_has_no_clock_and_no_io() {
    let banned = ["std::time::", "std::fs", "std::net", "std::env", "std::thread", "tokio", "println!", "rand::"];
    for (path, text) in sources() {
        if path.starts_with("orchestrator/core/src") {
            let code: String = production(&text).lines().filter(|line| !line.trim_start().starts_with("//")).collect();
            for word in banned {
                assert!(!code.contains(word), "{} uses {word}", path.display());
            }
        }
    }
}

#[test]
fn suppressions_give_their_reason() {
    let mut bare = Vec::new();
    for (path, text) in sources() {
        for opening in ["#[allow(", "#![allow(", "#[expect(", "#![expect("] {
            let attributes = text.split(opening).skip(1).map(|rest| rest.split(")]").next().unwrap_or_default());
            // This very list is no attribute.
            let unexplained = attributes.filter(|attribute| !attribute.contains("reason =") && !attribute.starts_with('"'));
            bare.extend(unexplained.map(|attribute| format!("{}: {attribute}", path.display())));
        }
    }
    assert!(bare.is_empty(), "suppressions without a reason: {bare:?}");
}

/// Texts in backquotes that look like paths of this repository.
fn paths_in(document: &str) -> Vec<String> {
    let tops = ["orchestrator/", "agent-shim/", "keys/", "tests/", "bench/", "examples/", ".ci/"];
    document
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|text| tops.iter().any(|top| text.starts_with(top)))
        .map(|text| text.split([' ', ':']).next().unwrap_or_default().trim_end_matches('/').to_owned())
        .filter(|text| !text.contains(['*', '<', '{']))
        .collect()
}

#[test]
fn documents_name_only_what_is_there() {
    let mut checked = 0;
    for document in ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "bench/RESULTS.md"] {
        let text = std::fs::read_to_string(root().join(document)).unwrap_or_else(|_| panic!("{document} is missing"));
        for path in paths_in(&text) {
            assert!(root().join(&path).exists(), "{document} names {path}, which is not there");
            checked += 1;
        }
    }
    assert!(checked >= 20, "only {checked} paths were found: is the table still there?");
}

#[test]
fn limits_say_why() {
    for (path, text) in sources() {
        if path.file_name().is_some_and(|name| name == "limits.rs") {
            let lines: Vec<&str> = text.lines().collect();
            for (number, line) in lines.iter().enumerate() {
                if line.starts_with("pub const ") {
                    assert!(number > 0 && lines[number - 1].starts_with("///"), "{}:{} has no reason", path.display(), number + 1);
                }
            }
        }
    }
}
