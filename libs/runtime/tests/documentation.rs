//! `docs/configuration.md` lists the settings there are, and no others.

use nexus_runtime::config::SETTINGS;
use std::collections::BTreeSet;

/// Read by the command line alone.
const BESIDES: [&str; 2] = ["NEXUS_SERVER", "NO_COLOR"];

#[test]
fn every_setting_is_documented_and_nothing_else() {
    let text =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md")).unwrap();
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let documented: BTreeSet<&str> = rows.collect();
    let known: BTreeSet<&str> = SETTINGS.iter().map(|setting| setting.name).collect();
    assert_eq!(known.difference(&documented).collect::<Vec<_>>(), Vec::<&&str>::new(), "not documented");
    let unknown: Vec<_> = documented.difference(&known).filter(|name| !BESIDES.contains(name)).collect();
    assert!(unknown.is_empty(), "documented, but unknown: {unknown:?}");
}
