//! What a scraper does, as data: which elements are records, which of their parts are fields, how pages follow each
//! other. Not here: carrying it out (`extract`), writing it as Python (`python`), finding it (`mine`).

use serde::{Deserialize, Serialize};

/// A scraper as data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipe {
    /// Where records are.
    pub source: Source,
    /// What a record has.
    pub fields: Vec<Field>,
    /// How to get to the next page, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pagination: Option<Pagination>,
    /// Most pages to read; 1 if only the first is wanted.
    pub max_pages: u32,
}

/// Where records are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Source {
    /// One record per element.
    Elements {
        /// Selects the elements.
        select: String,
        /// How many of the siblings that follow belong to a record, until the next record begins. 0 if none.
        #[serde(default)]
        siblings: usize,
    },
    /// The page is one record.
    Page,
    /// Objects of these types in the page's JSON-LD.
    JsonLd {
        /// Values of `@type`.
        types: Vec<String>,
    },
    /// A list in JSON that the page carries for its scripts.
    Json {
        /// Selects the script element.
        script: String,
        /// Keys and places from the top to the list.
        path: Vec<String>,
    },
}

/// One field of a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// Its name in the record.
    pub name: String,
    /// Selects the element within the record; empty for the record's own element. In JSON, keys with dots between.
    pub select: String,
    /// What of the element is the value.
    pub take: Take,
    /// What the value means.
    pub kind: Kind,
    /// Whether all matches make a list, instead of the first one.
    #[serde(default)]
    pub many: bool,
    /// A regular expression; its first group, or else all it matches, is the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
}

/// What of an element is the value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Take {
    /// All its text.
    Text,
    /// The text directly in it, not in its children.
    OwnText,
    /// The text between the record's elements, for records that are runs of siblings.
    Between,
    /// The first of these attributes that is there and not empty.
    Attribute(Vec<String>),
}

/// What a value means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Words.
    Text,
    /// A plain number, made one in the record.
    Number,
    /// An amount with its currency, as shown.
    Price,
    /// A day or time, as shown.
    Date,
    /// A link, made absolute.
    Url,
    /// An image's address, made absolute.
    Image,
    /// Stars, points or grades, as shown.
    Rating,
}

/// How to get to the next page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pagination {
    /// Selects the link to the next page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// Selects the links with numbers of pages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub numbered: Option<String>,
}

/// Most pages that a scraper reads.
pub const MOST_PAGES: u32 = 10;
