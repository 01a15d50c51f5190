//! What can be said about a workflow document without running it: everything that is wrong with it, all at once
//! ([`validate`]), how its nodes can run ([`plan`]), what that may cost ([`estimate()`]). Pure functions, bounded by the
//! document's size.
//!
//! Not here: running a document (`nexus-engine`), storing it (`services/planner`), the languages of its
//! expressions (`nexus-expr`).

mod check;
pub mod estimate;
mod expressions;
mod layers;
mod models;
mod outputs;
mod policies;
mod problems;
mod secrets;
mod shape;
mod similar;
mod structure;

pub use check::{parse, validate, well_formed};
pub use estimate::estimate;
pub use layers::plan;
pub use secrets::{SecretUse, secrets};
