//! The durable state: workflows with their versions, executions with their journal and events, leases and fences.
//! One set of traits, two backends that one contract suite keeps equal.
//!
//! Not here: what the journal's records mean (`nexus-engine`), who claims what when (`nexus-executor`).

mod contract;

pub use contract::*;
