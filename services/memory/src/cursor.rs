//! Cursors of lists: where the next page begins. Opaque to clients. Not here: the lists.

use nexus_api::{Code, Error, Result, memory::Entry};
use nexus_model::{Timestamp, workflow::Page};
use nexus_store::Place;

/// Reads a cursor that [`page`] made.
///
/// # Errors
/// `Malformed` if it is not one of ours.
pub(crate) fn read(cursor: Option<&str>) -> Result<Option<Place>> {
    let place = |text: &str| {
        let (micros, id) = text.split_once('.')?;
        Some((Timestamp::from_micros(micros.parse().ok()?), id.parse().ok()?))
    };
    let Some(text) = cursor else { return Ok(None) };
    place(text).map(Some).ok_or_else(|| {
        Error::new(Code::Malformed, "the cursor is not one of ours")
            .suggest("take `next_cursor` of the page before, unchanged")
            .detail("cursor", "unknown")
    })
}

/// A page out of one entry more than asked for, if there is one more.
pub(crate) fn page(mut items: Vec<Entry>, limit: u32) -> Page<Entry> {
    let more = items.len() > limit as usize;
    items.truncate(limit as usize);
    let place = |entry: &Entry| format!("{}.{}", entry.created_at.micros(), entry.id);
    let next_cursor = items.last().filter(|_| more).map(place);
    Page { items, next_cursor }
}
