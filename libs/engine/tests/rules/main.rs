//! The rules of the contract one by one, each as a small story: what is fed in, what comes out.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test ends with a panic when something is not as it should be"
)]

mod attempts;
mod backtracking;
mod budget;
mod memory;
mod secrets;
mod story;
mod tools;
mod waiting;
