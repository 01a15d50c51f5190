//! What a text means: price, date, number, rating. Not here: what a column of texts is called (`mine::names`).

use crate::recipe::Kind;
use regex::Regex;
use std::sync::LazyLock;

/// Texts longer than this are words, whatever is in them.
const LONGEST: usize = 60;

fn compiled(pattern: &str) -> Option<Regex> {
    Regex::new(pattern).ok()
}

static PRICE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    compiled(
        r"(?ix) (?: [$€£¥₹₽₩₪฿₺₴] | \b(?:usd|eur|gbp|cad|aud|chf|sek|nok|dkk|pln|czk|jpy|inr|rub|brl|zł|kč|kr|руб|lei|ft)\b\.? | us\$ ) \s* -? [0-9]
          | [0-9] [0-9.,\s]* (?:,-)? \s* (?: [$€£¥₹₽₩₪฿₺₴] | (?:usd|eur|gbp|cad|aud|chf|sek|nok|dkk|pln|czk|jpy|inr|rub|brl|zł|kč|kr|руб|lei|ft|р)\b )",
    )
});

static DATE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    compiled(
        r"(?ix) \b [12][0-9]{3} [-/.] [0-9]{1,2} [-/.] [0-9]{1,2}
          | \b [0-9]{1,2} [-/.] [0-9]{1,2} [-/.] (?:[12][0-9]{3}|[0-9]{2}) \b
          | \b (?:jan|feb|mar|apr|may|jun|jul|aug|sep|sept|oct|nov|dec|january|february|march|april|june|july|august|september|october|november|december)\b \.? ,? \s* [0-9]{1,4}
          | \b [0-9]{1,2} (?:st|nd|rd|th)? [.\s]+ (?:of\s+)? (?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|mär|mai|okt|dez|fév|févr|avr|juin|juil|août|déc|ene|abr|ago|dic|gen|mag|giu|lug|set|ott|янв|фев|мар|апр|мая|июн|июл|авг|сен|окт|ноя|дек)
          | \b [0-9]+ \s+ (?:second|minute|min|hour|day|week|month|year)s? \s+ ago
          | \b (?:yesterday|today|gestern|heute|hier|ayer|вчера|сегодня) \b
          | [0-9]{4} \s* 年 \s* [0-9]{1,2} \s* 月",
    )
});

static RATING: LazyLock<Option<Regex>> = LazyLock::new(|| {
    compiled(
        r"(?ix) [0-9](?:[.,][0-9]+)? \s* (?: / \s* (?:5|10|100)\b | (?:out\ of|von|sur|de|из) \s+ (?:5|10)\b | \s stars?\b ) | [★☆]{2,}",
    )
});

fn matches(pattern: &LazyLock<Option<Regex>>, text: &str) -> bool {
    pattern.as_ref().is_some_and(|pattern| pattern.is_match(text))
}

/// What a single text means, if it is more than words.
pub fn kind_of(text: &str) -> Option<Kind> {
    if text.len() > LONGEST {
        return None;
    }
    let has_digit = text.bytes().any(|byte| byte.is_ascii_digit());
    if !has_digit {
        let starred = text.contains(['★', '☆']) && matches(&RATING, text);
        let worded = text.len() < 24 && matches(&DATE, text);
        return if starred { Some(Kind::Rating) } else { worded.then_some(Kind::Date) };
    }
    if crate::extract::number(text).is_some() {
        return Some(Kind::Number);
    }
    if matches(&PRICE, text) {
        Some(Kind::Price)
    } else if matches(&RATING, text) {
        Some(Kind::Rating)
    } else if matches(&DATE, text) {
        Some(Kind::Date)
    } else {
        None
    }
}

/// What a column of texts means: what most of them mean.
pub fn kind_of_all<'a>(texts: impl Iterator<Item = &'a str>) -> Kind {
    let mut counts = [0_usize; 4];
    let kinds = [Kind::Number, Kind::Price, Kind::Date, Kind::Rating];
    let mut all = 0;
    for text in texts.take(20) {
        all += 1;
        if let Some(kind) = kind_of(text)
            && let Some(at) = kinds.iter().position(|known| *known == kind)
        {
            counts[at] += 1;
        }
    }
    let best = (0..4).max_by_key(|at| counts[*at]).unwrap_or(0);
    // A number is one only if all are: otherwise records would differ in type.
    let enough = if best == 0 { all } else { all * 3 / 5 + 1 };
    if all > 0 && counts[best] >= enough { kinds[best] } else { Kind::Text }
}
