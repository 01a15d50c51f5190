//! The only place that decides what runs where: one function per role. Services are built here, handed their ports as
//! `Arc<dyn Port>`, and put behind servers; none of them can tell whether the others are in the same process.
//!
//! Not here: what a service does, configuration (`nexus-runtime`).

mod embedded;
mod estimates;
mod health;
mod mesh;
mod models;
mod parts;
mod scraper;
mod watch;

pub(crate) use embedded::{Claims, Embedded, database, embedded, hold, llm_alone, up};
pub(crate) use estimates::{estimating_planner, planner_alone};
pub(crate) use health::health;
pub(crate) use mesh::{migrate, serve};
pub(crate) use watch::about;
