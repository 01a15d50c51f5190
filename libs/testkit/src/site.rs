//! A small web site for scrapers: lists, tables, a detail page, data for scripts, odd encodings, a page that can be
//! redesigned, pages that cannot be scraped, and a receiver of webhooks. Not here: pages that measure how well the
//! miner does (`nexus-miner`).

mod pages;

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Path, Query, State},
    http::{HeaderMap, Response, StatusCode, header},
    response::{Html, IntoResponse},
    routing::{get, post},
};
use std::{
    collections::HashMap,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::{net::TcpListener, sync::watch};

/// A call of the webhook.
#[derive(Debug, Clone)]
pub struct Call {
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: String,
}

#[derive(Debug, Default)]
struct Content {
    redesigned: bool,
    sale: bool,
    broken: bool,
    hits: HashMap<String, usize>,
    calls: Vec<Call>,
    /// What the webhook answers next, before it is content.
    refusals: Vec<u16>,
}

struct Shared {
    content: Mutex<Content>,
    changed: watch::Sender<u64>,
}

impl Shared {
    fn content(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hit(&self, path: &str) {
        *self.content().hits.entry(path.to_owned()).or_default() += 1;
        self.changed.send_modify(|count| *count += 1);
    }
}

/// A site on a port of its own; ends when it is dropped.
pub struct Site {
    shared: Arc<Shared>,
    /// Its address, without a slash at the end.
    pub url: String,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Site {
    fn drop(&mut self) {
        self.task.abort();
    }
}

type App = State<Arc<Shared>>;

impl Site {
    /// Starts it on a free port of 127.0.0.1.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let shared = Arc::new(Shared { content: Mutex::default(), changed: watch::Sender::new(0) });
        let router = Router::new()
            .route("/robots.txt", get(|| async { "User-agent: *\nDisallow: /private\n" }))
            .route("/books", get(books))
            .route("/book/{number}", get(book))
            .route("/shop", get(shop))
            .route("/table", get(|site: App| page(site, "/table", pages::table())))
            .route("/jsonld", get(|site: App| page(site, "/jsonld", pages::json_ld())))
            .route("/next", get(|site: App| page(site, "/next", pages::next_data())))
            .route("/latin1", get(latin1))
            .route("/login", get(|site: App| page(site, "/login", pages::LOGIN.to_owned())))
            .route("/app", get(|site: App| page(site, "/app", pages::APP.to_owned())))
            .route("/private", get(|site: App| page(site, "/private", pages::books("", &pages::all()))))
            .route("/forbidden", get(|| async { (StatusCode::FORBIDDEN, Html("<h1>Forbidden</h1>")) }))
            .route("/pdf", get(|| async { ([(header::CONTENT_TYPE, "application/pdf")], "%PDF-1.7 …") }))
            .route("/slow", get(std::future::pending::<()>))
            .route("/hook", post(hook))
            .with_state(shared.clone());
        let task = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { shared, url, task })
    }

    /// Gives `/shop` another look: the same goods in other elements of other classes.
    pub fn redesign(&self) {
        self.shared.content().redesigned = true;
    }

    /// Changes what `/shop` offers: one thing is cheaper, one is gone, one is new.
    pub fn begin_sale(&self) {
        self.shared.content().sale = true;
    }

    /// Whether `/shop` answers 503.
    pub fn set_broken(&self, broken: bool) {
        self.shared.content().broken = broken;
    }

    /// Lets the webhook answer this status to its next call.
    pub fn refuse_next(&self, status: u16) {
        self.shared.content().refusals.push(status);
    }

    /// How often this path was asked for.
    pub fn hits(&self, path: &str) -> usize {
        self.shared.content().hits.get(path).copied().unwrap_or_default()
    }

    /// The calls of the webhook so far.
    pub fn calls(&self) -> Vec<Call> {
        self.shared.content().calls.clone()
    }

    /// Waits until the webhook was called so often.
    pub async fn called(&self, times: usize) -> Vec<Call> {
        let mut changed = self.shared.changed.subscribe();
        loop {
            changed.borrow_and_update();
            let calls = self.calls();
            if calls.len() >= times || changed.changed().await.is_err() {
                return calls;
            }
        }
    }
}

async fn page(State(site): App, path: &'static str, html: String) -> Html<String> {
    site.hit(path);
    Html(html)
}

async fn books(State(site): App, Query(query): Query<HashMap<String, String>>) -> Html<String> {
    site.hit("/books");
    let number = query.get("page").and_then(|page| page.parse().ok()).unwrap_or(1_usize).clamp(1, 3);
    let all = pages::all();
    let shown = all.chunks(8).nth(number - 1).unwrap_or_default();
    Html(pages::books(&pages::pager(number), shown))
}

async fn book(State(site): App, Path(number): Path<usize>) -> impl IntoResponse {
    site.hit("/book");
    match pages::all().get(number.wrapping_sub(1)) {
        Some(book) => (StatusCode::OK, Html(pages::book(book))),
        None => (StatusCode::NOT_FOUND, Html("<h1>No such book</h1>".to_owned())),
    }
}

async fn shop(State(site): App) -> impl IntoResponse {
    site.hit("/shop");
    let (redesigned, sale, broken) = {
        let content = site.content();
        (content.redesigned, content.sale, content.broken)
    };
    let status = if broken { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    (status, Html(pages::shop(&pages::goods(sale), redesigned)))
}

/// Says that it is UTF-8 and is not.
async fn latin1(State(site): App) -> Response<Body> {
    site.hit("/latin1");
    let bytes: Vec<u8> =
        pages::cafes().chars().map(|letter| u8::try_from(u32::from(letter)).unwrap_or(b'?')).collect();
    ([(header::CONTENT_TYPE, "text/html; charset=iso-8859-1")], bytes).into_response()
}

async fn hook(State(site): App, headers: HeaderMap, body: Bytes) -> StatusCode {
    let refusal = {
        let mut content = site.content();
        content.calls.push(Call { headers, body: String::from_utf8_lossy(&body).into_owned() });
        content.refusals.pop()
    };
    site.hit("/hook");
    refusal.and_then(|status| StatusCode::from_u16(status).ok()).unwrap_or(StatusCode::NO_CONTENT)
}
