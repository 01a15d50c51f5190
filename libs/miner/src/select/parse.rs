//! Reading selectors. Not here: what they match.

use super::{Compound, Connector, Error, Path, Relation, Selector, Test};

/// A hostile selector must not nest or grow without bound.
const LONGEST: usize = 2_000;

pub(super) fn parse(text: &str) -> Result<Selector, Error> {
    let fail = |why| Error { text: text.chars().take(200).collect(), why };
    if text.len() > LONGEST {
        return Err(fail("it is too long"));
    }
    let mut reader = Reader { rest: text.trim() };
    let mut paths = Vec::new();
    loop {
        paths.push(reader.path().map_err(fail)?);
        reader.space();
        if reader.rest.is_empty() {
            break;
        }
        if !reader.take(',') {
            return Err(fail("a part of it is not known here"));
        }
    }
    Ok(Selector { text: text.trim().to_owned(), paths })
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn take(&mut self, wanted: char) -> bool {
        let rest = self.rest.strip_prefix(wanted);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn space(&mut self) -> bool {
        let before = self.rest.len();
        self.rest = self.rest.trim_start();
        before != self.rest.len()
    }

    fn path(&mut self) -> Result<Path, &'static str> {
        self.space();
        let mut steps = vec![(Connector::Start, self.compound()?)];
        while let Some(connector) = self.connector() {
            steps.push((connector, self.compound()?));
        }
        // From right to left, each with its connection to the left.
        let parts = steps.into_iter().rev().map(|(connector, compound)| (compound, connector)).collect();
        Ok(Path { parts })
    }

    fn connector(&mut self) -> Option<Connector> {
        let spaced = self.space();
        let sign = self.peek()?;
        let connector = match sign {
            '>' => Connector::Child,
            '+' => Connector::Next,
            '~' => Connector::Later,
            ',' | ')' => return None,
            _ if spaced => return Some(Connector::Descendant),
            _ => return None,
        };
        self.take(sign);
        self.space();
        Some(connector)
    }

    fn compound(&mut self) -> Result<Compound, &'static str> {
        let mut compound = Compound::default();
        let mut any = self.take('*');
        if !any && self.peek().is_some_and(|first| first.is_ascii_alphabetic()) {
            compound.tag = Some(self.word()?.to_ascii_lowercase());
            any = true;
        }
        loop {
            let test = if self.take('#') {
                Test::Id(self.word()?)
            } else if self.take('.') {
                Test::Class(self.word()?)
            } else if self.take('[') {
                self.attribute()?
            } else if self.take(':') {
                self.pseudo()?
            } else {
                break;
            };
            compound.tests.push(test);
            any = true;
        }
        if any { Ok(compound) } else { Err("a tag, class, id or attribute is missing") }
    }

    fn word(&mut self) -> Result<String, &'static str> {
        let mut word = String::new();
        let mut letters = self.rest.char_indices();
        let mut end = self.rest.len();
        while let Some((at, letter)) = letters.next() {
            if letter == '\\' {
                match letters.next() {
                    Some((_, escaped)) if !escaped.is_ascii_hexdigit() => word.push(escaped),
                    _ => return Err("such an escape is not known here"),
                }
            } else if letter.is_alphanumeric() || letter == '-' || letter == '_' || !letter.is_ascii() {
                word.push(letter);
            } else {
                end = at;
                break;
            }
        }
        self.rest = &self.rest[end..];
        if word.is_empty() { Err("a name is missing") } else { Ok(word) }
    }

    fn quoted(&mut self) -> Result<String, &'static str> {
        for quote in ['"', '\''] {
            if self.take(quote) {
                let mut text = String::new();
                let mut letters = self.rest.char_indices();
                while let Some((at, letter)) = letters.next() {
                    if letter == quote {
                        self.rest = &self.rest[at + 1..];
                        return Ok(text);
                    }
                    match letter {
                        '\\' => text.push(letters.next().ok_or("a quote is not closed")?.1),
                        _ => text.push(letter),
                    }
                }
                return Err("a quote is not closed");
            }
        }
        self.word()
    }

    fn attribute(&mut self) -> Result<Test, &'static str> {
        self.space();
        let name = self.word()?.to_ascii_lowercase();
        self.space();
        if self.take(']') {
            return Ok(Test::Attribute { name, relation: Relation::Present, value: String::new() });
        }
        let relations = [
            ('^', Relation::Prefix),
            ('$', Relation::Suffix),
            ('*', Relation::Within),
            ('~', Relation::Word),
        ];
        let found = relations.into_iter().find(|(sign, _)| self.take(*sign));
        if !self.take('=') {
            return Err("an attribute test is not known here");
        }
        self.space();
        let value = self.quoted()?;
        self.space();
        let relation = found.map_or(Relation::Equal, |(_, relation)| relation);
        if self.take(']') { Ok(Test::Attribute { name, relation, value }) } else { Err("a `]` is missing") }
    }

    fn pseudo(&mut self) -> Result<Test, &'static str> {
        let name = self.word()?;
        match name.as_str() {
            "scope" => return Ok(Test::Scope),
            "first-child" => return Ok(Test::NthChild(1)),
            "first-of-type" => return Ok(Test::NthOfType(1)),
            "last-child" => return Ok(Test::LastChild),
            _ => {}
        }
        if !self.take('(') {
            return Err("a pseudo-class is not known here");
        }
        self.space();
        let test = match name.as_str() {
            "nth-child" | "nth-of-type" => {
                let number = self.word()?.parse().map_err(|_| "only plain numbers are known here")?;
                if name == "nth-child" { Test::NthChild(number) } else { Test::NthOfType(number) }
            }
            "not" => Test::Not(self.compound()?),
            "has" => {
                let first = match self.peek() {
                    Some('>' | '+' | '~') => self.connector().unwrap_or(Connector::Descendant),
                    _ => Connector::Descendant,
                };
                // Python's soupsieve takes no more than one step here.
                Test::Has(first, self.compound()?)
            }
            "-soup-contains" => Test::Contains(self.quoted()?),
            _ => return Err("a pseudo-class is not known here"),
        };
        self.space();
        if self.take(')') { Ok(test) } else { Err("a `)` is missing") }
    }
}
