//! Pages about one thing: its title, its properties by their labels, its text. Not here: pages with many records
//! (`mine`).

use crate::{
    dom::{Dom, Node},
    mine::{
        ColumnInfo, Region,
        names::slug,
        sheet::{Sheet, is_utility},
    },
    page::property,
    recipe::{Field, Kind, Source, Take},
    select::{Selector, is_plain},
    value,
};
use std::collections::BTreeSet;

/// Most labelled properties taken.
const MOST_LABELS: usize = 30;

struct Finder<'a> {
    sheet: &'a Sheet<'a>,
    names: BTreeSet<String>,
    columns: Vec<ColumnInfo>,
}

/// The page as one record.
pub fn find(sheet: &Sheet<'_>) -> Region {
    let mut finder = Finder { sheet, names: BTreeSet::new(), columns: Vec::new() };
    finder.title();
    finder.properties();
    finder.price();
    finder.labels();
    finder.text();
    finder.metas();
    let columns = finder.columns;
    Region { source: Source::Page, count: 1, score: 0.0, coverage: 1.0, in_table: false, columns }
}

impl<'a> Finder<'a> {
    fn dom(&self) -> &'a Dom {
        self.sheet.dom
    }

    /// Adds a field if its selector finds this value first, and no other has its name.
    fn add(&mut self, name: &str, select: String, take: Take, kind: Kind) -> bool {
        let name = slug(name);
        let Ok(selector) = Selector::new(&select) else { return false };
        let Some(node) = selector.first(self.dom(), 0) else { return false };
        let value = match &take {
            Take::Attribute(names) => {
                names.iter().find_map(|name| self.dom().attribute(node, name)).unwrap_or_default().to_owned()
            }
            Take::OwnText => self.dom().direct_text(node),
            _ => self.dom().text(node),
        };
        if value.is_empty() || name.is_empty() || !self.names.insert(name.clone()) {
            return false;
        }
        let kind = if kind == Kind::Text { value::kind_of(&value).unwrap_or(Kind::Text) } else { kind };
        // A number in one page may be words in the next.
        let kind = if kind == Kind::Number { Kind::Text } else { kind };
        let field = Field { name, select, take, kind, many: false, pattern: None };
        let samples = vec![value.chars().take(120).collect()];
        self.columns.push(ColumnInfo { field, fill: 1.0, constant: false, samples });
        true
    }

    fn title(&mut self) {
        let headings: Vec<Node> = self
            .dom()
            .below(0)
            .filter(|node| self.dom().tag(*node) == "h1" && self.sheet.chars(*node) > 0)
            .collect();
        let in_main = headings.iter().find(|node| self.sheet.zone(**node) >= 1.0).or(headings.first());
        let select = match in_main {
            Some(node) if headings.len() > 1 => named(self.dom(), *node).unwrap_or_else(|| "h1".to_owned()),
            Some(_) => "h1".to_owned(),
            None => {
                self.add("title", "meta[property=\"og:title\"]".to_owned(), attribute("content"), Kind::Text);
                "title".to_owned()
            }
        };
        self.add("title", select, Take::Text, Kind::Text);
    }

    /// Microdata of the page's main thing.
    fn properties(&mut self) {
        let dom = self.dom();
        let mut found: Vec<(String, Node)> = Vec::new();
        for node in dom.below(0) {
            if let Some(name) = dom.attribute(node, "itemprop")
                && is_plain(name)
                && found.iter().all(|(known, _)| known != name)
            {
                found.push((name.to_owned(), node));
            }
        }
        for (name, node) in found.into_iter().take(MOST_LABELS) {
            let dom = self.dom();
            let has = |attribute: &str| dom.attribute(node, attribute).is_some();
            let select = format!("[itemprop=\"{name}\"]");
            if has("itemscope") || self.sheet.chars(node) > 3_000 {
                continue;
            }
            let (take, kind) = match dom.tag(node) {
                _ if has("content") => (attribute("content"), Kind::Text),
                "img" => (attribute("src"), Kind::Image),
                "a" | "link" if self.sheet.chars(node) == 0 => (attribute("href"), Kind::Url),
                "time" if has("datetime") => (attribute("datetime"), Kind::Date),
                _ => (Take::Text, Kind::Text),
            };
            self.add(&name, select, take, kind);
        }
    }

    fn price(&mut self) {
        if self.names.contains("price") {
            return;
        }
        let dom = self.dom();
        let priced = dom.below(0).find(|node| {
            let named = dom.classes(*node).any(|class| class.to_lowercase().contains("price"));
            named
                && self.sheet.zone(*node) >= 0.9
                && self.sheet.chars(*node) < 40
                && value::kind_of(&dom.text(*node)) == Some(Kind::Price)
        });
        if let Some(select) = priced.and_then(|node| named(dom, node)) {
            self.add("price", select, Take::Text, Kind::Price);
        }
    }

    /// `<th>Weight</th><td>3 kg</td>`, `<dt>…</dt><dd>…</dd>`, `<li><b>Weight:</b> 3 kg</li>`.
    fn labels(&mut self) {
        let dom = self.dom();
        let mut found = Vec::new();
        for node in dom.below(0).filter(|node| !self.sheet.is_skipped(*node) && self.sheet.zone(*node) > 0.3)
        {
            match dom.tag(node) {
                "tr" => {
                    let cells: Vec<Node> = dom.elements(node).collect();
                    if let [label, _] = cells.as_slice()
                        && let Some(text) = label_text(dom, *label)
                    {
                        let tag = dom.tag(*label);
                        let select = format!(
                            "tr:has(> {tag}:-soup-contains(\"{text}\")) > {}",
                            if tag == "th" { "td" } else { "td:nth-child(2)" }
                        );
                        found.push((text, select, Take::Text));
                    }
                }
                "dt" => {
                    let next = dom.following(node).next().is_some_and(|next| dom.tag(next) == "dd");
                    if let Some(text) = label_text(dom, node).filter(|_| next) {
                        found.push((text.clone(), format!("dt:-soup-contains(\"{text}\") + dd"), Take::Text));
                    }
                }
                tag @ ("li" | "p" | "div" | "span") => {
                    let mut children = dom.elements(node);
                    let own = dom.direct_text(node);
                    if let (Some(label), None) = (children.next(), children.next())
                        && matches!(dom.tag(label), "b" | "strong" | "span" | "label" | "em")
                        && dom.text(label).trim_end().ends_with(':')
                        && !own.is_empty()
                        && own.chars().count() < 200
                        && let Some(text) = label_text(dom, label)
                    {
                        let select = format!("{tag}:has(> {}:-soup-contains(\"{text}\"))", dom.tag(label));
                        found.push((text, select, Take::OwnText));
                    }
                }
                _ => {}
            }
        }
        for (text, select, take) in found.into_iter().take(MOST_LABELS) {
            self.add(text.trim_end_matches([':', ' ']), select, take, Kind::Text);
        }
    }

    /// The element with most of the page's paragraphs.
    fn text(&mut self) {
        let dom = self.dom();
        let mut sums: std::collections::BTreeMap<Node, u32> = std::collections::BTreeMap::new();
        for node in dom.below(0).filter(|node| dom.tag(*node) == "p" && !self.sheet.is_skipped(*node)) {
            if self.sheet.chars(node) >= 60 && self.sheet.link_chars(node) * 2 < self.sheet.chars(node) {
                *sums.entry(dom.parent(node).unwrap_or(0)).or_default() += self.sheet.chars(node);
            }
        }
        let best = sums.into_iter().filter(|(_, sum)| *sum > 150).max_by_key(|(_, sum)| *sum);
        if let Some((node, _)) = best
            && let Some(select) = named(dom, node)
        {
            self.add("text", select, Take::Text, Kind::Text);
        }
        let dated =
            dom.below(0).find(|node| dom.tag(*node) == "time" && dom.attribute(*node, "datetime").is_some());
        if dated.is_some() && !self.names.iter().any(|name| name.contains("date")) {
            self.add("date", "time[datetime]".to_owned(), attribute("datetime"), Kind::Date);
        }
    }

    fn metas(&mut self) {
        for (name, meta, kind) in [
            ("description", "og:description", Kind::Text),
            ("description", "description", Kind::Text),
            ("image", "og:image", Kind::Image),
            ("author", "author", Kind::Text),
            ("date", "article:published_time", Kind::Date),
            ("price", "product:price:amount", Kind::Text),
        ] {
            if property(self.dom(), meta).is_some() {
                let key = if meta.contains(':') { "property" } else { "name" };
                self.add(name, format!("meta[{key}=\"{meta}\"]"), attribute("content"), kind);
            }
        }
        if !self.names.contains("author") {
            self.add("author", "[rel~=\"author\"]".to_owned(), Take::Text, Kind::Text);
        }
    }
}

fn attribute(name: &str) -> Take {
    Take::Attribute(vec![name.to_owned()])
}

/// A label's text, if it is one.
fn label_text(dom: &Dom, label: Node) -> Option<String> {
    let text = dom.text(label);
    let good = (2..=40).contains(&text.chars().count())
        && !text.contains(['"', '\\'])
        && text.chars().any(char::is_alphabetic);
    good.then_some(text)
}

/// A selector whose first match is this element.
fn named(dom: &Dom, node: Node) -> Option<String> {
    let tag = dom.tag(node);
    let mut tries = Vec::new();
    if let Some(id) = dom.attribute(node, "id").filter(|id| is_plain(id)) {
        tries.push(format!("#{id}"));
    }
    for class in dom.classes(node).filter(|class| is_plain(class) && !is_utility(class)) {
        tries.push(format!("{tag}.{class}"));
    }
    for above in dom.ancestors(node).take(4) {
        if let Some(id) = dom.attribute(above, "id").filter(|id| is_plain(id)) {
            tries.push(format!("#{id} {tag}"));
        }
        for class in dom.classes(above).filter(|class| is_plain(class) && !is_utility(class)) {
            tries.push(format!("{}.{class} {tag}", dom.tag(above)));
        }
    }
    tries.push(tag.to_owned());
    tries
        .into_iter()
        .find(|text| Selector::new(text).ok().and_then(|selector| selector.first(dom, 0)) == Some(node))
}
