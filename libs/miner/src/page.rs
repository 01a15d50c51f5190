//! What sort of page it is, and what stands in the way: a login, a wall against robots, an application that shows
//! nothing without JavaScript. Not here: the records (`mine`).

use crate::{
    dom::{Dom, Node},
    mine::{Region, sheet::Sheet},
    recipe::Source,
    select::Selector,
};
use serde::{Deserialize, Serialize};

/// What sort of page it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sort {
    /// Many records of a kind.
    List,
    /// Records in the rows of a table.
    Table,
    /// One thing, described.
    Detail,
    /// A text to read.
    Article,
    /// Asks for a password first.
    Login,
    /// Asks for proof of not being a robot.
    BotWall,
    /// Empty until scripts have run.
    NeedsJavascript,
    /// Nothing of use.
    Empty,
}

impl Sort {
    /// What a person should know and can do, if the page cannot be scraped as it is.
    pub fn obstacle(self) -> Option<&'static str> {
        match self {
            Self::Login => {
                Some("The page asks for a login. Use the address of a page that can be read without one.")
            }
            Self::BotWall => Some(
                "The site asks visitors to prove that they are not robots. Look for an official API or a feed of the site.",
            ),
            Self::NeedsJavascript => Some(
                "The page is empty until its scripts have run, and scrapers here do not run scripts. Look in the browser's \
                 network tools for the address its data comes from and use that, or a page of the site made for search engines.",
            ),
            Self::Empty => Some("There is no text on the page. Check the address."),
            Self::List | Self::Table | Self::Detail | Self::Article => None,
        }
    }
}

const WALLS: [&str; 16] = [
    "verify you are human",
    "verify you are a human",
    "verifying you are human",
    "are you a robot",
    "not a robot",
    "unusual traffic",
    "checking your browser",
    "just a moment",
    "access denied",
    "request blocked",
    "pardon our interruption",
    "complete the security check",
    "enable cookies and javascript",
    "attention required",
    "bot detection",
    "ddos protection",
];

const WALL_MARKS: [&str; 8] = [
    "cf-challenge",
    "challenge-form",
    "cf_chl",
    "px-captcha",
    "captcha-delivery",
    "g-recaptcha",
    "h-captcha",
    "datadome",
];

/// What sort of page it is. `structured` tells whether it carries data for machines, `about_one` whether those
/// describe exactly one thing.
pub fn sort(sheet: &Sheet<'_>, best: Option<&Region>, structured: bool, about_one: bool) -> Sort {
    let dom = sheet.dom;
    let chars = sheet.chars(dom.body());
    if chars < 1_500 && is_wall(dom) {
        return Sort::BotWall;
    }
    let strong = best.is_some_and(|region| region.count >= 4 && region.coverage > 0.15);
    if !strong && is_login(dom) && chars < 1_200 {
        return Sort::Login;
    }
    if !strong && !structured && needs_scripts(dom, chars) {
        return Sort::NeedsJavascript;
    }
    if chars < 20 && !structured {
        return Sort::Empty;
    }
    let prose = prose(sheet);
    let to_read = prose * 10 > chars * 4;
    let one_thing = if to_read { Sort::Article } else { Sort::Detail };
    if best.is_some_and(|best| is_facts(dom, best)) {
        return one_thing;
    }
    let Some(best) = best else { return if prose > 600 { Sort::Article } else { Sort::Detail } };
    let product = property(dom, "og:type").is_some_and(|kind| kind.contains("product"));
    let varying = best.columns.iter().filter(|column| !column.constant && column.fill > 0.4);
    let is_address = |column: &&crate::mine::ColumnInfo| column.field.kind == crate::recipe::Kind::Url;
    let (links, texts): (Vec<_>, Vec<_>) = varying.partition(is_address);
    // Lists are the rule: it takes much to say that a page with one is about something else.
    let coverage = best.coverage;
    let rich = links.len() + texts.len() >= if best.count >= 4 { 2 } else { 3 };
    let other = if best.count >= 3 && rich {
        about_one && (texts.len() <= 1 || coverage < 0.2)
            || product && coverage < 0.25
            || to_read && coverage < 0.12
            || coverage < if best.count >= 4 { 0.02 } else { 0.08 }
    } else {
        about_one
            || product
            || to_read && (best.is_prose() || coverage < 0.4)
            || coverage
                < if best.count >= 8 {
                    0.05
                } else if best.count >= 4 {
                    0.15
                } else {
                    0.4
                }
    };
    if other {
        return one_thing;
    }
    let table = matches!(&best.source, crate::recipe::Source::Elements { select, .. } if select.contains("tr") && best.in_table);
    if table { Sort::Table } else { Sort::List }
}

/// Whether records are the facts about the page's one thing: a heading of the first order, and rows of a label and a
/// value each, with no row of headings above them.
fn is_facts(dom: &Dom, region: &Region) -> bool {
    let Source::Elements { select, siblings: 0 } = &region.source else { return false };
    let Ok(selector) = Selector::new(select) else { return false };
    let tags = |row: Node| -> Vec<&str> { dom.elements(row).map(|cell| dom.tag(cell)).collect() };
    let rows = selector.all(dom, 0);
    let table = rows.first().and_then(|row| dom.ancestors(*row).find(|above| dom.tag(*above) == "table"));
    let Some(table) = table else { return false };
    dom.first("h1").is_some()
        && rows.iter().all(|row| dom.tag(*row) == "tr" && tags(*row) == ["th", "td"])
        && dom.below(table).filter(|node| dom.tag(*node) == "tr").all(|row| tags(row).contains(&"td"))
}

/// The content of a `<meta property>` or `<meta name>`.
pub fn property<'a>(dom: &'a Dom, name: &str) -> Option<&'a str> {
    let named =
        |node: &u32| dom.attribute(*node, "property").or_else(|| dom.attribute(*node, "name")) == Some(name);
    let meta = dom.below(0).filter(|node| dom.tag(*node) == "meta").find(named)?;
    dom.attribute(meta, "content").map(str::trim).filter(|content| !content.is_empty())
}

/// Characters in paragraphs long enough to be read as text.
fn prose(sheet: &Sheet<'_>) -> u32 {
    let dom = sheet.dom;
    let paragraphs = dom.below(0).filter(|node| dom.tag(*node) == "p" && !sheet.is_skipped(*node));
    paragraphs
        .map(|node| (sheet.chars(node), sheet.link_chars(node)))
        .filter(|(all, linked)| *all >= 80 && linked * 2 < *all)
        .map(|(all, _)| all)
        .sum()
}

fn is_wall(dom: &Dom) -> bool {
    let text = dom.text(0).to_lowercase();
    let title = dom.first("title").map(|title| dom.text(title).to_lowercase()).unwrap_or_default();
    let said = WALLS.iter().any(|wall| text.contains(wall) || title.contains(wall));
    let marked = dom.below(0).any(|node| {
        let names = ["id", "class", "src", "action"].iter().filter_map(|name| dom.attribute(node, name));
        names.into_iter().any(|value| WALL_MARKS.iter().any(|mark| value.contains(mark)))
    });
    said || marked && text.len() < 800
}

fn is_login(dom: &Dom) -> bool {
    dom.below(0).any(|node| dom.tag(node) == "input" && dom.attribute(node, "type") == Some("password"))
}

fn needs_scripts(dom: &Dom, chars: u32) -> bool {
    if chars > 600 {
        return false;
    }
    let scripts = dom
        .below(0)
        .filter(|node| {
            dom.tag(*node) == "script" && dom.attribute(*node, "type") != Some("application/ld+json")
        })
        .count();
    let root = dom.below(0).any(|node| {
        let id = dom.attribute(node, "id").unwrap_or_default();
        let app = matches!(
            id,
            "root" | "app" | "__next" | "__nuxt" | "app-root" | "react-root" | "main-app" | "svelte"
        ) || dom.tag(node) == "app-root";
        app && dom.text(node).len() < 200
    });
    let asks = dom.below(0).filter(|node| dom.tag(*node) == "noscript").any(|node| {
        let text = dom.text(node).to_lowercase();
        text.contains("javascript")
    });
    scripts > 0 && (root || asks || chars < 40)
}
