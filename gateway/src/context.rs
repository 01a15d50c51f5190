//! What is known about a request before any handler sees it: its id and its place in a trace; and the outermost
//! layer, which gives every answer that id and every failure its body.
//! Not here: who calls (`auth` adds the name).

use crate::{app::App, error};
use axum::{
    extract::{FromRequestParts, Request},
    middleware::Next,
    response::Response,
};
use http::{HeaderMap, HeaderName, HeaderValue, request::Parts};
use nexus_api::{CallCtx, Workspace};
use std::convert::Infallible;
use uuid::Uuid;

/// The header that names a request, both ways.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACEPARENT: HeaderName = HeaderName::from_static(nexus_runtime::trace::TRACEPARENT);
const LONGEST_REQUEST_ID: usize = 128;

/// Identity of a request.
#[derive(Debug, Clone)]
pub(crate) struct RequestContext {
    /// Given by the client, or new.
    pub(crate) request_id: String,
    /// W3C trace context: as given, then that of our own span (`observe`).
    pub(crate) traceparent: Option<String>,
}

/// Who has made a request.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// Name of the API key, or subject of the token.
    pub(crate) name: String,
    /// Whose things they see.
    pub(crate) workspace: Workspace,
}

/// The outermost layer of those that know requests.
pub(crate) async fn layer(mut request: Request, next: Next) -> Response {
    let context = RequestContext::read(request.headers());
    let style = error::Style::of(request.uri().path());
    request.extensions_mut().insert(context.clone());
    let mut response = error::render(next.run(request).await, &context, style);
    if let Ok(id) = HeaderValue::from_str(&context.request_id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

impl RequestContext {
    fn read(headers: &HeaderMap) -> Self {
        let given = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok());
        // Anything else could forge lines in a log.
        let sane = given.filter(|id| {
            !id.is_empty() && id.len() <= LONGEST_REQUEST_ID && id.bytes().all(|byte| byte.is_ascii_graphic())
        });
        let traceparent = headers.get(TRACEPARENT).and_then(|value| value.to_str().ok());
        Self {
            request_id: sane.map_or_else(|| Uuid::now_v7().to_string(), str::to_owned),
            traceparent: traceparent.filter(|text| is_traceparent(text)).map(str::to_owned),
        }
    }
}

/// `version-trace_id-parent_id-flags`, lower-case hexadecimal, ids not zero.
fn is_traceparent(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let hex = |part: &str, digits: usize| {
        part.len() == digits && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    match parts.as_slice() {
        [version, trace, parent, flags, ..] => {
            let shape = hex(version, 2) && hex(trace, 32) && hex(parent, 16) && hex(flags, 2);
            let zero = |part: &str| part.bytes().all(|byte| byte == b'0');
            shape
                && *version != "ff"
                && !zero(trace)
                && !zero(parent)
                && (*version != "00" || parts.len() == 4)
        }
        _ => false,
    }
}

/// Context of a port's call that ends with the request: with the usual deadline.
#[derive(Debug)]
pub(crate) struct Call(pub(crate) CallCtx);

/// Context of a port's call whose answer is a live stream: without deadline.
#[derive(Debug)]
pub(crate) struct Watch(pub(crate) CallCtx);

impl FromRequestParts<App> for Call {
    type Rejection = Infallible;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        Ok(Self(call_ctx(parts).with_timeout(app.options.timing.call)))
    }
}

impl FromRequestParts<App> for Watch {
    type Rejection = Infallible;
    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Infallible> {
        Ok(Self(call_ctx(parts)))
    }
}

fn call_ctx(parts: &Parts) -> CallCtx {
    let context = parts.extensions.get::<RequestContext>();
    let caller = parts.extensions.get::<Caller>();
    CallCtx {
        deadline: None,
        principal: caller.map(|caller| caller.name.clone()),
        workspace: caller.map(|caller| caller.workspace.clone()).unwrap_or_default(),
        traceparent: context.and_then(|context| context.traceparent.clone()),
        request_id: context.map(|context| context.request_id.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_well_formed_trace_contexts_are_passed_on() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert!(is_traceparent(good));
        for bad in [
            "",
            "00-4bf9-00f0-01",
            &good.to_uppercase(),
            &good.replace("00f067aa0ba902b7", "0000000000000000"),
            &format!("{good}-x"),
        ] {
            assert!(!is_traceparent(bad), "{bad}");
        }
    }
}
