//! Between memory entries and the columns of `memories`. Not here: statements.

use crate::{
    Error, Found, Kept, Place, Result, Space, nearest,
    rows::{self, Columns},
};
use nexus_api::memory::Entry;
use nexus_model::Timestamp;

/// What [`entry`] reads.
macro_rules! entry_columns {
    () => {
        "id, text, metadata, created_at"
    };
}

/// What [`found`] reads.
macro_rules! found_columns {
    () => {
        "id, text, metadata, created_at, scope, model, dimensions"
    };
}

pub(crate) use {entry_columns, found_columns};

pub(crate) fn entry(row: &dyn Columns) -> Result<Entry> {
    Ok(Entry {
        id: rows::parse(&row.text(0)?)?,
        text: row.text(1)?,
        metadata: rows::from_json(&row.text(2)?)?,
        score: None,
        created_at: Timestamp::from_micros(row.int(3)?),
    })
}

pub(crate) fn found(row: &dyn Columns) -> Result<Found> {
    Ok(Found {
        entry: entry(row)?,
        shelf: rows::parse(&row.text(4)?)?,
        space: Space { model: row.text(5)?, dimensions: rows::small(row.int(6)?)? },
    })
}

/// A space and how many entries it has.
pub(crate) fn space(row: &dyn Columns) -> Result<(Space, u64)> {
    Ok((Space { model: row.text(0)?, dimensions: rows::small(row.int(1)?)? }, rows::count(row.int(2)?)?))
}

/// An entry as it is stored.
pub(crate) struct Columned {
    pub(crate) id: String,
    pub(crate) scope: String,
    pub(crate) created_at: i64,
    pub(crate) vector: Vec<u8>,
    pub(crate) text: String,
    pub(crate) metadata: String,
}

impl Columned {
    /// The entry's columns, if its vector belongs into this space.
    pub(crate) fn new(space: &Space, kept: &Kept) -> Result<Self> {
        Ok(Self {
            id: kept.entry.id.to_string(),
            scope: kept.shelf.to_string(),
            created_at: kept.entry.created_at.micros(),
            vector: vector(space, &kept.vector)?,
            text: rows::plain(&kept.entry.text).into_owned(),
            metadata: rows::to_json(&kept.entry.metadata)?,
        })
    }
}

/// A vector as it is stored, if it belongs into this space.
pub(crate) fn vector(space: &Space, vector: &[f32]) -> Result<Vec<u8>> {
    if vector.len() != space.dimensions as usize {
        return Err(Error::Internal(format!(
            "a vector of {} numbers among those of {} with {}",
            vector.len(),
            space.model,
            space.dimensions
        )));
    }
    Ok(nearest::to_bytes(vector))
}

/// A place in a list as it is stored; without one, before every entry.
pub(crate) fn place(after: Option<Place>) -> (i64, String) {
    match after {
        Some((at, id)) => (at.micros(), id.to_string()),
        None => (i64::MAX, rows::AFTER_EVERY_ID.to_owned()),
    }
}
