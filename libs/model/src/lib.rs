//! What every part of Nexus talks about: ids, money, time, the workflow document and its graph, events,
//! executions as outsiders see them, prices. Plain data and pure functions.
//!
//! Not here: IO, async, validation of documents (`nexus-plan`), expressions (`nexus-expr`), decisions about
//! a running execution (`nexus-engine`), wire formats other than JSON (`nexus-rpc`).

pub mod document;
pub mod duplicates;
pub mod estimate;
pub mod event;
pub mod execution;
pub mod graph;
pub mod id;
pub mod limits;
pub mod money;
pub mod price;
pub mod problem;
pub mod time;
pub mod workflow;

pub use document::Document;
pub use event::{Event, EventType};
pub use execution::{Execution, ExecutionStatus};
pub use id::{DeliveryId, ExecutionId, JobId, MemoryId, NodeId, WorkflowId};
pub use money::Money;
pub use problem::Problem;
pub use time::Timestamp;
