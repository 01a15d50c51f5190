//! A recipe as Python: a file that people can read and change, which defines `scrape_data(url)` with requests and
//! Beautiful Soup and finds the same as `extract`. Not here: looking at code that somebody else wrote (`lint`),
//! running it (`nexus-sandbox`).

mod parts;

use crate::recipe::{Field, Kind, Recipe, Source, Take};
use std::fmt::Write;

/// What the code is for; it stands at its beginning.
#[derive(Debug, Clone, Copy, Default)]
pub struct About<'a> {
    /// The page.
    pub url: &'a str,
    /// What was asked for.
    pub description: &'a str,
    /// The encoding of its pages where they are not UTF-8, as `decode` names it.
    pub encoding: &'a str,
}

/// A text as a Python literal.
pub fn literal(text: &str) -> String {
    let mut out = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            letter if letter.is_control() => {
                let _ = write!(out, "\\u{:04x}", u32::from(letter));
            }
            letter => out.push(letter),
        }
    }
    out.push('"');
    out
}

/// A text for a comment or docstring: one line, without quotes that would end it.
fn one_line(text: &str) -> String {
    let text: String = text.chars().filter(|letter| !letter.is_control()).take(200).collect();
    text.replace('\\', "/").replace('"', "'")
}

/// Python's name for an encoding of the web.
fn codec(encoding: &str) -> &str {
    match encoding {
        "shift_jis" => "cp932",
        "euc-kr" => "cp949",
        "gbk" => "gb18030",
        "windows-874" => "cp874",
        "iso-8859-8-i" => "iso-8859-8",
        "x-mac-cyrillic" => "mac-cyrillic",
        "macintosh" => "mac-roman",
        "" | "replacement" | "x-user-defined" => "utf-8",
        other => other,
    }
}

/// The recipe as a Python file.
pub fn generate(recipe: &Recipe, about: About<'_>) -> String {
    let from_json = matches!(recipe.source, Source::Json { .. } | Source::JsonLd { .. });
    let uses = |test: fn(&Field) -> bool| recipe.fields.iter().any(test);
    let own_text = !from_json && uses(|field| field.take == Take::OwnText);
    let between = !from_json && uses(|field| field.take == Take::Between);
    let pattern = !from_json && uses(|field| field.pattern.is_some());
    let number = !from_json && uses(|field| field.kind == Kind::Number);
    let paged = recipe.pagination.is_some() && recipe.max_pages > 1;
    let mut code = String::new();
    let _ = writeln!(
        code,
        "\"\"\"Scraper for {}\n\nWanted: {}\n\"\"\"",
        one_line(about.url),
        one_line(about.description)
    );
    if from_json {
        code.push_str("import json\n");
    }
    if pattern || number || from_json {
        code.push_str("import re\n");
    }
    code.push_str("from urllib.parse import urljoin\n\nimport requests\nfrom bs4 import BeautifulSoup");
    code.push_str(if own_text || between { ", NavigableString, Tag\n\n" } else { "\n\n" });
    let _ = writeln!(code, "ENCODING = {}  # of pages that are not UTF-8", literal(codec(about.encoding)));
    if let Source::Elements { select, .. } = &recipe.source {
        let _ = writeln!(code, "RECORDS = {}", literal(select));
    }
    if paged {
        let _ = writeln!(code, "MAX_PAGES = {}", recipe.max_pages);
    }
    code.push_str(parts::BASICS);
    if from_json {
        code.push_str(parts::JSON);
    } else {
        code.push_str(parts::READING);
        code.push_str(if own_text { parts::OWN_TEXT } else { "" });
        code.push_str(if between { parts::BETWEEN } else { "" });
        code.push_str(if uses(|field| matches!(field.take, Take::Attribute(_))) {
            parts::ATTRIBUTE
        } else {
            ""
        });
        code.push_str(if pattern { parts::PATTERN } else { "" });
        code.push_str(if number { parts::NUMBER } else { "" });
        code.push_str(if uses(|field| field.many) { parts::EVERY } else { "" });
    }
    records(&mut code, recipe);
    if let Some(pagination) = recipe.pagination.as_ref().filter(|_| paged) {
        parts::next_page(&mut code, pagination);
    }
    code.push_str(if paged { parts::SCRAPE_PAGES } else { parts::SCRAPE_PAGE });
    code
}

/// `parse_page`: the records of one page.
fn records(code: &mut String, recipe: &Recipe) {
    code.push_str("\n\ndef parse_record(parts, base):\n");
    match &recipe.source {
        Source::Elements { siblings: 0, .. } => {
            code.push_str("    \"\"\"One record, from its element.\"\"\"\n")
        }
        Source::Elements { .. } => {
            code.push_str(
                "    \"\"\"One record, from its first element and the siblings that belong to it.\"\"\"\n",
            );
        }
        Source::Page => code.push_str("    \"\"\"The page as one record.\"\"\"\n"),
        Source::JsonLd { .. } | Source::Json { .. } => {
            code.push_str("    \"\"\"One record, from its JSON object.\"\"\"\n")
        }
    }
    let from_json = matches!(recipe.source, Source::Json { .. } | Source::JsonLd { .. });
    code.push_str("    return {\n");
    for field in &recipe.fields {
        let value = if from_json { of_json(field) } else { of_element(field) };
        let _ = writeln!(code, "        {}: {value},", literal(&field.name));
    }
    code.push_str("    }\n\n\ndef parse_page(html, url):\n    \"\"\"All records of a page; those without any value are left out.\"\"\"\n");
    code.push_str("    soup = BeautifulSoup(html, \"lxml\")\n    base = base_url(soup, url)\n");
    match &recipe.source {
        Source::Elements { siblings: 0, .. } => {
            code.push_str(
                "    found = [parse_record([element], base) for element in soup.select(RECORDS)]\n",
            );
        }
        Source::Elements { siblings, .. } => {
            let _ = write!(
                code,
                "    heads = soup.select(RECORDS)\n    known = {{id(head) for head in heads}}\n    found = []\n    for head in heads:\n        parts = [head]\n        for sibling in head.find_next_siblings(limit={siblings}):\n            if id(sibling) in known:\n                break\n            parts.append(sibling)\n        found.append(parse_record(parts, base))\n"
            );
        }
        Source::Page => code.push_str("    found = [parse_record([soup], base)]\n"),
        Source::JsonLd { types } => {
            let types: Vec<String> = types.iter().map(|name| literal(name)).collect();
            let _ = writeln!(code, "    objects = objects_of(soup, [{}])", types.join(", "));
            code.push_str("    found = [parse_record(value, base) for value in objects]\n");
        }
        Source::Json { script, path } => {
            let path: Vec<String> = path.iter().map(|key| literal(key)).collect();
            let _ =
                writeln!(code, "    objects = objects_at(soup, {}, [{}])", literal(script), path.join(", "));
            code.push_str("    found = [parse_record(value, base) for value in objects]\n");
        }
    }
    code.push_str("    return soup, [record for record in found if any(value is not None for value in record.values())]\n");
}

/// The expression for a field of an element.
fn of_element(field: &Field) -> String {
    let read = match &field.take {
        Take::Text => "text".to_owned(),
        Take::OwnText => "own_text".to_owned(),
        Take::Between => return finished(field, between(field)),
        Take::Attribute(names) => {
            let names: Vec<String> = names.iter().map(|name| literal(name)).collect();
            format!("attribute({})", names.join(", "))
        }
    };
    let read = match &field.pattern {
        Some(pattern) => format!("match({read}, {})", literal(pattern)),
        None => read,
    };
    let function = if field.many { "every" } else { "first" };
    finished(field, format!("{function}(parts, {}, {read})", literal(&field.select)))
}

/// The expression for text beside elements.
fn between(field: &Field) -> String {
    match &field.pattern {
        Some(pattern) => format!("(match(text_between, {})(parts) or None)", literal(pattern)),
        None => "(text_between(parts) or None)".to_owned(),
    }
}

/// What becomes of a raw value by its kind.
fn finished(field: &Field, value: String) -> String {
    match field.kind {
        Kind::Url | Kind::Image => format!("absolute(base, {value})"),
        Kind::Number => format!("number({value})"),
        _ => value,
    }
}

fn of_json(field: &Field) -> String {
    let keys: Vec<String> = field.select.split('.').map(literal).collect();
    let value = format!("plain(follow(parts, [{}]))", keys.join(", "));
    match field.kind {
        Kind::Url | Kind::Image => format!("absolute_text(base, {value})"),
        _ => value,
    }
}
