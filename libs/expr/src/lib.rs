//! The three small languages of a workflow document: templates (Jinja, by minijinja), conditions (CEL) and JSON
//! Schema. Everything here is a pure function of its arguments and ends after a bounded amount of work, whatever
//! the text and the data are: both may come from strangers.
//!
//! Not here: which expressions a document has and what they may refer to (`nexus-plan`), when they are evaluated
//! (`nexus-engine`). Nothing here reads a clock, draws a random number, or touches disk or network.
//!
//! Compile once ([`Template`], [`Condition`], [`Schema`]), evaluate often; the free functions of the modules do
//! both at once.

pub mod condition;
mod context;
mod error;
mod reference;
pub mod schema;
pub mod template;

pub use condition::Condition;
pub use context::Context;
pub use error::{Error, Kind, Result};
pub use reference::{ROOTS, Reference};
pub use schema::Schema;
pub use template::{Template, ValueTemplate};
