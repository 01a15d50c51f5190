//! Upgrades without standing still: programs of the version before work beside this one's, on the schema of this one.
//! So migrations only add, and the former program's own statements give the same answers on the new schema. The
//! statements are in `previous/*.json`: every one that the store had at schema 5, with values, in an order in which
//! they make sense. Not here: what migrations do (`contract/schema.rs`).
#![expect(clippy::unwrap_used, clippy::panic, reason = "that is how a test fails")]

#[path = "upgrades/lint.rs"]
mod lint;
#[path = "upgrades/previous.rs"]
mod previous;

use std::{fs, path::PathBuf};

/// The schema of the programs whose statements are kept.
const PREVIOUS: u32 = 5;

/// A migration as it stands in the repository.
struct File {
    name: String,
    number: u32,
    sql: String,
}

/// All migrations for a database, in order.
fn migrations(database: &str) -> Vec<File> {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../migrations")).join(database);
    let mut files: Vec<File> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let number = name.split('_').next().unwrap().parse().unwrap();
            File { name, number, sql: fs::read_to_string(path).unwrap() }
        })
        .collect();
    files.sort_by_key(|file| file.number);
    assert!(files.iter().any(|file| file.number == PREVIOUS));
    files
}
