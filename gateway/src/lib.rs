//! The gateway: REST, WebSocket and server-sent events for people and programs outside, the OpenAPI document that
//! describes them, and the embedded web application. It translates between HTTP and the ports and decides nothing
//! about workflows itself.
//!
//! [`router`] builds it from the ports and [`Options`]; [`serve`] runs it on a listener until told to stop.
//!
//! Not here: what the ports do (`services/*`), how they are reached (`nexus-rpc`), configuration, telemetry and
//! signals (`nexus-runtime`), the web application's source (`frontend/`).

mod access;
mod app;
mod auth;
mod body;
mod context;
mod csv;
mod docs;
mod error;
mod etag;
mod feed;
mod headers;
mod live;
mod numbers;
mod observe;
mod openapi;
mod options;
mod origin;
mod params;
mod rate;
mod routes;
mod serve;
mod sse;
mod static_files;
mod ws;

pub use app::{Gateway, Ports, router};
pub use options::{Metrics, Options, Rates, ReadyCheck, Timing};
pub use serve::serve;
