//! Sealed secrets in SQLite. Not here: opening them.

use super::{
    SqliteStore,
    workflows::{all, first, run},
};
use crate::{Error, Result, SealedSecret, SecretRow, SecretStore, secrets};
use async_trait::async_trait;
use nexus_model::Timestamp;
use rusqlite::params;

#[async_trait]
impl SecretStore for SqliteStore {
    async fn put_secret(
        &self,
        workspace: &str,
        name: &str,
        sealed: &str,
        now: Timestamp,
    ) -> Result<SecretRow> {
        let (workspace, name, sealed) = (workspace.to_owned(), name.to_owned(), sealed.to_owned());
        self.write(move |connection| {
            run(
                connection,
                "INSERT INTO secrets (workspace, name, sealed, created_at, updated_at) VALUES (?1, ?2, ?3, ?4, ?4)
                 ON CONFLICT (workspace, name) DO UPDATE SET sealed = excluded.sealed, updated_at = excluded.updated_at",
                params![workspace, name, sealed, now.micros()],
            )?;
            let select = "SELECT name, created_at, updated_at FROM secrets WHERE workspace = ?1 AND name = ?2";
            let row = first(connection, select, [&workspace, &name], secrets::secret)?;
            row.ok_or_else(|| Error::Internal("a secret that was just set is not there".into()))
        })
        .await
    }

    async fn list_secrets(&self, workspace: &str, after: Option<&str>, limit: u32) -> Result<Vec<SecretRow>> {
        let (workspace, after) = (workspace.to_owned(), after.unwrap_or_default().to_owned());
        self.read(move |connection| {
            let select = "SELECT name, created_at, updated_at FROM secrets WHERE workspace = ?1 AND name > ?2
                          ORDER BY name LIMIT ?3";
            all(connection, select, params![workspace, after, limit], secrets::secret)
        })
        .await
    }

    async fn sealed_secrets(&self, workspace: &str, names: &[String]) -> Result<Vec<SealedSecret>> {
        let (workspace, names) = (workspace.to_owned(), names.to_vec());
        self.read(move |connection| {
            let select = "SELECT name, sealed FROM secrets WHERE workspace = ?1 AND name = ?2";
            let mut found = Vec::new();
            for name in &names {
                found.extend(first(connection, select, [&workspace, name], secrets::sealed)?);
            }
            Ok(found)
        })
        .await
    }

    async fn delete_secret(&self, workspace: &str, name: &str) -> Result<bool> {
        let (workspace, name) = (workspace.to_owned(), name.to_owned());
        let delete = self.write(move |connection| {
            run(connection, "DELETE FROM secrets WHERE workspace = ?1 AND name = ?2", [&workspace, &name])
        });
        Ok(delete.await? > 0)
    }
}
