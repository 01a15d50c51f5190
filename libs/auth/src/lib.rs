//! Whose credential it is: API keys, from the environment and from a file that is read again when it changes, and
//! tokens of an OpenID Connect provider. [`Guard`] is the one answer to that question, for HTTP and gRPC alike.
//!
//! Not here: where a credential stands in a request (gateway, `nexus-rpc`), what its owner may do there (their tables
//! of scopes), the form of keys (`nexus_runtime::keys`).

mod crypto;
mod guard;
mod jwks;
mod token;

pub use guard::Guard;

/// Why callers cannot be told apart: one sentence that says what to set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Error(String);
