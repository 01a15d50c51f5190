//! Mending a recipe whose page was redesigned: the page is mined again, and its columns are matched with what the
//! old ones held. Not here: deciding when to mend, running what comes out.

use crate::{
    check::fill,
    dom::Dom,
    extract::{Record, extract},
    mine::{ColumnInfo, Region, regions, sheet::Sheet},
    pager,
    recipe::{Field, Kind, Recipe},
    value::kind_of_all,
    wanted,
};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A mended recipe.
#[derive(Debug, Clone, PartialEq)]
pub struct Repaired {
    /// The recipe; its fields have the names of the old one's.
    pub recipe: Recipe,
    /// How sure it is, from 0 to 1.
    pub confidence: f32,
    /// Fields of the old recipe that were not found again.
    pub lost: Vec<String>,
}

/// Below this a mended recipe is not offered.
const LEAST: f32 = 0.45;

/// A recipe for the page as it is now, with the fields of `old`. `good` are the last records known to be right.
pub fn repair(old: &Recipe, good: &[Record], dom: &Dom, url: &str) -> Option<Repaired> {
    let sheet = Sheet::new(dom);
    let pagination = old.pagination.as_ref().and_then(|_| pager::find(&sheet));
    let mut best: Option<Repaired> = None;
    for region in regions(&sheet) {
        let everything = Recipe {
            fields: region.columns.iter().map(|column| column.field.clone()).collect(),
            ..region.recipe()
        };
        let Ok(records) = extract(dom, &everything, url) else { continue };
        if let Some(found) = with_region(old, good, &region, &records, pagination.clone())
            && best.as_ref().is_none_or(|best| found.confidence > best.confidence)
        {
            best = Some(found);
        }
    }
    best.filter(|best| best.confidence >= LEAST)
}

fn with_region(
    old: &Recipe,
    good: &[Record],
    region: &Region,
    records: &[Record],
    pagination: Option<crate::recipe::Pagination>,
) -> Option<Repaired> {
    let mut pairs = Vec::new();
    for (at, field) in old.fields.iter().enumerate() {
        for (column, info) in region.columns.iter().enumerate() {
            let alike = likeness(field, good, info, records);
            if alike > 0.25 {
                pairs.push((alike, at, column));
            }
        }
    }
    pairs.sort_by(|one, other| other.0.total_cmp(&one.0));
    let mut chosen: BTreeMap<usize, usize> = BTreeMap::new();
    let mut taken = BTreeSet::new();
    let mut sum = 0.0;
    for (alike, at, column) in pairs {
        if !chosen.contains_key(&at) && taken.insert(column) {
            chosen.insert(at, column);
            sum += alike;
        }
    }
    if chosen.is_empty() {
        return None;
    }
    let renamed = |(at, field): (usize, &Field)| {
        let column = &region.columns[*chosen.get(&at)?];
        Some(Field { name: field.name.clone(), ..column.field.clone() })
    };
    let fields: Vec<Field> = old.fields.iter().enumerate().filter_map(renamed).collect();
    let lost = old
        .fields
        .iter()
        .enumerate()
        .filter(|(at, _)| !chosen.contains_key(at))
        .map(|(_, field)| field.name.clone());
    let lost: Vec<String> = lost.collect();
    // A list of about the same length is likelier the same list.
    let (before, now) = (good.len().max(1) as f32, records.len().max(1) as f32);
    let length = (before.min(now) / before.max(now)).powf(0.25);
    let confidence = sum / old.fields.len() as f32 * length;
    let recipe = Recipe { source: region.source.clone(), fields, pagination, max_pages: old.max_pages };
    Some(Repaired { recipe, confidence: confidence.min(1.0), lost })
}

fn texts(records: &[Record], name: &str) -> Vec<String> {
    let of = |value: &Value| match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        Value::Array(items) => Some(items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" ")),
        other => Some(other.to_string()),
    };
    records.iter().take(60).filter_map(|record| record.get(name)).filter_map(of).collect()
}

/// How alike an old field and a new column are: the same values, the same kind of values, the same name.
fn likeness(field: &Field, good: &[Record], column: &ColumnInfo, records: &[Record]) -> f32 {
    let before = texts(good, &field.name);
    let now = texts(records, &column.field.name);
    let address = |kind: Kind| matches!(kind, Kind::Url | Kind::Image);
    if now.is_empty()
        || address(field.kind) != address(column.field.kind)
        || (address(field.kind) && field.kind != column.field.kind)
    {
        return 0.0;
    }
    let key = |text: &String| -> String {
        let text = if address(field.kind) {
            text.trim_end_matches('/').rsplit('/').next().unwrap_or(text)
        } else {
            text
        };
        text.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
    };
    let known: BTreeSet<String> = before.iter().map(key).collect();
    let shared = now.iter().map(key).filter(|value| known.contains(value)).count() as f32
        / now.len().min(before.len().max(1)) as f32;
    let named = wanted::likeness(&field.name.replace('_', " "), &column.field)
        .max(if field.name == column.field.name { 1.0 } else { 0.0 });
    let (one, other) =
        (kind_of_all(before.iter().map(String::as_str)), kind_of_all(now.iter().map(String::as_str)));
    let same_kind = if one == other { 1.0 } else { 0.0 };
    let mean = |texts: &[String]| {
        texts.iter().map(|text| text.chars().count()).sum::<usize>() as f32 / texts.len().max(1) as f32 + 1.0
    };
    let (long, short) = (mean(&before).max(mean(&now)), mean(&before).min(mean(&now)));
    let length = short / long;
    let filled = 1.0 - (fill(good, &field.name) as f32 - column.fill).abs().min(1.0);
    let constant =
        if column.constant && before.iter().collect::<BTreeSet<_>>().len() > 1 { 0.3 } else { 1.0 };
    // Values that are still there settle it.
    let by_values = shared.min(1.0);
    let by_looks = 0.45 * named + 0.25 * same_kind + 0.2 * length + 0.1 * filled;
    let special = one != Kind::Text && one == other;
    let by_looks = if special { by_looks.max(0.55) } else { by_looks * 0.9 };
    by_values.max(by_looks) * constant
}
