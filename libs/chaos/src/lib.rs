//! Chaos: random workflows with budgets on the real programs, over real databases, against a provider that goes
//! wrong, while processes are killed, stopped and restarted; then a judge that checks what must hold whatever happens.
//! A seed reproduces the plan. Not shipped. How to run it and what it checks: docs/reliability.md.

mod database;
mod dice;
pub mod faults;
mod jobs;
mod judge;
mod observe;
mod provider;
mod report;
mod stand;
mod stewardship;
mod storm;
mod users;
pub mod verdict;

pub use report::Report;
pub use stand::Kind;
pub use storm::{Error, Options, storm};
