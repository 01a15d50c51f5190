//! Which group is what the page is about: the one whose columns explain most of the page. Not here: making groups
//! (`groups`), lining them up (`columns`).

use super::{
    columns::{Column, Table, What, line_up},
    groups::Group,
    sheet::Sheet,
};

/// A group that has been looked at closely.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// The group.
    pub group: Group,
    /// Its columns.
    pub table: Table,
    /// How good it is; only comparable within a page.
    pub score: f32,
}

/// What one column tells, in all records.
pub fn worth(column: &Column) -> f32 {
    let information = match column.what {
        What::Text | What::Own | What::Between => (1.0 + column.length.min(240.0)).ln(),
        What::Attribute("href") => 1.6,
        What::Attribute("src") => 1.6,
        What::Attribute("datetime" | "content") => 1.0,
        What::Attribute(_) => 0.6,
    };
    // The same everywhere: a label or a button.
    let varied = if column.distinct == 0.0 { 0.03 } else { column.distinct.sqrt().max(0.25) };
    let records = column.pieces.len();
    // What only one record has is no sign of anything repeated.
    let repeated = (column.fill * records as f32 - 1.0).max(0.0) / (records as f32 - 1.0).max(1.0);
    repeated * repeated * information * varied
}

/// Looks closely at a group.
pub fn judge(sheet: &Sheet<'_>, group: Group) -> Judged {
    let table = line_up(sheet, &group, false);
    let score = score(sheet, &group, &table);
    Judged { group, table, score }
}

fn score(sheet: &Sheet<'_>, group: &Group, table: &Table) -> f32 {
    let dom = sheet.dom;
    let count = group.heads.len() as f32;
    // What repeats within a record is more likely records of its own; of a grid's row only the first cell counts.
    let weight = |column: &Column| match (column.occurrence, table.grid) {
        (0, _) => 1.0,
        (_, true) => 0.0,
        _ => 0.4,
    };
    let explained: f32 = table.columns.iter().map(|column| worth(column) * weight(column)).sum();
    // Records that have the same columns are likelier than ones that share only some.
    let loose: f32 =
        table.columns.iter().map(|column| worth(column) * weight(column) / column.fill.max(0.05)).sum();
    let alike = if loose > 0.0 { explained / loose } else { 0.0 };
    let zone = table.records.iter().map(|parts| sheet.zone(parts[0])).sum::<f32>()
        / table.records.len().max(1) as f32;
    let chars: u32 = group.records(sheet).iter().flatten().map(|part| sheet.chars(*part)).sum();
    let page = sheet.chars(dom.body()).max(1);
    let coverage = (chars as f32 / page as f32).clamp(0.001, 1.0);
    let few = match group.heads.len() {
        2 => 0.45,
        3 => 0.7,
        4 => 0.85,
        _ => 1.0,
    };
    explained
        * alike
        * count.powf(0.85)
        * (1.0 - 0.8 * table.repeated)
        * zone
        * coverage.powf(0.3)
        * few
        * if table.grid { 0.6 } else { 1.0 }
        * if is_cyclic(table) { 0.3 } else { 1.0 }
        * sort(sheet, group, table)
}

/// Whether the records are lines of things rather than things: a column of labels goes round in circles.
fn is_cyclic(table: &Table) -> bool {
    let labels = |column: &Column| {
        let values: Vec<&str> = column.found().map(|piece| piece.value.as_str()).collect();
        let Some(first) = values.first() else { return false };
        let Some(period) = values.iter().skip(1).position(|value| value == first).map(|at| at + 1) else {
            return false;
        };
        let round = values.iter().zip(&values[period..]).filter(|(one, other)| one == other).count();
        (2..=12).contains(&period) && values.len() >= 3 * period && round * 10 >= (values.len() - period) * 9
    };
    let texts = table.columns.iter().filter(|column| column.is_text() && column.fill > 0.9);
    table.columns.len() <= 6 && texts.into_iter().any(labels)
}

/// How likely records of this sort are what a page is about.
fn sort(sheet: &Sheet<'_>, group: &Group, table: &Table) -> f32 {
    let often = |column: &&Column| column.fill >= 0.5 && column.distinct > 0.3;
    let texts: Vec<&Column> = table.columns.iter().filter(often).filter(|column| column.is_text()).collect();
    let has = |name: &str| {
        table
            .columns
            .iter()
            .filter(often)
            .any(|column| matches!(column.what, What::Attribute(own) if own == name))
    };
    let (pictures, links) = (has("src"), has("href"));
    let longest = texts.iter().map(|column| column.length).fold(0.0, f32::max);
    let kind = match sheet.dom.tag(group.heads[0]) {
        "p" | "span" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "td" | "dd" | "dt"
            if group.siblings == 0 =>
        {
            0.7
        }
        "a" if group.siblings == 0 => 0.9,
        _ => 1.0,
    };
    let sort = match (texts.len(), pictures) {
        (0, false) => 0.1,
        (0, true) => 0.5,
        // A menu, or words of a line.
        (1, false) if longest < 30.0 => {
            if links {
                0.2
            } else {
                0.12
            }
        }
        // Paragraphs.
        (1, false) if longest > 100.0 && !links => 0.25,
        _ => 1.0,
    };
    kind * sort
}
