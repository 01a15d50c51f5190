//! The service as its callers see it, with real sandboxes, a real database file and real pages: jobs from being accepted
//! to their endpoint, every way to fail, what is told meanwhile. Not here: crashes of processes (`cli/tests/e2e`),
//! endpoints in detail (`endpoint`).
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends with a panic when something is not as it should be"
)]

mod failures;
mod models;
mod python;
mod running;
mod support;
