//! Executions on a real store, from start to end.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test ends with a panic when something is not as it should be"
)]

mod deleting;
mod executions;
mod mended;
mod secrets;
mod support;
mod tools;
