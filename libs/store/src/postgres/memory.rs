//! Memory entries in Postgres, searched exactly: every vector of the scope is read and compared here. For meshes
//! without a Qdrant server. Not here: everything else.

use super::{ANSWER_TIMEOUT, PostgresStore, no_answer, rows::failed};
use crate::{
    Error, Found, Kept, MemoryStore, Place, Result, Shelf, Space,
    memory_rows::{self, Columned, entry_columns, found_columns},
    nearest::{self, Candidate, Closest},
    rows::{self, Columns},
};
use async_trait::async_trait;
use futures::TryStreamExt;
use nexus_api::memory::Entry;
use nexus_model::MemoryId;
use sqlx::{Row, query};
use std::collections::HashMap;

impl PostgresStore {
    /// The closest in a scope, without their texts.
    async fn closest(
        &self,
        space: &Space,
        scope: &str,
        vector: &[f32],
        limit: u32,
    ) -> Result<Vec<Candidate>> {
        let mut connection = self.0.pool.acquire().await.map_err(failed)?;
        let search = async {
            // By the scope, which is small: the comparison of both others is one that no index serves, since before its
            // first statistics Postgres would take theirs and read every entry there is.
            let mut found = query(
                "SELECT vector, created_at, id FROM memories
                 WHERE scope = $1 AND (model, dimensions) IS NOT DISTINCT FROM ($2, $3)",
            )
            .bind(scope)
            .bind(&space.model)
            .bind(i64::from(space.dimensions))
            // As they come: a scope may hold more than should be in memory at once.
            .fetch(&mut *connection);
            let mut closest = Closest::new(limit);
            while let Some(row) = found.try_next().await.map_err(failed)? {
                let score = nearest::score(vector, row.try_get(0).map_err(failed)?)?;
                if closest.wants(score) {
                    closest.offer(Candidate { score, created_at: row.int(1)?, id: row.text(2)? });
                }
            }
            Ok(closest.into_sorted())
        };
        match tokio::time::timeout(ANSWER_TIMEOUT, search).await {
            Ok(answer) => answer,
            Err(_) => {
                connection.close_on_drop();
                Err(no_answer())
            }
        }
    }
}

#[async_trait]
impl MemoryStore for PostgresStore {
    async fn check(&self) -> nexus_api::Result<()> {
        self.rows(query("SELECT 1 FROM memories LIMIT 1")).await?;
        Ok(())
    }

    async fn put(&self, space: &Space, kept: Kept) -> nexus_api::Result<()> {
        let row = Columned::new(space, &kept)?;
        let insert = query(
            "INSERT INTO memories (id, scope, created_at, model, dimensions, vector, text, metadata)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
             ON CONFLICT (id) DO UPDATE SET
                 scope = excluded.scope, created_at = excluded.created_at, model = excluded.model,
                 dimensions = excluded.dimensions, vector = excluded.vector, text = excluded.text,
                 metadata = excluded.metadata",
        )
        .bind(row.id)
        .bind(row.scope)
        .bind(row.created_at)
        .bind(&space.model)
        .bind(i64::from(space.dimensions))
        .bind(row.vector)
        .bind(row.text)
        .bind(row.metadata);
        self.rows(insert).await?;
        Ok(())
    }

    async fn find(&self, id: MemoryId) -> nexus_api::Result<Option<Found>> {
        let select = concat!("SELECT ", found_columns!(), " FROM memories WHERE id = $1");
        let found = self.first(query(select).bind(id.to_string())).await?;
        Ok(found.map(|row| memory_rows::found(&row)).transpose()?)
    }

    async fn nearest(
        &self,
        space: &Space,
        shelf: &Shelf,
        vector: &[f32],
        limit: u32,
    ) -> nexus_api::Result<Vec<Entry>> {
        memory_rows::vector(space, vector)?;
        let closest = self.closest(space, &shelf.to_string(), vector, limit).await?;
        let ids: Vec<String> = closest.iter().map(|candidate| candidate.id.clone()).collect();
        let select = concat!("SELECT ", entry_columns!(), " FROM memories WHERE id = ANY($1)");
        let found = self.rows(query(select).bind(ids)).await?;
        let mut entries: HashMap<String, Entry> = HashMap::with_capacity(found.len());
        for row in &found {
            entries.insert(row.text(0)?, memory_rows::entry(row)?);
        }
        // One may have been deleted since.
        let with_score = |candidate: Candidate| {
            entries.remove(&candidate.id).map(|entry| Entry { score: Some(candidate.score), ..entry })
        };
        Ok(closest.into_iter().filter_map(with_score).collect())
    }

    async fn list(&self, shelf: &Shelf, after: Option<Place>, limit: u32) -> nexus_api::Result<Vec<Entry>> {
        let (at, id) = memory_rows::place(after);
        let select = concat!(
            "SELECT ",
            entry_columns!(),
            " FROM memories WHERE scope = $1 AND (created_at, id) < ($2, $3)
              ORDER BY created_at DESC, id DESC LIMIT $4"
        );
        let select = query(select).bind(shelf.to_string()).bind(at).bind(id).bind(i64::from(limit));
        let found = self.rows(select).await?;
        Ok(found.iter().map(|row| memory_rows::entry(row)).collect::<Result<_>>()?)
    }

    async fn delete(&self, id: MemoryId) -> nexus_api::Result<bool> {
        let delete = query("DELETE FROM memories WHERE id = $1 RETURNING id").bind(id.to_string());
        Ok(self.first(delete).await?.is_some())
    }

    async fn delete_shelf(&self, shelf: &Shelf) -> nexus_api::Result<u64> {
        let delete = query(
            "WITH deleted AS (DELETE FROM memories WHERE scope = $1 RETURNING 1) SELECT COUNT(*) FROM deleted",
        )
        .bind(shelf.to_string());
        let row = self.first(delete).await?;
        let counted = row.ok_or_else(|| Error::Internal("a count without a row".into()))?;
        Ok(rows::count(counted.int(0)?)?)
    }

    async fn spaces(&self) -> nexus_api::Result<Vec<(Space, u64)>> {
        let select = "SELECT model, dimensions, COUNT(*) FROM memories GROUP BY model, dimensions
                      ORDER BY model, dimensions";
        let found = self.rows(query(select)).await?;
        Ok(found.iter().map(|row| memory_rows::space(row)).collect::<Result<_>>()?)
    }

    async fn oldest(&self, space: &Space, limit: u32) -> nexus_api::Result<Vec<Found>> {
        let select = concat!(
            "SELECT ",
            found_columns!(),
            " FROM memories WHERE model = $1 AND dimensions = $2 ORDER BY created_at, id LIMIT $3"
        );
        let select =
            query(select).bind(&space.model).bind(i64::from(space.dimensions)).bind(i64::from(limit));
        let found = self.rows(select).await?;
        Ok(found.iter().map(|row| memory_rows::found(row)).collect::<Result<_>>()?)
    }

    async fn move_to(&self, space: &Space, found: Found, vector: Vec<f32>) -> nexus_api::Result<bool> {
        let vector = memory_rows::vector(space, &vector)?;
        let update = query(
            "UPDATE memories SET model = $2, dimensions = $3, vector = $4
             WHERE id = $1 AND model = $5 AND dimensions = $6 AND text = $7 RETURNING id",
        )
        .bind(found.entry.id.to_string())
        .bind(&space.model)
        .bind(i64::from(space.dimensions))
        .bind(vector)
        .bind(&found.space.model)
        .bind(i64::from(found.space.dimensions))
        .bind(rows::plain(&found.entry.text).into_owned());
        Ok(self.first(update).await?.is_some())
    }
}
