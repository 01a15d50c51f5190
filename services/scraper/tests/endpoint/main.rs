//! Endpoints over a real store: what they answer, when they run, how they are mended, what is told to webhooks. Jobs and the
//! sandbox are a fake's. Not here: real pages and real code (the tests of `nexus-cli`), the store itself.
#![expect(clippy::unwrap_used, clippy::panic, reason = "that is how a test fails")]

mod answers;
mod mending;
mod schedules;
mod support;
