//! What people and scripts read: lines on stdout and stderr, tables. A reader that went away ends the program without
//! a word, as `head` expects. Not here: live progress (`progress`).

use serde::Serialize;
use std::io::{self, IsTerminal, Write};

/// Writes a line to stdout.
pub(crate) fn line(text: &str) {
    let mut stdout = io::stdout().lock();
    if writeln!(stdout, "{text}").and_then(|()| stdout.flush()).is_err() {
        // Only a closed pipe or a full disk; there is nobody left to tell.
        std::process::exit(1);
    }
}

/// Writes text as it is to stderr.
pub(crate) fn error(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Writes a line to stderr.
pub(crate) fn note(text: &str) {
    error(&format!("{text}\n"));
}

/// Writes a value as JSON to stdout: on several lines for people, on one for programs.
pub(crate) fn json(value: &impl Serialize) {
    let text = if io::stdout().is_terminal() {
        serde_json::to_string_pretty(value)
    } else {
        serde_json::to_string(value)
    };
    line(&text.unwrap_or_default());
}

/// Writes a value as JSON on one line to stdout.
pub(crate) fn json_line(value: &impl Serialize) {
    line(&serde_json::to_string(value).unwrap_or_default());
}

/// Whether stderr may have colours: it is a terminal and nobody objects.
pub(crate) fn coloured() -> bool {
    io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Rows under headings, in columns as wide as their widest cell.
#[derive(Debug)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
    right: &'static [usize],
}

impl Table {
    /// A table with these headings; the columns named in `right` are aligned to the right.
    pub(crate) fn new(headings: &[&str], right: &'static [usize]) -> Self {
        Self { rows: vec![headings.iter().map(|heading| (*heading).to_uppercase()).collect()], right }
    }

    /// One more row.
    pub(crate) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// Writes it to stdout; `empty` if there is no row.
    pub(crate) fn print(&self, empty: &str) {
        line(if self.rows.len() == 1 { empty.to_owned() } else { self.render() }.as_str());
    }

    fn render(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |n: usize| {
            self.rows.iter().filter_map(|row| row.get(n)).map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let line = |row: &Vec<String>| {
            let cells = row.iter().zip(&widths).enumerate().map(|(n, (cell, width))| {
                if self.right.contains(&n) { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
            });
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        self.rows.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

/// A text cut to `most` characters.
pub(crate) fn short(text: &str, most: usize) -> String {
    let flat: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if flat.chars().count() <= most {
        return flat;
    }
    flat.chars().take(most.saturating_sub(1)).chain(std::iter::once('…')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_needed() {
        let mut table = Table::new(&["name", "cost"], &[1]);
        table.row(vec!["é".into(), "1".into()]);
        table.row(vec!["longer".into(), "10".into()]);
        assert_eq!(table.render(), "NAME    COST\né          1\nlonger    10");
        assert_eq!(short("ab\ncdef", 5), "ab c…");
    }
}
