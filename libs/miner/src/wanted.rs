//! Which columns are what a description asks for: stems, synonyms, units and kinds. Not here: reading descriptions
//! (`wish`), models (`prompt`).

use crate::{
    mine::{ColumnInfo, Region, names::slug, sheet::split_words},
    recipe::{Field, Kind},
    words::{are_alike, group_of, is_part, stem},
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
    let by_kind = match field.kind {
        Kind::Price => Some("price"),
        Kind::Date => Some("date"),
        Kind::Url => Some("url"),
        Kind::Image => Some("image"),
        Kind::Rating => Some("rating"),
        Kind::Text | Kind::Number => None,
    };
    let words: Vec<&str> = phrase.split(' ').collect();
    let names_other = is_of_other(phrase);
    let mut sum = 0.0;
    for word in &words {
        let group = group_of(word);
        let wants_address = matches!(group, Some("url" | "image"));
        let other_address = address && (group == Some("image")) != (field.kind == Kind::Image);
        let value = if own.iter().any(|own| own == word) {
            if other_address || address && !wants_address { 0.3 } else { 1.0 }
        } else if address && !wants_address {
            0.0
        } else if group.is_some() && group == by_kind {
            0.85
        } else if own.iter().any(|own| are_alike(own, word)) {
            // The name of an author is not the name of whatever else there is.
            if names_other && group == Some("title") {
                0.0
            } else if other_address {
                0.3
            } else {
                0.8
            }
        } else if own
            .iter()
            .any(|own| own.len() > 3 && word.len() > 3 && (own.contains(word) || word.contains(own.as_str())))
        {
            0.6
        } else if own.iter().any(|own| is_part(word, own)) {
            0.5
        } else {
            0.0
        };
        sum += value;
    }
    let repeated = field.name.rsplit('_').next().is_some_and(|end| end.parse::<u32>().is_ok());
    sum / words.len() as f32 - if repeated { 0.05 } else { 0.0 }
}

/// Whether a phrase asks for the name of somebody who is not what the records are.
fn is_of_other(phrase: &str) -> bool {
    phrase.split(' ').any(|word| matches!(group_of(word), Some("author" | "company")))
}

fn asks_for_title(phrase: &str) -> bool {
    phrase.split(' ').any(|word| group_of(word) == Some("title"))
}

/// What a column counts, if its values are like `3 comments`.
fn unit(column: &ColumnInfo) -> Option<String> {
    let units = column.samples.iter().filter_map(|sample| {
        let mut words = sample.split_whitespace();
        let is_number =
            words.next()?.trim_end_matches(['k', 'm', '+']).replace([',', '.'], "").parse::<u64>().is_ok();
        let unit = words.next().filter(|_| is_number && words.next().is_none())?;
        Some(stem(unit.trim_end_matches([',', '.'])))
    });
    let units: Vec<String> = units.collect();
    let first = units.first()?.clone();
    let all = units.len() * 2 > column.samples.len() && units.iter().all(|unit| *unit == first);
    (all && first.chars().all(char::is_alphabetic)).then_some(first)
}

/// How well a column is what a phrase asks for, by its name, its kind and its values.
fn fitness(phrase: &str, column: &ColumnInfo) -> f32 {
    let good = likeness(phrase, &column.field);
    let unit = if column.field.kind == Kind::Url { None } else { unit(column) };
    match unit {
        Some(unit) if phrase.split(' ').any(|word| are_alike(word, &unit)) => good.max(0.95),
        // What is counted, or the same everywhere, is no title whatever it is called.
        Some(_) if asks_for_title(phrase) => good * 0.2,
        None if asks_for_title(phrase) && column.constant => good * 0.3,
        // A name that the page did not give says little.
        _ if column.field.name.starts_with("text") && good < 0.9 => good * 0.9,
        _ => good,
    }
}

/// The link of what is the records' title, for a phrase that asks for nothing but a link; none if the page itself has a column of that name.
fn title_link(phrase: &str, region: &Region, title: Option<usize>) -> Option<usize> {
    let only_link = phrase.split(' ').all(|word| group_of(word) == Some("url"));
    let name = slug(phrase);
    let is_named = |column: &ColumnInfo| {
        let own = column.field.name.trim_end_matches("_url");
        column.field.kind == Kind::Url && own != "url" && own == name
    };
    if !only_link || region.columns.iter().any(is_named) {
        return None;
    }
    let called = || {
        let fits = |at: &usize| fitness("title", &region.columns[*at]);
        (0..region.columns.len())
            .filter(|at| fits(at) >= 0.5)
            .max_by(|one, other| fits(one).total_cmp(&fits(other)))
    };
    let title = title.or_else(called).or_else(|| title_like(region, &BTreeSet::new()))?;
    let select = region.columns[title].field.select.as_str();
    let within =
        |inner: &str, outer: &str| inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with(' '));
    let links = || {
        region
            .columns
            .iter()
            .enumerate()
            .filter(|(_, column)| column.field.kind == Kind::Url && !column.constant)
    };
    let at = |fits: &dyn Fn(&str) -> bool| {
        links().find(|(_, column)| fits(&column.field.select)).map(|(at, _)| at)
    };
    at(&|own| own == select)
        .or_else(|| at(&|own| !select.is_empty() && within(own, select)))
        .or_else(|| at(&|own| own.is_empty() || within(select, own)))
}

/// The best columns of a region for the wanted fields, none taken twice; how good they are together.
pub fn assign(wanted: &Wanted, region: &Region) -> (Vec<Option<usize>>, f32) {
    let mut pairs: Vec<(f32, usize, usize)> = Vec::new();
    for (at, phrase) in wanted.fields.iter().enumerate() {
        for (column, info) in region.columns.iter().enumerate() {
            let constant = if info.constant { 0.7 } else { 1.0 };
            let good = fitness(phrase, info) * constant * (0.7 + 0.3 * info.fill);
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
    for (at, phrase) in
        wanted.fields.iter().enumerate().filter(|(_, phrase)| asks_for_title(phrase) && !is_of_other(phrase))
    {
        if chosen[at].is_none()
            && let Some(column) = title_like(region, &taken)
        {
            taken.insert(column);
            chosen[at] = Some(column);
            sum += if phrase.contains(' ') { 0.4 } else { 0.6 };
        }
    }
    let title = wanted.fields.iter().position(|phrase| asks_for_title(phrase) && !is_of_other(phrase));
    let title = title.and_then(|at| chosen[at]);
    for (at, phrase) in wanted.fields.iter().enumerate() {
        if let Some(link) = title_link(phrase, region, title) {
            if chosen[at].is_none() {
                sum += 0.8;
            }
            // Whoever had it, two fields for one link are better than a wrong one.
            chosen[at] = Some(link);
        }
    }
    (chosen, sum / wanted.fields.len().max(1) as f32)
}

/// The longest text of a link of the records, or their first varying text.
fn title_like(region: &Region, taken: &BTreeSet<usize>) -> Option<usize> {
    let free = |at: &usize| {
        let column = &region.columns[*at];
        !taken.contains(at) && !column.constant && column.field.kind == Kind::Text && column.fill > 0.5
    };
    let linked = |at: &usize| {
        let select = &region.columns[*at].field.select;
        region.columns.iter().any(|column| column.field.kind == Kind::Url && column.field.select == *select)
    };
    let free = |at: &usize| free(at) && unit(&region.columns[*at]).is_none();
    let length = |at: &usize| {
        let samples = &region.columns[*at].samples;
        samples.iter().map(|sample| sample.chars().count()).sum::<usize>() / samples.len().max(1)
    };
    let all = || (0..region.columns.len()).filter(free);
    // The longest, and of several of that length the first.
    all().filter(linked).rev().max_by_key(length).or_else(|| all().next())
}

/// The factor by which a region is better for what is wanted.
pub fn boost(wanted: &Wanted, region: &Region) -> f32 {
    if wanted.fields.is_empty() {
        return 1.0;
    }
    let (_, good) = assign(wanted, region);
    (0.3 + good) * (0.3 + good)
}

/// Whether fields are wanted by name and the region has none of them.
pub fn has_nothing(wanted: &Wanted, region: &Region) -> bool {
    !wanted.fields.is_empty() && assign(wanted, region).0.iter().all(Option::is_none)
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
