//! Tests of `nexus-egress` with real sockets on loopback. Not here: the classifier of addresses against a list
//! (`addresses`, in a file of its own since it needs no sockets).
#![expect(clippy::unwrap_used, reason = "a test ends with a panic when something is not as it should be")]

mod bodies;
mod client;
mod hostile;
mod proxy;
mod proxy_limits;
mod redirects;
mod robots;
mod support;
mod support_proxy;
mod tls;
mod turns;
