//! Runs untrusted Python on Linux: scrapers (`scrape_data(url)`) and the workflows' `python` tool (`run(inputs)`).
//!
//! A [`Pool`] keeps pre-warmed sandboxes, each of which runs one [`Job`] and is thrown away. A sandbox is a process
//! tree: a *keeper*, which belongs to us and outlives the rest; a *supervisor*, process 1 of the sandbox's own
//! namespaces; and the Python interpreter. What holds it is the kernel, in one of three [`Tier`]s; the friendly
//! refusal of imports within Python is advice to people, never the boundary.
//!
//! The program that uses this crate must call [`child_main`] first thing in `main`: the keeper is that same program,
//! started once more.
//!
//! Not here: where the network goes (`nexus-egress` serves the listener that a sandbox hands out), what jobs mean
//! (`nexus-scraper`). `docs/sandbox.md` describes the boundary for operators.

mod capture;
mod cell;
mod cgroup;
mod child;
mod config;
mod error;
mod frame;
mod job;
mod network;
mod pool;
mod python;
mod report;
mod sys;
mod wire;

pub use child::child_main;
pub use config::{Config, find_python};
pub use error::{Error, Reason};
pub use job::{Entry, Job, Limits, Outcome};
pub use network::{Network, Serve};
pub use pool::Pool;
pub use report::{Obstacle, Report, Tier, detect};
