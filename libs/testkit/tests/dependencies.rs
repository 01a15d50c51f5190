//! Licences, banned crates and sources of everything that is built in, by the rules of `deny.toml`. The file is the
//! one that `cargo deny` reads; this test needs nothing installed. Not here: security advisories (`make audit`).
#![expect(clippy::unwrap_used, reason = "a test ends with a panic when something is not as it should be")]

use cargo_metadata::{Metadata, MetadataCommand};
use std::collections::BTreeSet;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

fn rules() -> toml::Table {
    std::fs::read_to_string(format!("{ROOT}/deny.toml")).unwrap().parse().unwrap()
}

fn texts<'a>(list: &'a toml::Value, key: Option<&str>) -> BTreeSet<&'a str> {
    let entries = list.as_array().unwrap().iter();
    entries.map(|entry| key.map_or(entry, |key| &entry[key]).as_str().unwrap()).collect()
}

fn metadata() -> Metadata {
    MetadataCommand::new().manifest_path(format!("{ROOT}/Cargo.toml")).exec().unwrap()
}

/// Whether an SPDX expression is satisfied by the allowed licences. `/` is an old way to write `OR`.
fn satisfied(expression: &str, allowed: &BTreeSet<&str>) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let tokens: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    let good = either(&tokens, &mut at, allowed);
    good && at == tokens.len()
}

fn either(tokens: &[&str], at: &mut usize, allowed: &BTreeSet<&str>) -> bool {
    let mut good = both(tokens, at, allowed);
    while tokens.get(*at) == Some(&"OR") {
        *at += 1;
        good |= both(tokens, at, allowed);
    }
    good
}

fn both(tokens: &[&str], at: &mut usize, allowed: &BTreeSet<&str>) -> bool {
    let mut good = single(tokens, at, allowed);
    while tokens.get(*at) == Some(&"AND") {
        *at += 1;
        good &= single(tokens, at, allowed);
    }
    good
}

fn single(tokens: &[&str], at: &mut usize, allowed: &BTreeSet<&str>) -> bool {
    let Some(token) = tokens.get(*at) else { return false };
    *at += 1;
    if *token == "(" {
        let good = either(tokens, at, allowed);
        *at += 1;
        return good;
    }
    if tokens.get(*at) == Some(&"WITH") {
        let exception = tokens.get(*at + 1).copied().unwrap_or_default();
        *at += 2;
        return allowed.contains(format!("{token} WITH {exception}").as_str()) || allowed.contains(token);
    }
    allowed.contains(token)
}

#[test]
fn licence_expressions_are_understood() {
    let allowed = BTreeSet::from(["MIT", "Unicode-3.0"]);
    for good in ["MIT", "GPL-3.0 OR MIT", "Apache-2.0/MIT", "(MIT OR GPL-3.0) AND Unicode-3.0", "MIT WITH x"]
    {
        assert!(satisfied(good, &allowed), "{good}");
    }
    for bad in ["GPL-3.0", "MIT AND GPL-3.0", "(MIT AND GPL-3.0) OR ISC", "", "MIT MIT"] {
        assert!(!satisfied(bad, &allowed), "{bad}");
    }
}

#[test]
fn licences_are_allowed() {
    let rules = rules();
    let standard = texts(&rules["licenses"]["allow"], None);
    let exceptions = rules["licenses"]["exceptions"].as_array().unwrap();
    for package in metadata().packages {
        let licence = package.license.as_deref().unwrap_or_default();
        let mut allowed = standard.clone();
        for exception in exceptions.iter().filter(|rule| rule["name"].as_str() == Some(package.name.as_str()))
        {
            allowed.extend(texts(&exception["allow"], None));
        }
        assert!(satisfied(licence, &allowed), "{} is licensed under `{licence}`", package.name);
    }
}

#[test]
fn nothing_banned_is_built_in() {
    let rules = rules();
    let banned = texts(&rules["bans"]["deny"], Some("name"));
    let metadata = metadata();
    let resolved: BTreeSet<_> =
        metadata.resolve.iter().flat_map(|graph| &graph.nodes).map(|node| &node.id).collect();
    for package in metadata.packages.iter().filter(|package| resolved.contains(&package.id)) {
        assert!(!banned.contains(package.name.as_str()), "{} is banned by deny.toml", package.name);
    }
}

#[test]
fn everything_comes_from_the_public_registry() {
    let rules = rules();
    let allowed = texts(&rules["sources"]["allow-registry"], None);
    for package in metadata().packages {
        if let Some(source) = &package.source {
            let registry = source.repr.strip_prefix("registry+").unwrap_or_default();
            assert!(allowed.contains(registry), "{} comes from {source}", package.name);
        }
    }
}
