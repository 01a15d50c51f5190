//! The planner service: workflow definitions with their versions, and what can be said of a document without running
//! it. Nothing here executes anything.
//!
//! Not here: the rules of validation and planning (`nexus-plan`), SQL (`nexus-store`), transports.

mod cursor;
mod estimate;
mod history;
mod service;

pub use service::PlannerService;
