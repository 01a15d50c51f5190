//! The seams between services: one trait per port, the context every call carries, and the one error type that
//! crosses them. A service implements a port; whoever needs it holds an `Arc<dyn Port>` and cannot tell whether
//! the other side is in the same process or across the network.
//!
//! Not here: any transport (`nexus-rpc`, `nexus-gateway`), any implementation (`services/*`).

pub mod access;
pub mod call;
pub mod deadline;
pub mod endpoint;
pub mod error;
pub mod executor;
pub mod llm;
pub mod memory;
pub mod planner;
pub mod scraper;
pub mod secrets;

pub use access::Workspace;
pub use call::CallCtx;
pub use deadline::Bounded;
pub use error::{Code, Detail, Error, Result, Spend};
pub use executor::Executor;
pub use llm::Llm;
pub use memory::Memory;
pub use planner::Planner;
pub use scraper::Scraper;
pub use secrets::Secrets;

/// A stream that a port hands out; dropping it cancels the work behind it.
pub type BoxStream<T> = futures::stream::BoxStream<'static, Result<T>>;
