//! What carries requests, whether a connection or a server in the same process. Not here: which one is taken
//! (`client::pool`).

use futures::future::BoxFuture;
use std::task::{Context, Poll};
use tonic::body::Body;
use tower::{Service, ServiceExt, util::BoxCloneSyncService};

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Request = http::Request<Body>;
type Response = http::Response<Body>;

/// Boxed, because the stacks below have long types, and clients need not know them. Clones share the connection.
#[derive(Clone, Debug)]
pub(crate) struct Transport(BoxCloneSyncService<Request, Response, BoxError>);

impl Transport {
    pub(crate) fn new<S>(service: S) -> Self
    where
        S: Service<Request, Response = Response, Error: Into<BoxError>> + Clone + Send + Sync + 'static,
        S::Future: Send + 'static,
    {
        Self(BoxCloneSyncService::new(service.map_err(Into::into)))
    }
}

impl Service<Request> for Transport {
    type Response = Response;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Response, BoxError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        self.0.call(request)
    }
}
