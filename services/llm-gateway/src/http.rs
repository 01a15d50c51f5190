//! The one HTTP client for providers, and answers read within limits of time and size. Not here: wire formats.

use crate::{
    config::{Error as ConfigError, Timeouts},
    failure::{self, Whom},
    provider::{Answer, Piece},
    sse,
};
use bytes::Bytes;
use futures::{FutureExt, StreamExt, stream};
use nexus_api::{BoxStream, Error, Result, Spend};
use nexus_model::{Money, price::Usage};
use reqwest::{Client, RequestBuilder, Response, header::CONTENT_TYPE, redirect};
use std::{collections::VecDeque, future::Future, time::Duration};
use tokio::time::{Instant, timeout_at};

/// Largest answer, decompressed.
const MAX_ANSWER: usize = 10 << 20;

/// Largest body of a failing answer that is looked at.
const MAX_ERROR: usize = 64 << 10;

/// How long the last bytes of a finished stream may take, so that its connection can be used again.
const DRAIN: Duration = Duration::from_secs(1);

/// A configured base URL without its last slash, or the provider's own.
pub(crate) fn base_url(configured: Option<&str>, whom: &Whom) -> Result<String, ConfigError> {
    let text = configured.map(str::trim).filter(|text| !text.is_empty()).unwrap_or(&whom.url_example);
    let wrong =
        ConfigError::BaseUrl { variable: whom.url_variable.clone(), example: whom.url_example.clone() };
    match reqwest::Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() && url.query().is_none() => {
            Ok(text.trim_end_matches('/').to_owned())
        }
        _ => Err(wrong),
    }
}

/// The client and its timeouts. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Http {
    client: Client,
    timeouts: Timeouts,
}

impl Http {
    pub(crate) fn new(timeouts: Timeouts) -> Result<Self, ConfigError> {
        // Fails if the process has a provider already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .user_agent(concat!("nexus/", env!("CARGO_PKG_VERSION")))
            // Nobody but the configured base URL gets the key.
            .no_proxy()
            .redirect(redirect::Policy::none())
            .tcp_nodelay(true)
            .connect_timeout(timeouts.connect)
            .pool_idle_timeout(Duration::from_secs(60))
            .gzip(true)
            .build()
            .map_err(|error| ConfigError::Client(error.without_url().to_string()))?;
        Ok(Self { client, timeouts })
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Sends a request and waits for the head of an answer with a good status. `sent` are the texts it holds.
    pub(crate) async fn send(
        &self,
        whom: &Whom,
        request: RequestBuilder,
        deadline: Option<Instant>,
        sent: &[&str],
    ) -> Result<Incoming> {
        let first_byte = self.timeouts.first_byte.map(|wait| Instant::now() + wait);
        let response = match within(earlier(deadline, first_byte), request.send()).await {
            None => return Err(whom.timeout("did not begin to answer in time")),
            Some(Err(error)) => {
                // Without a connection nothing was sent. All else may have arrived.
                let unsent = error.is_connect() || error.is_builder();
                tracing::debug!(provider = &*whom.id, error = %error.without_url(), "the provider cannot be reached");
                let unreachable = whom.unreachable();
                return Err(if unsent { unreachable.unspent() } else { unreachable });
            }
            Some(Ok(response)) => response,
        };
        let status = response.status();
        let mut incoming =
            Incoming { response, whom: whom.clone(), deadline, idle: self.timeouts.idle, received: 0 };
        if status.is_success() {
            return Ok(incoming);
        }
        let headers = incoming.response.headers().clone();
        // The status says enough if the body does not come.
        let body = incoming.read(MAX_ERROR).await.unwrap_or_default();
        Err(failure::of_status(whom, status.as_u16(), &headers, &body, sent))
    }
}

/// An answer that is being read. Dropping it drops the connection.
#[derive(Debug)]
pub(crate) struct Incoming {
    response: Response,
    pub(crate) whom: Whom,
    deadline: Option<Instant>,
    idle: Duration,
    received: usize,
}

impl Incoming {
    /// The whole body.
    pub(crate) async fn all(mut self) -> Result<Vec<u8>> {
        self.read(MAX_ANSWER).await
    }

    /// Whether it is one JSON text, by its type: some servers do not stream, whatever they are asked for.
    fn is_json(&self) -> bool {
        let kind = self.response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let media_type = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default();
        media_type.trim().eq_ignore_ascii_case("application/json")
    }

    async fn read(&mut self, most: usize) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        while let Some(chunk) = self.chunk(most).await? {
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    async fn chunk(&mut self, most: usize) -> Result<Option<Bytes>> {
        let idle = Instant::now() + self.idle;
        match within(earlier(self.deadline, Some(idle)), self.response.chunk()).await {
            None => Err(self.whom.timeout("stopped in the middle of its answer")),
            Some(Err(error)) => {
                tracing::debug!(provider = &*self.whom.id, error = %error.without_url(), "the answer broke off");
                Err(self.whom.bad_answer("the connection broke in the middle"))
            }
            Some(Ok(None)) => Ok(None),
            Some(Ok(Some(chunk))) => {
                self.received += chunk.len();
                if self.received > most {
                    return Err(self.whom.bad_answer("it is larger than 10 MB"));
                }
                Ok(Some(chunk))
            }
        }
    }

    /// Reads what is left after the last event, without keeping anybody waiting: a connection that was read to its end
    /// goes back to the pool.
    fn drain(mut self) {
        let rest = async move { while let Ok(Some(_)) = self.response.chunk().await {} };
        let mut rest = Box::pin(rest);
        if rest.as_mut().now_or_never().is_none() {
            tokio::spawn(tokio::time::timeout(DRAIN, rest));
        }
    }
}

/// What an event adds to an answer.
#[derive(Debug, PartialEq)]
pub(crate) enum Step {
    /// More text.
    Text(String),
    /// Nothing to show.
    Nothing,
    /// The answer is complete.
    End,
}

/// Builds an answer from the events of one wire format.
pub(crate) trait Decoder: Send + 'static {
    /// Takes the next event.
    fn event(&mut self, event: &sse::Event) -> Result<Step>;
    /// The answer, after `Step::End` or the end of the stream.
    fn finish(self, ended: bool) -> Result<Answer>;
    /// What the answer used, if the provider has said so for good, although the answer is not complete.
    fn used(&self) -> Option<Usage>;
}

/// Reads an event stream piece by piece; what is no stream but a whole answer is read by `whole`.
pub(crate) fn pieces<D: Decoder>(
    incoming: Incoming,
    decoder: D,
    whole: fn(&Whom, &[u8]) -> Result<Answer>,
) -> BoxStream<Piece> {
    if incoming.is_json() {
        let whom = incoming.whom.clone();
        let answer = async move { incoming.all().await.and_then(|body| whole(&whom, &body)) };
        return stream::once(answer).flat_map(|answer| stream::iter(in_pieces(answer))).boxed();
    }
    let pump = Pump {
        incoming,
        decoder,
        parser: sse::Parser::default(),
        events: Vec::new(),
        ready: VecDeque::new(),
        ended: false,
        eof: false,
    };
    stream::unfold(Some(pump), |pump| async {
        let mut pump = pump?;
        match pump.text().await {
            Ok(Some(text)) => Some((Ok(Piece::Text(text)), Some(pump))),
            Ok(None) => Some((pump.finish(), None)),
            Err(error) => Some((Err(pump.told(error)), None)),
        }
    })
    .boxed()
}

/// A whole answer as a stream gives it.
fn in_pieces(answer: Result<Answer>) -> Vec<Result<Piece>> {
    match answer {
        Err(error) => vec![Err(error)],
        Ok(answer) => {
            let text = Some(answer.text.clone()).filter(|text| !text.is_empty()).map(Piece::Text);
            text.into_iter().chain([Piece::Done(Box::new(answer))]).map(Ok).collect()
        }
    }
}

struct Pump<D> {
    incoming: Incoming,
    decoder: D,
    parser: sse::Parser,
    events: Vec<sse::Event>,
    ready: VecDeque<sse::Event>,
    /// The event that ends an answer came.
    ended: bool,
    /// The body ended.
    eof: bool,
}

impl<D: Decoder> Pump<D> {
    /// The next text; `None` at the end of the answer.
    async fn text(&mut self) -> Result<Option<String>> {
        loop {
            while let Some(event) = self.ready.pop_front() {
                match self.decoder.event(&event)? {
                    Step::Text(text) if !text.is_empty() => return Ok(Some(text)),
                    Step::Text(_) | Step::Nothing => {}
                    Step::End => {
                        self.ended = true;
                        return Ok(None);
                    }
                }
            }
            if self.eof {
                return Ok(None);
            }
            let parsed = match self.incoming.chunk(MAX_ANSWER).await? {
                Some(chunk) => self.parser.push(&chunk, &mut self.events),
                None => {
                    self.eof = true;
                    self.parser.finish(&mut self.events)
                }
            };
            parsed
                .map_err(|sse::TooLong| self.incoming.whom.bad_answer("a line of it is longer than 1 MB"))?;
            self.ready.extend(self.events.drain(..));
        }
    }

    /// The failure with the usage the provider told of before it; its price is the gateway's to add.
    fn told(&self, mut error: Error) -> Error {
        if error.spent.is_none()
            && let Some(usage) = self.decoder.used()
        {
            error = error.spent(Spend { usage: Some(usage), cost: Money::ZERO });
        }
        error
    }

    fn finish(self) -> Result<Piece> {
        let used = self.decoder.used();
        let answer = self.decoder.finish(self.ended).map_err(|error| match used {
            Some(usage) => error.spent(Spend { usage: Some(usage), cost: Money::ZERO }),
            None => error,
        });
        if !self.eof {
            self.incoming.drain();
        }
        answer.map(|answer| Piece::Done(Box::new(answer)))
    }
}

fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

async fn within<T>(until: Option<Instant>, work: impl Future<Output = T>) -> Option<T> {
    match until {
        None => Some(work.await),
        Some(until) => timeout_at(until, work).await.ok(),
    }
}
