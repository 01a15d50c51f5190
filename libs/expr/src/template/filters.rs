//! Filters whose result may be much larger than what goes in, each with a bound; and `tojson`, which here prints
//! plain JSON instead of JSON made safe for HTML.
//! Not here: the filters that minijinja brings and that need no bound.

use minijinja::{
    Environment, Error, ErrorKind, State, Value,
    value::{Kwargs, Rest},
};
use std::fmt;

/// Longest text a filter builds.
pub(super) const TEXT_BYTES: usize = 4 << 20;
/// Most items a filter adds by itself.
const ITEMS: usize = 10_000;

/// Every filter there is.
pub(super) const FILTERS: [&str; 47] = [
    "abs",
    "attr",
    "batch",
    "bool",
    "capitalize",
    "chain",
    "count",
    "d",
    "default",
    "dictsort",
    "e",
    "escape",
    "first",
    "float",
    "groupby",
    "indent",
    "int",
    "items",
    "join",
    "last",
    "length",
    "lines",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "round",
    "safe",
    "select",
    "selectattr",
    "slice",
    "sort",
    "split",
    "string",
    "sum",
    "title",
    "tojson",
    "trim",
    "unique",
    "upper",
    "urlencode",
    "zip",
];

/// Every test there is: `x is defined`.
pub(super) const TESTS: [&str; 38] = [
    "boolean",
    "defined",
    "divisibleby",
    "endingwith",
    "eq",
    "equalto",
    "escaped",
    "even",
    "false",
    "float",
    "ge",
    "greaterthan",
    "gt",
    "in",
    "int",
    "integer",
    "iterable",
    "le",
    "lessthan",
    "lower",
    "lt",
    "mapping",
    "ne",
    "none",
    "number",
    "odd",
    "safe",
    "sameas",
    "sequence",
    "startingwith",
    "string",
    "true",
    "undefined",
    "upper",
    "==",
    "!=",
    "<",
    ">",
];

pub(super) fn install(env: &mut Environment<'static>) {
    // `format` pads without bound, `pprint` shows the engine's inside.
    for filter in ["format", "pprint"] {
        env.remove_filter(filter);
    }
    env.add_filter("tojson", tojson);
    env.add_filter("replace", replace);
    env.add_filter("join", join);
    env.add_filter("indent", indent);
    env.add_filter("map", map);
    env.add_filter("batch", |state: &State<'_, '_>, value: Value, count: usize, fill: Option<Value>| {
        minijinja::filters::batch(state, value, few(count)?, fill)
    });
    env.add_filter("slice", |state: &State<'_, '_>, value: Value, count: usize, fill: Option<Value>| {
        minijinja::filters::slice(state, value, few(count)?, fill)
    });
}

fn few(count: usize) -> Result<usize, Error> {
    if count > ITEMS { Err(refuse(format!("at most {ITEMS} items"))) } else { Ok(count) }
}

fn refuse(what: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::InvalidOperation, what)
}

fn too_long() -> Error {
    refuse(format!("the text would have more than {TEXT_BYTES} bytes"))
}

/// Writes a value as compact JSON, piece by piece, so that a bounded `out` stops it early.
pub(super) fn write_json(out: &mut impl fmt::Write, value: &Value) -> fmt::Result {
    struct Bytes<'a, W>(&'a mut W);
    impl<W: fmt::Write> std::io::Write for Bytes<'_, W> {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            // serde_json writes whole characters.
            let text = std::str::from_utf8(bytes).map_err(std::io::Error::other)?;
            self.0.write_str(text).map_err(std::io::Error::other)?;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    serde_json::to_writer(Bytes(out), value).map_err(|_| fmt::Error)
}

/// A text that refuses to grow beyond a bound.
#[derive(Default)]
struct Text(String);

impl fmt::Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.0.len() + text.len() > TEXT_BYTES {
            return Err(fmt::Error);
        }
        self.0.push_str(text);
        Ok(())
    }
}

impl Text {
    fn add(&mut self, value: &Value) -> Result<(), Error> {
        super::write_value(self, value).map_err(|_| too_long())
    }
}

fn tojson(value: &Value, indent: Option<Value>, options: Kwargs) -> Result<String, Error> {
    let indent = match indent {
        Some(indent) => Some(indent),
        None => options.get::<Option<Value>>("indent")?,
    };
    options.assert_all_used()?;
    let mut text = Text::default();
    write_json(&mut text, value)
        .map_err(|_| refuse("the value cannot be written as JSON, or is too large"))?;
    let spaces = match indent {
        None => return Ok(text.0),
        Some(wanted) if wanted.kind() == minijinja::value::ValueKind::Bool => {
            usize::from(wanted.is_true()) * 2
        }
        Some(wanted) => usize::try_from(wanted)?,
    };
    if spaces == 0 {
        return Ok(text.0);
    }
    if spaces > 16 {
        return Err(refuse("`indent` may be at most 16"));
    }
    let parsed: serde_json::Value =
        serde_json::from_str(&text.0).map_err(|error| refuse(error.to_string()))?;
    let mut pretty = Vec::new();
    let pad = " ".repeat(spaces);
    let formatter = serde_json::ser::PrettyFormatter::with_indent(pad.as_bytes());
    serde::Serialize::serialize(&parsed, &mut serde_json::Serializer::with_formatter(&mut pretty, formatter))
        .map_err(|error| refuse(error.to_string()))?;
    String::from_utf8(pretty).map_err(|error| refuse(error.to_string()))
}

fn replace(value: &Value, from: &str, to: &str) -> Result<String, Error> {
    let mut text = Text::default();
    text.add(value)?;
    let growth = text.0.matches(from).count().saturating_mul(to.len().saturating_sub(from.len()));
    if text.0.len().saturating_add(growth) > TEXT_BYTES {
        return Err(too_long());
    }
    Ok(text.0.replace(from, to))
}

fn join(
    value: &Value,
    separator: Option<&str>,
    attribute: Option<&str>,
    options: Kwargs,
) -> Result<String, Error> {
    let attribute = match attribute {
        Some(attribute) => Some(attribute),
        None => options.get::<Option<&str>>("attribute")?,
    };
    options.assert_all_used()?;
    let mut text = Text::default();
    for (ix, item) in value.try_iter()?.enumerate() {
        if ix > 0 {
            fmt::Write::write_str(&mut text, separator.unwrap_or_default()).map_err(|_| too_long())?;
        }
        match attribute {
            Some(attribute) => text.add(&member(&item, attribute)?)?,
            None => text.add(&item)?,
        }
    }
    Ok(text.0)
}

/// `a.b.c` of an item; undefined is an error, as everywhere.
fn member(item: &Value, path: &str) -> Result<Value, Error> {
    let mut at = item.clone();
    for name in path.split('.') {
        at = match name.parse::<usize>() {
            Ok(ix) => at.get_item_by_index(ix)?,
            Err(_) => at.get_attr(name)?,
        };
    }
    if at.is_undefined() {
        return Err(Error::new(ErrorKind::UndefinedError, format!("an item has no `{path}`")));
    }
    Ok(at)
}

fn indent(
    value: &str,
    width: Option<usize>,
    first: Option<bool>,
    blank: Option<bool>,
    options: Kwargs,
) -> Result<String, Error> {
    let width = width.or(options.get::<Option<usize>>("width")?).unwrap_or(4);
    let first = first.or(options.get::<Option<bool>>("first")?).unwrap_or(false);
    let blank = blank.or(options.get::<Option<bool>>("blank")?).unwrap_or(false);
    options.assert_all_used()?;
    if width > 100 || value.len() + value.lines().count() * width > TEXT_BYTES {
        return Err(too_long());
    }
    let pad = " ".repeat(width);
    let mut text = String::new();
    for (ix, line) in value.lines().enumerate() {
        if ix > 0 {
            text.push('\n');
        }
        if (ix > 0 || first) && (blank || !line.is_empty()) {
            text.push_str(&pad);
        }
        text.push_str(line);
    }
    Ok(text)
}

/// Only `map(attribute=…)`: with a filter's name it would multiply that filter's bound by the number of items.
fn map(value: &Value, names: Rest<Value>, options: Kwargs) -> Result<Vec<Value>, Error> {
    let Some(attribute) = options.get::<Option<&str>>("attribute")? else {
        return Err(refuse("only `map(attribute=\"…\")` is offered; for anything else use a `for` loop"));
    };
    let default = options.get::<Option<Value>>("default")?;
    options.assert_all_used()?;
    if !names.is_empty() {
        return Err(refuse("`map` takes `attribute` and `default` only"));
    }
    value
        .try_iter()?
        .map(|item| match (member(&item, attribute), &default) {
            (Err(_), Some(default)) => Ok(default.clone()),
            (found, _) => found,
        })
        .collect()
}
