//! The named functions of conditions: their names and arities, known before evaluating, and what they do.
//! Not here: operators (`eval`).

use super::{eval::Evaluator, value::Val};
use crate::{Error, Result};
use cel::common::ast::{CallExpr, operators};
use std::rc::Rc;

/// Name, arguments (the target of a member call counts as the first), whether it may be called as a member.
const FUNCTIONS: [(&str, usize, Style); 18] = [
    ("size", 1, Style::Both),
    ("contains", 2, Style::Member),
    ("startsWith", 2, Style::Member),
    ("endsWith", 2, Style::Member),
    ("matches", 2, Style::Both),
    ("lowerAscii", 1, Style::Member),
    ("upperAscii", 1, Style::Member),
    ("trim", 1, Style::Member),
    ("split", 2, Style::Member),
    ("join", 1, Style::Member),
    ("join", 2, Style::Member),
    ("int", 1, Style::Global),
    ("uint", 1, Style::Global),
    ("double", 1, Style::Global),
    ("string", 1, Style::Global),
    ("bool", 1, Style::Global),
    ("type", 1, Style::Global),
    ("dyn", 1, Style::Global),
];

/// Compiled size of a regular expression, bytes.
const PATTERN_BYTES: usize = 1 << 20;

#[derive(Clone, Copy, PartialEq)]
enum Style {
    Global,
    Member,
    Both,
}

const BINARY: [&str; 13] = [
    operators::ADD,
    operators::SUBSTRACT,
    operators::MULTIPLY,
    operators::DIVIDE,
    operators::MODULO,
    operators::EQUALS,
    operators::NOT_EQUALS,
    operators::LESS,
    operators::LESS_EQUALS,
    operators::GREATER,
    operators::GREATER_EQUALS,
    operators::IN,
    operators::INDEX,
];

pub(super) fn is_operator(name: &str) -> bool {
    BINARY.contains(&name)
}

/// Whether there is such a function, for as many arguments, called in this way.
pub(super) fn check(call: &CallExpr) -> Result<()> {
    let name = call.func_name.as_str();
    let arguments = call.args.len() + usize::from(call.target.is_some());
    let known_operator = match (call.target.is_some(), arguments) {
        (false, 1) => {
            [operators::LOGICAL_NOT, operators::NEGATE, operators::NOT_STRICTLY_FALSE].contains(&name)
        }
        (false, 2) => is_operator(name) || [operators::LOGICAL_AND, operators::LOGICAL_OR].contains(&name),
        (false, 3) => name == operators::CONDITIONAL,
        _ => false,
    };
    if known_operator {
        return Ok(());
    }
    let style = if call.target.is_some() { Style::Member } else { Style::Global };
    let of_name: Vec<_> = FUNCTIONS.iter().filter(|(known, ..)| *known == name).collect();
    if of_name
        .iter()
        .any(|(_, arity, known)| *arity == arguments && (*known == style || *known == Style::Both))
    {
        return Ok(());
    }
    Err(Error::syntax(match of_name.first() {
        None if ["all", "exists", "exists_one", "map", "filter", "has"].contains(&name) => {
            format!("`{name}` is not used like that; e.g. `items.all(item, item > 0)`, `has(output.score)`")
        }
        None => {
            let mut names: Vec<_> = FUNCTIONS.iter().map(|(known, ..)| *known).collect();
            names.dedup();
            format!("there is no function `{name}`; there are {}", names.join(", "))
        }
        Some((_, _, Style::Member)) => format!("`{name}` is used like `text.{name}(…)`"),
        Some(_) => format!("`{name}` is used like `{name}(…)`, with other arguments"),
    }))
}

/// Calls a function; `check` has seen to name and arity.
pub(super) fn call<'a>(eval: &mut Evaluator<'a>, name: &str, values: &[Val<'a>]) -> Result<Val<'a>> {
    let wrong = || {
        let types: Vec<_> = values.iter().map(Val::type_name).collect();
        Error::evaluation(format!("`{name}` does not go with {}", types.join(" and ")))
    };
    let [first, rest @ ..] = values else { return Err(wrong()) };
    let text = |value: Option<&Val<'a>>| value.and_then(Val::text).map(str::to_owned).ok_or_else(wrong);
    match name {
        "size" => {
            let size = match first.text() {
                Some(text) => {
                    eval.look_at(text.len())?;
                    text.chars().count()
                }
                None => first.len().ok_or_else(wrong)?,
            };
            Ok(Val::Int(size as i64))
        }
        "contains" | "startsWith" | "endsWith" => {
            let (Some(text), Some(part)) = (first.text(), rest.first().and_then(Val::text)) else {
                return Err(wrong());
            };
            eval.look_at(text.len() + part.len())?;
            Ok(Val::Bool(match name {
                "contains" => text.contains(part),
                "startsWith" => text.starts_with(part),
                _ => text.ends_with(part),
            }))
        }
        "matches" => {
            let (Some(subject), Some(pattern)) = (first.text(), rest.first().and_then(Val::text)) else {
                return Err(wrong());
            };
            eval.spend(subject.len() / 8)?;
            if !eval.patterns.contains_key(pattern) {
                eval.spend(50_000)?;
                let compiled = regex::RegexBuilder::new(pattern)
                    .size_limit(PATTERN_BYTES)
                    .build()
                    .map_err(|error| Error::evaluation(format!("not a valid regular expression: {error}")))?;
                eval.patterns.insert(pattern.to_owned(), compiled);
            }
            Ok(Val::Bool(eval.patterns.get(pattern).is_some_and(|compiled| compiled.is_match(subject))))
        }
        "lowerAscii" => eval.built(text(Some(first))?.to_ascii_lowercase()),
        "upperAscii" => eval.built(text(Some(first))?.to_ascii_uppercase()),
        "trim" => eval.built(text(Some(first))?.trim().to_owned()),
        "split" => {
            let (Some(whole), Some(separator)) = (first.text(), rest.first().and_then(Val::text)) else {
                return Err(wrong());
            };
            eval.make(whole.len())?;
            let count = whole.matches(separator).count();
            eval.spend(4 * count)?;
            Ok(Val::List(Rc::new(whole.split(separator).map(|part| Val::Built(part.into())).collect())))
        }
        "join" => {
            let separator = if rest.is_empty() { String::new() } else { text(rest.first())? };
            if !first.is_list() {
                return Err(wrong());
            }
            let mut joined = String::new();
            for ix in 0..first.len().unwrap_or_default() {
                let item = first.item(ix);
                let item = item.as_ref().and_then(Val::text).ok_or_else(wrong)?;
                eval.make(item.len() + separator.len())?;
                if ix > 0 {
                    joined.push_str(&separator);
                }
                joined.push_str(item);
            }
            Ok(Val::Built(joined.into()))
        }
        "int" | "uint" => {
            let int = match first {
                Val::Int(int) => Some(*int),
                Val::Double(double) if double.abs() < 9.2e18 => Some(double.trunc() as i64),
                Val::Text(_) | Val::Built(_) => first.text().and_then(|text| text.trim().parse().ok()),
                Val::Bool(_) | Val::Null => return Err(wrong()),
                _ => None,
            };
            match int {
                Some(int) if name == "int" || int >= 0 => Ok(Val::Int(int)),
                _ => Err(Error::evaluation(format!("this {} is no whole number", first.type_name()))),
            }
        }
        "double" => match first.number().or_else(|| first.text().and_then(|text| text.trim().parse().ok())) {
            Some(double) => Ok(Val::Double(double)),
            None => Err(Error::evaluation(format!("this {} is no number", first.type_name()))),
        },
        "string" => match first {
            Val::Text(_) | Val::Built(_) => Ok(first.clone()),
            Val::Bool(truth) => eval.built(truth.to_string()),
            Val::Int(int) => eval.built(int.to_string()),
            Val::Double(double) => eval.built(double.to_string()),
            Val::Type(name) => Ok(Val::Text(name)),
            _ => Err(wrong()),
        },
        "bool" => match (first, first.text()) {
            (Val::Bool(_), _) => Ok(first.clone()),
            (_, Some("true" | "True" | "TRUE" | "t" | "1")) => Ok(Val::Bool(true)),
            (_, Some("false" | "False" | "FALSE" | "f" | "0")) => Ok(Val::Bool(false)),
            _ => Err(wrong()),
        },
        "type" => Ok(Val::Type(first.type_name())),
        "dyn" => Ok(first.clone()),
        _ => Err(Error::syntax(format!("there is no function `{name}`"))),
    }
}
