//! Puts the gateway together: state, routes, and, in one place, the layers around them.
//! Not here: what any of them does.

use crate::{
    Options, auth, context, docs,
    headers::{self, Policies},
    live::Live,
    observe, openapi, origin,
    rate::Limiter,
    routes, static_files,
};
use axum::{
    Router,
    middleware::{from_fn, from_fn_with_state},
};
use bytes::Bytes;
use nexus_api::{Executor, Llm, Memory, Planner, Scraper, Secrets};
use std::{fmt, net::IpAddr, sync::Arc};
use tokio_rustls::TlsAcceptor;
use tower_http::{catch_panic::CatchPanicLayer, compression::CompressionLayer};

/// The services behind the gateway, in this process or across the network.
#[derive(Clone)]
pub struct Ports {
    /// Workflow definitions.
    pub planner: Arc<dyn Planner>,
    /// Executions.
    pub executor: Arc<dyn Executor>,
    /// Models.
    pub llm: Arc<dyn Llm>,
    /// Memory entries.
    pub memory: Arc<dyn Memory>,
    /// Scraper jobs and their endpoints.
    pub scraper: Arc<dyn Scraper>,
    /// Secrets for tools.
    pub secrets: Arc<dyn Secrets>,
}

impl fmt::Debug for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ports")
    }
}

/// What handlers share.
pub(crate) struct Shared {
    pub(crate) ports: Ports,
    pub(crate) options: Options,
    pub(crate) live: Live,
    pub(crate) origins: origin::Rules,
    pub(crate) policies: Policies,
    pub(crate) per_key: Option<Limiter<String>>,
    pub(crate) per_address: Option<Limiter<IpAddr>>,
    /// The OpenAPI document, written out.
    pub(crate) openapi: Bytes,
}

/// The handlers' state.
pub(crate) type App = Arc<Shared>;

/// A gateway, ready to be served.
#[derive(Clone)]
pub struct Gateway {
    pub(crate) router: Router,
    pub(crate) live: Live,
    pub(crate) drain: std::time::Duration,
    pub(crate) tls: Option<TlsAcceptor>,
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway").field("tls", &self.tls.is_some()).finish_non_exhaustive()
    }
}

impl Gateway {
    /// The routes as a service, for whoever serves them otherwise than with [`crate::serve`].
    pub fn into_router(self) -> Router {
        self.router
    }
}

/// Builds the gateway.
pub fn router(ports: Ports, options: Options) -> Gateway {
    let (routes, document) = routes::all().split_for_parts();
    let live = Live::default();
    let drain = options.timing.drain;
    let tls = options.tls.clone().map(TlsAcceptor::from);
    let app = Arc::new(Shared {
        origins: origin::Rules::new(options.loopback, &options.allowed_origins),
        policies: Policies::new(&static_files::script_hashes()),
        openapi: openapi::write(&document, &options),
        live: live.clone(),
        per_key: options.rates.per_key.map(Limiter::new),
        per_address: options.rates.per_address.map(Limiter::new),
        ports,
        options,
    });
    let router = routes.merge(docs::assets()).fallback(static_files::serve);
    let router = layered(router, &app).with_state(app);
    Gateway { router, live, drain, tls }
}

/// The layers. `Router::layer` wraps what is there already, so the last one written is the first to see a request.
fn layered(router: Router<App>, app: &App) -> Router<App> {
    router
        // 7. Keys: nearest to the handlers, so that nothing that answers by itself needs one.
        .layer(from_fn_with_state(app.clone(), auth::layer))
        // 6. Host, Origin, CORS: before keys, because a preflight carries none, and because a page that may not
        //    talk to us at all shall not learn whether a key is right.
        .layer(from_fn_with_state(app.clone(), origin::layer))
        // 5. Panics become failures here, inside of everything that counts and dresses failures.
        .layer(CatchPanicLayer::custom(observe::panicked))
        // 4. One span, one log line and the metrics of every request, refusals included.
        .layer(from_fn(observe::layer))
        // 3. Request id and trace context; writes the body of failures, whoever caused them.
        .layer(from_fn(context::layer))
        // 2. Security headers on whatever comes out.
        .layer(from_fn_with_state(app.clone(), headers::layer))
        // 1. Compression sees final bodies only; it leaves event streams, upgrades and tiny answers alone.
        .layer(CompressionLayer::new())
}

/// Whether an unknown address belongs to the API: then its 404 is JSON, and it needs a key.
pub(crate) fn is_api(path: &str) -> bool {
    ["/api", "/ws", "/v1"]
        .iter()
        .any(|prefix| path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
}
