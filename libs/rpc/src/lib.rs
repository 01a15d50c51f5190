//! gRPC for the ports of `nexus-api`: the definitions of `proto/` compiled, servers over ports, ports over clients.
//! The only crate that knows tonic and prost; none of their types leaves it.
//!
//! - [`server`]: offers ports over TCP, with health, reflection, keys and shutdown.
//! - [`client`]: ports that are somewhere else, with failover.
//! - [`in_process`]: the whole way of a call without a socket, for tests.
//!
//! Not here: what the ports do (`services/*`), certificates (`nexus_runtime::tls`).

pub mod client;
mod convert;
pub mod in_process;
mod json;
mod meta;
mod proto;
pub mod server;
mod status;
mod tls;
mod transport;

pub use proto::DESCRIPTORS;
