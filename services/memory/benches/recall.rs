//! How long a recall takes in the embedded store among 100,000 entries of 1,000 scopes, and how many entries a second
//! become durable: `cargo bench -p nexus-memory`. Not here: embedding models, networks.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench prints its result and may fail loudly"
)]

use nexus_api::{
    Workspace,
    memory::{Entry, Scope},
};
use nexus_model::{ExecutionId, MemoryId, Timestamp};
use nexus_store::{Kept, MemoryStore, Shelf, Space, sqlite::SqliteStore};
use serde_json::Map;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

const SCOPES: usize = 1_000;
const ENTRIES: usize = 100;
const RECALLS: usize = 5_000;

/// Numbers that look random and are the same each time.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 40) as f32 / (1 << 23) as f32 - 1.0
    }

    fn vector(&mut self, length: u32) -> Vec<f32> {
        let vector: Vec<f32> = (0..length).map(|_| self.next()).collect();
        let norm = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
        vector.into_iter().map(|value| value / norm).collect()
    }
}

fn shown(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    format!("p50 {:.2} ms, p99 {:.2} ms, most {:.2} ms", at(0.5), at(0.99), at(1.0))
}

async fn fill(store: &Arc<SqliteStore>, space: &Space, scopes: &[Scope]) {
    let start = Instant::now();
    let writers = (0..64).map(|writer| {
        let (store, space, scopes) = (store.clone(), space.clone(), scopes.to_vec());
        tokio::spawn(async move {
            let mut noise = Noise(writer + 1);
            for nr in (writer as usize..SCOPES * ENTRIES).step_by(64) {
                let entry = Entry {
                    id: MemoryId::generate(),
                    text: format!("entry {nr}: {}", "some words that were said ".repeat(8)),
                    metadata: Map::new(),
                    score: None,
                    created_at: Timestamp::now(),
                };
                // Spread over the file, as executions at work at the same time do.
                let kept =
                    Kept { shelf: shelf(scopes[nr % SCOPES]), entry, vector: noise.vector(space.dimensions) };
                store.put(&space, kept).await.unwrap();
            }
        })
    });
    for written in futures::future::join_all(writers.collect::<Vec<_>>()).await {
        written.unwrap();
    }
    let rate = (SCOPES * ENTRIES) as f64 / start.elapsed().as_secs_f64();
    println!("    {rate:.0} entries/s kept by 64 writers, {} commits", store.commits());
}

fn shelf(scope: Scope) -> Shelf {
    Shelf { workspace: Workspace::default(), scope }
}

async fn measure(dimensions: u32) {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(SqliteStore::open(folder.path().join("nexus.db")).unwrap());
    let space = Space { model: "bench/model".to_owned(), dimensions };
    let scopes: Vec<Scope> = (0..SCOPES).map(|_| Scope::Execution(ExecutionId::generate())).collect();
    println!("{} entries in {SCOPES} scopes, {dimensions} numbers each, SQLite:", SCOPES * ENTRIES);
    fill(&store, &space, &scopes).await;
    let mut noise = Noise(99);
    let mut times = Vec::new();
    for nr in 0..RECALLS {
        let query = noise.vector(dimensions);
        let start = Instant::now();
        let found = store.nearest(&space, &shelf(scopes[(nr * 7) % SCOPES]), &query, 5).await.unwrap();
        times.push(start.elapsed());
        assert_eq!(found.len(), 5);
    }
    println!("    recall of 5 in a scope: {}", shown(times));
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    for dimensions in [384, 1_536] {
        runtime.block_on(measure(dimensions));
    }
}
