//! Templates: Jinja, strict (an undefined name is an error), without includes, macros or escaping.
//!
//! What is printed: a text as it is, every other value as JSON (`null`, `true`, `3`, `{"a":1}`); so the output of
//! a skipped node prints `null`, and a member of it is undefined. A trailing newline is kept.
//!
//! Why rendering ends, in bounded space: instructions are counted (fuel), what is printed is counted, nothing in
//! the language carries a value from one turn of a loop to the next (`namespace` and macros are not offered), and
//! `analysis` bounds beforehand how large a value the remaining, straight-line text can build.
//! Not here: the walk over the syntax tree (`analysis`), filters that need bounds of their own (`filters`).

mod analysis;
mod filters;
mod size;

pub use size::{Size, most_printed};

use crate::{Context, Error, Kind, Reference, Result, context::Tree};
use minijinja::{
    Environment, ErrorKind, Output, State, UndefinedBehavior, Value as Jinja, syntax::SyntaxConfig,
    value::Serde,
};
use nexus_model::limits::Limits;
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, OnceLock},
};

/// Instructions one rendering may execute; a turn of a small loop takes about ten.
const FUEL: u64 = 200_000;
/// Bytes of fixed text that one rendering may copy at most, printed or captured.
const FIXED_TEXT_BYTES: u64 = 64 << 20;
/// Longest source, whatever the caller's limits are.
const SOURCE_BYTES: usize = 1 << 20;
const NAME: &str = "template";

/// Checks the syntax and the bounds.
pub fn check(source: &str) -> Result<()> {
    Template::compile(source).map(drop)
}

/// Compiles and renders; at most the default limit of a node's output.
pub fn render(source: &str, context: &Context<'_>) -> Result<String> {
    Template::compile(source)?.render(context)
}

/// Every path into the context that the template mentions.
pub fn references(source: &str) -> Result<Vec<Reference>> {
    Template::compile(source).map(|template| template.references)
}

/// Renders every text inside a JSON value, however deep; keys stay as they are.
pub fn render_value(value: &Value, context: &Context<'_>) -> Result<Value> {
    ValueTemplate::compile(value)?.render(context)
}

/// A compiled template. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Template {
    body: Body,
    references: Vec<Reference>,
}

#[derive(Debug, Clone)]
enum Body {
    Text(Arc<str>),
    Compiled(Arc<Environment<'static>>),
}

impl Template {
    /// Compiles.
    pub fn compile(source: &str) -> Result<Self> {
        if source.len() > SOURCE_BYTES {
            return Err(Error::limit(format!("a template may have at most {SOURCE_BYTES} bytes")));
        }
        if !["{{", "{%", "{#"].iter().any(|open| source.contains(open)) {
            return Ok(Self { body: Body::Text(source.into()), references: Vec::new() });
        }
        let found = analysis::analyse(source, syntax()?)?;
        let mut env = base_environment()?.clone();
        // A loop over a large fixed text would copy much with little fuel; straight-line text never has more
        // instructions than bytes.
        let fuel = source.len() as u64 + FIXED_TEXT_BYTES / found.largest_text.max(1) as u64;
        env.set_fuel(Some(fuel.min(FUEL + source.len() as u64)));
        env.add_template_owned(NAME, source.to_owned()).map_err(|error| explain(&error))?;
        Ok(Self { body: Body::Compiled(Arc::new(env)), references: found.references })
    }

    /// Every path into the context that it mentions, each once.
    pub fn references(&self) -> &[Reference] {
        &self.references
    }

    /// Renders; at most the default limit of a node's output.
    pub fn render(&self, context: &Context<'_>) -> Result<String> {
        self.render_within(context, Limits::default().output_bytes)
    }

    /// Renders; at most `max_bytes`.
    pub fn render_within(&self, context: &Context<'_>, max_bytes: usize) -> Result<String> {
        let env = match &self.body {
            Body::Text(text) if text.len() > max_bytes => return Err(too_long(max_bytes)),
            Body::Text(text) => return Ok(text.to_string()),
            Body::Compiled(env) => env,
        };
        let template = env.get_template(NAME).map_err(|error| explain(&error))?;
        let mut sink = Sink { text: Vec::new(), left: max_bytes, full: false };
        let rendered = template.render_captured_to(mentioned(&self.references, context), &mut sink);
        if sink.full {
            return Err(too_long(max_bytes));
        }
        rendered.map_err(|error| explain(&error))?;
        String::from_utf8(sink.text).map_err(|_| Error::evaluation("the rendered text is not valid Unicode"))
    }
}

/// A JSON value whose texts are templates, compiled.
#[derive(Debug, Clone)]
pub enum ValueTemplate {
    /// Stays as it is.
    Fixed(Value),
    /// A text to render.
    Text(Template),
    /// An array of such values.
    List(Vec<ValueTemplate>),
    /// An object of such values.
    Object(Vec<(String, ValueTemplate)>),
}

impl ValueTemplate {
    /// Compiles every text inside the value.
    pub fn compile(value: &Value) -> Result<Self> {
        Ok(match value {
            Value::String(text) => Self::Text(Template::compile(text)?),
            Value::Array(items) => Self::List(items.iter().map(Self::compile).collect::<Result<_>>()?),
            Value::Object(members) => Self::Object(
                members
                    .iter()
                    .map(|(name, value)| Ok((name.clone(), Self::compile(value)?)))
                    .collect::<Result<_>>()?,
            ),
            fixed => Self::Fixed(fixed.clone()),
        })
    }

    /// Renders; all texts together at most the default limit of a node's output.
    pub fn render(&self, context: &Context<'_>) -> Result<Value> {
        let mut left = Limits::default().output_bytes;
        self.render_counting(context, &mut left)
    }

    fn render_counting(&self, context: &Context<'_>, left: &mut usize) -> Result<Value> {
        Ok(match self {
            Self::Fixed(value) => value.clone(),
            Self::Text(template) => {
                let text = template.render_within(context, *left)?;
                *left -= text.len();
                Value::String(text)
            }
            Self::List(items) => Value::Array(
                items.iter().map(|item| item.render_counting(context, left)).collect::<Result<_>>()?,
            ),
            Self::Object(members) => Value::Object(
                members
                    .iter()
                    .map(|(name, value)| Ok((name.clone(), value.render_counting(context, left)?)))
                    .collect::<Result<_>>()?,
            ),
        })
    }

    /// Every path into the context that its texts mention.
    pub fn references(&self) -> Vec<Reference> {
        match self {
            Self::Fixed(_) => Vec::new(),
            Self::Text(template) => template.references.clone(),
            Self::List(items) => items.iter().flat_map(Self::references).collect(),
            Self::Object(members) => members.iter().flat_map(|(_, value)| value.references()).collect(),
        }
    }
}

/// Takes what is printed, up to a limit.
struct Sink {
    text: Vec<u8>,
    left: usize,
    full: bool,
}

impl std::io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if bytes.len() > self.left {
            self.full = true;
            return Err(std::io::ErrorKind::FileTooLarge.into());
        }
        self.left -= bytes.len();
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn too_long(max_bytes: usize) -> Error {
    Error::limit(format!("the rendered text has more than {max_bytes} bytes"))
}

fn syntax() -> Result<SyntaxConfig> {
    SyntaxConfig::builder().keep_trailing_newline(true).build().map_err(|error| explain(&error))
}

fn base_environment() -> Result<&'static Environment<'static>> {
    static BASE: OnceLock<Result<Environment<'static>>> = OnceLock::new();
    BASE.get_or_init(|| {
        let mut env = Environment::new();
        env.set_syntax(syntax()?);
        env.set_undefined_behavior(UndefinedBehavior::Strict);
        env.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        env.set_recursion_limit(50);
        env.set_formatter(print);
        for function in ["namespace", "debug"] {
            env.remove_global(function);
        }
        filters::install(&mut env);
        Ok(env)
    })
    .as_ref()
    .map_err(Error::clone)
}

/// Bytes printed so far by one rendering, captured ones included.
struct Printed(usize);

/// Most bytes that one rendering prints, captured ones included.
const PRINTED_BYTES: usize = 4 << 20;

fn print(
    out: &mut Output<'_>,
    state: &mut State<'_, '_>,
    value: &Jinja,
) -> std::result::Result<(), minijinja::Error> {
    let printed = state.get_or_insert_extension(Printed(0));
    let mut bounded = Bounded { out, left: PRINTED_BYTES.saturating_sub(printed.0), full: false };
    let written = write_value(&mut bounded, value);
    let (left, full) = (bounded.left, bounded.full);
    printed.0 = PRINTED_BYTES - left;
    written.map_err(|_| {
        let reason = if full { "the template prints too much" } else { "the text cannot be printed" };
        minijinja::Error::new(ErrorKind::WriteFailure, reason)
    })
}

/// A text as it is, everything else as JSON.
fn write_value(out: &mut impl fmt::Write, value: &Jinja) -> fmt::Result {
    if value.is_undefined() {
        return Ok(()); // only the silent kind, of an `if` expression without `else`, comes here
    }
    match value.as_str() {
        Some(text) => out.write_str(text),
        None => filters::write_json(out, value),
    }
}

struct Bounded<'a, 'o> {
    out: &'a mut Output<'o>,
    left: usize,
    full: bool,
}

impl fmt::Write for Bounded<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        match self.left.checked_sub(text.len()) {
            Some(left) => {
                self.left = left;
                self.out.write_str(text)
            }
            None => {
                self.full = true;
                Err(fmt::Error)
            }
        }
    }
}

/// The part of the context that the references reach, as values of the template engine. What is not mentioned is
/// not copied, however large.
fn mentioned(references: &[Reference], context: &Context<'_>) -> Jinja {
    let mut wanted = Wanted::Members(BTreeMap::new());
    for reference in references {
        wanted.insert(&reference.path, 0, Some(Source::Members(&context.roots)));
    }
    wanted.into_value()
}

#[derive(Clone, Copy)]
enum Source<'a> {
    Members(&'a BTreeMap<std::borrow::Cow<'a, str>, Tree<'a>>),
    Json(&'a Value),
}

impl<'a> Source<'a> {
    fn of(tree: &'a Tree<'a>) -> Self {
        match tree {
            Tree::Json(value) => Self::Json(value),
            Tree::Members(members) => Self::Members(members),
        }
    }

    fn has_members(self) -> bool {
        matches!(self, Self::Members(_) | Self::Json(Value::Object(_)))
    }

    fn member(self, name: &str) -> Option<Source<'a>> {
        match self {
            Self::Members(members) => members.get(name).map(Self::of),
            Self::Json(value) => value.get(name).map(Self::Json),
        }
    }

    fn into_value(self) -> Jinja {
        match self {
            Self::Json(value) => Jinja::from(Serde(value)),
            Self::Members(members) => Jinja::from_pairs(
                members.iter().map(|(name, tree)| (name.to_string(), Self::of(tree).into_value())),
            ),
        }
    }
}

enum Wanted<'a> {
    Whole(Source<'a>),
    Members(BTreeMap<&'a str, Wanted<'a>>),
}

impl<'a> Wanted<'a> {
    fn insert(&mut self, path: &'a [String], at: usize, source: Option<Source<'a>>) {
        let (Wanted::Members(members), Some(source)) = (&mut *self, source) else { return };
        match path.get(at) {
            Some(name) if source.has_members() => {
                // A member that is not there stays away: mentioning it is the error the author should see.
                if let Some(child) = source.member(name) {
                    members.entry(name.as_str()).or_insert_with(|| Wanted::Members(BTreeMap::new())).insert(
                        path,
                        at + 1,
                        Some(child),
                    );
                }
            }
            _ => *self = Wanted::Whole(source),
        }
    }

    fn into_value(self) -> Jinja {
        match self {
            Self::Whole(source) => source.into_value(),
            Self::Members(members) => Jinja::from_pairs(
                members.into_iter().map(|(name, wanted)| (name.to_owned(), wanted.into_value())),
            ),
        }
    }
}

/// minijinja's error in words for whoever wrote the template.
fn explain(error: &minijinja::Error) -> Error {
    let detail = error.detail().map(str::to_owned);
    let (kind, message) = match error.kind() {
        ErrorKind::SyntaxError => (Kind::Syntax, detail.unwrap_or_else(|| "syntax error".into())),
        ErrorKind::UndefinedError => {
            (Kind::Undefined, detail.unwrap_or_else(|| "an undefined value is used".into()))
        }
        ErrorKind::OutOfFuel => (Kind::Limit, "the template takes too many steps".into()),
        ErrorKind::WriteFailure => {
            (Kind::Limit, detail.unwrap_or_else(|| "the template prints too much".into()))
        }
        ErrorKind::UnknownFilter | ErrorKind::UnknownTest | ErrorKind::UnknownFunction => {
            (Kind::Syntax, detail.unwrap_or_else(|| error.kind().to_string()))
        }
        other => (
            Kind::Evaluation,
            match detail {
                Some(detail) => format!("{other}: {detail}"),
                None => other.to_string(),
            },
        ),
    };
    let mut explained = Error::new(kind, message);
    explained.line = error.line();
    explained
}

#[cfg(test)]
mod tests;
