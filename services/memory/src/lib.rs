//! Memory: texts kept in scopes and found again by likeness. It turns texts into vectors through the llm gateway (or
//! with the built-in embedding), within the cost that its caller allows, and keeps them in one of three places: SQLite,
//! Postgres, or a Qdrant server.
//!
//! Not here: embedding models of providers (`nexus-llm-gateway`), the built-in embedding itself (`nexus-embed`), SQL
//! (`nexus-store`), when an agent remembers what (`nexus-engine`).

mod cursor;
mod embedder;
mod limits;
mod qdrant;
mod reembed;
mod service;

pub use embedder::check_model;
pub use qdrant::QdrantStore;
pub use service::{Deps, MemoryService};
