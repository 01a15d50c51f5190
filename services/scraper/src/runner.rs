//! Running code: scrapers in the sandbox with the egress proxy as their only way out, and the workflows' `python` tool
//! without any. Says what came of it in words for the person whose code it is. Not here: what the code should find
//! (`work`), sandboxes and proxy themselves (`nexus-sandbox`, `nexus-egress`).

use crate::{
    failure::Failure,
    requested::{Log, Requested},
    sandboxes::Sandboxes,
};
use nexus_api::{Code, Error, scraper::RunPython};
use nexus_egress::{Hosts, Policy, Proxy, ProxyLimits, Robots, Target, USER_AGENT};
use nexus_miner::{Record, check};
use nexus_sandbox::{Entry, Job, Limits, Network, Reason, Serve};
use serde_json::{Map, Value};
use std::{
    collections::HashMap,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::{Duration, Instant},
};
use tokio::{net::TcpListener, sync::Semaphore};

/// Scrapers that may visit a host at the same time: they share its one request a second, and their time runs meanwhile.
const AT_A_TIME: usize = 2;

/// Most output of a `python` tool: what a node's output may be, and some.
const PYTHON_RESULT: usize = 4 << 20;

/// A run of a scraper.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    /// Python that defines `scrape_data(url)`.
    pub code: &'a str,
    /// What it is called with.
    pub url: &'a str,
    /// Whether robots.txt is left aside.
    pub ignore_robots: bool,
}

/// How a run ended.
#[derive(Debug)]
pub struct Ran {
    /// What it gave, or why it gave nothing.
    pub outcome: Result<Scraped, Failure>,
    /// The requests it made, oldest first.
    pub requests: Vec<Requested>,
    /// How long it took, without waiting for a free sandbox.
    pub duration: Duration,
}

/// What a scraper returned.
#[derive(Debug, Clone, PartialEq)]
pub struct Scraped {
    /// Its records.
    pub data: Vec<Record>,
    /// What it says about them.
    pub metadata: Map<String, Value>,
}

/// Runs code. Clones share everything.
#[derive(Clone)]
pub struct Runner(Arc<Inner>);

struct Inner {
    sandboxes: Sandboxes,
    policy: Policy,
    hosts: Hosts,
    robots: Robots,
    visiting: Mutex<HashMap<String, Weak<Semaphore>>>,
}

/// What a sandbox is given as its network.
struct WayOut {
    inner: Arc<Inner>,
    ignore_robots: bool,
    log: Log,
}

impl Serve for WayOut {
    fn serve(&self, listener: TcpListener) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let log = self.log.clone();
        let note = move |record: nexus_egress::Record| log.add(record.into());
        let proxy = Proxy::new(self.inner.policy.clone(), ProxyLimits::default(), note)
            .with_hosts(self.inner.hosts.clone())
            .with_user_agent(USER_AGENT);
        let proxy = if self.ignore_robots { proxy } else { proxy.with_robots(self.inner.robots.clone()) };
        Box::pin(proxy.serve(listener))
    }
}

impl Runner {
    pub(crate) fn new(sandboxes: Sandboxes, policy: Policy, hosts: Hosts, robots: Robots) -> Self {
        Self(Arc::new(Inner { sandboxes, policy, hosts, robots, visiting: Mutex::default() }))
    }

    /// Makes sandboxes ready before anybody needs one; says in the log what stands in the way.
    pub(crate) async fn warm_up(&self) {
        // The failure is told in the log, and to whoever needs a sandbox.
        drop(self.0.sandboxes.open().await);
    }

    /// Ends what runs, and waits until every sandbox is gone.
    pub(crate) async fn close(&self) {
        self.0.sandboxes.close().await;
    }

    /// Runs a scraper. Dropping the future ends it.
    pub async fn scrape(&self, run: Run<'_>) -> Ran {
        let log = Log::default();
        let place = self.place(run.url);
        // Never closed; if it were, there would be no bound to keep.
        let _visit = place.acquire().await.ok();
        let way_out = WayOut { inner: self.0.clone(), ignore_robots: run.ignore_robots, log: log.clone() };
        let began = Instant::now();
        let outcome = self
            .0
            .sandboxes
            .run(Job {
                code: run.code.to_owned(),
                entry: Entry::ScrapeData,
                argument: run.url.into(),
                limits: Limits::default(),
                network: Network::Via(Arc::new(way_out)),
            })
            .await;
        let requests = log.requests();
        let (duration, outcome) = match outcome {
            Ok(outcome) => (outcome.duration, shaped(&outcome.value)),
            Err(error) => (began.elapsed(), Err(explained(&error, &requests))),
        };
        Ran { outcome, requests, duration }
    }

    /// Runs a `python` tool's code, without network.
    ///
    /// # Errors
    /// `Invalid` when the code fails, with its traceback in the message; `Unavailable` when no sandbox is to be had.
    pub async fn python(&self, request: RunPython) -> Result<Value, Error> {
        let job = Job {
            code: request.code,
            entry: Entry::Run,
            argument: request.inputs,
            limits: Limits { result: PYTHON_RESULT, ..Limits::default() },
            network: Network::None,
        };
        self.0.sandboxes.run(job).await.map(|outcome| outcome.value).map_err(|error| python_error(&error))
    }

    /// The places for visitors of an address' host.
    fn place(&self, url: &str) -> Arc<Semaphore> {
        let host = Target::parse(url).map_or_else(|_| String::new(), |target| target.host_name());
        let mut visiting = self.0.visiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = visiting.get(&host).and_then(Weak::upgrade) {
            return place;
        }
        visiting.retain(|_, place| place.strong_count() > 0);
        let place = Arc::new(Semaphore::new(AT_A_TIME));
        visiting.insert(host, Arc::downgrade(&place));
        place
    }
}

/// The records of a result that has the right shape.
fn shaped(value: &Value) -> Result<Scraped, Failure> {
    let metadata = || value.get("metadata").and_then(Value::as_object).cloned().unwrap_or_default();
    match check::records(value) {
        Ok(data) => Ok(Scraped { data, metadata: metadata() }),
        Err(problem) => Err(Failure::new(
            crate::failure::FailureCode::SandboxExecutionError,
            "wrong_shape",
            problem.message,
            "return a dict with a list of dicts as `data` and a dict as `metadata`",
        )),
    }
}

/// What a failed run means: code that could not fetch its page has met a problem of the site, not of the code.
fn explained(error: &nexus_sandbox::Error, requests: &[Requested]) -> Failure {
    let failure = Failure::from(error);
    let Reason::Exception { kind, message, .. } = &error.reason else { return failure };
    let about_network =
        kind.starts_with("requests.") || kind.starts_with("urllib") || kind.starts_with("http.client");
    if !about_network {
        return failure;
    }
    let host = |url: &str| Target::parse(url).map_or_else(|_| url.to_owned(), |target| target.host_name());
    for requested in requests.iter().rev() {
        if let Some(code) = requested.refused.as_deref().filter(|code| *code != "client_gone") {
            let sentence = requested.why.as_deref().unwrap_or(code);
            return Failure::of_egress(code, sentence, is_transient(code));
        }
        if let Some(found) = requested
            .status
            .filter(|_| requested.method != "CONNECT")
            .and_then(|status| Failure::of_status(status, &host(&requested.url)))
        {
            return found;
        }
    }
    // Within a tunnel nobody but the program has seen the status: requests begins its message with it.
    let status = message.split(' ').next().and_then(|word| word.parse().ok());
    let last = requests.last().map_or_else(|| "the site".to_owned(), |requested| host(&requested.url));
    status.and_then(|status| Failure::of_status(status, &last)).unwrap_or(failure)
}

/// Whether a refusal of the proxy may be over in a while.
fn is_transient(code: &str) -> bool {
    matches!(
        code,
        "dns_failed"
            | "connect_failed"
            | "connect_timeout"
            | "response_timeout"
            | "body_stalled"
            | "timed_out"
            | "answer_broken"
            | "rate_limited"
            | "robots_unknown"
    )
}

fn python_error(error: &nexus_sandbox::Error) -> Error {
    if error.reason.is_ours() {
        let unavailable = Error::new(Code::Unavailable, error.reason.to_string());
        return unavailable.reason(format!("python_{}", error.code())).suggest(error.suggestion());
    }
    let mut message = match &error.reason {
        Reason::Exception { traceback, .. } if !traceback.is_empty() => {
            format!("{}\n{}", error.reason, traceback.trim_end())
        }
        reason => reason.to_string(),
    };
    let said = error.stderr.trim();
    if !said.is_empty() {
        message.push_str("\nstderr: ");
        message.extend(said.chars().take(2_000));
    }
    let code = match error.reason {
        Reason::Timeout(_) | Reason::CpuTime(_) | Reason::Memory(_) | Reason::ResultTooLarge(_) => {
            Code::TooLarge
        }
        _ => Code::Invalid,
    };
    Error::new(code, message).reason(format!("python_{}", error.code())).suggest(error.suggestion())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::FailureCode;
    use nexus_model::Timestamp;

    fn raised(kind: &str, message: &str) -> nexus_sandbox::Error {
        Reason::Exception {
            kind: kind.into(),
            message: message.into(),
            traceback: "line 3".into(),
            line: Some(3),
        }
        .into()
    }

    fn requested(status: Option<u16>, refused: Option<&str>) -> Requested {
        Requested {
            at: Timestamp::now(),
            method: "GET".to_owned(),
            url: "http://shop.test/list".to_owned(),
            status,
            bytes: 0,
            duration_ms: 1,
            refused: refused.map(str::to_owned),
            why: refused.map(|_| "shop.test is away. Wait".to_owned()),
        }
    }

    #[test]
    fn a_page_that_is_gone_is_not_the_codes_fault() {
        let error = raised("requests.exceptions.HTTPError", "404 Client Error: Not Found for url: x");
        for requests in [vec![requested(Some(404), None)], vec![]] {
            let failure = explained(&error, &requests);
            assert_eq!(
                (failure.code, failure.reason.as_str()),
                (FailureCode::WebsiteAccessError, "http_404")
            );
        }
        let refused = explained(
            &raised("requests.exceptions.ProxyError", "…"),
            &[requested(Some(200), None), requested(Some(403), Some("robots_forbidden"))],
        );
        assert_eq!(
            (refused.code, refused.reason.as_str()),
            (FailureCode::WebsiteAccessError, "robots_forbidden")
        );
    }

    #[test]
    fn a_mistake_of_the_code_stays_one() {
        let failure = explained(&raised("AttributeError", "no such thing"), &[requested(Some(404), None)]);
        assert_eq!(failure.code, FailureCode::SandboxExecutionError);
        assert_eq!(failure.detail.as_deref(), Some("line 3"));
        let failure = shaped(&serde_json::json!({"data": [1], "metadata": {}})).unwrap_err();
        assert_eq!(failure.reason, "wrong_shape");
    }
}
