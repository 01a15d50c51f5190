//! The servers of one service: who is asked, who is asked next when one cannot be reached, and what is repeated.
//! Not here: what is asked.

use super::ClientOptions;
use crate::{
    meta::{self, Shape},
    status::{Failure, from_status},
    tls,
    transport::Transport,
};
use http::header::AUTHORIZATION;
use nexus_api::{CallCtx, Code, Error, Result};
use nexus_runtime::trace;
use secrecy::ExposeSecret;
use std::{
    future::Future,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::time::Instant;
use tonic::{
    Request, Response, Status,
    metadata::{Ascii, MetadataValue},
    transport::Endpoint,
};
use tracing::Span;

/// How long a server that could not be reached is asked last.
const AVOID_FOR: Duration = Duration::from_secs(2);
/// Pause before all are asked a second time: long enough for a server that is being replaced to listen again.
const SECOND_ROUND: Duration = Duration::from_millis(100);

/// What may be asked again after the connection broke and nobody knows whether the first time counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// Doing it twice is the same as doing it once.
    Safe,
    /// Only what certainly did not arrive.
    IfNotSent,
}

/// The servers of one service.
#[derive(Debug)]
pub(crate) struct Pool {
    servers: Vec<Server>,
    next: AtomicUsize,
    bearer: Option<MetadataValue<Ascii>>,
    pub(super) resume_for: Duration,
}

#[derive(Debug)]
struct Server {
    transport: Transport,
    avoid_until: Mutex<Option<Instant>>,
}

impl Server {
    fn new(transport: Transport) -> Self {
        Self { transport, avoid_until: Mutex::new(None) }
    }

    fn avoided(&self) -> bool {
        self.avoid_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_some_and(|until| until > Instant::now())
    }

    fn avoid(&self, until: Option<Instant>) {
        *self.avoid_until.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }
}

impl Pool {
    /// The servers at these URLs, separated by commas. `service` is for messages.
    pub(super) fn connect(service: &str, urls: &str, options: &ClientOptions) -> Result<Self> {
        let urls = urls.split(',').map(str::trim).filter(|url| !url.is_empty());
        let servers = urls.map(|url| server(service, url, options)).collect::<Result<Vec<_>>>()?;
        if servers.is_empty() {
            return Err(Error::new(Code::Invalid, format!("no URL of the {service} service is given")));
        }
        let bearer = options.api_key.as_ref().map(|key| {
            let mut bearer =
                MetadataValue::try_from(format!("Bearer {}", key.expose_secret())).map_err(|_| {
                    Error::new(
                        Code::Invalid,
                        format!("the key for the {service} service holds unusual characters"),
                    )
                })?;
            bearer.set_sensitive(true);
            Ok::<_, Error>(bearer)
        });
        Ok(Self {
            servers,
            next: AtomicUsize::new(0),
            bearer: bearer.transpose()?,
            resume_for: options.resume_for,
        })
    }

    /// A single server that cannot go away.
    pub(crate) fn of(transport: Transport) -> Self {
        Self {
            servers: vec![Server::new(transport)],
            next: AtomicUsize::new(0),
            bearer: None,
            resume_for: ClientOptions::default().resume_for,
        }
    }

    /// Asks the servers until one answers; see [`Repeat`] for what is asked again.
    pub(super) async fn call<M, A, F, Fut>(
        &self,
        ctx: &CallCtx,
        repeat: Repeat,
        shape: Shape,
        message: M,
        send: F,
    ) -> Result<A>
    where
        M: Clone,
        F: Fn(Transport, Request<M>) -> Fut,
        Fut: Future<Output = Result<Response<A>, Status>>,
    {
        let mut round: Vec<&Server> = self.round();
        let mut first_round = true;
        loop {
            let mut again = Vec::new();
            let mut error = None;
            for server in round {
                let request = self.request(ctx, shape, message.clone());
                let status = match send(server.transport.clone(), request).await {
                    Ok(response) => {
                        server.avoid(None);
                        return Ok(response.into_inner());
                    }
                    Err(status) => status,
                };
                let failure = Failure::of(&status);
                tracing::debug!(?failure, code = ?status.code(), "a call failed");
                match failure {
                    Failure::NotSent => server.avoid(Some(Instant::now() + AVOID_FOR)),
                    Failure::Lost if repeat == Repeat::Safe => {}
                    // Another server may be in a better state than one that says it is not.
                    Failure::Answered
                        if repeat == Repeat::Safe && status.code() == tonic::Code::Unavailable => {}
                    Failure::Lost | Failure::Answered => return Err(from_status(&status)),
                }
                if failure != Failure::Answered {
                    again.push(server);
                }
                error = Some(from_status(&status));
            }
            if !first_round || again.is_empty() {
                return Err(error.unwrap_or_else(|| Error::internal("a pool without servers")));
            }
            first_round = false;
            tokio::time::sleep(SECOND_ROUND).await;
            round = again;
        }
    }

    /// All servers, beginning with another one each time; those that could not be reached lately come last.
    fn round(&self) -> Vec<&Server> {
        let begin = self.next.fetch_add(1, Ordering::Relaxed) % self.servers.len().max(1);
        let (late, early) = self.servers.split_at(begin);
        let (avoided, good): (Vec<_>, Vec<_>) = early.iter().chain(late).partition(|server| server.avoided());
        good.into_iter().chain(avoided).collect()
    }

    fn request<M>(&self, ctx: &CallCtx, shape: Shape, message: M) -> Request<M> {
        let mut request = Request::new(message);
        match trace::traceparent_of(&Span::current()) {
            // The call is made within our span; without an exporter the caller's goes on as it came.
            Some(own) => {
                let ctx = CallCtx { traceparent: Some(own), ..ctx.clone() };
                meta::write(&ctx, shape, &mut request);
            }
            None => meta::write(ctx, shape, &mut request),
        }
        if let Some(Ok(baggage)) = trace::baggage().map(MetadataValue::try_from) {
            request.metadata_mut().insert(trace::BAGGAGE, baggage);
        }
        if let Some(bearer) = &self.bearer {
            request.metadata_mut().insert(AUTHORIZATION.as_str(), bearer.clone());
        }
        request
    }
}

fn server(service: &str, url: &str, options: &ClientOptions) -> Result<Server> {
    let wrong = |why: &str| {
        Error::new(Code::Invalid, format!("`{url}` is no URL of the {service} service: {why}"))
            .suggest("a URL looks like http://host:port; separate several with commas")
    };
    let address = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
    let secure = address.starts_with("https://");
    if !secure && !address.starts_with("http://") {
        return Err(wrong("it begins with neither http:// nor https://"));
    }
    if !secure && options.tls.is_some() {
        // Whoever has certificates expects that nothing goes without them.
        return Err(wrong("with certificates for the mesh it must begin with https://"));
    }
    let mut endpoint = Endpoint::from_shared(address).map_err(|_| wrong("it cannot be read"))?;
    if secure {
        let tls = tls::client(options.tls.as_ref());
        endpoint = endpoint.tls_config(tls).map_err(|_| wrong("its certificates cannot be used"))?;
    }
    if endpoint.uri().host().is_none() {
        return Err(wrong("it names no host"));
    }
    let channel = endpoint
        .connect_timeout(options.connect_timeout)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(options.keepalive)
        .keep_alive_timeout(options.keepalive)
        .keep_alive_while_idle(true)
        .initial_stream_window_size(1 << 20)
        .initial_connection_window_size(8 << 20)
        // Errors with many details travel in headers.
        .http2_max_header_list_size(1 << 20)
        .connect_lazy();
    Ok(Server::new(Transport::new(channel)))
}
