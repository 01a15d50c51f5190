//! Cursors of lists: where the next page begins. Opaque to clients. Not here: the lists.

use nexus_api::{Code, Error, Result};
use nexus_model::workflow::Page;
use std::{fmt::Display, str::FromStr};

/// Reads a cursor that `page` made.
///
/// # Errors
/// `Malformed` if it is not one of ours.
pub(crate) fn read<T: FromStr>(cursor: Option<&str>) -> Result<Option<T>> {
    cursor.map(str::parse).transpose().map_err(|_| {
        Error::new(Code::Malformed, "the cursor is not one of ours")
            .suggest("take `next_cursor` of the page before, unchanged")
            .detail("cursor", "unknown")
    })
}

/// A page out of one entry more than asked for, if there is one more.
pub(crate) fn page<T, K: Display>(mut items: Vec<T>, limit: u32, key: impl Fn(&T) -> K) -> Page<T> {
    let more = items.len() > limit as usize;
    items.truncate(limit as usize);
    let next_cursor = items.last().filter(|_| more).map(|last| key(last).to_string());
    Page { items, next_cursor }
}
