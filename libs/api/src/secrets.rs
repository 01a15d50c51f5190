//! The secrets port: named values that tools use and nobody reads. Not here: how they are kept (`nexus-executor`).

use crate::{CallCtx, Result, planner::PageRequest};
use async_trait::async_trait;
use nexus_model::{Timestamp, workflow::Page};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A secret as outsiders see it: without its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secret {
    /// Its name: `[A-Za-z_][A-Za-z0-9_]{0,62}`.
    pub name: String,
    /// When it was first set.
    pub created_at: Timestamp,
    /// When it was last set.
    pub updated_at: Timestamp,
}

/// A secret's value on its way in; never printed, never answered.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretValue(String);

impl SecretValue {
    /// This value.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value: for whoever encrypts it or puts it to its use.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretValue")
    }
}

/// Secrets of a workspace.
#[async_trait]
pub trait Secrets: Send + Sync + 'static {
    /// Names and dates, by name.
    async fn list_secrets(&self, ctx: &CallCtx, page: PageRequest) -> Result<Page<Secret>>;
    /// Sets a secret, whether there is one of this name or not. `Invalid` for a name or a value that cannot be one;
    /// `Unavailable`, reason `secrets_unavailable`, where there is no key to encrypt it with.
    async fn set_secret(&self, ctx: &CallCtx, name: String, value: SecretValue) -> Result<Secret>;
    /// Forgets a secret. `NotFound` if there is none.
    async fn delete_secret(&self, ctx: &CallCtx, name: String) -> Result<()>;
}
