//! Candidate regions of a page: the best groups, with named columns and selectors. Not here: choosing among them for
//! a description (`wanted`).

use super::{
    columns::{Column, Table, What, line_up},
    groups::{self, Group},
    names,
    score::{Judged, judge, worth},
    selector,
    sheet::Sheet,
};
use crate::{
    dom::{Dom, Node},
    recipe::{Field, Kind, Recipe, Source, Take},
    value,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Regions that are worked out in full.
const MOST_REGIONS: usize = 10;
/// Columns of a region.
const MOST_COLUMNS: usize = 24;

/// A part of the page that may be what is wanted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Region {
    /// Where its records are.
    pub source: Source,
    /// How many there are.
    pub count: usize,
    /// How good it is, comparable within the page.
    pub score: f32,
    /// Share of the page's text that is in it, less where that is a menu or a footer.
    pub coverage: f32,
    /// Whether its records are rows of a table with several cells.
    pub in_table: bool,
    /// Its columns.
    pub columns: Vec<ColumnInfo>,
}

/// A column of a region.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ColumnInfo {
    /// The field it makes.
    pub field: Field,
    /// Share of the records that have it.
    pub fill: f32,
    /// Whether it has the same value everywhere: a label or a button, most often.
    pub constant: bool,
    /// A few values.
    pub samples: Vec<String>,
}

impl Region {
    /// Whether its records are nothing but paragraphs of text.
    pub fn is_prose(&self) -> bool {
        let texts: Vec<&ColumnInfo> =
            self.columns.iter().filter(|column| column.field.kind != Kind::Url && !column.constant).collect();
        let long = |column: &&ColumnInfo| column.samples.iter().any(|sample| sample.chars().count() > 100);
        texts.len() == 1 && texts.iter().all(long)
    }

    /// The recipe that takes all columns but the constant ones.
    pub fn recipe(&self) -> Recipe {
        let fields = self.columns.iter().filter(|column| !column.constant).map(|column| column.field.clone());
        Recipe { source: self.source.clone(), fields: fields.collect(), pagination: None, max_pages: 1 }
    }
}

/// The candidate regions of a page, best first.
pub fn regions(sheet: &Sheet<'_>) -> Vec<Region> {
    let judged = best_groups(sheet);
    let mut found: Vec<Region> = judged.into_iter().filter_map(|judged| region(sheet, judged)).collect();
    found.sort_by(|one, other| other.score.total_cmp(&one.score));
    found
}

/// The region whose records are like this element: for when somebody who knows points at one.
pub fn around(sheet: &Sheet<'_>, record: Node) -> Option<Region> {
    let same = |head: &Node| *head == record || sheet.content(*head) == sheet.content(record);
    let with_it = groups::all(sheet).into_iter().filter(|group| group.heads.iter().any(same));
    let judged =
        with_it.map(|group| judge(sheet, group)).max_by(|one, other| one.score.total_cmp(&other.score))?;
    region(sheet, judged)
}

/// Groups in the order of their scores, without those that say the same as a better one.
pub fn best_groups(sheet: &Sheet<'_>) -> Vec<Judged> {
    let dom = sheet.dom;
    let mut judged: Vec<Judged> = groups::find(sheet).into_iter().map(|group| judge(sheet, group)).collect();
    judged.sort_by(|one, other| other.score.total_cmp(&one.score));
    let mut kept: Vec<Judged> = Vec::new();
    for one in judged {
        let same = kept.iter().any(|better| {
            let shared =
                one.group.heads.iter().filter(|head| covers(dom, &better.group.heads, **head)).count();
            shared * 10 >= one.group.heads.len() * 8
                && one.group.heads.len() * 10 <= better.group.heads.len() * 12
        });
        if !same && one.score > 0.0 {
            kept.push(one);
        }
        if kept.len() >= MOST_REGIONS {
            break;
        }
    }
    kept
}

/// Whether a node is one of `heads`, or is within one, or has one in it.
fn covers(dom: &Dom, heads: &[Node], node: Node) -> bool {
    let after = heads.partition_point(|head| *head <= node);
    let before = after.checked_sub(1).and_then(|at| heads.get(at));
    before.is_some_and(|head| dom.is_within(node, *head))
        || heads.get(after).is_some_and(|head| dom.is_within(*head, node))
}

fn region(sheet: &Sheet<'_>, judged: Judged) -> Option<Region> {
    let (group, table) = without_strangers(sheet, judged.group, judged.table);
    let score = judged.score;
    let heads = &group.heads;
    let headers = names::headers(sheet, heads[0]);
    let mut order: Vec<&Column> = table.columns.iter().filter(|column| is_kept(column)).collect();
    drop_copies(&mut order);
    if order.len() > MOST_COLUMNS {
        let mut by_worth = order.clone();
        by_worth.sort_by(|one, other| worth(other).total_cmp(&worth(one)));
        by_worth.truncate(MOST_COLUMNS);
        order.retain(|column| by_worth.iter().any(|kept| std::ptr::eq(*kept, *column)));
    }
    let mut taken = BTreeMap::new();
    let mut columns = Vec::new();
    let mut has_title = false;
    for column in order {
        let kind = kind(column);
        let (select, right) = selector::of_column(sheet, column, &table.records);
        if right < 0.3 {
            continue;
        }
        let name = names::given(sheet, column, &table.records, &headers);
        let name = name.unwrap_or_else(|| names::fallback(sheet, column, kind, has_title).to_owned());
        has_title |= matches!(name.as_str(), "title" | "name" | "headline") || name.ends_with("title");
        let many = column.many && matches!(column.what, What::Text) && column.length < 60.0;
        let field = Field {
            name: unique(&mut taken, name),
            select,
            take: take(column.what),
            kind,
            many,
            pattern: pattern(column),
        };
        let mut samples: Vec<String> =
            column.found().map(|piece| piece.value.chars().take(120).collect()).collect();
        samples.dedup();
        samples.truncate(3);
        columns.push(ColumnInfo {
            field,
            fill: column.fill,
            constant: column.distinct == 0.0
                && heads.len() > 1
                && (headers.is_empty() || column.is_address()),
            samples,
        });
    }
    let filters = filters(sheet, heads, &columns);
    let (select, _) = selector::of_records(sheet, heads, &filters)?;
    let source = Source::Elements { select, siblings: group.siblings };
    let chars: u32 = group.records(sheet).iter().flatten().map(|part| sheet.chars(*part)).sum();
    // What stands in a menu or at the foot of the page is not what the page is about.
    let zone = sheet.zone(heads[0]).min(1.0);
    let coverage = zone * (chars as f32 / sheet.chars(sheet.dom.body()).max(1) as f32).min(1.0);
    let in_table = sheet.dom.tag(heads[0]) == "tr" && columns.len() > 1;
    Some(Region { source, count: heads.len(), score, coverage, in_table, columns })
}

/// Leaves out what stands among the records without being one: headings, advertisements, rows of titles.
fn without_strangers(sheet: &Sheet<'_>, group: Group, table: Table) -> (Group, Table) {
    let table = if table.records.len() < group.heads.len() { line_up(sheet, &group, true) } else { table };
    if group.heads.len() < 4 {
        return (group, table);
    }
    let core: Vec<&Column> = table.columns.iter().filter(|column| column.fill >= 0.6).collect();
    let all: f32 = core.iter().map(|column| worth(column).max(0.3)).sum();
    let has = |number: usize| -> f32 {
        let own = core.iter().filter(|column| column.pieces.get(number).is_some_and(Option::is_some));
        own.map(|column| worth(column).max(0.3)).sum()
    };
    let mut strange: BTreeSet<Node> = (0..table.records.len())
        .filter(|number| has(*number) < 0.5 * all)
        .map(|number| table.records[number][0])
        .collect();
    if strange.len() * 5 > table.records.len() * 2 {
        strange.clear();
    }
    if is_heading(sheet, &table) {
        strange.insert(table.records[0][0]);
    }
    if strange.is_empty() {
        return (group, table);
    }
    let heads = group.heads.iter().copied().filter(|head| !strange.contains(head)).collect();
    let group = Group { heads, ..group };
    let table = line_up(sheet, &group, true);
    (group, table)
}

/// Whether the first row only names the columns: short texts where the others have links, numbers or dates.
fn is_heading(sheet: &Sheet<'_>, table: &Table) -> bool {
    let first = table.records[0][0];
    if sheet.dom.tag(first) != "tr"
        || sheet.chars(first) > 200
        || sheet.links(first) > 0 && sheet.chars(first) > 80
    {
        return false;
    }
    // What a column says against a heading: a link, a number, a date; `None` if it says nothing.
    let differs = |column: &Column| -> Option<bool> {
        if column.fill < 0.7 {
            return None;
        }
        let own = column.pieces[0].as_ref();
        if column.is_address() {
            return Some(own.is_none());
        }
        let kind =
            value::kind_of_all(column.pieces.iter().skip(1).flatten().map(|piece| piece.value.as_str()));
        let own = value::kind_of(&own?.value).unwrap_or(Kind::Text);
        (kind != Kind::Text || own != Kind::Text).then_some(kind != Kind::Text && own == Kind::Text)
    };
    let said: Vec<bool> = table.columns.iter().filter_map(differs).collect();
    let filled = table.columns.iter().filter(|column| column.pieces[0].is_some()).count();
    filled > 1 && !said.is_empty() && said.iter().all(|differs| *differs)
}

fn is_kept(column: &Column) -> bool {
    let found = column.found().count();
    (column.fill >= 0.15 && found >= 2) || (found >= 1 && column.pieces.len() <= 3)
}

/// Columns that only repeat another one: a picture's link beside the title's, the `alt` of a title's picture.
fn drop_copies(columns: &mut Vec<&Column>) {
    let mut kept: Vec<&Column> = Vec::new();
    for column in columns.iter() {
        let copy_of = kept.iter().position(|other| {
            let same_sort = column.is_address() == other.is_address();
            let pairs = column.pieces.iter().zip(&other.pieces);
            let (mut same, mut own) = (0, 0);
            for (one, two) in pairs {
                own += usize::from(one.is_some());
                same += usize::from(matches!((one, two), (Some(one), Some(two)) if one.value == two.value));
            }
            same_sort && own > 0 && same * 10 >= own * 9
        });
        match copy_of {
            None => kept.push(column),
            // The fuller one stays, and text rather than an attribute.
            Some(at) if column.fill > kept[at].fill + 0.05 => kept[at] = column,
            Some(at)
                if matches!(kept[at].what, What::Attribute("alt" | "title"))
                    && column.fill >= kept[at].fill =>
            {
                kept[at] = column;
            }
            Some(_) => {}
        }
    }
    *columns = kept;
}

fn take(what: What) -> Take {
    match what {
        What::Text => Take::Text,
        What::Own => Take::OwnText,
        What::Between => Take::Between,
        What::Attribute(_) => {
            Take::Attribute(selector::attributes(what).into_iter().map(str::to_owned).collect())
        }
    }
}

fn kind(column: &Column) -> Kind {
    match column.what {
        What::Attribute("href") => Kind::Url,
        What::Attribute("src") => Kind::Image,
        What::Attribute("datetime") => Kind::Date,
        What::Attribute("class") => Kind::Rating,
        _ => value::kind_of_all(column.found().map(|piece| piece.value.as_str())),
    }
}

/// What varies in class names such as `star-rating Three`.
fn pattern(column: &Column) -> Option<String> {
    if column.what != What::Attribute("class") {
        return None;
    }
    let values: Vec<BTreeSet<&str>> = column.found().map(|piece| piece.value.split(' ').collect()).collect();
    let first = values.first()?;
    let shared: Vec<&str> =
        first.iter().copied().filter(|class| values.iter().all(|own| own.contains(class))).collect();
    let fixed = shared.iter().find(|class| class.contains("rating"))?;
    Some(format!("{}[ ]+([^ ]+)", regex::escape(fixed)))
}

fn unique(taken: &mut BTreeMap<String, usize>, name: String) -> String {
    let mut name = if name.is_empty() { "text".to_owned() } else { name };
    let count = taken.entry(name.clone()).or_default();
    *count += 1;
    if *count > 1 {
        name = format!("{name}_{count}");
        taken.insert(name.clone(), 1);
    }
    name
}

/// What tells records from other elements like them: what most records have in them.
fn filters(sheet: &Sheet<'_>, heads: &[Node], columns: &[ColumnInfo]) -> Vec<String> {
    let dom = sheet.dom;
    let mut found = Vec::new();
    if dom.tag(heads[0]) == "tr" {
        found.push(":has(> td)".to_owned());
        found.push(":not(:first-child)".to_owned());
        let cells = dom.elements(heads[0]).count();
        found.push(format!(":has(> td:nth-child({cells}))"));
        found.push(":has(> td):not(:first-child)".to_owned());
    }
    let mut full: Vec<&ColumnInfo> =
        columns.iter().filter(|column| column.fill >= 0.99 && !column.field.select.is_empty()).collect();
    full.truncate(6);
    for column in full {
        let steps = column.field.select.split(' ').filter(|step| *step != ">" && !step.contains(":scope"));
        let named = |step: &&str| step.contains(['.', '[']);
        let last = steps.clone().next_back();
        if let Some(step) = steps.clone().rev().find(named).or(last) {
            let filter = format!(":has({step})");
            if !found.contains(&filter) {
                found.push(filter);
            }
        }
    }
    let tags =
        ["a", "img", "h2", "h3", "h4", "b", "strong", "span", "div", "p", "font", "i", "br", "table", "ul"];
    let in_all =
        |tag: &&&str| heads.iter().all(|head| dom.elements(*head).any(|child| dom.tag(child) == **tag));
    let direct: Vec<String> = tags.iter().filter(in_all).map(|tag| format!(":has(> {tag})")).collect();
    if direct.len() > 1 {
        found.push(direct.iter().take(3).map(String::as_str).collect());
    }
    found.extend(direct);
    if heads.iter().all(|head| sheet.links(*head) > 0) {
        found.push(":has(a)".to_owned());
    }
    found
}
