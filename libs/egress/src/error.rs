//! What can go wrong with a request to an untrusted target: one stable code and one sentence for a person each.
//! Sentences name hosts, never paths or queries, which may hold secrets. Not here: what a caller makes of it.

use crate::address::Special;
use std::time::Duration;

/// Why a request was refused, cut or failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not an address at all, or one that parsers disagree about.
    #[error("this is not a usable address: {reason}. Give an absolute one such as https://example.com/path")]
    UrlInvalid {
        /// What is wrong with it.
        reason: String,
    },
    /// Neither http nor https.
    #[error("`{scheme}:` addresses are not fetched. Use http:// or https://")]
    SchemeRefused {
        /// The scheme.
        scheme: String,
    },
    /// `user:password@` in the address.
    #[error(
        "the address has a user name in front of its host. Take it out and send an Authorization header instead"
    )]
    UserinfoRefused,
    /// The request itself cannot be sent.
    #[error("the request cannot be sent: {reason}")]
    RequestInvalid {
        /// Why, and what to do.
        reason: String,
    },
    /// The host is, or leads to, an address that is not public.
    #[error(
        "{authority} leads to {special}, and only public addresses are reached. If it is meant, the operator can add it \
         to NEXUS_EGRESS_ALLOW"
    )]
    AddressRefused {
        /// `host:port`.
        authority: String,
        /// What it is instead.
        special: Special,
    },
    /// The port belongs to something that is not the web.
    #[error(
        "port {port} is not one for web pages. If {authority} is meant, the operator can add it to NEXUS_EGRESS_ALLOW"
    )]
    PortRefused {
        /// `host:port`.
        authority: String,
        /// The port.
        port: u16,
    },
    /// The name has no address, or nobody could say.
    #[error("the name {host} was not found: {reason}. Check its spelling")]
    DnsFailed {
        /// The name.
        host: String,
        /// What the resolver said.
        reason: String,
    },
    /// Nobody answers there.
    #[error("could not connect to {authority}: {reason}. Check that the server is up")]
    ConnectFailed {
        /// `host:port`.
        authority: String,
        /// What the system said.
        reason: String,
    },
    /// Connecting took too long.
    #[error("connecting to {authority} took longer than {} s. Check that the server is up", seconds(.after))]
    ConnectTimeout {
        /// `host:port`.
        authority: String,
        /// The limit.
        after: Duration,
    },
    /// No secure connection.
    #[error("no secure connection to {authority}: {reason}. Check the server's certificate")]
    TlsFailed {
        /// `host:port`.
        authority: String,
        /// What TLS said.
        reason: String,
    },
    /// The answer did not begin in time.
    #[error("{host} did not answer within {} s. Try again later, or raise the time limit", seconds(.after))]
    ResponseTimeout {
        /// The host.
        host: String,
        /// The limit.
        after: Duration,
    },
    /// The answer began and then stood still.
    #[error("{host} stopped in the middle of its answer for {} s. Try again later", seconds(.after))]
    BodyStalled {
        /// The host.
        host: String,
        /// The limit.
        after: Duration,
    },
    /// Everything together took too long.
    #[error("the request to {host} was cut after {} s. Ask for less, or raise the time limit", seconds(.after))]
    TimedOut {
        /// The host.
        host: String,
        /// The limit.
        after: Duration,
    },
    /// More bytes over the wire than allowed.
    #[error("the answer of {host} is larger than {limit} bytes and was cut. Ask for a smaller part of it")]
    ResponseTooLarge {
        /// The host.
        host: String,
        /// The limit in bytes.
        limit: u64,
    },
    /// More bytes after decompression than allowed.
    #[error(
        "the answer of {host} decompresses to more than {limit} bytes and was cut. Ask for a smaller part of it"
    )]
    DecompressedTooLarge {
        /// The host.
        host: String,
        /// The limit in bytes.
        limit: usize,
    },
    /// More headers than allowed.
    #[error("the answer of {host} has more or longer headers than are read. Its server is at fault")]
    HeadersTooLarge {
        /// The host.
        host: String,
    },
    /// Too many redirects.
    #[error("{host} redirects more than {limit} times. Use the address where it ends")]
    TooManyRedirects {
        /// The host.
        host: String,
        /// The limit.
        limit: usize,
    },
    /// A redirect to where it came from.
    #[error("{host} redirects in a circle. It may want a cookie or a login, which are not kept")]
    RedirectLoop {
        /// The host.
        host: String,
    },
    /// A redirect from https to http.
    #[error(
        "{host} redirects from https to http, which others can read. If that is meant, use the http address"
    )]
    RedirectDowngrade {
        /// The host that redirects.
        host: String,
    },
    /// A redirect to something that is not an address.
    #[error("{host} redirects to something that is not an address: {reason}. Its server is at fault")]
    RedirectInvalid {
        /// The host that redirects.
        host: String,
        /// What is wrong.
        reason: String,
    },
    /// Compressed in a way that was not asked for.
    #[error(
        "{host} compresses its answer in a way that is not understood ({encoding}). Its server is at fault"
    )]
    EncodingUnsupported {
        /// The host.
        host: String,
        /// What its `Content-Encoding` says.
        encoding: String,
    },
    /// The answer cannot be read to its end.
    #[error("the answer of {host} is broken: {reason}. Try again; if it stays, its server is at fault")]
    AnswerBroken {
        /// The host.
        host: String,
        /// What is wrong.
        reason: String,
    },
    /// The host's turn would come too late.
    #[error(
        "too many requests to {host} are waiting; the next turn is in {} s. Send fewer, or raise the time limit",
        seconds(.wait)
    )]
    RateLimited {
        /// The host.
        host: String,
        /// How long it would take at least.
        wait: Duration,
    },
    /// robots.txt says no.
    #[error(
        "{host} forbids robots to fetch this (robots.txt). Ask its owner, or switch the check off if you may"
    )]
    RobotsForbidden {
        /// The host.
        host: String,
    },
    /// The server is not able to say what its robots.txt says, which counts as a no.
    #[error("the robots.txt of {host} could not be read, which counts as a no: {reason}. Try again later")]
    RobotsUnknown {
        /// The host.
        host: String,
        /// What happened.
        reason: String,
    },
    /// All requests together have transferred too much.
    #[error("this run has transferred more than {limit} bytes and was cut. Fetch fewer or smaller pages")]
    BytesExhausted {
        /// The limit in bytes.
        limit: u64,
    },
    /// Too many requests altogether.
    #[error("this run has sent more than {limit} requests. Fetch fewer pages")]
    RequestsExhausted {
        /// The limit.
        limit: u64,
    },
    /// A tunnel to one host that is used for another one.
    #[error("a tunnel to {host} was used to ask for {asked}. Ask for the host that the tunnel leads to")]
    SniMismatch {
        /// The host of the tunnel.
        host: String,
        /// What the TLS client asked for.
        asked: String,
    },
    /// A tunnel that is not used for TLS.
    #[error(
        "a tunnel to {host} was used for something else than TLS. Send http:// requests without a tunnel"
    )]
    TlsRequired {
        /// The host of the tunnel.
        host: String,
    },
}

impl Error {
    pub(crate) fn url(reason: String) -> Self {
        Error::UrlInvalid { reason }
    }

    /// The stable name of what went wrong.
    pub fn code(&self) -> &'static str {
        match self {
            Error::UrlInvalid { .. } => "url_invalid",
            Error::SchemeRefused { .. } => "scheme_refused",
            Error::UserinfoRefused => "userinfo_refused",
            Error::RequestInvalid { .. } => "request_invalid",
            Error::AddressRefused { .. } => "address_refused",
            Error::PortRefused { .. } => "port_refused",
            Error::DnsFailed { .. } => "dns_failed",
            Error::ConnectFailed { .. } => "connect_failed",
            Error::ConnectTimeout { .. } => "connect_timeout",
            Error::TlsFailed { .. } => "tls_failed",
            Error::ResponseTimeout { .. } => "response_timeout",
            Error::BodyStalled { .. } => "body_stalled",
            Error::TimedOut { .. } => "timed_out",
            Error::ResponseTooLarge { .. } => "response_too_large",
            Error::DecompressedTooLarge { .. } => "decompressed_too_large",
            Error::HeadersTooLarge { .. } => "headers_too_large",
            Error::TooManyRedirects { .. } => "too_many_redirects",
            Error::RedirectLoop { .. } => "redirect_loop",
            Error::RedirectDowngrade { .. } => "redirect_downgrade",
            Error::RedirectInvalid { .. } => "redirect_invalid",
            Error::EncodingUnsupported { .. } => "encoding_unsupported",
            Error::AnswerBroken { .. } => "answer_broken",
            Error::RateLimited { .. } => "rate_limited",
            Error::RobotsForbidden { .. } => "robots_forbidden",
            Error::RobotsUnknown { .. } => "robots_unknown",
            Error::BytesExhausted { .. } => "bytes_exhausted",
            Error::RequestsExhausted { .. } => "requests_exhausted",
            Error::SniMismatch { .. } => "sni_mismatch",
            Error::TlsRequired { .. } => "tls_required",
        }
    }

    /// Whether the same request may succeed later.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Error::DnsFailed { .. }
                | Error::ConnectFailed { .. }
                | Error::ConnectTimeout { .. }
                | Error::ResponseTimeout { .. }
                | Error::BodyStalled { .. }
                | Error::TimedOut { .. }
                | Error::AnswerBroken { .. }
                | Error::RateLimited { .. }
                | Error::RobotsUnknown { .. }
        )
    }

    /// Whether nothing was sent: no byte of the request has left when this is the answer.
    pub fn is_before_sending(&self) -> bool {
        matches!(
            self,
            Error::UrlInvalid { .. }
                | Error::SchemeRefused { .. }
                | Error::UserinfoRefused
                | Error::RequestInvalid { .. }
                | Error::AddressRefused { .. }
                | Error::PortRefused { .. }
                | Error::DnsFailed { .. }
                | Error::ConnectFailed { .. }
                | Error::ConnectTimeout { .. }
                | Error::TlsFailed { .. }
                | Error::RateLimited { .. }
                | Error::RobotsForbidden { .. }
                | Error::RobotsUnknown { .. }
                | Error::RequestsExhausted { .. }
        )
    }
}

/// Seconds, whole if they are.
fn seconds(duration: &Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds.fract() == 0.0 { format!("{seconds}") } else { format!("{seconds:.1}") }
}

#[cfg(test)]
mod tests {
    /// Codes are what outsiders hold on to: each is documented, each is there once.
    #[test]
    fn every_code_is_documented() {
        let documented = include_str!("../../../docs/egress.md");
        let codes: Vec<_> = include_str!("error.rs")
            .lines()
            .filter_map(|line| line.trim().strip_prefix("Error::")?.strip_suffix("\",")?.split_once("=> \""))
            .map(|(_, code)| code)
            .collect();
        assert!(codes.len() > 20, "the codes are not where this test looks: {codes:?}");
        for code in &codes {
            assert!(documented.contains(&format!("`{code}`")), "{code} is not documented");
            assert_eq!(codes.iter().filter(|other| *other == code).count(), 1, "{code} is there twice");
        }
    }
}
