//! What the client commands do, written against the ports. Not here: where the ports are (`backend`), programs that
//! serve (`wiring`).

pub(crate) mod backup;
pub(crate) mod doctor;
pub(crate) mod documents;
pub(crate) mod executions;
pub(crate) mod memory;
pub(crate) mod migrate;
pub(crate) mod models;
pub(crate) mod run;
pub(crate) mod scrape;
pub(crate) mod secrets;
pub(crate) mod workflows;

use crate::exit::Result;
use nexus_api::{Result as Answer, planner::PageRequest};
use nexus_model::workflow::Page;

/// Largest page that the ports hand out.
const PAGE: u32 = 200;

/// Asks for pages until there are `limit` entries or no more.
async fn gather<T, F>(limit: u32, mut ask: impl FnMut(PageRequest) -> F) -> Result<Vec<T>>
where
    F: Future<Output = Answer<Page<T>>>,
{
    let mut items = Vec::new();
    let mut cursor = None;
    loop {
        let left = limit.saturating_sub(u32::try_from(items.len()).unwrap_or(limit));
        let page = ask(PageRequest { limit: Some(left.min(PAGE)), cursor }).await?;
        items.extend(page.items);
        cursor = page.next_cursor;
        if cursor.is_none() || items.len() >= limit as usize {
            items.truncate(limit as usize);
            return Ok(items);
        }
    }
}
