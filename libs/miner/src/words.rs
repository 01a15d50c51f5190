//! The words of descriptions: which mean the same, which say nothing, their stems. Not here: sentences (`wish`),
//! matching with columns (`wanted`).

/// Words for the same thing. The first one is the name of the group.
pub const SYNONYMS: [&[&str]; 17] = [
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
        "reviewer",
        "profile",
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
    &["comment", "reply", "response", "answer", "discussion"],
    &["view", "hit", "read"],
    &["vote", "point", "upvote", "like", "karma", "score"],
    &["salary", "pay", "wage", "compensation"],
    &["id", "number", "code", "sku", "isbn", "reference", "ref"],
];

/// Stems that say nothing.
pub const EMPTY: &[&str] = &[
    "the",
    "a",
    "an",
    "or",
    "this",
    "that",
    "these",
    "those",
    "get",
    "extract",
    "scrape",
    "find",
    "collect",
    "give",
    "show",
    "me",
    "i",
    "we",
    "us",
    "you",
    "want",
    "need",
    "like",
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
    "both",
    "as",
    "well",
    "also",
    "listed",
    "shown",
    "here",
    "is",
    "are",
    "into",
    "it",
    "be",
    "was",
    "were",
    "has",
    "have",
    "had",
    "should",
    "must",
    "can",
    "could",
    "would",
    "there",
    "not",
    "no",
    "found",
    "too",
    "again",
    "add",
    "still",
    "what",
    "which",
    "but",
    "then",
    "now",
    "field",
    "column",
    "attribute",
    "value",
    "missing",
    "wrong",
    "absent",
    "empty",
    "lacking",
    "incorrect",
    "thing",
];

/// Words that ask for everything.
pub const ALL: &[&str] =
    &["all", "every", "each", "any", "entire", "complete", "whole", "alle", "tous", "todos"];

/// Words for what holds the records: `list of books`.
pub const CONTAINERS: &[&str] =
    &["list", "table", "overview", "collection", "set", "all", "looking", "some", "row", "entry"];

/// Stems of properties that are as often the records themselves: `reviews with author`.
pub const RECORDS: &[&str] = &[
    "review", "comment", "topic", "reply", "answer", "response", "user", "company", "section", "article",
    "employer", "agency", "vendor", "seller", "artist", "country", "city", "region", "place", "venue",
    "category", "tag", "image", "picture", "photo", "logo", "icon", "link", "website", "event", "post",
];

/// Words of one who asks for more than before.
pub const MORE: &[&str] =
    &["also", "too", "add", "missing", "absent", "plus", "include", "including", "lacking"];

/// Words before which a new thing begins: `for each book I need title`.
pub const ASKING: &[&str] = &[
    "the", "its", "their", "his", "her", "get", "extract", "scrape", "find", "collect", "give", "show",
    "want", "need", "fetch", "return", "grab", "i",
];

/// Words that say which records are meant, not which fields.
pub const CONDITIONS: &[&str] = &[
    "under", "over", "above", "below", "than", "cheaper", "between", "after", "before", "since", "until",
    "newer", "older",
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

/// The group of synonyms that a stem belongs to.
pub fn group_of(word: &str) -> Option<&'static str> {
    SYNONYMS.iter().find(|group| group.contains(&word)).map(|group| group[0])
}

/// Whether two stems can mean the same.
pub fn are_alike(one: &str, other: &str) -> bool {
    one == other || SYNONYMS.iter().any(|group| group.contains(&one) && group.contains(&other))
}

/// Whether a name made of several words without anything between them (`titleline`, `hnuser`) has a word in it, or
/// one that means the same.
pub fn is_part(word: &str, name: &str) -> bool {
    let with = |part: &str| {
        part.len() > 3 && name.len() > part.len() + 1 && (name.starts_with(part) || name.ends_with(part))
    };
    let synonyms = || {
        SYNONYMS.iter().filter(|group| group.contains(&word)).any(|group| group.iter().any(|one| with(one)))
    };
    group_of(name).is_none() && (with(word) || synonyms())
}
