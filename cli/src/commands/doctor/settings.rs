//! Settings: each that cannot be read, and names that are almost one. Not here: whether what they name is there.

use super::Finding;
use nexus_runtime::{
    Config,
    config::{Flags, SETTINGS},
};
use std::collections::BTreeMap;

/// Read by the command line alone.
const BESIDES: [&str; 1] = ["NEXUS_SERVER"];

/// What is wrong with the settings; and the configuration without what is wrong, to go on with.
pub(super) fn check(flags: &Flags, environment: &BTreeMap<String, String>) -> (Vec<Finding>, Option<Config>) {
    let mut findings = Vec::new();
    let mut bad: Vec<&str> = Vec::new();
    let is_set = |name: &str| {
        flags.contains_key(name) || environment.get(name).is_some_and(|value| !value.trim().is_empty())
    };
    // One error at a time is told; without what causes it, the next one is.
    let config = loop {
        let error = match read(flags, environment, |name| !bad.contains(&name)) {
            Ok(config) => break Some(config),
            Err(error) => error,
        };
        let causes = |suspect: &str| {
            let without = read(flags, environment, |name| name != suspect && !bad.contains(&name));
            without.map_or_else(|other| other != error, |_| true)
        };
        let suspects = || SETTINGS.iter().filter(|one| is_set(one.name) && !bad.contains(&one.name));
        let named = suspects().find(|one| error.contains(one.name) && causes(one.name));
        let Some(cause) = named.or_else(|| suspects().find(|one| causes(one.name))) else {
            findings.push(Finding::fail("settings", error, "docs/configuration.md describes all settings"));
            break None;
        };
        let fix = format!("a value looks like {}; docs/configuration.md describes it", cause.value);
        findings.push(Finding::fail(cause.name, error, fix));
        bad.push(cause.name);
    };
    for name in environment.keys().filter(|name| name.starts_with("NEXUS_")) {
        if SETTINGS.iter().any(|setting| setting.name == name) || BESIDES.contains(&name.as_str()) {
            continue;
        }
        let nearest = SETTINGS
            .iter()
            .map(|setting| (distance(name, setting.name), setting.name))
            .min()
            .filter(|(distance, _)| *distance <= 4);
        let fix = match nearest {
            Some((_, nearest)) => format!("did you mean {nearest}?"),
            None => "remove it, or look for the right name in docs/configuration.md".to_owned(),
        };
        findings.push(Finding::warn(name.as_str(), "no such setting; it is ignored", fix));
    }
    if bad.is_empty() && config.is_some() {
        let set = SETTINGS.iter().filter(|setting| is_set(setting.name));
        findings.insert(0, Finding::ok("settings", format!("{} set, all can be read", set.count())));
    }
    (findings, config)
}

/// The configuration of some settings alone.
fn read(
    flags: &Flags,
    environment: &BTreeMap<String, String>,
    with: impl Fn(&str) -> bool,
) -> Result<Config, String> {
    let flags: Flags =
        flags.iter().filter(|(name, _)| with(name)).map(|(name, value)| (*name, value.clone())).collect();
    let lookup = |name: &str| Ok(environment.get(name).filter(|_| with(name)).cloned());
    Config::from_lookup(&flags, lookup).map_err(|error| error.to_string())
}

/// How many characters must be changed, added or removed to make one of the other.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let changed = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::doctor::Status;

    fn found(settings: &[(&str, &str)]) -> Vec<Finding> {
        let environment =
            settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        check(&Flags::new(), &environment).0
    }

    #[test]
    fn every_bad_value_is_named_and_the_rest_is_gone_on_with() {
        let environment = BTreeMap::from([
            ("NEXUS_HTTP_ADDR".to_owned(), "nowhere".to_owned()),
            ("LOG_FORMAT".to_owned(), "xml".to_owned()),
            ("NEXUS_DATA_DIR".to_owned(), "/data".to_owned()),
        ]);
        let (findings, config) = check(&Flags::new(), &environment);
        let failed: Vec<_> =
            findings.iter().filter(|one| one.status == Status::Fail).map(|one| one.check.as_str()).collect();
        assert_eq!(failed, ["NEXUS_HTTP_ADDR", "LOG_FORMAT"]);
        assert_eq!(config.unwrap().data_dir, std::path::Path::new("/data"));
    }

    #[test]
    fn a_name_that_is_almost_one_is_told_which() {
        let findings = found(&[("NEXUS_HTPP_ADDR", "x"), ("NEXUS_NOTHING_LIKE_IT_AT_ALL", "x")]);
        let fix = |check: &str| findings.iter().find(|one| one.check == check).unwrap().fix.clone().unwrap();
        assert_eq!(fix("NEXUS_HTPP_ADDR"), "did you mean NEXUS_HTTP_ADDR?");
        assert!(fix("NEXUS_NOTHING_LIKE_IT_AT_ALL").contains("docs/configuration.md"));
    }

    #[test]
    fn values_of_secrets_are_not_repeated() {
        let findings = found(&[("NEXUS_API_KEYS", "canary"), ("DATABASE_URL", "ftp://me:canary@host/x")]);
        assert!(findings.iter().any(|one| one.status == Status::Fail));
        for finding in findings {
            assert!(!finding.message.contains("canary"), "{finding:?}");
        }
    }

    #[test]
    fn distances_are_those_of_levenshtein() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!((distance("", "abc"), distance("same", "same")), (3, 0));
    }
}
