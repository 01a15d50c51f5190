//! A scripted provider of language models over real HTTP, in the wire formats of OpenAI and Anthropic: answers, delays,
//! every way to fail, gates that hold an answer until the test lets it go, and a record of what came in and what a real
//! provider would have billed. Without a script it echoes. Requests that the real provider
//! would not take are refused (`judge`). Not here: how replies are described (`reply`), the formats
//! (`wire`), the HTTP handlers (`server`).

mod judge;
mod reply;
mod server;
mod wire;

pub use reply::{Reply, UsageAt};

use axum::http::HeaderMap;
use nexus_model::{
    Money,
    price::{PriceBook, Usage},
};
use serde_json::Value;
use std::{
    collections::HashMap,
    fmt, io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// `/v1/chat/completions`
    OpenAi,
    /// `/v1/messages`
    Anthropic,
    /// `/v1/embeddings`
    Embeddings,
}

/// A request as it came in.
#[derive(Debug, Clone)]
pub struct Request {
    /// What it asks for.
    pub format: Format,
    /// The model's name, without provider.
    pub model: String,
    /// Whether it wants a stream.
    pub stream: bool,
    /// The body.
    pub body: Value,
    /// The body as text.
    pub text: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// When it came.
    pub at: Instant,
}

impl Request {
    /// The cap on the answer's tokens, if it names one.
    pub fn max_tokens(&self) -> Option<u64> {
        self.body["max_completion_tokens"].as_u64().or(self.body["max_tokens"].as_u64())
    }

    /// What the user said last.
    pub fn prompt(&self) -> String {
        wire::prompt(&self.body)
    }
}

type Condition = dyn Fn(&Request) -> bool + Send + Sync;

/// Which requests a reply is for.
#[derive(Clone)]
pub struct Matcher(Arc<Condition>);

impl Matcher {
    /// All.
    pub fn any() -> Self {
        Self::when(|_| true)
    }

    /// Those for this model (without provider).
    pub fn model(name: impl Into<String>) -> Self {
        let name = name.into();
        Self::when(move |request| request.model == name)
    }

    /// Those with this text anywhere in the body.
    pub fn text(marker: impl Into<String>) -> Self {
        let marker = marker.into();
        Self::when(move |request| request.text.contains(&marker))
    }

    /// Those this function accepts.
    pub fn when(condition: impl Fn(&Request) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(condition))
    }
}

impl fmt::Debug for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Matcher")
    }
}

#[derive(Default)]
struct State {
    once: Vec<(Matcher, Reply)>,
    always: Vec<(Matcher, Reply)>,
    requests: Vec<Request>,
    /// Closed gates and how many requests wait at each.
    gates: HashMap<String, usize>,
    in_flight: usize,
    most_in_flight: usize,
    abandoned: usize,
    completed: usize,
    connections: usize,
    spent: Money,
    key: Option<String>,
    complaints: Vec<String>,
}

struct Shared {
    state: Mutex<State>,
    /// Counts changes of the state, for those who wait for one.
    changes: watch::Sender<u64>,
    prices: Arc<PriceBook>,
}

impl Shared {
    fn look<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.lock())
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let out = change(&mut self.lock());
        self.changes.send_modify(|count| *count += 1);
        out
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn until(&self, condition: impl Fn(&State) -> bool) {
        let mut changes = self.changes.subscribe();
        while !self.look(&condition) {
            // The sender lives as long as `self`.
            let _ = changes.changed().await;
        }
    }

    /// Waits while this gate is closed.
    async fn pass(&self, marker: &str) {
        if self.change(|state| state.gates.get_mut(marker).map(|waiting| *waiting += 1)).is_some() {
            self.until(|state| !state.gates.contains_key(marker)).await;
        }
    }

    fn bill(&self, provider: &str, model: &str, usage: &Usage) {
        let model = self.prices.get(&format!("{provider}/{model}"));
        if let Some(cost) = model.and_then(|model| model.cost("default", usage)) {
            self.change(|state| state.spent = state.spent.plus(cost));
        }
    }
}

/// The provider. Dropping it stops it from accepting connections.
pub struct FakeProvider {
    shared: Arc<Shared>,
    address: SocketAddr,
    server: JoinHandle<()>,
}

impl fmt::Debug for FakeProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FakeProvider({})", self.address)
    }
}

impl FakeProvider {
    /// Starts it on a free port of 127.0.0.1.
    pub async fn start() -> io::Result<Self> {
        Self::start_at(SocketAddr::from(([127, 0, 0, 1], 0))).await
    }

    /// Starts it at this address.
    pub async fn start_at(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            changes: watch::Sender::new(0),
            prices: PriceBook::builtin(),
        });
        let server = tokio::spawn(server::serve(listener, Arc::clone(&shared)));
        Ok(Self { shared, address, server })
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// `OPENAI_BASE_URL`: with `/v1`.
    pub fn openai_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// `ANTHROPIC_BASE_URL`: without `/v1`.
    pub fn anthropic_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Answers the next request that matches with this reply. Replies are used up in the order they were scripted.
    pub fn script(&self, matcher: Matcher, reply: Reply) {
        self.shared.change(|state| state.once.push((matcher, reply)));
    }

    /// Answers every request that matches, and that no single script is for, with this reply. The newest match counts.
    pub fn always(&self, matcher: Matcher, reply: Reply) {
        self.shared.change(|state| state.always.push((matcher, reply)));
    }

    /// Refuses requests without this key with 401.
    pub fn require_key(&self, key: impl Into<String>) {
        let key = key.into();
        self.shared.change(|state| state.key = Some(key));
    }

    /// Closes a gate: requests with this marker anywhere in their body wait, before any byte of their answer.
    pub fn hold(&self, marker: impl Into<String>) {
        let marker = marker.into();
        self.shared.change(|state| {
            state.gates.entry(marker).or_default();
        });
    }

    /// Opens a gate: those who wait at it go on, and later ones pass.
    pub fn release(&self, marker: &str) {
        self.shared.change(|state| state.gates.remove(marker));
    }

    /// Waits until so many requests stand at this closed gate.
    pub async fn held(&self, marker: &str, count: usize) {
        self.shared.until(|state| state.gates.get(marker).is_some_and(|waiting| *waiting >= count)).await;
    }

    /// Waits until so many requests have come in altogether.
    pub async fn arrived(&self, count: usize) {
        self.shared.until(|state| state.requests.len() >= count).await;
    }

    /// Waits until so many answers were given up by their clients.
    pub async fn abandoned(&self, count: usize) {
        self.shared.until(|state| state.abandoned >= count).await;
    }

    /// Waits until so many answers were sent to their scripted end.
    pub async fn completed(&self, count: usize) {
        self.shared.until(|state| state.completed >= count).await;
    }

    /// Everything that came in, in order.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.look(|state| state.requests.clone())
    }

    /// How many requests came in.
    pub fn count(&self) -> usize {
        self.shared.look(|state| state.requests.len())
    }

    /// How many requests of this model came in.
    pub fn count_of(&self, model: &str) -> usize {
        self.shared.look(|state| state.requests.iter().filter(|request| request.model == model).count())
    }

    /// How many answers are under way now.
    pub fn in_flight(&self) -> usize {
        self.shared.look(|state| state.in_flight)
    }

    /// How many answers were under way at once at most.
    pub fn most_in_flight(&self) -> usize {
        self.shared.look(|state| state.most_in_flight)
    }

    /// What the real provider would have refused, and why: such requests are answered with 400 here, too.
    pub fn complaints(&self) -> Vec<String> {
        self.shared.look(|state| state.complaints.clone())
    }

    /// How many connections were opened.
    pub fn connections(&self) -> usize {
        self.shared.look(|state| state.connections)
    }

    /// What a real provider would have billed at the built-in prices: every answer that was begun, at its full usage,
    /// even if it was cut, never sent, given up by the client, or sent without its usage. Failing statuses are free.
    pub fn spent(&self) -> Money {
        self.shared.look(|state| state.spent)
    }
}

impl Drop for FakeProvider {
    fn drop(&mut self) {
        self.server.abort();
    }
}
