//! Checks of what a scraper gave: is there anything, has it the shape it should have, does it stand on the page, does
//! a second reading agree. Not here: mending (`repair`), running scrapers.

use crate::{
    dom::Dom,
    extract::Record,
    recipe::{Kind, Recipe},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeSet;

/// Something wrong with a result, in words that can be handed to a person or a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// What sort of problem, for programs.
    pub code: Code,
    /// What is wrong and where.
    pub message: String,
}

/// Sorts of problems.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// Not `{"data": [objects], "metadata": {…}}`.
    Shape,
    /// No records.
    Empty,
    /// A field is missing everywhere, or most everywhere.
    EmptyField,
    /// Fields that no record should have, or that are not there.
    Fields,
    /// Values that do not stand on the page.
    NotGrounded,
    /// All records are the same.
    Repeated,
    /// A second reading gives something else.
    Disagrees,
}

fn problem(code: Code, message: String) -> Problem {
    Problem { code, message }
}

/// The records in what `scrape_data` returned.
///
/// # Errors
/// It has not the shape that scrapers' results have.
pub fn records(result: &Value) -> Result<Vec<Record>, Problem> {
    let wrong = |what: &str| {
        problem(
            Code::Shape,
            format!("scrape_data must return {{\"data\": [...], \"metadata\": {{...}}}}; {what}."),
        )
    };
    let object = result.as_object().ok_or_else(|| wrong("it did not return a dict"))?;
    if !object.get("metadata").is_some_and(Value::is_object) {
        return Err(wrong("`metadata` is missing or not a dict"));
    }
    let data = object
        .get("data")
        .and_then(Value::as_array)
        .ok_or_else(|| wrong("`data` is missing or not a list"))?;
    let as_record = |(at, value): (usize, &Value)| {
        value.as_object().cloned().ok_or_else(|| wrong(&format!("entry {at} of `data` is not a dict")))
    };
    data.iter().enumerate().map(as_record).collect()
}

/// Everything that is wrong with records taken from a page.
pub fn check(records: &[Record], recipe: Option<&Recipe>, page: &Dom) -> Vec<Problem> {
    if records.is_empty() {
        return vec![problem(Code::Empty, "No records were found on the page.".to_owned())];
    }
    let mut problems = Vec::new();
    if let Some(recipe) = recipe {
        let wanted: BTreeSet<&str> = recipe.fields.iter().map(|field| field.name.as_str()).collect();
        let differs = |record: &&Record| record.keys().map(String::as_str).collect::<BTreeSet<_>>() != wanted;
        if let Some(record) = records.iter().find(differs) {
            let own: Vec<&String> = record.keys().collect();
            problems.push(problem(
                Code::Fields,
                format!("Records should have the fields {wanted:?}, but one has {own:?}."),
            ));
        }
    }
    problems.extend(empty_fields(records));
    if records.len() > 2 && records.iter().all(|record| record == &records[0]) {
        problems.push(problem(Code::Repeated, format!("All {} records are the same.", records.len())));
    }
    problems.extend(not_grounded(records, page));
    problems
}

fn keys(records: &[Record]) -> BTreeSet<&String> {
    records.iter().flat_map(Record::keys).collect()
}

fn is_there(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => false,
        Some(Value::String(text)) => !text.is_empty(),
        Some(Value::Array(items)) => !items.is_empty(),
        Some(_) => true,
    }
}

/// Share of records that have a value in a field.
pub fn fill(records: &[Record], key: &str) -> f64 {
    records.iter().filter(|record| is_there(record.get(key))).count() as f64 / records.len().max(1) as f64
}

fn empty_fields(records: &[Record]) -> Vec<Problem> {
    let empty = |key: &&String| fill(records, key) == 0.0;
    let empty: Vec<&String> = keys(records).into_iter().filter(empty).collect();
    let message =
        |key: &String| problem(Code::EmptyField, format!("The field `{key}` is empty in every record."));
    empty.into_iter().map(message).collect()
}

/// Letters and digits only: what is compared when asking whether a value stands on a page.
fn bare(text: &str) -> String {
    text.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn not_grounded(records: &[Record], page: &Dom) -> Vec<Problem> {
    let mut all = String::new();
    for node in page.subtree(0) {
        all.push_str(&bare(page.own_text(node)));
        if page.is_element(node) {
            all.push('\u{1f}');
            page.attributes(node).for_each(|(_, value)| all.push_str(&bare(value)));
            all.push('\u{1f}');
        }
    }
    // Marks between elements keep words of different elements apart; text over several is compared without them.
    let joined = bare(&page.text(0));
    let stands = |text: &str| {
        let bare = bare(text);
        let tail = bare_tail(text);
        bare.is_empty()
            || all.contains(&bare)
            || joined.contains(&bare)
            || tail.is_some_and(|tail| all.contains(&tail))
    };
    let mut problems = Vec::new();
    for key in keys(records) {
        let texts: Vec<&str> =
            records.iter().take(40).filter_map(|record| record.get(key)).flat_map(texts).collect();
        let missing: Vec<&&str> = texts.iter().filter(|text| !stands(text)).collect();
        if missing.len() * 10 > texts.len() {
            let example: String = missing[0].chars().take(80).collect();
            let count = missing.len();
            problems.push(problem(
                Code::NotGrounded,
                format!("{count} values of `{key}` do not stand on the page, such as `{example}`."),
            ));
        }
    }
    problems
}

/// What of an absolute address may stand on the page as a relative one.
fn bare_tail(text: &str) -> Option<String> {
    let path = text.starts_with("http").then(|| text.splitn(4, '/').nth(3)).flatten()?;
    let last = path.trim_end_matches('/').rsplit('/').next()?;
    Some(bare(last)).filter(|last| !last.is_empty())
}

fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// What differs between two readings that should be alike: the same page later, or the next page.
pub fn compare(first: &[Record], second: &[Record], recipe: &Recipe) -> Vec<Problem> {
    let mut problems = Vec::new();
    if !first.is_empty() && second.is_empty() {
        return vec![problem(Code::Disagrees, "The second reading found no records.".to_owned())];
    }
    if first.len() >= 5 && (second.len() * 5 < first.len() || first.len() * 5 < second.len()) {
        problems.push(problem(
            Code::Disagrees,
            format!("The first reading found {} records, the second {}.", first.len(), second.len()),
        ));
    }
    for field in &recipe.fields {
        let (before, after) = (fill(first, &field.name), fill(second, &field.name));
        if before > 0.8 && after < 0.2 {
            problems.push(problem(
                Code::Disagrees,
                format!("The field `{}` was nearly always there and now is not.", field.name),
            ));
        }
        let kind = |records: &[Record]| {
            crate::value::kind_of_all(records.iter().filter_map(|record| record.get(&field.name)?.as_str()))
        };
        let (one, other) = (kind(first), kind(second));
        if matches!(one, Kind::Price | Kind::Date) && other != one && after > 0.5 {
            problems.push(problem(
                Code::Disagrees,
                format!("The field `{}` was a {one:?} and is now something else.", field.name),
            ));
        }
    }
    problems
}
