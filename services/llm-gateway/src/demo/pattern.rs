//! A text that matches a regular expression, best effort: literals, classes, groups, alternatives, counts. Not here:
//! look-around, back references and the like (they give whatever comes out).

use std::{iter::Peekable, str::Chars};

/// Groups within groups end here.
const MAX_DEPTH: usize = 16;

/// A text for the pattern; at least the smallest count of each repetition.
pub(super) fn text(pattern: &str) -> String {
    alternatives(&mut pattern.chars().peekable(), MAX_DEPTH)
}

/// Up to the end of the group: the first of its alternatives.
fn alternatives(rest: &mut Peekable<Chars<'_>>, depth: usize) -> String {
    let mut out = String::new();
    let mut first = true;
    while let Some(character) = rest.next() {
        let piece = match character {
            ')' => break,
            '|' => {
                first = false;
                continue;
            }
            '^' | '$' => continue,
            '(' if depth > 0 => {
                if rest.next_if_eq(&'?').is_some() {
                    // (?:…) and (?<name>…)
                    if rest.next() == Some('<') {
                        while rest.next_if(|next| *next != '>').is_some() {}
                        rest.next();
                    }
                }
                alternatives(rest, depth - 1)
            }
            '[' => class(rest),
            '\\' => escape(rest.next()),
            '.' => "x".to_owned(),
            other => other.to_string(),
        };
        let count = count(rest);
        if first {
            out.push_str(&piece.repeat(count));
        }
    }
    out
}

fn escape(character: Option<char>) -> String {
    match character {
        Some('d') => "1".to_owned(),
        Some('w' | 'S' | 'D') => "a".to_owned(),
        Some('s') => " ".to_owned(),
        Some('W') => "-".to_owned(),
        Some('n') => "\n".to_owned(),
        Some('t') => "\t".to_owned(),
        Some('b' | 'B' | 'A' | 'z' | 'Z') | None => String::new(),
        Some(other) => other.to_string(),
    }
}

/// A member of a class whose bracket was read.
fn class(rest: &mut Peekable<Chars<'_>>) -> String {
    let negated = rest.next_if_eq(&'^').is_some();
    let mut first = None;
    let mut members = String::new();
    while let Some(character) = rest.next() {
        match character {
            ']' if first.is_some() => break,
            '\\' => {
                let member = escape(rest.next());
                members.push_str(&member);
                first.get_or_insert(member);
            }
            other => {
                members.push(other);
                first.get_or_insert(other.to_string());
            }
        }
    }
    if negated {
        let other = ('a'..='z').chain('0'..='9').find(|candidate| !members.contains(*candidate));
        return other.unwrap_or('-').to_string();
    }
    first.unwrap_or_default()
}

/// How often the piece before is to stand.
fn count(rest: &mut Peekable<Chars<'_>>) -> usize {
    let count = match rest.peek() {
        Some('*' | '?') => {
            rest.next();
            0
        }
        Some('+') => {
            rest.next();
            1
        }
        Some('{') => {
            rest.next();
            let mut digits = String::new();
            while let Some(digit) = rest.next_if(char::is_ascii_digit) {
                digits.push(digit);
            }
            while rest.next_if(|next| *next != '}').is_some() {}
            rest.next();
            digits.parse().unwrap_or(1).min(1000)
        }
        _ => return 1,
    };
    // Lazy and possessive forms.
    rest.next_if(|next| matches!(next, '?' | '+'));
    count
}

#[cfg(test)]
mod tests {
    #[test]
    fn common_patterns_are_met() {
        for (pattern, text) in [
            ("^[A-Z]{3}-\\d{4}$", "AAA-1111"),
            ("^(yes|no)$", "yes"),
            ("^#?[0-9a-f]+$", "0"),
            ("^v\\d+\\.\\d+(\\.\\d+)?$", "v1.1"),
            ("^(?:ab){2,3}[^a]*$", "abab"),
            ("", ""),
        ] {
            assert_eq!(super::text(pattern), text, "{pattern}");
        }
    }
}
