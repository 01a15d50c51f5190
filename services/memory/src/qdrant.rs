//! Memory entries on a Qdrant server: one collection per embedding model and length of vectors, entries in it told
//! apart by the payload field `scope`, distance cosine. Here: connecting, and what failures mean.
//! Not here: collections (`collections`), points (`points`), the store's methods (`store`).

mod collections;
mod points;
mod store;

use nexus_api::{Code, Error, Result};
use qdrant_client::{Qdrant, QdrantError};
use secrecy::{ExposeSecret, SecretString};
use std::{
    collections::HashSet,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::RwLock;

/// What the names of our collections begin with.
const PREFIX: &str = "nexus-memory";
/// How long a call may take.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// The memory of a Qdrant server. Connects with the first call, and anew after the server was away.
pub struct QdrantStore {
    client: Qdrant,
    prefix: String,
    /// Collections that are known to be as they should.
    ready: Mutex<HashSet<String>>,
    /// Held for reading while an entry is put, for writing while one is moved: else the one could undo the other.
    moving: RwLock<()>,
}

impl std::fmt::Debug for QdrantStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The key is part of the client's configuration.
        f.debug_struct("QdrantStore").field("uri", &self.client.config.uri).finish_non_exhaustive()
    }
}

impl QdrantStore {
    /// The server at this address, which is the one it speaks gRPC at (usually port 6334).
    ///
    /// # Errors
    /// `Invalid` if that is no address.
    pub fn new(url: &str, api_key: Option<&SecretString>) -> Result<Self> {
        let client = Qdrant::from_url(url)
            .api_key(api_key.map(|key| key.expose_secret().to_owned()))
            .timeout(TIMEOUT)
            .connect_timeout(CONNECT_TIMEOUT)
            .keep_alive_while_idle()
            // It would write to the standard output.
            .skip_compatibility_check()
            .build()
            .map_err(|error| {
                Error::new(Code::Invalid, format!("not the address of a Qdrant server: {error}"))
            })?;
        Ok(Self { client, prefix: PREFIX.to_owned(), ready: Mutex::default(), moving: RwLock::default() })
    }

    /// The same with other names: its collections begin with this one instead of `nexus-memory`, so that several may
    /// share a server.
    #[must_use]
    pub fn named(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    fn ready(&self) -> MutexGuard<'_, HashSet<String>> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The number of gRPC's status, if there is one.
fn status(error: &QdrantError) -> Option<i32> {
    match error {
        QdrantError::ResponseError { status } | QdrantError::ResourceExhaustedError { status, .. } => {
            Some(i32::from(status.code()))
        }
        _ => None,
    }
}

fn is_missing(error: &QdrantError) -> bool {
    status(error) == Some(5)
}

/// What a failure means to the caller. Where the server is, is the operator's business.
#[expect(clippy::needless_pass_by_value, reason = "it is what map_err passes")]
fn failed(error: QdrantError) -> Error {
    match status(&error) {
        Some(7 | 16) => {
            tracing::error!(%error, "Qdrant refuses the key");
            Error::new(Code::Unavailable, "the vector database, Qdrant, refuses the key it is called with")
                .reason("vector_database_auth")
                .suggest("set QDRANT_API_KEY to a key of that server which may read and write")
                .retryable(false)
        }
        // A request that is not acceptable, or not understood: a version that does not fit.
        Some(3 | 6 | 9 | 11 | 12) => Error::internal(format_args!("Qdrant: {error}")),
        // It cannot be reached, is overloaded or out of order, or took too long. The client has tried twice.
        Some(_) => {
            tracing::warn!(%error, "Qdrant unavailable");
            Error::unavailable("the vector database, Qdrant, is not available at the moment")
                .reason("vector_database_unavailable")
                .suggest("check that it runs and that QDRANT_URL is its gRPC address (usually port 6334)")
        }
        None => Error::internal(format_args!("Qdrant: {error}")),
    }
}
