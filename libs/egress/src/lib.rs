//! The one HTTP client for targets that outsiders choose. A request cannot reach what is not public, whatever its
//! address, its name's answers or its redirects say, and no answer can hold the caller up or fill its memory.
//!
//! A name is resolved once; every answer is judged; the connection goes to a judged address. Redirects start over.
//! Everything is bounded: time, idle time, bytes, decompressed bytes, headers, redirects, requests per host.
//!
//! Programs in a sandbox get the same through the [`Proxy`], which is their only way out.
//!
//! Not here: which workflow or scraper may fetch what (their services), calls to model providers, whose addresses an
//! operator chooses (`nexus-llm-gateway`).

mod address;
mod client;
mod decode;
mod dial;
mod error;
mod exchange;
mod hosts;
mod limits;
mod policy;
mod proxy;
mod robots;
mod target;

pub use address::{Special, special};
pub use client::{Client, Request, Response};
pub use dial::{Resolver, SystemResolver, trusting};
pub use error::Error;
pub use hosts::{Hosts, Turn};
pub use limits::{HEADER_BYTES, HostLimits, Limits};
pub use policy::Policy;
pub use proxy::{CODE_HEADER, Failure, Proxy, ProxyLimits, Record, adopt};
pub use robots::{ROBOTS_TOKEN, Robots, Rules, USER_AGENT};
pub use target::Target;
