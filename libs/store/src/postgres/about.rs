//! What a Postgres server says about itself. Not here: whether its schema fits (`migrate`).

use super::PostgresStore;
use crate::{Error, Result, rows::Columns};
use nexus_model::Timestamp;
use sqlx::query;

/// A server as it describes itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// Its version, e.g. `16.4`.
    pub version: String,
    /// Its clock.
    pub now: Timestamp,
}

impl PostgresStore {
    /// Asks the server about itself.
    pub async fn about(&self) -> Result<About> {
        let ask = "SELECT split_part(current_setting('server_version'), ' ', 1),
                          (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";
        let row = self.first(query(ask)).await?;
        let row = row.ok_or_else(|| Error::Internal("the server says nothing about itself".into()))?;
        Ok(About { version: row.text(0)?, now: Timestamp::from_micros(row.int(1)?) })
    }
}
