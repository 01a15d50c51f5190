//! What people read, look at and are woken by speaks of metrics there are: the documentation's table, the dashboard,
//! the alerts.
#![expect(clippy::unwrap_used, clippy::panic, reason = "that is how a test fails")]

use nexus_runtime::metrics::{FAMILIES, Family, Kind, family};
use serde_json::Value;
use std::collections::BTreeSet;

fn read(path: &str) -> String {
    std::fs::read_to_string(format!("{}/../../{path}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// A metric's name as it stands in an expression; histograms have three.
fn known(name: &str) -> Option<&'static Family> {
    let part = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
    family(name)
        .filter(|family| family.kind != Kind::Histogram)
        .or_else(|| family(part?).filter(|family| family.kind == Kind::Histogram))
}

/// Every name of ours in an expression, with what stands in the braces behind it.
fn metrics(expression: &str) -> Vec<(&str, &str)> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut found = Vec::new();
    let mut rest = expression;
    while let Some(at) = rest.find(|c: char| c.is_ascii_alphabetic()) {
        let word = &rest[at..];
        let end = word.find(|c| !is_name(c)).unwrap_or(word.len());
        let (name, after) = word.split_at(end);
        if name.starts_with("nexus_") || name.starts_with("process_") {
            let selector =
                after.strip_prefix('{').and_then(|after| after.split('}').next()).unwrap_or_default();
            found.push((name, selector));
        }
        rest = after;
    }
    found
}

fn check(place: &str, expression: &str) -> BTreeSet<&'static str> {
    let used = metrics(expression);
    assert!(!used.is_empty(), "{place}: {expression} speaks of no metric of ours");
    let mut labels: BTreeSet<&str> = BTreeSet::new();
    let names = used.iter().map(|(name, selector)| {
        let family = known(name).unwrap_or_else(|| panic!("{place}: there is no metric {name}"));
        labels.extend(family.labels);
        for condition in selector.split(',').filter(|condition| !condition.is_empty()) {
            let label = condition.split(['=', '!']).next().unwrap().trim();
            assert!(family.labels.contains(&label), "{place}: {name} has no label {label}");
        }
        family.name
    });
    let names = names.collect();
    // What the metrics do not have, Prometheus itself adds.
    for by in expression.split("by (").skip(1) {
        for label in by.split(')').next().unwrap().split(',').map(str::trim) {
            let there = labels.contains(label) || matches!(label, "le" | "job" | "instance");
            assert!(there, "{place}: no label {label} in {expression}");
        }
    }
    names
}

#[test]
fn the_dashboard_asks_for_what_there_is() {
    let dashboard: Value = serde_json::from_str(&read("docs/grafana/nexus.json")).unwrap();
    let mut shown = BTreeSet::new();
    let mut ids = BTreeSet::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{}", panel["id"]);
        let title = panel["title"].as_str().unwrap();
        for target in panel["targets"].as_array().into_iter().flatten() {
            shown.extend(check(title, target["expr"].as_str().unwrap()));
        }
    }
    // Whatever the services count can be seen somewhere.
    let hidden: Vec<_> = FAMILIES
        .iter()
        .filter(|family| family.name.starts_with("nexus_") && !shown.contains(family.name))
        .map(|family| family.name)
        .filter(|name| *name != "nexus_budget_warnings_total" && *name != "nexus_leases_lost_total")
        .collect();
    assert!(hidden.is_empty(), "on no panel: {hidden:?}");
}

#[test]
fn alerts_look_at_what_there_is_and_say_what_to_do() {
    let rules = read("docs/prometheus/rules.yml");
    let mut alerts = 0;
    for rule in rules.split("- alert: ").skip(1) {
        let name = rule.lines().next().unwrap();
        let field = |field: &str| {
            let line = rule.lines().find_map(|line| line.trim().strip_prefix(field));
            line.unwrap_or_else(|| panic!("{name} has no {field}")).trim()
        };
        check(name, field("expr:"));
        assert!(field("summary:").len() > 10 && field("description:").len() > 10, "{name}");
        assert!(field("labels:").contains("severity"), "{name}");
        alerts += 1;
    }
    assert!(alerts >= 8, "{alerts}");
}

#[test]
fn every_metric_is_documented_and_nothing_else() {
    let text = read("docs/observability.md");
    let rows: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("| `nexus_") || line.starts_with("| `process_"))
        .collect();
    let row = |family: &Family| {
        let labels = family.labels.iter().map(|label| format!("`{label}`")).collect::<Vec<_>>().join(" ");
        let roles = if family.roles.len() == 6 { "all".to_owned() } else { family.roles.join(", ") };
        let roles = if family.roles.len() == 5 { "all but the gateway".to_owned() } else { roles };
        format!("| `{}` | {} | {labels} | {roles} | {} |", family.name, family.kind.as_str(), family.help)
    };
    let expected: Vec<String> = FAMILIES.iter().map(row).collect();
    assert_eq!(rows, expected, "write into docs/observability.md:\n{}", expected.join("\n"));
}

#[test]
fn the_checks_find_what_is_wrong() {
    let caught = |expression: &str| std::panic::catch_unwind(|| check("test", expression)).is_err();
    assert!(!caught("sum by (le) (rate(nexus_commit_duration_seconds_bucket[5m]))"));
    for wrong in [
        "nexus_no_such_metric",
        "rate(nexus_commit_duration_seconds[5m])",
        r#"nexus_llm_calls_total{colour="red"}"#,
        "sum by (colour) (nexus_llm_calls_total)",
        "vector(1)",
    ] {
        assert!(caught(wrong), "{wrong}");
    }
}
