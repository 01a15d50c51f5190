//! The provider that goes wrong: OpenAI's chat completions and embeddings over real HTTP, with errors, hangs, cuts,
//! missing counts; how a call goes follows from the seed, the job, the node and how often it was called. It keeps its
//! own book of what each execution really cost: every answer that was begun is billed in full, even if it was cut,
//! never sent or given up by the client. Not here: what it bills against (`judge`).

mod answer;
mod fate;
mod serve;

use nexus_model::{
    Money,
    price::{DEFAULT_TIER, PriceBook, Usage},
};
use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::SystemTime,
};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

pub use fate::Fate;

/// What the provider knows of one execution.
#[derive(Debug, Clone, Default)]
pub struct Bill {
    /// What its calls cost.
    pub spent: Money,
    /// When its calls came in and whose they were.
    pub calls: Vec<(SystemTime, String)>,
    /// How many of them were of an embedding.
    pub embeddings: usize,
}

/// How calls went.
pub type Fates = BTreeMap<&'static str, u64>;

#[derive(Default)]
struct Book {
    bills: BTreeMap<String, Bill>,
    /// How often each node of each execution was called.
    nth: BTreeMap<(String, String), u64>,
    fates: Fates,
    /// Calls that name no execution: nobody knows whom to bill.
    unknown: u64,
}

struct Shared {
    seed: u64,
    /// How many of a hundred calls go wrong.
    trouble: u64,
    prices: Arc<PriceBook>,
    book: Mutex<Book>,
    in_flight: AtomicUsize,
    idle: watch::Sender<()>,
}

impl Shared {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn price(&self, model: &str, usage: &Usage) -> Money {
        let model = self.prices.get(&format!("openai/{model}"));
        model.and_then(|model| model.cost(DEFAULT_TIER, usage)).unwrap_or_default()
    }
}

/// The provider; dropping it closes its port.
pub struct Provider {
    shared: Arc<Shared>,
    address: SocketAddr,
    server: JoinHandle<()>,
}

impl Provider {
    /// Starts it on a free port of 127.0.0.1. `trouble`: how many of a hundred calls go wrong.
    pub async fn start(seed: u64, trouble: u64) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            seed,
            trouble,
            prices: PriceBook::builtin(),
            book: Mutex::default(),
            in_flight: AtomicUsize::new(0),
            idle: watch::Sender::new(()),
        });
        let server = tokio::spawn(serve::serve(listener, Arc::clone(&shared)));
        Ok(Self { shared, address, server })
    }

    /// What the programs need to be told of it.
    pub fn settings(&self) -> Vec<(String, String)> {
        [
            ("OPENAI_API_KEY", "sk-chaos".to_owned()),
            ("OPENAI_BASE_URL", format!("http://{}/v1", self.address)),
            ("NEXUS_EGRESS_ALLOW", self.address.to_string()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }

    /// Where tool nodes send their requests.
    pub fn tool(&self) -> String {
        format!("http://{}/tool", self.address)
    }

    /// What this execution really cost.
    pub fn bill(&self, execution: &str) -> Bill {
        self.shared.book().bills.get(execution).cloned().unwrap_or_default()
    }

    /// Executions that were billed.
    pub fn billed(&self) -> Vec<String> {
        self.shared.book().bills.keys().cloned().collect()
    }

    /// How calls went so far.
    pub fn fates(&self) -> Fates {
        self.shared.book().fates.clone()
    }

    /// Calls that named no execution.
    pub fn unknown(&self) -> u64 {
        self.shared.book().unknown
    }

    /// Waits until no answer is under way.
    pub async fn idle(&self) {
        let mut changes = self.shared.idle.subscribe();
        while self.shared.in_flight.load(Ordering::SeqCst) > 0 {
            // The sender lives as long as `self`.
            let _ = changes.changed().await;
        }
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.server.abort();
    }
}
