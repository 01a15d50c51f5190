//! A first look at Python that somebody (a person, a model) wrote, without running Python: does it define what it
//! must, does it import only what is there, are its brackets and quotes closed. The last word on syntax has Python
//! itself, in the sandbox. This is for friendly errors, not for safety: what code may do, the sandbox decides.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Modules that scrapers can import.
const KNOWN: [&str; 34] = [
    "requests",
    "bs4",
    "lxml",
    "soupsieve",
    "urllib",
    "re",
    "json",
    "html",
    "math",
    "datetime",
    "time",
    "calendar",
    "collections",
    "itertools",
    "functools",
    "string",
    "decimal",
    "fractions",
    "statistics",
    "unicodedata",
    "textwrap",
    "typing",
    "dataclasses",
    "enum",
    "operator",
    "copy",
    "hashlib",
    "base64",
    "csv",
    "io",
    "random",
    "zoneinfo",
    "contextlib",
    "__future__",
];

/// Longest code looked at.
const LONGEST: usize = 200_000;

/// Something wrong with code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong and what to do.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "line {}: {}", self.line, self.message)
    }
}

/// Everything wrong with code that should define `function`.
pub fn check(code: &str, function: &str) -> Vec<Finding> {
    if code.len() > LONGEST {
        return vec![Finding {
            line: 1,
            message: format!("The code is longer than {LONGEST} bytes. Keep scrapers small."),
        }];
    }
    let (bare, mut findings) = without_texts(code);
    let mut defined = false;
    for (at, line) in bare.lines().enumerate() {
        let line_number = at + 1;
        let text = line.trim();
        let head = format!("def {function}(");
        if line.starts_with(&head) || line.starts_with(&format!("def {function} (")) {
            defined = true;
        } else if line.starts_with(&format!("async def {function}")) {
            defined = true;
            findings.push(Finding {
                line: line_number,
                message: format!("`{function}` must be a plain function: write `def`, not `async def`."),
            });
        }
        for statement in text.split(';') {
            for module in imported(statement.trim()) {
                let top = module.split('.').next().unwrap_or_default().to_owned();
                if !KNOWN.contains(&top.as_str()) {
                    findings.push(Finding { line: line_number, message: refused(&top) });
                }
            }
        }
        let indent = &line[..line.len() - line.trim_start().len()];
        if indent.contains('\t') && indent.contains(' ') {
            findings.push(Finding {
                line: line_number,
                message: "Tabs and spaces are mixed at the beginning. Use four spaces.".to_owned(),
            });
        }
    }
    if !defined {
        findings.push(Finding {
            line: 1,
            message: format!(
                "The code does not define `{function}`. Write `def {function}(…):` at the left margin."
            ),
        });
    }
    findings.sort_by_key(|finding| finding.line);
    findings
}

fn refused(module: &str) -> String {
    match module {
        "os" | "sys" | "subprocess" | "shutil" | "socket" | "ctypes" | "multiprocessing" | "threading"
        | "pathlib" | "signal" => format!(
            "`{module}` cannot be imported: scrapers run in a sandbox without files, processes or sockets of their own. Fetch pages with requests."
        ),
        "selenium" | "playwright" | "pyppeteer" => format!(
            "`{module}` cannot be imported: there is no browser. Use requests and bs4 on the page's HTML."
        ),
        "aiohttp" | "httpx" | "urllib3" | "scrapy" => {
            format!("`{module}` cannot be imported. Use requests instead.")
        }
        "pandas" | "numpy" => format!("`{module}` cannot be imported. Return plain lists and dicts."),
        _ => format!(
            "`{module}` cannot be imported. There are requests, bs4, lxml and the parts of Python's standard library for text, numbers and dates."
        ),
    }
}

/// Modules that a statement imports.
fn imported(statement: &str) -> Vec<String> {
    if let Some(rest) = statement.strip_prefix("import ") {
        let names = rest.split(',').filter_map(|part| part.split_whitespace().next());
        return names.map(str::to_owned).collect();
    }
    if let Some(rest) = statement.strip_prefix("from ")
        && let Some((module, _)) = rest.split_once(" import")
    {
        return vec![module.trim().to_owned()];
    }
    Vec::new()
}

/// The code with texts and comments blanked out, and what is not closed in it.
fn without_texts(code: &str) -> (String, Vec<Finding>) {
    let letters: Vec<char> = code.chars().collect();
    let mut bare = String::with_capacity(code.len());
    let mut open: Vec<(char, usize)> = Vec::new();
    let mut findings = Vec::new();
    let (mut at, mut line) = (0, 1);
    while at < letters.len() {
        let letter = letters[at];
        match letter {
            '#' => {
                while at < letters.len() && letters[at] != '\n' {
                    at += 1;
                }
                continue;
            }
            '"' | '\'' => {
                let start = line;
                let long = letters.get(at + 1) == Some(&letter) && letters.get(at + 2) == Some(&letter);
                let width = if long { 3 } else { 1 };
                at += width;
                let mut closed = false;
                while at < letters.len() {
                    if letters[at] == '\\' {
                        line += usize::from(letters.get(at + 1) == Some(&'\n'));
                        bare.extend((letters.get(at + 1) == Some(&'\n')).then_some('\n'));
                        at += 2;
                        continue;
                    }
                    if letters[at] == '\n' {
                        if !long {
                            break;
                        }
                        line += 1;
                        bare.push('\n');
                    }
                    if letters[at..].starts_with(&[letter; 3][..width]) {
                        at += width;
                        closed = true;
                        break;
                    }
                    at += 1;
                }
                if !closed {
                    findings.push(Finding {
                        line: start,
                        message: "A text begins here and is not closed: a quote is missing.".to_owned(),
                    });
                }
                bare.push('0');
                continue;
            }
            '(' | '[' | '{' => open.push((letter, line)),
            ')' | ']' | '}' => {
                let wanted = match letter {
                    ')' => '(',
                    ']' => '[',
                    _ => '{',
                };
                match open.pop() {
                    Some((bracket, _)) if bracket == wanted => {}
                    _ => {
                        findings.push(Finding { line, message: format!("This `{letter}` closes nothing.") });
                        open.clear();
                    }
                }
            }
            '\n' => line += 1,
            _ => {}
        }
        bare.push(letter);
        at += 1;
    }
    if let Some((bracket, line)) = open.pop() {
        findings.push(Finding { line, message: format!("This `{bracket}` is not closed.") });
    }
    (bare, findings)
}
