//! Comparing values, looking into them, and writing them down as JSON, all of it paid for.
//! Not here: which operator does what (`eval`).

use super::{
    eval::Evaluator,
    value::{Val, compare_numbers},
};
use crate::{Error, Result};
use serde_json::{Map, Value};
use std::cmp::Ordering;

/// Deepest comparison of nested values.
const COMPARE_DEPTH: usize = 256;

impl<'a> Evaluator<'a> {
    pub(super) fn contains(&mut self, container: &Val<'a>, value: &Val<'a>) -> Result<bool> {
        if container.is_list() {
            for ix in 0..container.len().unwrap_or_default() {
                self.spend(1)?;
                if let Some(item) = container.item(ix)
                    && self.equal(&item, value, 0)?
                {
                    return Ok(true);
                }
            }
            return Ok(false);
        }
        match container {
            Val::Map(entries) => {
                for (key, _) in entries.iter() {
                    if self.equal(key, value, 0)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Val::Object(_) | Val::Members(_) => {
                Ok(value.text().is_some_and(|name| container.member(name).is_some()))
            }
            other => Err(Error::evaluation(format!(
                "`in` needs a list or a map, not {}; for texts there is `contains`",
                other.type_name()
            ))),
        }
    }

    /// Values of different types are different, but for numbers.
    pub(super) fn equal(&mut self, left: &Val<'a>, right: &Val<'a>, depth: usize) -> Result<bool> {
        self.spend(1)?;
        if depth > COMPARE_DEPTH {
            return Err(Error::limit("the values are nested too deeply to compare"));
        }
        if let (Some(left), Some(right)) = (left.text(), right.text()) {
            self.look_at(left.len().min(right.len()))?;
            return Ok(left == right);
        }
        if left.is_list() && right.is_list() {
            if left.len() != right.len() {
                return Ok(false);
            }
            for ix in 0..left.len().unwrap_or_default() {
                let (Some(left), Some(right)) = (left.item(ix), right.item(ix)) else { return Ok(false) };
                if !self.equal(&left, &right, depth + 1)? {
                    return Ok(false);
                }
            }
            return Ok(true);
        }
        Ok(match (left, right) {
            (Val::Null, Val::Null) => true,
            (Val::Bool(left), Val::Bool(right)) => left == right,
            (Val::Type(left), Val::Type(right)) => left == right,
            (Val::Int(_) | Val::Double(_), Val::Int(_) | Val::Double(_)) => {
                compare_numbers(left, right) == Some(Ordering::Equal)
            }
            _ => {
                if left.len() != right.len() {
                    return Ok(false);
                }
                self.spend(left.len().unwrap_or_default())?;
                let Some(entries) = left.entries() else { return Ok(false) };
                if right.is_list() {
                    return Ok(false);
                }
                for (key, value) in entries {
                    let Ok(other) = self.index(right, &key) else { return Ok(false) };
                    if !self.equal(&value, &other, depth + 1)? {
                        return Ok(false);
                    }
                }
                true
            }
        })
    }

    pub(super) fn order(&mut self, left: &Val<'a>, right: &Val<'a>, sign: &str) -> Result<Option<Ordering>> {
        if let (Some(left), Some(right)) = (left.text(), right.text()) {
            self.look_at(left.len().min(right.len()))?;
            return Ok(Some(left.cmp(right)));
        }
        match (left, right) {
            (Val::Int(_) | Val::Double(_), Val::Int(_) | Val::Double(_)) => Ok(compare_numbers(left, right)),
            (Val::Bool(left), Val::Bool(right)) => Ok(Some(left.cmp(right))),
            _ => Err(Error::evaluation(format!(
                "`{sign}` does not go with {} and {}",
                left.type_name(),
                right.type_name()
            ))),
        }
    }

    /// The value as JSON; keys become texts, numbers that JSON does not know `null`.
    pub(super) fn as_json(&mut self, value: &Val<'a>) -> Result<Value> {
        self.spend(1)?;
        Ok(match value {
            Val::Null => Value::Null,
            Val::Bool(truth) => (*truth).into(),
            Val::Int(int) => (*int).into(),
            Val::Double(double) => (*double).into(),
            Val::Type(name) => (*name).into(),
            Val::Text(_) | Val::Built(_) => {
                let text = value.text().unwrap_or_default();
                self.make(text.len())?;
                text.into()
            }
            Val::Array(_) | Val::List(_) => {
                let items = value.turns().unwrap_or_default();
                Value::Array(items.iter().map(|item| self.as_json(item)).collect::<Result<_>>()?)
            }
            Val::Object(_) | Val::Members(_) | Val::Map(_) => {
                let mut object = Map::new();
                for (key, value) in value.entries().unwrap_or_default() {
                    let key = match self.as_json(&key)? {
                        Value::String(key) => key,
                        other => other.to_string(),
                    };
                    object.insert(key, self.as_json(&value)?);
                }
                Value::Object(object)
            }
        })
    }
}
