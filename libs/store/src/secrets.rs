//! What a place for sealed secrets promises. Not here: sealing and opening them (`nexus-executor`); nothing in this
//! crate ever sees a value.

use crate::{Result, rows::Columns};
use async_trait::async_trait;
use nexus_model::Timestamp;

/// A secret without what is sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretRow {
    /// Its name.
    pub name: String,
    /// When it was first set.
    pub created_at: Timestamp,
    /// When it was last set.
    pub updated_at: Timestamp,
}

/// A sealed secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedSecret {
    /// Its name.
    pub name: String,
    /// Its value, encrypted, as text.
    pub sealed: String,
}

/// Sealed secrets by workspace and name.
#[async_trait]
pub trait SecretStore: Send + Sync + 'static {
    /// Sets or replaces one.
    async fn put_secret(
        &self,
        workspace: &str,
        name: &str,
        sealed: &str,
        now: Timestamp,
    ) -> Result<SecretRow>;
    /// By name, those behind `after`.
    async fn list_secrets(&self, workspace: &str, after: Option<&str>, limit: u32) -> Result<Vec<SecretRow>>;
    /// Those of these names that there are.
    async fn sealed_secrets(&self, workspace: &str, names: &[String]) -> Result<Vec<SealedSecret>>;
    /// Forgets one; `false` if there was none.
    async fn delete_secret(&self, workspace: &str, name: &str) -> Result<bool>;
}

/// Reads name, created_at, updated_at.
pub(crate) fn secret(row: &dyn Columns) -> Result<SecretRow> {
    Ok(SecretRow {
        name: row.text(0)?,
        created_at: Timestamp::from_micros(row.int(1)?),
        updated_at: Timestamp::from_micros(row.int(2)?),
    })
}

/// Reads name, sealed.
pub(crate) fn sealed(row: &dyn Columns) -> Result<SealedSecret> {
    Ok(SealedSecret { name: row.text(0)?, sealed: row.text(1)? })
}
