//! A web server whose answers a test holds back and lets go: it pins whoever asks in the middle of what it does. Not
//! here: a site with something on it (`site`).

use std::{
    collections::{BTreeSet, HashMap},
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

/// What is answered for a path.
#[derive(Debug, Clone)]
pub struct Held {
    /// The status.
    pub status: u16,
    /// `Content-Type`.
    pub content_type: String,
    /// The body.
    pub body: Vec<u8>,
}

impl Held {
    /// A page.
    pub fn page(html: impl Into<String>) -> Self {
        Self {
            status: 200,
            content_type: "text/html; charset=utf-8".to_owned(),
            body: html.into().into_bytes(),
        }
    }
}

#[derive(Debug, Default)]
struct State {
    answers: HashMap<String, Held>,
    /// Answers to requests from this one on (counted from 1) are held back.
    held_from: HashMap<String, usize>,
    arrived: HashMap<String, usize>,
    /// Paths of which nothing is held back any more.
    open: BTreeSet<String>,
}

struct Shared {
    state: Mutex<State>,
    changed: watch::Sender<u64>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A server on a port of its own; ends when it is dropped.
pub struct HeldPages {
    shared: Arc<Shared>,
    /// Its address, without a slash at the end.
    pub url: String,
    task: JoinHandle<()>,
}

impl Drop for HeldPages {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl HeldPages {
    /// Starts it on a free port of 127.0.0.1.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let shared = Arc::new(Shared { state: Mutex::default(), changed: watch::Sender::new(0) });
        let serving = shared.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = serving.clone();
                tokio::spawn(async move { drop(answer(stream, &shared).await) });
            }
        });
        Ok(Self { shared, url, task })
    }

    /// What is answered for a path; 404 for those that were not set.
    pub fn put(&self, path: &str, answer: Held) {
        self.shared.state().answers.insert(path.to_owned(), answer);
    }

    /// Holds back the answers for a path from its `nth` request on, counted from 1.
    pub fn hold_from(&self, path: &str, nth: usize) {
        let mut state = self.shared.state();
        state.held_from.insert(path.to_owned(), nth);
        state.open.remove(path);
    }

    /// Lets all answers for a path go, from now on.
    pub fn release(&self, path: &str) {
        self.shared.state().open.insert(path.to_owned());
        self.shared.changed.send_modify(|count| *count += 1);
    }

    /// How often a path was asked for.
    pub fn count(&self, path: &str) -> usize {
        self.shared.state().arrived.get(path).copied().unwrap_or_default()
    }

    /// Waits until a path was asked for so often.
    pub async fn arrived(&self, path: &str, times: usize) {
        let mut changed = self.shared.changed.subscribe();
        while self.count(path) < times && changed.changed().await.is_ok() {}
    }
}

async fn answer(mut stream: TcpStream, shared: &Shared) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let path = head.split(' ').nth(1).unwrap_or_default();
    let path = path.split('?').next().unwrap_or_default().to_owned();
    let (number, answer) = {
        let mut state = shared.state();
        let arrived = state.arrived.entry(path.clone()).or_default();
        *arrived += 1;
        (*arrived, state.answers.get(&path).cloned())
    };
    let mut changed = shared.changed.subscribe();
    shared.changed.send_modify(|count| *count += 1);
    loop {
        let is_free = {
            let state = shared.state();
            state.open.contains(&path) || state.held_from.get(&path).is_none_or(|from| number < *from)
        };
        if is_free || changed.changed().await.is_err() {
            break;
        }
    }
    let missing =
        Held { status: 404, content_type: "text/html".to_owned(), body: b"<h1>Nothing</h1>".to_vec() };
    let answer = answer.unwrap_or(missing);
    let head = format!(
        "HTTP/1.1 {} X\r\ncontent-type: {}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        answer.status,
        answer.content_type,
        answer.body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(&answer.body).await?;
    stream.shutdown().await
}
