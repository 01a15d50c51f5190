//! Rules about files that no linter knows: their length, and that each one says what lives in it.
//! Not here: style (`cargo fmt`, `cargo clippy`).
#![expect(clippy::unwrap_used, reason = "a test ends with a panic when something is not as it should be")]

use std::path::{Path, PathBuf};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
const LONGEST: usize = 500;

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && name != "node_modules" {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn all() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for folder in ["libs", "services", "gateway", "cli"] {
        rust_files(&Path::new(ROOT).join(folder), &mut found);
    }
    assert!(found.len() > 50, "the sources are not where this test looks");
    found.into_iter().map(|path| (path.clone(), std::fs::read_to_string(path).unwrap())).collect()
}

#[test]
fn files_are_short_enough_to_read() {
    let long: Vec<_> =
        all().into_iter().filter(|(_, text)| text.lines().count() > LONGEST).map(|(path, _)| path).collect();
    assert!(long.is_empty(), "longer than {LONGEST} lines: {long:#?}");
}

#[test]
fn every_file_says_what_lives_in_it() {
    let silent: Vec<_> =
        all().into_iter().filter(|(_, text)| !text.starts_with("//!")).map(|(path, _)| path).collect();
    assert!(silent.is_empty(), "these do not begin with `//!`: {silent:#?}");
}
