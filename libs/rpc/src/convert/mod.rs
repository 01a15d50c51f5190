//! Messages of the wire as types of the model and the ports, and back; one file per area. This one holds what all
//! areas need: ids, times, money, names of kinds, JSON. What is wrong in a message is told with its JSON Pointer.
//! Not here: who is to blame (a server blames its caller, a client its server: see `answer`).

mod common;
pub(crate) mod executor;
pub(crate) mod llm;
pub(crate) mod memory;
mod node;
pub(crate) mod planner;
pub(crate) mod scraper;
pub(crate) mod secrets;

use crate::json::{self, Fault, Struct, Value};
use nexus_api::{Code, Error, Result, planner::PageRequest};
use nexus_model::{Money, Timestamp, id::InvalidId, limits::Limits, workflow::Page};
use serde_json::{Map, Value as Json};
use std::str::FromStr;

/// For clients: what a server answered and cannot be understood is a failure of ours, not of the caller.
pub(crate) fn answer<T>(converted: Result<T>) -> Result<T> {
    converted.map_err(|error| {
        let places: Vec<_> = error.details.iter().map(|detail| detail.path.as_str()).collect();
        Error::internal(format_args!("a service answered what cannot be understood: {error} {places:?}"))
    })
}

/// A request that is not even well-formed, at `path`.
pub(crate) fn malformed(path: impl Into<String>, what: impl Into<String>) -> Error {
    wrong(Code::Malformed, path, what)
}

/// A well-formed request that is not acceptable, at `path`.
pub(crate) fn invalid(path: impl Into<String>, what: impl Into<String>) -> Error {
    wrong(Code::Invalid, path, what)
}

fn wrong(code: Code, path: impl Into<String>, what: impl Into<String>) -> Error {
    let (path, what) = (path.into(), what.into());
    Error::new(code, format!("{path}: {what}")).detail(path, what)
}

/// A field that must be there.
pub(crate) fn required<T>(path: &str, value: Option<T>) -> Result<T> {
    value.ok_or_else(|| malformed(path, "is missing"))
}

/// An id.
pub(crate) fn id<T: FromStr<Err = InvalidId>>(path: &str, text: &str) -> Result<T> {
    if text.is_empty() {
        return Err(malformed(path, "is missing"));
    }
    text.parse().map_err(|error: InvalidId| malformed(path, error.to_string()))
}

/// An id that may be absent.
pub(crate) fn optional_id<T: FromStr<Err = InvalidId>>(
    path: &str,
    text: Option<String>,
) -> Result<Option<T>> {
    text.map(|text| id(path, &text)).transpose()
}

/// Something that the model spells in snake_case, by its name.
pub(crate) fn named<T: serde::de::DeserializeOwned>(path: &str, name: String) -> Result<T> {
    serde_json::from_value(Json::String(name)).map_err(|error| invalid(path, error.to_string()))
}

/// The name of something that the model spells in snake_case.
pub(crate) fn name(of: impl serde::Serialize) -> String {
    match serde_json::to_value(of) {
        Ok(Json::String(name)) => name,
        _ => String::new(),
    }
}

/// A moment for the wire.
pub(crate) fn moment(at: Timestamp) -> Option<prost_types::Timestamp> {
    let (seconds, micros) = (at.micros().div_euclid(1_000_000), at.micros().rem_euclid(1_000_000));
    Some(prost_types::Timestamp { seconds, nanos: micros as i32 * 1_000 })
}

/// A moment that must be there.
pub(crate) fn timestamp(path: &str, at: Option<prost_types::Timestamp>) -> Result<Timestamp> {
    let at = required(path, at)?;
    Ok(Timestamp::from_micros(
        at.seconds.saturating_mul(1_000_000).saturating_add(i64::from(at.nanos) / 1_000),
    ))
}

/// A moment that may be absent.
pub(crate) fn optional_timestamp(at: Option<prost_types::Timestamp>) -> Result<Option<Timestamp>> {
    at.map(|at| timestamp("", Some(at))).transpose()
}

/// Dollars.
pub(crate) fn money(path: &str, usd: f64) -> Result<Money> {
    Money::from_usd(usd).ok_or_else(|| invalid(path, "an amount of dollars out of range"))
}

/// A page for the wire.
pub(crate) fn page<T, P: From<T>>(page: Page<T>) -> (Vec<P>, Option<String>) {
    (page.items.into_iter().map(P::from).collect(), page.next_cursor)
}

/// A page from the wire.
pub(crate) fn from_page<T: TryFrom<P, Error = Error>, P>(
    items: Vec<P>,
    next_cursor: Option<String>,
) -> Result<Page<T>> {
    Ok(Page { items: all(items)?, next_cursor })
}

/// Which page.
pub(crate) fn page_request(limit: Option<u32>, cursor: Option<String>) -> PageRequest {
    PageRequest { limit, cursor }
}

/// Each of them, or the first that cannot be converted.
pub(crate) fn all<T: TryFrom<P, Error = Error>, P>(items: Vec<P>) -> Result<Vec<T>> {
    items.into_iter().map(T::try_from).collect()
}

/// Each of them for the wire.
pub(crate) fn each<T, P: From<T>>(items: Vec<T>) -> Vec<P> {
    items.into_iter().map(P::from).collect()
}

fn fault(path: &str, fault: Fault) -> Error {
    malformed(format!("{path}{}", fault.path), fault.message)
}

/// A JSON value.
pub(crate) fn value(path: &str, value: Value) -> Result<Json> {
    value.into_json().map_err(|found| fault(path, found))
}

/// A JSON value that may be absent.
pub(crate) fn optional_value(path: &str, wire: Option<Value>) -> Result<Option<Json>> {
    wire.map(|wire| value(path, wire)).transpose()
}

/// A list of JSON values.
pub(crate) fn values(path: &str, wire: Vec<Value>) -> Result<Vec<Json>> {
    wire.into_iter().enumerate().map(|(ix, wire)| value(&format!("{path}/{ix}"), wire)).collect()
}

/// A JSON object that must be there.
pub(crate) fn object(path: &str, wire: Option<Struct>) -> Result<Map<String, Json>> {
    required(path, wire)?.into_json().map_err(|found| fault(path, found))
}

/// A JSON object that is empty if absent.
pub(crate) fn object_or_empty(path: &str, wire: Option<Struct>) -> Result<Map<String, Json>> {
    wire.map_or_else(|| Ok(Map::new()), |wire| object(path, Some(wire)))
}

/// The same for the wire; what is not an object is refused.
pub(crate) fn to_object(path: &str, json: Json) -> Result<Struct> {
    match json {
        Json::Object(fields) => Ok(Struct::new(fields)),
        _ => Err(malformed(path, "must be a JSON object")),
    }
}

/// An answer's object for the wire. `null` is absent; anything else, which the contract does not know here, goes
/// as the only member `value` rather than getting lost.
pub(crate) fn loose_object(json: Json) -> Option<Struct> {
    match json {
        Json::Null => None,
        Json::Object(fields) => Some(Struct::new(fields)),
        other => Some(Struct::new(Map::from_iter([("value".to_owned(), other)]))),
    }
}

/// The same from the wire.
pub(crate) fn from_loose_object(path: &str, wire: Option<Struct>) -> Result<Json> {
    wire.map_or(Ok(Json::Null), |wire| object(path, Some(wire)).map(Json::Object))
}

/// Refuses a request whose JSON nests deeper than the documented limit.
pub(crate) fn check_depth(path: &str, json: &Json) -> Result<()> {
    check(path, json::depth(json))
}

/// The same for the members of an object.
pub(crate) fn check_depth_of(path: &str, fields: &Map<String, Json>) -> Result<()> {
    check(path, 1 + fields.values().map(json::depth).max().unwrap_or_default())
}

fn check(path: &str, depth: usize) -> Result<()> {
    let limit = Limits::default().json_depth;
    if depth <= limit {
        return Ok(());
    }
    Err(wrong(Code::TooLarge, path, format!("nests deeper than the limit of {limit} levels")))
}
