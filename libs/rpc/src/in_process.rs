//! Ports over the whole way of a gRPC call, but for the socket: client, messages, metadata, gate and server. For
//! tests that shall hold whatever the transport. Not here: embedded mode, which hands over the ports themselves.

use crate::{
    client::{Pool, over},
    server::{ServerOptions, Services},
};
use nexus_api::{Error, Executor, Llm, Memory, Planner, Result, Scraper};
use std::sync::Arc;

fn pool(services: Services) -> Result<Pool> {
    // Nobody calls from outside.
    let options = ServerOptions { body_bytes: usize::MAX, ..ServerOptions::default() };
    services.into_transport(options).map(Pool::of).map_err(Error::internal)
}

/// The planner, as clients see it.
pub fn planner(port: Arc<dyn Planner>) -> Result<Arc<dyn Planner>> {
    pool(Services::new().planner(port)).map(over::planner)
}

/// The executor, as clients see it.
pub fn executor(port: Arc<dyn Executor>) -> Result<Arc<dyn Executor>> {
    pool(Services::new().executor(port)).map(over::executor)
}

/// The llm gateway, as clients see it.
pub fn llm(port: Arc<dyn Llm>) -> Result<Arc<dyn Llm>> {
    pool(Services::new().llm(port)).map(over::llm)
}

/// The memory, as clients see it.
pub fn memory(port: Arc<dyn Memory>) -> Result<Arc<dyn Memory>> {
    pool(Services::new().memory(port)).map(over::memory)
}

/// The scraper, as clients see it.
pub fn scraper(port: Arc<dyn Scraper>) -> Result<Arc<dyn Scraper>> {
    pool(Services::new().scraper(port)).map(over::scraper)
}
