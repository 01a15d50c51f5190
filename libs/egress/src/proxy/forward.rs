//! Requests that the proxy sees whole: what is between program and proxy only is taken out, the rest goes to the pinned
//! address. Not here: tunnels (`tunnel`).

use super::{
    Answer, Proxy,
    paced::Paced,
    record::{Entry, Way},
};
use crate::{Error, Target, Turn, exchange};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use std::sync::Arc;
use tokio::time::{Instant, timeout};
use url::Position;

impl Proxy {
    pub(super) async fn forward(
        &self,
        request: Request<Incoming>,
        target: &Target,
        entry: &Arc<Entry>,
        turn: Turn,
        deadline: Instant,
    ) -> Result<Answer, Error> {
        let limits = &self.limits.request;
        let host = target.host_name();
        if request.method() == Method::TRACE {
            return Err(Error::RequestInvalid { reason: "TRACE is not forwarded. Use GET".to_owned() });
        }
        if request.body().size_hint().lower() > self.limits.sent_bytes {
            return Err(Error::BytesExhausted { limit: self.limits.sent_bytes });
        }
        let request = self.prepare(request, target, |body| {
            Paced::new(body, Way::Out, (entry, &self.meter), limits, deadline, ())
        })?;
        let (mut sender, connection) = exchange::sender(&self.dialer, target, limits).await?;
        let sent = timeout(limits.first_byte, sender.send_request(request)).await;
        let answer = sent
            .map_err(|_| Error::ResponseTimeout { host: host.clone(), after: limits.first_byte })?
            .map_err(|error| exchange::broken(&host, &error))?;
        let (mut head, body) = answer.into_parts();
        if head.status == StatusCode::SWITCHING_PROTOCOLS {
            let reason = "it changes to another protocol".to_owned();
            return Err(Error::AnswerBroken { host, reason });
        }
        strip(&mut head.headers);
        // The program shall not take a server's header for the proxy's word.
        head.headers.remove(super::CODE_HEADER);
        head.version = http::Version::HTTP_11;
        entry.answered(head.status);
        let held = (turn, connection);
        let body = Paced::new(body, Way::In, (entry, &self.meter), limits, deadline, held);
        Ok(Response::from_parts(head, body.boxed_unsync()))
    }

    fn prepare<B>(
        &self,
        request: Request<Incoming>,
        target: &Target,
        pace: impl FnOnce(Incoming) -> B,
    ) -> Result<Request<B>, Error> {
        let (mut head, body) = request.into_parts();
        strip(&mut head.headers);
        // The address of the request line counts (RFC 9112, 3.2.2); a Host that says something else does not.
        let host = &target.url[Position::BeforeHost..Position::AfterPort];
        let host = HeaderValue::from_str(host).map_err(|error| Error::url(error.to_string()))?;
        head.headers.insert(header::HOST, host);
        if let Some(name) = &self.user_agent {
            head.headers.insert(header::USER_AGENT, name.clone());
        }
        head.uri = target.url[Position::BeforePath..Position::AfterQuery]
            .parse()
            .map_err(|error: http::uri::InvalidUri| Error::url(error.to_string()))?;
        head.version = http::Version::HTTP_11;
        head.extensions.clear();
        Ok(Request::from_parts(head, pace(body)))
    }
}

/// Takes out what is meant for the next hop only (RFC 9110, 7.6.1), and what ends messages: that is decided anew.
fn strip(headers: &mut HeaderMap) {
    const HOP: [HeaderName; 7] = [
        header::CONNECTION,
        header::TE,
        header::TRAILER,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
        header::EXPECT,
        HeaderName::from_static("keep-alive"),
    ];
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .filter_map(|name| name.trim().parse().ok())
        // Not those that would change what the message is.
        .filter(|name| *name != header::CONTENT_LENGTH && *name != header::HOST)
        .collect();
    let proxys: Vec<_> = headers.keys().filter(|name| name.as_str().starts_with("proxy-")).cloned().collect();
    for name in HOP.into_iter().chain(named).chain(proxys) {
        headers.remove(name);
    }
}
