//! Entries as points and back. Not here: collections, calls.

use super::collections::{CREATED_AT, SCOPE};
use nexus_api::{Error, Result, memory::Entry};
use nexus_model::{MemoryId, Timestamp};
use nexus_store::{Found, Kept, Shelf, Space};
use qdrant_client::qdrant::{
    Condition, Filter, PointId, PointStruct, Value, point_id::PointIdOptions, value::Kind,
};
use std::collections::HashMap;

const TEXT: &str = "text";
/// JSON, as text: Qdrant's own numbers are not exact.
const METADATA: &str = "metadata";

type Payload = HashMap<String, Value>;

/// The points of a scope.
pub(super) fn of_shelf(shelf: &Shelf) -> Filter {
    Filter::must([Condition::matches(SCOPE, shelf.to_string())])
}

/// An entry's id.
pub(super) fn point_id(id: MemoryId) -> PointId {
    PointId::from(id.to_string())
}

/// An entry as a point.
pub(super) fn point(kept: Kept) -> Result<PointStruct> {
    let metadata = serde_json::to_string(&kept.entry.metadata).map_err(Error::internal)?;
    let payload = [
        (SCOPE, Value::from(kept.shelf.to_string())),
        (CREATED_AT, Value::from(kept.entry.created_at.micros())),
        (TEXT, Value::from(kept.entry.text)),
        (METADATA, Value::from(metadata)),
    ];
    Ok(PointStruct {
        id: Some(point_id(kept.entry.id)),
        vectors: Some(kept.vector.into()),
        payload: payload.map(|(key, value)| (key.to_owned(), value)).into(),
    })
}

/// The entry of a point.
pub(super) fn entry(id: Option<PointId>, payload: &Payload) -> Result<Entry> {
    read(id, payload).ok_or_else(|| Error::internal("a point in Qdrant is not an entry of memory"))
}

/// The same with its scope and space.
pub(super) fn found(id: Option<PointId>, payload: &Payload, space: &Space) -> Result<Found> {
    let entry = entry(id, payload)?;
    let shelf = text(payload, SCOPE).and_then(|text| text.parse().ok());
    let shelf = shelf.ok_or_else(|| Error::internal("a point in Qdrant has no scope"))?;
    Ok(Found { shelf, entry, space: space.clone() })
}

fn read(id: Option<PointId>, payload: &Payload) -> Option<Entry> {
    let Some(PointIdOptions::Uuid(id)) = id?.point_id_options else { return None };
    let id: MemoryId = id.parse().ok()?;
    let Some(Kind::IntegerValue(created_at)) = payload.get(CREATED_AT)?.kind else { return None };
    Some(Entry {
        id,
        text: text(payload, TEXT)?.to_owned(),
        metadata: serde_json::from_str(text(payload, METADATA)?).ok()?,
        score: None,
        created_at: Timestamp::from_micros(created_at),
    })
}

fn text<'a>(payload: &'a Payload, key: &str) -> Option<&'a str> {
    match payload.get(key)?.kind.as_ref()? {
        Kind::StringValue(text) => Some(text),
        _ => None,
    }
}
