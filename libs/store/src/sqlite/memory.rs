//! Memory entries in SQLite, searched exactly: every vector of the scope is compared. Not here: everything else.

use super::{
    SqliteStore,
    rows::failed,
    workflows::{all, first, run},
};
use crate::{
    Error, Found, Kept, MemoryStore, Place, Result, Shelf, Space,
    memory_rows::{self, Columned, entry_columns, found_columns},
    nearest::{self, Candidate, Closest},
    rows,
};
use async_trait::async_trait;
use nexus_api::memory::Entry;
use nexus_model::MemoryId;
use rusqlite::{Connection, params};

const OLDEST: &str = concat!(
    "SELECT ",
    found_columns!(),
    " FROM memories WHERE model = ?1 AND dimensions = ?2 ORDER BY created_at, id LIMIT ?3"
);

/// The closest in a scope, without their texts.
fn closest(
    connection: &Connection,
    space: &Space,
    scope: &str,
    query: &[f32],
    limit: u32,
) -> Result<Vec<Candidate>> {
    // By the scope, which is small: left alone, SQLite takes the index with the most columns named here, and reads every
    // entry there is.
    let mut statement = connection
        .prepare_cached(
            "SELECT vector, created_at, id FROM memories INDEXED BY memories_by_scope
             WHERE scope = ?1 AND model = ?2 AND dimensions = ?3",
        )
        .map_err(failed)?;
    let mut found = statement.query(params![scope, space.model, space.dimensions]).map_err(failed)?;
    let mut closest = Closest::new(limit);
    while let Some(row) = found.next().map_err(failed)? {
        let stored = row.get_ref(0).map_err(failed)?;
        let stored = stored.as_blob().map_err(|error| Error::Internal(error.to_string()))?;
        let score = nearest::score(query, stored)?;
        if closest.wants(score) {
            let (created_at, id) = (row.get(1).map_err(failed)?, row.get(2).map_err(failed)?);
            closest.offer(Candidate { score, created_at, id });
        }
    }
    Ok(closest.into_sorted())
}

#[async_trait]
impl MemoryStore for SqliteStore {
    async fn check(&self) -> nexus_api::Result<()> {
        let one = "SELECT 1 FROM memories LIMIT 1";
        Ok(self.read(move |connection| first(connection, one, [], |_| Ok(())).map(drop)).await?)
    }

    async fn put(&self, space: &Space, kept: Kept) -> nexus_api::Result<()> {
        let row = Columned::new(space, &kept)?;
        let space = space.clone();
        let write = self.write(move |connection| {
            run(
                connection,
                "INSERT INTO memories (id, scope, created_at, model, dimensions, vector, text, metadata)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
                 ON CONFLICT (id) DO UPDATE SET
                     scope = excluded.scope, created_at = excluded.created_at, model = excluded.model,
                     dimensions = excluded.dimensions, vector = excluded.vector, text = excluded.text,
                     metadata = excluded.metadata",
                params![
                    row.id,
                    row.scope,
                    row.created_at,
                    space.model,
                    space.dimensions,
                    row.vector,
                    row.text,
                    row.metadata
                ],
            )
        });
        write.await?;
        Ok(())
    }

    async fn find(&self, id: MemoryId) -> nexus_api::Result<Option<Found>> {
        let select = concat!("SELECT ", found_columns!(), " FROM memories WHERE id = ?1");
        Ok(self
            .read(move |connection| first(connection, select, [id.to_string()], memory_rows::found))
            .await?)
    }

    async fn nearest(
        &self,
        space: &Space,
        shelf: &Shelf,
        vector: &[f32],
        limit: u32,
    ) -> nexus_api::Result<Vec<Entry>> {
        // A query that does not fit would meet only vectors that do not fit either.
        memory_rows::vector(space, vector)?;
        let (space, scope, query) = (space.clone(), shelf.to_string(), vector.to_vec());
        let search = self.read(move |connection| {
            let select = concat!("SELECT ", entry_columns!(), " FROM memories WHERE id = ?1");
            let mut entries = Vec::new();
            for candidate in closest(connection, &space, &scope, &query, limit)? {
                // It may have been deleted since.
                if let Some(entry) = first(connection, select, [&candidate.id], memory_rows::entry)? {
                    entries.push(Entry { score: Some(candidate.score), ..entry });
                }
            }
            Ok(entries)
        });
        Ok(search.await?)
    }

    async fn list(&self, shelf: &Shelf, after: Option<Place>, limit: u32) -> nexus_api::Result<Vec<Entry>> {
        let scope = shelf.to_string();
        let (at, id) = memory_rows::place(after);
        let read = self.read(move |connection| {
            all(
                connection,
                concat!(
                    "SELECT ",
                    entry_columns!(),
                    " FROM memories WHERE scope = ?1 AND (created_at, id) < (?2, ?3)
                      ORDER BY created_at DESC, id DESC LIMIT ?4"
                ),
                params![scope, at, id, limit],
                memory_rows::entry,
            )
        });
        Ok(read.await?)
    }

    async fn delete(&self, id: MemoryId) -> nexus_api::Result<bool> {
        let delete = self
            .write(move |connection| run(connection, "DELETE FROM memories WHERE id = ?1", [id.to_string()]));
        Ok(delete.await? > 0)
    }

    async fn delete_shelf(&self, shelf: &Shelf) -> nexus_api::Result<u64> {
        let scope = shelf.to_string();
        let delete =
            self.write(move |connection| run(connection, "DELETE FROM memories WHERE scope = ?1", [scope]));
        Ok(delete.await? as u64)
    }

    async fn spaces(&self) -> nexus_api::Result<Vec<(Space, u64)>> {
        let select = "SELECT model, dimensions, COUNT(*) FROM memories GROUP BY model, dimensions
                      ORDER BY model, dimensions";
        Ok(self.read(move |connection| all(connection, select, [], memory_rows::space)).await?)
    }

    async fn oldest(&self, space: &Space, limit: u32) -> nexus_api::Result<Vec<Found>> {
        let space = space.clone();
        let read = self.read(move |connection| {
            all(connection, OLDEST, params![space.model, space.dimensions, limit], memory_rows::found)
        });
        Ok(read.await?)
    }

    async fn move_to(&self, space: &Space, found: Found, vector: Vec<f32>) -> nexus_api::Result<bool> {
        let vector = memory_rows::vector(space, &vector)?;
        let space = space.clone();
        let moved = self.write(move |connection| {
            run(
                connection,
                "UPDATE memories SET model = ?2, dimensions = ?3, vector = ?4
                 WHERE id = ?1 AND model = ?5 AND dimensions = ?6 AND text = ?7",
                params![
                    found.entry.id.to_string(),
                    space.model,
                    space.dimensions,
                    vector,
                    found.space.model,
                    found.space.dimensions,
                    rows::plain(&found.entry.text)
                ],
            )
        });
        Ok(moved.await? > 0)
    }
}
