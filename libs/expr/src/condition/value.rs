//! Values of conditions: JSON of the context, borrowed, or made while evaluating.
//! Not here: operators and functions over them (`eval`, `functions`).

use crate::context::Tree;
use serde_json::{Map, Value};
use std::{borrow::Cow, cmp::Ordering, collections::BTreeMap, rc::Rc};

#[derive(Debug, Clone)]
pub(super) enum Val<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(&'a str),
    Built(Rc<str>),
    Array(&'a [Value]),
    List(Rc<Vec<Val<'a>>>),
    Object(&'a Map<String, Value>),
    Members(&'a BTreeMap<Cow<'a, str>, Tree<'a>>),
    Map(Rc<Vec<(Val<'a>, Val<'a>)>>),
    Type(&'static str),
}

impl<'a> Val<'a> {
    pub(super) fn json(value: &'a Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(truth) => Self::Bool(*truth),
            Value::Number(number) => match number.as_i64() {
                Some(int) => Self::Int(int),
                None => Self::Double(number.as_f64().unwrap_or(f64::NAN)),
            },
            Value::String(text) => Self::Text(text),
            Value::Array(items) => Self::Array(items),
            Value::Object(members) => Self::Object(members),
        }
    }

    pub(super) fn tree(tree: &'a Tree<'a>) -> Self {
        match tree {
            Tree::Json(value) => Self::json(value),
            Tree::Members(members) => Self::Members(members),
        }
    }

    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Built(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Self::Int(int) => Some(*int as f64),
            Self::Double(double) => Some(*double),
            _ => None,
        }
    }

    /// CEL's name of its type.
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "null_type",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Double(_) => "double",
            Self::Text(_) | Self::Built(_) => "string",
            Self::Array(_) | Self::List(_) => "list",
            Self::Object(_) | Self::Members(_) | Self::Map(_) => "map",
            Self::Type(_) => "type",
        }
    }

    /// Items of a list or entries of a map.
    pub(super) fn len(&self) -> Option<usize> {
        match self {
            Self::Array(items) => Some(items.len()),
            Self::List(items) => Some(items.len()),
            Self::Object(members) => Some(members.len()),
            Self::Members(members) => Some(members.len()),
            Self::Map(entries) => Some(entries.len()),
            _ => None,
        }
    }

    pub(super) fn is_list(&self) -> bool {
        matches!(self, Self::Array(_) | Self::List(_))
    }

    /// The item of a list.
    pub(super) fn item(&self, ix: usize) -> Option<Val<'a>> {
        match self {
            Self::Array(items) => items.get(ix).map(Self::json),
            Self::List(items) => items.get(ix).cloned(),
            _ => None,
        }
    }

    /// The value under a text key of a map.
    pub(super) fn member(&self, name: &str) -> Option<Val<'a>> {
        match self {
            Self::Object(members) => members.get(name).map(Self::json),
            Self::Members(members) => members.get(name).map(Self::tree),
            Self::Map(entries) => {
                entries.iter().find(|(key, _)| key.text() == Some(name)).map(|(_, value)| value.clone())
            }
            _ => None,
        }
    }

    /// What a macro runs over: items of a list, keys of a map.
    pub(super) fn turns(&self) -> Option<Vec<Val<'a>>> {
        Some(match self {
            Self::Array(items) => items.iter().map(Self::json).collect(),
            Self::List(items) => items.to_vec(),
            Self::Object(members) => members.keys().map(|key| Self::Text(key)).collect(),
            Self::Members(members) => members.keys().map(|key| Self::Text(key)).collect(),
            Self::Map(entries) => entries.iter().map(|(key, _)| key.clone()).collect(),
            _ => return None,
        })
    }

    /// Entries of a map.
    pub(super) fn entries(&self) -> Option<Vec<(Val<'a>, Val<'a>)>> {
        Some(match self {
            Self::Object(members) => {
                members.iter().map(|(key, value)| (Self::Text(key), Self::json(value))).collect()
            }
            Self::Members(members) => {
                members.iter().map(|(key, tree)| (Self::Text(key), Self::tree(tree))).collect()
            }
            Self::Map(entries) => entries.to_vec(),
            _ => return None,
        })
    }
}

/// Exact comparison of whole and broken numbers; `None` with NaN.
pub(super) fn compare_numbers(left: &Val<'_>, right: &Val<'_>) -> Option<Ordering> {
    match (left, right) {
        (Val::Int(left), Val::Int(right)) => Some(left.cmp(right)),
        (Val::Double(left), Val::Double(right)) => left.partial_cmp(right),
        (Val::Int(left), Val::Double(right)) => compare_mixed(*left, *right),
        (Val::Double(left), Val::Int(right)) => compare_mixed(*right, *left).map(Ordering::reverse),
        _ => None,
    }
}

fn compare_mixed(int: i64, double: f64) -> Option<Ordering> {
    const END: f64 = 9_223_372_036_854_775_808.0; // 2^63, exact
    if double.is_nan() {
        None
    } else if double >= END {
        Some(Ordering::Less)
    } else if double < -END {
        Some(Ordering::Greater)
    } else {
        let whole = double.trunc();
        Some(int.cmp(&(whole as i64)).then(0.0_f64.partial_cmp(&(double - whole))?))
    }
}
