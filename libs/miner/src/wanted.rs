//! Which columns are what a description asks for: stems, synonyms, units and kinds. Not here: reading descriptions
//! (`wish`), models (`prompt`).

use crate::{
    mine::{Region, names::slug, sheet::split_words},
    recipe::{Field, Kind},
    words::{group_of, stem},
};
use std::collections::BTreeSet;

pub use crate::wish::{Wanted, read};

/// How well a column is what a phrase asks for, from 0 to 1.
pub fn likeness(phrase: &str, field: &Field) -> f32 {
    let mut own = Vec::new();
    split_words(&field.name, &mut own);
    let address = matches!(field.kind, Kind::Url | Kind::Image);
    let own: Vec<String> =
        own.iter().map(|word| stem(word)).filter(|word| word.parse::<u32>().is_err()).collect();
    let groups: BTreeSet<&str> = own.iter().filter_map(|word| group_of(word)).collect();
    let by_kind = match field.kind {
        Kind::Price => Some("price"),
        Kind::Date => Some("date"),
        Kind::Url => Some("url"),
        Kind::Image => Some("image"),
        Kind::Rating => Some("rating"),
        Kind::Text | Kind::Number => None,
    };
    let words: Vec<&str> = phrase.split(' ').collect();
    let mut sum = 0.0;
    for word in &words {
        let group = group_of(word);
        let wants_address = matches!(group, Some("url" | "image"));
        let value = if own.iter().any(|own| own == word) {
            if address && !wants_address { 0.3 } else { 1.0 }
        } else if address && !wants_address {
            0.0
        } else if group.is_some() && group == by_kind {
            0.85
        } else if group.is_some_and(|group| groups.contains(group)) {
            0.8
        } else if own
            .iter()
            .any(|own| own.len() > 3 && word.len() > 3 && (own.contains(word) || word.contains(own.as_str())))
        {
            0.6
        } else {
            0.0
        };
        sum += value;
    }
    let repeated = field.name.rsplit('_').next().is_some_and(|end| end.parse::<u32>().is_ok());
    sum / words.len() as f32 - if repeated { 0.05 } else { 0.0 }
}

/// The best columns of a region for the wanted fields, none taken twice; how good they are together.
pub fn assign(wanted: &Wanted, region: &Region) -> (Vec<Option<usize>>, f32) {
    let mut pairs: Vec<(f32, usize, usize)> = Vec::new();
    for (at, phrase) in wanted.fields.iter().enumerate() {
        for (column, info) in region.columns.iter().enumerate() {
            let constant = if info.constant { 0.7 } else { 1.0 };
            let good = likeness(phrase, &info.field) * constant * (0.7 + 0.3 * info.fill);
            if good >= 0.3 {
                pairs.push((good, at, column));
            }
        }
    }
    pairs.sort_by(|one, other| other.0.total_cmp(&one.0).then(one.2.cmp(&other.2)));
    let mut chosen: Vec<Option<usize>> = vec![None; wanted.fields.len()];
    let mut taken = BTreeSet::new();
    let mut sum = 0.0;
    for (good, at, column) in pairs {
        if chosen[at].is_none() && taken.insert(column) {
            chosen[at] = Some(column);
            sum += good.min(1.0);
        }
    }
    // A wanted title is there even if nothing on the page is called so.
    for (at, phrase) in wanted
        .fields
        .iter()
        .enumerate()
        .filter(|(_, phrase)| phrase.split(' ').any(|word| group_of(word) == Some("title")))
    {
        if chosen[at].is_none()
            && let Some(column) = title_like(region, &taken)
        {
            taken.insert(column);
            chosen[at] = Some(column);
            sum += if phrase.contains(' ') { 0.4 } else { 0.6 };
        }
    }
    (chosen, sum / wanted.fields.len().max(1) as f32)
}

/// The text of the records' link, or their first varying text.
fn title_like(region: &Region, taken: &BTreeSet<usize>) -> Option<usize> {
    let free = |at: &usize| {
        let column = &region.columns[*at];
        !taken.contains(at) && !column.constant && column.field.kind == Kind::Text && column.fill > 0.5
    };
    let linked = |at: &usize| {
        let select = &region.columns[*at].field.select;
        region.columns.iter().any(|column| column.field.kind == Kind::Url && column.field.select == *select)
    };
    let all = || (0..region.columns.len()).filter(free);
    all().find(linked).or_else(|| all().next())
}

/// The factor by which a region is better for what is wanted.
pub fn boost(wanted: &Wanted, region: &Region) -> f32 {
    if wanted.fields.is_empty() {
        return 1.0;
    }
    let (_, good) = assign(wanted, region);
    (0.3 + good) * (0.3 + good)
}

/// The fields that are wanted of a region, under the names they are wanted by; all that vary if none is named or
/// too few are found.
pub fn fields(wanted: &Wanted, region: &Region) -> Vec<Field> {
    let (chosen, _) = assign(wanted, region);
    let found = chosen.iter().flatten().count();
    if found == 0 || found * 2 < wanted.fields.len() {
        return region.recipe().fields;
    }
    let pairs = wanted.fields.iter().zip(&chosen).filter_map(|(phrase, column)| Some((phrase, (*column)?)));
    pairs
        .map(|(phrase, column)| Field { name: slug(phrase), ..region.columns[column].field.clone() })
        .collect()
}

/// The wanted fields that the region does not have.
pub fn missing(wanted: &Wanted, region: &Region) -> Vec<String> {
    let (chosen, _) = assign(wanted, region);
    wanted
        .fields
        .iter()
        .zip(chosen)
        .filter(|(_, column)| column.is_none())
        .map(|(phrase, _)| phrase.clone())
        .collect()
}
