//! A server that speaks Qdrant's protocol, as much of it as memory uses: built on the server traits that
//! `qdrant-client` ships, with real collections, indexes, filters and cosine search, in memory. What it does not know
//! it refuses, so that a test cannot pass by accident. It runs on threads of its own, can be stopped like a crashed
//! server, and comes back at the same address with what it had.
//!
//! Not here: what memory does with it (`nexus-memory`), Qdrant itself (set `QDRANT_URL` to test against that).

mod filter;
mod state;
mod wire;

use state::State;
use std::{
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::runtime::Runtime;

/// The server. Ends when dropped.
pub struct Server {
    addr: SocketAddr,
    api_key: Option<String>,
    state: Arc<Mutex<State>>,
    running: Option<Runtime>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("addr", &self.addr).finish_non_exhaustive()
    }
}

impl Server {
    /// Starts an empty one on a free port, open to everybody.
    ///
    /// # Errors
    /// If it cannot listen.
    pub fn start() -> io::Result<Self> {
        Self::start_with(None)
    }

    /// The same, but only for those who know the key.
    ///
    /// # Errors
    /// If it cannot listen.
    pub fn start_with_key(key: &str) -> io::Result<Self> {
        Self::start_with(Some(key.to_owned()))
    }

    fn start_with(api_key: Option<String>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let addr = listener.local_addr()?;
        let mut server = Self { addr, api_key, state: Arc::default(), running: None };
        server.run(listener)?;
        Ok(server)
    }

    fn run(&mut self, listener: TcpListener) -> io::Result<()> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        listener.set_nonblocking(true)?;
        let listener = {
            let _within = runtime.enter();
            tokio::net::TcpListener::from_std(listener)?
        };
        runtime.spawn(wire::serve(listener, self.state.clone(), self.api_key.clone()));
        self.running = Some(runtime);
        Ok(())
    }

    /// Its address, for `QDRANT_URL`.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Ends it at once, connections and all.
    pub fn stop(&mut self) {
        if let Some(runtime) = self.running.take() {
            runtime.shutdown_background();
        }
    }

    /// Starts it again at the same address, with what it had.
    ///
    /// # Errors
    /// If it cannot listen there any more.
    pub fn restart(&mut self) -> io::Result<()> {
        self.stop();
        let start = std::time::Instant::now();
        // The connections that were just cut may hold the port for a moment.
        let listener = loop {
            match TcpListener::bind(self.addr) {
                Err(error) if error.kind() == io::ErrorKind::AddrInUse && start.elapsed().as_secs() < 10 => {
                    std::thread::yield_now();
                }
                bound => break bound?,
            }
        };
        self.run(listener)
    }

    /// Names of its collections and how many points each has.
    pub fn collections(&self) -> Vec<(String, usize)> {
        self.state().sizes()
    }

    /// Deletes a collection, as an operator might.
    pub fn drop_collection(&self, name: &str) {
        self.state().drop_collection(name);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}
