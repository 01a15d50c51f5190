//! What a description asks for: fields, and whether all pages are meant. Matching is lexical: stems, synonyms and
//! kinds. Not here: models (`prompt`).

use crate::{
    mine::{Region, names::slug, sheet::split_words},
    recipe::{Field, Kind},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What a description asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// The fields it names, in its words.
    pub fields: Vec<String>,
    /// Other words that say what the records are.
    pub things: Vec<String>,
    /// Whether it asks for everything, so that further pages are read.
    pub all_pages: bool,
}

/// Words for the same thing. The first one is the name of the group.
const SYNONYMS: [&[&str]; 17] = [
    &["price", "cost", "amount", "fee", "fare", "preis", "prix", "precio", "pricing"],
    &["title", "name", "headline", "heading", "subject", "caption", "titel", "titre", "titulo"],
    &["url", "link", "href", "website", "permalink", "webpage"],
    &["image", "picture", "photo", "thumbnail", "cover", "img", "poster", "avatar", "logo", "icon"],
    &["rating", "star", "score", "review", "grade", "bewertung", "note"],
    &[
        "date",
        "day",
        "time",
        "published",
        "posted",
        "updated",
        "created",
        "datetime",
        "timestamp",
        "when",
        "deadline",
        "datum",
    ],
    &[
        "author",
        "writer",
        "user",
        "username",
        "poster",
        "artist",
        "byline",
        "by",
        "creator",
        "submitter",
        "owner",
    ],
    &[
        "description",
        "summary",
        "excerpt",
        "abstract",
        "snippet",
        "blurb",
        "text",
        "body",
        "teaser",
        "detail",
        "content",
    ],
    &["location", "city", "place", "address", "venue", "where", "region", "area", "country", "town"],
    &[
        "company",
        "employer",
        "organisation",
        "organization",
        "brand",
        "manufacturer",
        "seller",
        "vendor",
        "firm",
        "agency",
    ],
    &["category", "tag", "genre", "topic", "type", "section", "label", "department"],
    &["availability", "stock", "available", "instock"],
    &["comment", "reply", "response", "answer"],
    &["view", "hit", "read"],
    &["vote", "point", "upvote", "like", "karma"],
    &["salary", "pay", "wage", "compensation"],
    &["id", "number", "code", "sku", "isbn", "reference", "ref"],
];

/// Words that say nothing.
const EMPTY: [&str; 58] = [
    "the",
    "a",
    "an",
    "of",
    "for",
    "from",
    "on",
    "in",
    "to",
    "and",
    "or",
    "with",
    "all",
    "every",
    "each",
    "any",
    "their",
    "its",
    "this",
    "that",
    "these",
    "those",
    "get",
    "extract",
    "scrape",
    "find",
    "list",
    "collect",
    "give",
    "show",
    "me",
    "i",
    "want",
    "need",
    "please",
    "fetch",
    "return",
    "grab",
    "page",
    "pages",
    "site",
    "data",
    "information",
    "info",
    "everything",
    "including",
    "include",
    "both",
    "plus",
    "as",
    "well",
    "also",
    "listed",
    "shown",
    "here",
    "is",
    "are",
    "into",
];

/// The stem of an English word, crudely.
pub fn stem(word: &str) -> String {
    let word = word.to_lowercase();
    for (ending, put) in [("ies", "y"), ("sses", "ss"), ("ches", "ch"), ("shes", "sh"), ("xes", "x")] {
        if let Some(start) = word.strip_suffix(ending).filter(|start| start.len() > 1) {
            return format!("{start}{put}");
        }
    }
    match word.strip_suffix('s') {
        Some(start) if start.len() > 2 && !start.ends_with(['s', 'u', 'i']) => start.to_owned(),
        _ => word,
    }
}

fn group_of(word: &str) -> Option<&'static str> {
    SYNONYMS.iter().find(|group| group.contains(&word)).map(|group| group[0])
}

/// Reads a description: each of its sentences by itself, since each may begin a new list.
pub fn read(description: &str) -> Wanted {
    let mut all = Wanted::default();
    for sentence in sentences(description) {
        let Wanted { fields, things, all_pages } = read_sentence(sentence);
        for field in fields {
            if !all.fields.contains(&field) {
                all.fields.push(field);
            }
        }
        for thing in things {
            if !all.things.contains(&thing) {
                all.things.push(thing);
            }
        }
        all.all_pages |= all_pages;
    }
    all.things.sort();
    all
}

/// The lines of a text, cut where a sentence ends; a dot behind a short word is that of an abbreviation.
fn sentences(text: &str) -> impl Iterator<Item = &str> {
    text.lines().flat_map(|line| {
        let mut rest = Some(line);
        std::iter::from_fn(move || {
            let line = rest?;
            let ends = |(at, _): &(usize, &str)| {
                line.get(..*at)
                    .and_then(|before| before.rsplit(' ').next())
                    .is_some_and(|word| word.len() > 3)
            };
            let end = line.match_indices(". ").find(ends).map(|(at, _)| at);
            let (sentence, further) = end.map_or((line, None), |at| (&line[..at], line.get(at + 2..)));
            rest = further;
            Some(sentence)
        })
    })
}

fn read_sentence(description: &str) -> Wanted {
    let text = description.to_lowercase();
    let all = ["all", "every", "each", "entire", "complete", "whole", "alle", "tous", "todos"];
    let words_of = |text: &str| -> Vec<String> {
        let mut words = Vec::new();
        split_words(text, &mut words);
        words
    };
    let all_pages = words_of(&text).iter().any(|word| all.contains(&word.as_str())) || text.contains("pages");
    let (list, rest) = [" of ", " for ", " from ", " on ", " in "]
        .iter()
        .filter_map(|sign| text.find(sign).map(|at| (at, sign.len())))
        .min()
        .map_or((text.as_str(), ""), |(at, length)| (&text[..at], &text[at + length..]));
    // `every book: title, price` and `books with title and price` have the list behind.
    let behind = [":", " with ", " including ", " incl. "].iter().find_map(|sign| text.split_once(sign));
    let (list, rest) = match behind {
        Some((before, after)) if !after.trim().is_empty() => {
            let end = [" of ", " for ", " from ", " on "].iter().filter_map(|sign| after.find(sign)).min();
            (&after[..end.unwrap_or(after.len())], before)
        }
        _ => (list, rest),
    };
    let phrases =
        list.replace(" and ", ",").replace(" & ", ",").replace(" plus ", ",").replace([';', '\n', '/'], ",");
    let mut fields = Vec::new();
    let mut things = BTreeSet::new();
    for phrase in phrases.split(',') {
        let words: Vec<String> = words_of(phrase)
            .iter()
            .filter(|word| !EMPTY.contains(&word.as_str()))
            .map(|word| stem(word))
            .collect();
        if !words.is_empty() && words.len() <= 4 {
            let name = words.join(" ");
            if !fields.contains(&name) {
                fields.push(name);
            }
        }
    }
    for word in words_of(rest) {
        if !EMPTY.contains(&word.as_str()) && word.len() > 2 {
            things.insert(stem(&word));
        }
    }
    // One phrase that names no property is the things themselves: `all books`.
    if let [only] = fields.as_slice()
        && only.split(' ').all(|word| group_of(word).is_none())
    {
        things.extend(only.split(' ').map(str::to_owned));
        fields.clear();
    }
    Wanted { fields, things: things.into_iter().collect(), all_pages }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_sentence_may_name_fields() {
        for (text, fields) in [
            ("title and price of every book\nalso the rating", vec!["title", "price", "rating"]),
            ("books with title and price\nalso the rating, and the price", vec!["title", "price", "rating"]),
            ("Get all books. I need title, price (e.g. 5 pounds) and author.", vec!["title", "author"]),
            ("title and price\nonly those under 20", vec!["title", "price"]),
            ("", vec![]),
        ] {
            let wanted = read(text);
            for field in fields {
                assert!(wanted.fields.iter().any(|found| found == field), "{text}: {wanted:?}");
            }
        }
        assert!(read("title and price of every book\nalso the rating").all_pages);
    }
}
