//! What tests need around them: real servers of their own, real processes, a scripted provider. Every helper starts
//! on free ports and cleans up when it is dropped.
//!
//! Not here: the contract suites of the ports (next to each port's implementation), anything production code uses.

pub mod held;
pub mod nats;
#[cfg(feature = "otlp")]
pub mod otlp;
pub mod postgres;
pub mod process;
pub mod provider;
#[cfg(feature = "qdrant")]
pub mod qdrant;
pub mod site;
