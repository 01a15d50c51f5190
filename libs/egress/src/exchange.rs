//! One request and its answer over one connection of its own, which ends with them: HTTP/1.1, bounded in headers, bytes
//! and idle time. Not here: redirects (`client`), connecting (`dial`), decompression (`decode`).

use crate::{
    Error, Target,
    decode::{Coding, Decoder, Fault},
    dial::Dialer,
    limits::{HEADER_BYTES, Limits},
};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, header, response};
use http_body_util::{BodyExt, Full};
use hyper::{
    body::{Body, Incoming},
    client::conn::http1::{Builder, SendRequest},
};
use hyper_util::rt::TokioIo;
use std::error::Error as _;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::timeout,
};
use tokio_util::task::AbortOnDropHandle;

/// An answer whose headers have come.
pub(crate) struct Answer {
    pub(crate) head: response::Parts,
    body: Incoming,
    method: Method,
    host: String,
    /// Moves bytes as long as the answer is there.
    _connection: AbortOnDropHandle<()>,
}

/// Sends a request, gives the answer as soon as its headers are there.
pub(crate) async fn open(
    dialer: &Dialer,
    target: &Target,
    request: Request<Full<Bytes>>,
    limits: &Limits,
) -> Result<Answer, Error> {
    let host = target.host_name();
    let method = request.method().clone();
    let (mut sender, connection) = sender(dialer, target, limits).await?;
    let sent = timeout(limits.first_byte, sender.send_request(request)).await;
    let answer = sent
        .map_err(|_| Error::ResponseTimeout { host: host.clone(), after: limits.first_byte })?
        .map_err(|error| broken(&host, &error))?;
    let (head, body) = answer.into_parts();
    if head.status == StatusCode::SWITCHING_PROTOCOLS {
        let reason = "it changes to another protocol".to_owned();
        return Err(Error::AnswerBroken { host, reason });
    }
    Ok(Answer { head, body, method, host, _connection: connection })
}

/// A connection to the target that speaks HTTP/1.1.
pub(crate) async fn sender<B>(
    dialer: &Dialer,
    target: &Target,
    limits: &Limits,
) -> Result<(SendRequest<B>, AbortOnDropHandle<()>), Error>
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let stream = dialer.connect(target, limits.connect).await?;
    if target.tls {
        handshake(dialer.secure(target, stream, limits.connect).await?, target, limits).await
    } else {
        handshake(stream, target, limits).await
    }
}

async fn handshake<S, B>(
    stream: S,
    target: &Target,
    limits: &Limits,
) -> Result<(SendRequest<B>, AbortOnDropHandle<()>), Error>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (sender, connection) = Builder::new()
        .max_headers(limits.headers)
        .max_header_size(HEADER_BYTES)
        .max_buf_size(HEADER_BYTES)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|error| broken(&target.host_name(), &error))?;
    let running = tokio::spawn(async move {
        // Whoever waits for the answer gets the error as well.
        drop(connection.await);
    });
    Ok((sender, AbortOnDropHandle::new(running)))
}

impl Answer {
    /// The whole body, decompressed, and how many bytes came over the wire for it.
    pub(crate) async fn read(mut self, limits: &Limits) -> Result<(response::Parts, Bytes, u64), Error> {
        let host = self.host;
        let too_large = || Error::ResponseTooLarge { host: host.clone(), limit: limits.wire_bytes };
        let coding = Coding::of(&self.head.headers)
            .map_err(|encoding| Error::EncodingUnsupported { host: host.clone(), encoding })?;
        let bodiless = self.method == Method::HEAD || self.body.is_end_stream();
        if !bodiless && announced(&self.head.headers).is_some_and(|length| length > limits.wire_bytes) {
            return Err(too_large());
        }
        let fault = |fault| match fault {
            Fault::TooLarge if coding == Coding::Identity => {
                Error::ResponseTooLarge { host: host.clone(), limit: limits.body_bytes as u64 }
            }
            Fault::TooLarge => Error::DecompressedTooLarge { host: host.clone(), limit: limits.body_bytes },
            Fault::Broken(reason) => Error::AnswerBroken { host: host.clone(), reason: reason.to_owned() },
        };
        let mut decoder = Decoder::new(if bodiless { Coding::Identity } else { coding }, limits.body_bytes);
        let mut wire_bytes = 0;
        loop {
            let next = timeout(limits.idle, self.body.frame()).await;
            let frame =
                match next.map_err(|_| Error::BodyStalled { host: host.clone(), after: limits.idle })? {
                    None => break,
                    Some(frame) => frame.map_err(|error| broken(&host, &error))?,
                };
            let Ok(piece) = frame.into_data() else { continue };
            wire_bytes += piece.len() as u64;
            if wire_bytes > limits.wire_bytes {
                return Err(too_large());
            }
            decoder.push(&piece).map_err(fault)?;
        }
        let body = decoder.finish().map_err(fault)?;
        if !bodiless && coding != Coding::Identity {
            // They are about what came, not about what is handed on.
            self.head.headers.remove(header::CONTENT_ENCODING);
            self.head.headers.remove(header::CONTENT_LENGTH);
        }
        Ok((self.head, body.into(), wire_bytes))
    }
}

fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// What went wrong while speaking HTTP.
pub(crate) fn broken(host: &str, error: &hyper::Error) -> Error {
    let host = host.to_owned();
    if error.is_parse_too_large() {
        return Error::HeadersTooLarge { host };
    }
    let reason = if error.is_incomplete_message() || error.is_closed() || error.is_canceled() {
        "the connection was closed before its end".to_owned()
    } else {
        error.source().map_or_else(|| error.to_string(), ToString::to_string)
    };
    Error::AnswerBroken { host, reason }
}
