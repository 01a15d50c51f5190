//! Reading a description: which fields it names, what it calls the records, and whether all pages are meant. Not
//! here: which columns those fields are (`wanted`), which words mean the same (`words`).

use crate::{
    mine::sheet::split_words,
    words::{ALL, ASKING, CONDITIONS, CONTAINERS, EMPTY, MORE, RECORDS, group_of, stem},
};
use serde::{Deserialize, Serialize};

/// What a description asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// The fields it names, in its words.
    pub fields: Vec<String>,
    /// Other words that say what the records are.
    pub things: Vec<String>,
    /// Whether it asks for everything, so that further pages are read.
    pub all_pages: bool,
}

/// How a part of a sentence hangs on what stands before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Link {
    /// It is the sentence's beginning.
    Start,
    /// `of`, `for`: the things come first, then perhaps fields.
    Of,
    /// `on`, `from`: the same, but what stands before may be things as well.
    On,
    /// `with`, a colon or a bracket: fields.
    With,
    /// `without`, `except`: fields that are not wanted.
    Without,
}

impl Link {
    fn of_word(word: &str) -> Option<Self> {
        match word {
            "of" | "for" | "per" => Some(Self::Of),
            "on" | "from" | "in" | "at" | "about" => Some(Self::On),
            "with" | "including" | "incl" | "include" | "includes" | "containing" | "having" | "showing"
            | "mit" | "avec" => Some(Self::With),
            "without" | "except" | "excluding" | "exclude" | "remove" | "omit" | "ignore" => {
                Some(Self::Without)
            }
            _ => None,
        }
    }
}

/// What stands between two commas.
#[derive(Debug, Default)]
struct Item {
    words: Vec<String>,
    /// `all` stands before it.
    all: bool,
    /// `every` or `each` stands before it.
    each: bool,
    /// `its`, `their` or a verb that asks for it stands before it.
    own: bool,
    /// A comma stands before it.
    listed: bool,
    plural: bool,
    /// It says which records (`under 20`), not which fields.
    condition: bool,
}

impl Item {
    fn is_known(&self) -> bool {
        self.words.iter().any(|word| group_of(word).is_some())
    }

    /// Whether it is a property that is as often the thing itself.
    fn is_record(&self) -> bool {
        matches!(self.words.as_slice(), [only] if RECORDS.contains(&only.as_str()))
    }

    fn name(&self) -> String {
        self.words.join(" ")
    }
}

/// A part of a sentence up to the next word that links.
#[derive(Debug)]
struct Clause {
    link: Link,
    items: Vec<Item>,
    /// `list`, `all`: what follows is what the sentence begins with.
    container: bool,
}

#[derive(Debug, Default)]
struct Sentence {
    fields: Vec<String>,
    things: Vec<String>,
    unwanted: Vec<String>,
    all_pages: bool,
    only: bool,
    more: bool,
}

/// Reads a description: each of its sentences by itself, since each may begin a new list. One that asks for `only`
/// some fields takes the place of those before.
pub fn read(description: &str) -> Wanted {
    let mut all = Wanted::default();
    for text in sentences(description) {
        let mut sentence = Sentence::default();
        sentence.read(text);
        let named = |field: &String| {
            all.fields.contains(field) || field.split(' ').any(|word| group_of(word).is_some())
        };
        if sentence.only && sentence.fields.iter().any(named) {
            all.fields.clear();
        }
        push_new(&mut all.fields, sentence.fields);
        all.fields.retain(|field| !sentence.unwanted.contains(field));
        push_new(&mut all.things, sentence.things);
        all.all_pages |= sentence.all_pages;
    }
    all.things.sort();
    all
}

fn push_new(all: &mut Vec<String>, more: impl IntoIterator<Item = String>) {
    for one in more {
        if !one.is_empty() && !all.contains(&one) {
            all.push(one);
        }
    }
}

/// The lines of a text, cut where a sentence ends; a dot behind a short word is that of an abbreviation.
fn sentences(text: &str) -> impl Iterator<Item = &str> {
    text.lines().flat_map(|line| {
        let mut rest = Some(line);
        std::iter::from_fn(move || {
            let line = rest?;
            let ends = |(at, _): &(usize, &str)| {
                line.get(..*at)
                    .and_then(|before| before.rsplit(' ').next())
                    .is_some_and(|word| word.trim_start_matches(['(', '[']).len() > 3)
            };
            let end = line.match_indices(". ").find(ends).map(|(at, _)| at);
            let (sentence, further) = end.map_or((line, None), |at| (&line[..at], line.get(at + 2..)));
            rest = further;
            Some(sentence)
        })
    })
}

/// Lower case, with brackets made parts of the sentence, or left out if they only explain.
fn prepared(text: &str) -> String {
    let mut text = text.to_lowercase().replace('’', "'").replace(['–', '—'], " : ").replace(" - ", " : ");
    for (phrase, put) in [
        ("would like", "want"),
        ("'d like", " want"),
        ("as well as", "and"),
        ("along with", "with"),
        ("together with", "with"),
        ("leave out", "without"),
    ] {
        text = text.replace(phrase, put);
    }
    let mut out = String::new();
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once(['(', '[']) {
        let (within, behind) = after.split_once([')', ']']).unwrap_or((after, ""));
        out.push_str(before);
        let first = within.split([' ', '.']).next().unwrap_or_default();
        let explains =
            matches!(first, "e" | "i" | "like" | "such" | "if" | "not") || Link::of_word(first).is_some();
        if !explains && (within.contains(',') || within.contains(" and ")) {
            out.push_str(" : ");
            out.push_str(within);
            out.push_str(", ");
        }
        rest = behind;
    }
    out.push_str(rest);
    out
}

/// Cuts a sentence into its parts.
#[derive(Debug)]
struct Cutter {
    clauses: Vec<Clause>,
}

impl Cutter {
    fn link(&mut self, link: Link) {
        self.clauses.push(Clause { link, items: vec![Item::default()], container: false });
    }

    fn item(&mut self) -> Option<&mut Item> {
        self.clauses.last_mut()?.items.last_mut()
    }

    fn next_item(&mut self, own: bool, listed: bool) {
        if let Some(clause) = self.clauses.last_mut() {
            clause.items.push(Item { own, listed, ..Item::default() });
        }
    }

    fn is_empty(&self) -> bool {
        self.clauses.iter().flat_map(|clause| &clause.items).all(|item| item.words.is_empty())
    }
}

impl Sentence {
    fn read(&mut self, text: &str) {
        self.all_pages = text.to_lowercase().contains("pages");
        let mut clauses = self.cut(&prepared(text));
        let (mut at, mut begun) = (0, false);
        while at < clauses.len() {
            let next = clauses.get(at + 1).map(|clause| clause.link);
            let next_empty = clauses
                .get(at + 1)
                .is_none_or(|clause| clause.items.iter().all(|item| item.words.is_empty()));
            let Clause { link, items, container } = std::mem::replace(
                &mut clauses[at],
                Clause { link: Link::Start, items: Vec::new(), container: false },
            );
            let items: Vec<Item> = items.into_iter().filter(|item| !item.words.is_empty()).collect();
            // `list of titles`, `all of the books`: the sentence begins behind `of`.
            if !begun && items.is_empty() && container && next == Some(Link::Of) {
                clauses[at + 1].link = Link::Start;
            }
            begun |= !items.is_empty();
            match link {
                Link::Start => self.start(items, next, next_empty),
                Link::Of | Link::On => self.things_first(items),
                Link::With => items.iter().for_each(|item| self.field(item)),
                Link::Without => self.unwanted.extend(items.iter().map(Item::name)),
            }
            at += 1;
        }
    }

    fn cut(&mut self, text: &str) -> Vec<Clause> {
        let mut cutter = Cutter { clauses: Vec::new() };
        cutter.link(Link::Start);
        let text = text.replace(',', " , ").replace([';', '/', '\n'], " , ").replace(':', " : ");
        for token in text.split_whitespace() {
            let owner = token.ends_with("'s") || token.ends_with("s'");
            let token = token.strip_suffix("'s").unwrap_or(token);
            match token {
                "," => cutter.next_item(false, true),
                "and" | "&" | "+" | "plus" | "or" | "und" | "et" => cutter.next_item(false, false),
                ":" => cutter.link(Link::With),
                _ => {
                    let mut words = Vec::new();
                    split_words(token, &mut words);
                    words.iter().for_each(|word| self.word(word, &mut cutter));
                }
            }
            if owner {
                self.owner(&mut cutter);
            }
        }
        cutter.clauses
    }

    fn word(&mut self, word: &str, cutter: &mut Cutter) {
        self.more |= MORE.contains(&word);
        self.only |= matches!(word, "only" | "just") && cutter.is_empty();
        if let Some(link) = Link::of_word(word) {
            cutter.link(link);
            return;
        }
        let stem = stem(word);
        if let Some(clause) = cutter.clauses.last_mut() {
            clause.container |= CONTAINERS.contains(&stem.as_str());
        }
        if ASKING.contains(&word) && cutter.item().is_some_and(|item| !item.words.is_empty()) {
            cutter.next_item(true, false);
        }
        let Some(item) = cutter.item() else { return };
        if ALL.contains(&word) {
            self.all_pages = true;
            item.all |= !matches!(word, "every" | "each");
            item.each |= matches!(word, "every" | "each");
        } else if CONDITIONS.contains(&word) {
            item.condition = true;
        } else if matches!(word, "its" | "their" | "his" | "her") {
            item.own = true;
        } else if !(EMPTY.contains(&stem.as_str())
            || EMPTY.contains(&word)
            || CONTAINERS.contains(&stem.as_str())
            || matches!(word, "only" | "just" | "to" | "by")
            || word.bytes().all(|byte| byte.is_ascii_digit()))
        {
            item.plural = stem != word;
            item.words.push(stem);
        }
    }

    /// `each book's title`: what stands before is the thing, unless it is a property itself (`the author's name`).
    fn owner(&mut self, cutter: &mut Cutter) {
        let Some(item) = cutter.item() else { return };
        if !item.is_known() || item.each || item.all {
            self.things.append(&mut item.words);
            *item = Item { own: true, ..Item::default() };
        }
    }

    /// The beginning of a sentence: fields, unless it is what has fields.
    fn start(&mut self, items: Vec<Item>, next: Option<Link>, next_empty: bool) {
        let count = items.len();
        let first_known = items.first().is_some_and(|item| item.is_known() && !item.each);
        let others_known = items.iter().skip(1).all(Item::is_known);
        let their = items.iter().skip(1).any(|item| item.own);
        for (at, item) in items.iter().enumerate() {
            let counted = item.all || item.each;
            let is_field = match next {
                _ if item.own && at > 0 => true,
                Some(Link::Of) => count > 1 || item.is_known() || !next_empty,
                Some(Link::With | Link::Without) => {
                    let subject = item.is_record() && (counted || item.plural) && count == 1;
                    if item.is_known() { !item.each && !subject } else { first_known && !counted }
                }
                _ if count == 1 => {
                    if item.is_known() {
                        !(item.is_record() && counted)
                    } else {
                        self.more
                    }
                }
                _ if at == 0 && !item.is_known() => !(item.each || their || item.all && others_known),
                _ => !(item.each && at == 0),
            };
            if is_field { self.field(item) } else { self.thing(item) }
        }
    }

    /// Behind `of`: the thing, then perhaps further fields.
    fn things_first(&mut self, items: Vec<Item>) {
        for (at, item) in items.into_iter().enumerate() {
            if at == 0 && !item.own {
                if !self.join(&item) {
                    self.thing(&item);
                }
            } else if item.own || item.is_known() || item.listed {
                self.field(&item);
            } else {
                self.thing(&item);
            }
        }
    }

    /// `name of the author`, `number of comments`: one field of two words that ask for one.
    fn join(&mut self, item: &Item) -> bool {
        let Some(last) = self.fields.last_mut() else { return false };
        let joined = match (last.as_str(), group_of(last)) {
            ("number" | "count" | "amount" | "total", _) if !item.each && !item.all => item.name(),
            ("name", _) | (_, Some("url" | "image")) if item.is_known() && !item.condition => {
                format!("{} {last}", item.name())
            }
            _ => return false,
        };
        *last = joined;
        true
    }

    fn field(&mut self, item: &Item) {
        if item.condition || item.words.len() > 4 {
            self.thing(item);
        } else {
            push_new(&mut self.fields, [item.name()]);
        }
    }

    fn thing(&mut self, item: &Item) {
        push_new(&mut self.things, item.words.iter().filter(|word| word.len() > 2).cloned());
    }
}

#[cfg(test)]
#[path = "wish/tests.rs"]
mod tests;
