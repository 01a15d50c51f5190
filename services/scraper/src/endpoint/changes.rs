//! What differs between the records of two runs: which are new, which are gone, which have other values. Not here: who is
//! told (`webhook`).

use nexus_api::endpoint::ChangeCounts;
use nexus_miner::Record;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The differences.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Changes {
    /// By which field records were recognised, if there is one that tells them apart.
    pub(super) key: Option<String>,
    /// New records.
    pub(super) added: Vec<Record>,
    /// Records that are gone.
    pub(super) removed: Vec<Record>,
    /// The same record before and after.
    pub(super) changed: Vec<(Record, Record)>,
}

impl Changes {
    /// How many there are.
    pub(super) fn counts(&self) -> ChangeCounts {
        let count = |length: usize| length as u64;
        ChangeCounts {
            added: count(self.added.len()),
            removed: count(self.removed.len()),
            changed: count(self.changed.len()),
        }
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty()
    }
}

/// The text of a value by which a record may be known: a text or a number.
fn name(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Whether a field has a value in every record, and never the same one twice.
fn tells_apart(records: &[Record], field: &str) -> bool {
    let mut seen = BTreeSet::new();
    records.iter().all(|record| record.get(field).and_then(name).is_some_and(|name| seen.insert(name)))
}

/// Fields that mostly name things come first: addresses, ids, titles; then the others.
fn rank(field: &str, records: &[Record]) -> usize {
    let sample =
        records.first().and_then(|record| record.get(field)).and_then(Value::as_str).unwrap_or_default();
    let field = field.to_lowercase();
    let named = |names: &[&str]| names.iter().any(|name| field.contains(name));
    if named(&["url", "link", "href"]) || sample.starts_with("http") {
        0
    } else if field == "id" || named(&["_id", "sku", "isbn", "code"]) {
        1
    } else if named(&["title", "name", "headline", "product", "heading"]) {
        2
    } else if named(&["price", "rating", "date", "count", "votes", "points", "score", "stock", "time"]) {
        4
    } else {
        3
    }
}

/// The field that names the records of both runs, and still names at least some of the old ones in the new.
fn key(before: &[Record], after: &[Record]) -> Option<String> {
    let mut fields: Vec<&String> = before
        .first()?
        .keys()
        .filter(|field| tells_apart(before, field) && tells_apart(after, field))
        .collect();
    fields.sort_by_key(|field| (rank(field, before), field.len()));
    let shared = |field: &str| {
        let known: BTreeSet<String> =
            before.iter().filter_map(|record| record.get(field).and_then(name)).collect();
        after.iter().filter_map(|record| record.get(field).and_then(name)).any(|name| known.contains(&name))
    };
    // What changes by its nature names nothing.
    fields.retain(|field| rank(field, before) < 4);
    let first = fields.first().map(|field| (*field).clone());
    fields.into_iter().find(|field| shared(field)).cloned().or(first)
}

/// What differs between two runs. Their order does not matter.
pub(super) fn between(before: &[Record], after: &[Record]) -> Changes {
    match key(before, after) {
        Some(key) => by_key(before, after, key),
        None => by_content(before, after),
    }
}

fn by_key(before: &[Record], after: &[Record], key: String) -> Changes {
    let named = |records: &[Record]| -> BTreeMap<String, Record> {
        records.iter().filter_map(|record| Some((record.get(&key).and_then(name)?, record.clone()))).collect()
    };
    let (mut old, mut changes) = (named(before), Changes::default());
    for record in after {
        let was = record.get(&key).and_then(name).and_then(|name| old.remove(&name));
        match was {
            None => changes.added.push(record.clone()),
            Some(was) if was != *record => changes.changed.push((was, record.clone())),
            Some(_) => {}
        }
    }
    changes.removed = before
        .iter()
        .filter(|record| record.get(&key).and_then(name).is_some_and(|name| old.contains_key(&name)))
        .cloned()
        .collect();
    Changes { key: Some(key), ..changes }
}

/// Records without a name are the same if all of them is the same.
fn by_content(before: &[Record], after: &[Record]) -> Changes {
    let text = |record: &Record| Value::Object(record.clone()).to_string();
    let mut old: BTreeMap<String, usize> = BTreeMap::new();
    for record in before {
        *old.entry(text(record)).or_default() += 1;
    }
    let mut changes = Changes::default();
    for record in after {
        match old.get_mut(&text(record)) {
            Some(left) if *left > 0 => *left -= 1,
            _ => changes.added.push(record.clone()),
        }
    }
    for record in before {
        if let Some(left) = old.get_mut(&text(record)).filter(|left| **left > 0) {
            *left -= 1;
            changes.removed.push(record.clone());
        }
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn records(values: &[Value]) -> Vec<Record> {
        values.iter().map(|value| value.as_object().cloned().unwrap()).collect()
    }

    fn counts(before: &[Value], after: &[Value]) -> (u64, u64, u64) {
        let ChangeCounts { added, removed, changed } = between(&records(before), &records(after)).counts();
        (added, removed, changed)
    }

    #[test]
    fn a_new_price_is_a_change_of_the_same_book() {
        let before = [json!({"title": "A", "price": "1"}), json!({"title": "B", "price": "2"})];
        let after = [
            json!({"title": "B", "price": "3"}),
            json!({"title": "A", "price": "1"}),
            json!({"title": "C", "price": "9"}),
        ];
        let changes = between(&records(&before), &records(&after));
        assert_eq!(changes.key.as_deref(), Some("title"));
        assert_eq!(changes.added, records(&after[2..]));
        assert!(changes.removed.is_empty());
        assert_eq!(changes.changed.len(), 1);
        assert_eq!(changes.changed[0].0["price"], "2");
        assert_eq!(counts(&after, &before), (0, 1, 1));
    }

    #[test]
    fn order_alone_is_no_change() {
        let one = [json!({"title": "A"}), json!({"title": "B"})];
        let other = [json!({"title": "B"}), json!({"title": "A"})];
        assert!(between(&records(&one), &records(&other)).is_empty());
        assert!(between(&[], &[]).is_empty());
    }

    #[test]
    fn addresses_name_records_even_if_titles_repeat() {
        let before = [json!({"title": "A", "url": "http://x/1"}), json!({"title": "A", "url": "http://x/2"})];
        let after = [json!({"title": "Z", "url": "http://x/1"}), json!({"title": "A", "url": "http://x/2"})];
        let changes = between(&records(&before), &records(&after));
        assert_eq!((changes.key.as_deref(), changes.changed.len()), (Some("url"), 1));
    }

    #[test]
    fn records_without_a_name_are_counted() {
        let before = [
            json!({"team": "x", "score": 1}),
            json!({"team": "x", "score": 1}),
            json!({"team": "y", "score": 1}),
        ];
        let after = [json!({"team": "x", "score": 1}), json!({"team": "y", "score": 2})];
        assert_eq!(counts(&before, &after), (1, 2, 0));
    }

    #[test]
    fn a_price_is_no_name_though_it_differs_everywhere() {
        let before = [json!({"kind": "x", "price": 1}), json!({"kind": "x", "price": 2})];
        let after = [json!({"kind": "x", "price": 1}), json!({"kind": "x", "price": 3})];
        assert_eq!(between(&records(&before), &records(&after)).key, None);
        assert_eq!(counts(&before, &after), (1, 1, 0));
    }
}
