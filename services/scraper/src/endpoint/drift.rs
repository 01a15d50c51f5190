//! Whether records are what a scraper used to give. Not here: mending it (`mend`), whether records stand on a page
//! (`nexus_miner::check`).

use nexus_miner::{Record, check::fill, recipe::Kind, value::kind_of_all};
use std::collections::BTreeSet;

/// Below this share of the usual number of records something is wrong.
const FEW: f64 = 0.5;
/// A field that was there in so many records …
const NEARLY_ALWAYS: f64 = 0.6;
/// … and now is in no more than this share of what it was, is gone.
const NEARLY_NEVER: f64 = 0.25;

/// A way in which records differ from what they used to be.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Sign {
    /// There are none any more.
    None { usual: usize },
    /// There are far fewer.
    Fewer { usual: usize, now: usize },
    /// A field is missing or empty.
    Field { name: String, before: f64, now: f64 },
    /// A field means something else.
    Kind { name: String, before: Kind, now: Kind },
}

impl Sign {
    /// In a sentence.
    pub(super) fn message(&self) -> String {
        let percent = |share: &f64| (share * 100.0).round();
        match self {
            Sign::None { usual } => format!("There are no records any more; there used to be {usual}."),
            Sign::Fewer { usual, now } => format!("There are {now} records; there used to be {usual}."),
            Sign::Field { name, before, now } => format!(
                "The field `{name}` has a value in {} % of the records; it used to be {} %.",
                percent(now),
                percent(before)
            ),
            Sign::Kind { name, before, now } => {
                format!("The field `{name}` used to be a {} and now is a {}.", word(*before), word(*now))
            }
        }
    }
}

fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "text",
        Kind::Number => "number",
        Kind::Price => "price",
        Kind::Date => "date",
        Kind::Url => "link",
        Kind::Image => "image",
        Kind::Rating => "rating",
    }
}

fn fields(records: &[Record]) -> BTreeSet<&String> {
    records.iter().flat_map(Record::keys).collect()
}

/// What a field's texts mean; fields of numbers are numbers.
fn kind(records: &[Record], field: &str) -> Kind {
    let values = || records.iter().filter_map(|record| record.get(field)).filter(|value| !value.is_null());
    if values().count() > 0 && values().all(serde_json::Value::is_number) {
        return Kind::Number;
    }
    kind_of_all(values().filter_map(serde_json::Value::as_str))
}

/// How records differ from those of the last good run, of which there are `usual` many.
pub(super) fn signs(good: &[Record], usual: usize, now: &[Record]) -> Vec<Sign> {
    if good.is_empty() {
        return Vec::new();
    }
    if now.is_empty() {
        return vec![Sign::None { usual }];
    }
    let mut signs = Vec::new();
    if usual >= 4 && (now.len() as f64) < usual as f64 * FEW {
        signs.push(Sign::Fewer { usual, now: now.len() });
    }
    for field in fields(good) {
        let (before, after) = (fill(good, field), fill(now, field));
        if before >= NEARLY_ALWAYS && after <= before * NEARLY_NEVER {
            signs.push(Sign::Field { name: field.clone(), before, now: after });
            continue;
        }
        let (one, other) = (kind(good, field), kind(now, field));
        if matches!(one, Kind::Price | Kind::Date | Kind::Number) && one != other && after > 0.0 {
            signs.push(Sign::Kind { name: field.clone(), before: one, now: other });
        }
    }
    signs
}

/// How well records do for those of the last good run, from 0 to 1: their fields, what these mean, their number.
pub(super) fn quality(good: &[Record], usual: usize, now: &[Record]) -> f64 {
    if now.is_empty() {
        return 0.0;
    }
    let fields: Vec<&String> = fields(good).into_iter().filter(|field| fill(good, field) > 0.2).collect();
    if fields.is_empty() {
        return 1.0;
    }
    let sum: f64 = fields
        .iter()
        .map(|field| {
            let filled = (fill(now, field) / fill(good, field)).min(1.0);
            let (one, other) = (kind(good, field), kind(now, field));
            let same = one == other || !matches!(one, Kind::Price | Kind::Date | Kind::Number);
            if same { filled } else { filled * 0.3 }
        })
        .sum();
    let number = (now.len() as f64 / usual.max(1) as f64).min(1.0).sqrt();
    sum / fields.len() as f64 * number
}

/// How many records there usually are: the middle one of what the last good runs gave.
pub(super) fn usual(counts: &[u64], baseline: usize) -> usize {
    let mut counts: Vec<u64> = counts.iter().copied().filter(|count| *count > 0).take(5).collect();
    counts.sort_unstable();
    counts.get(counts.len() / 2).and_then(|count| usize::try_from(*count).ok()).unwrap_or(baseline)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn records(values: &[Value]) -> Vec<Record> {
        values.iter().map(|value| value.as_object().cloned().unwrap()).collect()
    }

    fn books(count: usize) -> Vec<Record> {
        let book =
            |n: usize| json!({"title": format!("Book {n}"), "price": format!("£{n}.99"), "note": null});
        records(&(1..=count).map(book).collect::<Vec<_>>())
    }

    fn messages(now: &[Record]) -> Vec<String> {
        signs(&books(20), 20, now).iter().map(Sign::message).collect()
    }

    #[test]
    fn other_records_of_the_same_sort_are_no_drift() {
        assert_eq!(messages(&books(20)), Vec::<String>::new());
        assert_eq!(messages(&books(11)), Vec::<String>::new());
        assert_eq!(messages(&books(45)), Vec::<String>::new());
        // A field that never had a value may go on without one, and may get one.
        let noted: Vec<Record> = books(20)
            .into_iter()
            .map(|mut book| {
                book.insert("note".into(), json!("new"));
                book
            })
            .collect();
        assert_eq!(messages(&noted), Vec::<String>::new());
        assert!(signs(&[], 0, &books(3)).is_empty());
    }

    #[test]
    fn what_is_gone_is_told_with_numbers() {
        assert_eq!(messages(&[]), ["There are no records any more; there used to be 20."]);
        assert_eq!(messages(&books(9)), ["There are 9 records; there used to be 20."]);
        let mut bare = books(20);
        bare.iter_mut().for_each(|book| {
            book.remove("price");
        });
        assert_eq!(
            messages(&bare),
            ["The field `price` has a value in 0 % of the records; it used to be 100 %."]
        );
        let mut wrong = books(20);
        wrong.iter_mut().for_each(|book| {
            book.insert("price".into(), json!("Add to basket"));
        });
        assert_eq!(messages(&wrong), ["The field `price` used to be a price and now is a text."]);
    }

    #[test]
    fn the_better_of_two_is_the_one_with_more_of_the_old_fields() {
        let good = books(20);
        let quality = |now: &[Record]| quality(&good, 20, now);
        assert_eq!(quality(&books(20)), 1.0);
        assert_eq!(quality(&[]), 0.0);
        let mut bare = books(20);
        bare.iter_mut().for_each(|book| {
            book.remove("price");
        });
        assert_eq!(quality(&bare), 0.5);
        assert!(quality(&books(5)) < quality(&books(15)) && quality(&books(15)) < 1.0);
    }

    #[test]
    fn the_usual_number_follows_a_page_that_stays_shorter() {
        assert_eq!(usual(&[], 7), 7);
        assert_eq!(usual(&[8, 20, 20, 20], 20), 20);
        assert_eq!(usual(&[8, 8, 8, 20, 20], 20), 8);
        assert_eq!(usual(&[0, 0, 0, 20, 20], 20), 20);
    }
}
