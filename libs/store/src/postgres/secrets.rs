//! Sealed secrets in Postgres. Not here: opening them.

use super::PostgresStore;
use crate::{Error, Result, SealedSecret, SecretRow, SecretStore, secrets};
use async_trait::async_trait;
use nexus_model::Timestamp;
use sqlx::query;

#[async_trait]
impl SecretStore for PostgresStore {
    async fn put_secret(
        &self,
        workspace: &str,
        name: &str,
        sealed: &str,
        now: Timestamp,
    ) -> Result<SecretRow> {
        let upsert = query(
            "INSERT INTO secrets (workspace, name, sealed, created_at, updated_at) VALUES ($1, $2, $3, $4, $4)
             ON CONFLICT (workspace, name) DO UPDATE SET sealed = excluded.sealed, updated_at = excluded.updated_at
             RETURNING name, created_at, updated_at",
        )
        .bind(workspace)
        .bind(name)
        .bind(sealed)
        .bind(now.micros());
        let row = self.first(upsert).await?;
        let row = row.ok_or_else(|| Error::Internal("a secret that was just set is not there".into()))?;
        secrets::secret(&row)
    }

    async fn list_secrets(&self, workspace: &str, after: Option<&str>, limit: u32) -> Result<Vec<SecretRow>> {
        let select = query(
            "SELECT name, created_at, updated_at FROM secrets WHERE workspace = $1 AND name COLLATE \"C\" > $2
             ORDER BY name COLLATE \"C\" LIMIT $3",
        )
        .bind(workspace)
        .bind(after.unwrap_or_default())
        .bind(i64::from(limit));
        self.rows(select).await?.iter().map(|row| secrets::secret(row)).collect()
    }

    async fn sealed_secrets(&self, workspace: &str, names: &[String]) -> Result<Vec<SealedSecret>> {
        let select = query("SELECT name, sealed FROM secrets WHERE workspace = $1 AND name = ANY($2)")
            .bind(workspace)
            .bind(names);
        self.rows(select).await?.iter().map(|row| secrets::sealed(row)).collect()
    }

    async fn delete_secret(&self, workspace: &str, name: &str) -> Result<bool> {
        let delete = query("DELETE FROM secrets WHERE workspace = $1 AND name = $2 RETURNING name")
            .bind(workspace)
            .bind(name);
        Ok(self.first(delete).await?.is_some())
    }
}
