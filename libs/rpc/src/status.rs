//! `nexus_api::Error` as a gRPC status with `google.rpc` details, and back without loss. Statuses that others made
//! (tonic's transport, a proxy) become the error that says the same.
//! Not here: which code has which number (`nexus_api::Code`).

use nexus_api::{Code, Error, Spend};
use nexus_model::{Money, price::Usage};
use std::{collections::HashMap, error::Error as _};
use tonic::{ConnectError, Status, TimeoutExpired};
use tonic_types::{ErrorDetails, StatusExt};

/// `domain` of our `ErrorInfo`s.
const DOMAIN: &str = "nexus";
/// Reason of an error that says a service could not be reached at all.
pub(crate) const UNREACHABLE: &str = "unreachable";

/// Bytes that an error may take in the trailers if the caller does not say otherwise. gRPC clients refuse trailers
/// above 8 KiB in the worst case, and base64 adds a third.
pub(crate) const ROOM: usize = 4 << 10;
/// Most that a caller can ask for.
pub(crate) const MOST_ROOM: usize = 256 << 10;

/// The status that says the same. What takes more than `room` bytes is cut: first the list of details, whose last
/// entry then says how many are missing, and last the message.
pub(crate) fn to_status(error: Error, request_id: Option<&str>, room: usize) -> Status {
    let message = shortened(error.message, room / 4);
    let mut metadata = HashMap::from([("retryable".to_owned(), error.retryable.to_string())]);
    if let Some(reason) = error.reason {
        metadata.insert("reason".to_owned(), shortened(reason, room / 8));
    }
    if let Some(suggestion) = error.suggestion {
        metadata.insert("suggestion".to_owned(), shortened(suggestion, room / 8));
    }
    if let Some(spent) = error.spent {
        metadata.insert("spent_picos".to_owned(), spent.cost.picos().to_string());
        if let Some(usage) = spent.usage {
            metadata.insert("spent_usage".to_owned(), usage_text(&usage));
        }
    }
    let mut details = ErrorDetails::with_error_info(error.code.as_str(), DOMAIN, metadata);

    let (mut left, count) = (room / 2, error.details.len());
    for (ix, detail) in error.details.into_iter().enumerate() {
        // 16: what protobuf adds around a violation, generously.
        let size = detail.path.len() + detail.message.len() + 16;
        if size > left {
            details.add_bad_request_violation("", format!("and {} more", count - ix));
            break;
        }
        left -= size;
        details.add_bad_request_violation(detail.path, detail.message);
    }
    if error.retry_after.is_some() {
        details.set_retry_info(error.retry_after);
    }
    if let Some(request_id) = request_id {
        details.set_request_info(request_id, "");
    }
    Status::with_error_details(tonic::Code::from(error.code.grpc_code()), message, details)
}

/// The counts in the order of `Usage`'s fields.
fn usage_text(usage: &Usage) -> String {
    let Usage { input, cached_input, cache_write, cache_write_long, output, reasoning } = usage;
    format!("{input} {cached_input} {cache_write} {cache_write_long} {output} {reasoning}")
}

fn usage(text: &str) -> Option<Usage> {
    let mut counts = text.split(' ').map(str::parse::<u64>);
    let mut next = || counts.next()?.ok();
    Some(Usage {
        input: next()?,
        cached_input: next()?,
        cache_write: next()?,
        cache_write_long: next()?,
        output: next()?,
        reasoning: next()?,
    })
}

fn spent(metadata: &HashMap<String, String>) -> Option<Box<Spend>> {
    let picos = metadata.get("spent_picos")?.parse().ok()?;
    let usage = match metadata.get("spent_usage") {
        // Counts that cannot be read are not known to be nothing.
        Some(text) => Some(usage(text)?),
        None => None,
    };
    Some(Box::new(Spend { usage, cost: Money::from_picos(picos) }))
}

fn shortened(mut text: String, most: usize) -> String {
    if text.len() > most {
        let mut end = most;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push('…');
    }
    text
}

/// The error that the status says.
pub(crate) fn from_status(status: &Status) -> Error {
    ours(status).unwrap_or_else(|| match Failure::of(status) {
        Failure::NotSent => Error::unavailable("a service that this needs cannot be reached")
            .reason(UNREACHABLE)
            .suggest("check that the service runs and that its NEXUS_…_URL is right")
            .unspent(),
        Failure::Lost => {
            Error::unavailable("the connection to a service that this needs was lost").reason(UNREACHABLE)
        }
        Failure::Answered => foreign(status),
    })
}

/// An error that one of our servers made.
fn ours(status: &Status) -> Option<Error> {
    let details = status.check_error_details().ok()?;
    let info = details.error_info().filter(|info| info.domain == DOMAIN)?;
    let mut error = Error::new(Code::parse(&info.reason)?, status.message());
    error.reason = info.metadata.get("reason").cloned();
    error.suggestion = info.metadata.get("suggestion").cloned();
    if let Some(retryable) = info.metadata.get("retryable") {
        error.retryable = retryable == "true";
    }
    for violation in details.bad_request().map(|bad| bad.field_violations.as_slice()).unwrap_or_default() {
        error = error.detail(&violation.field, &violation.description);
    }
    error.retry_after = details.retry_info().and_then(|info| info.retry_delay);
    error.spent = spent(&info.metadata);
    Some(error)
}

fn foreign(status: &Status) -> Error {
    if in_chain::<TimeoutExpired>(status) || status.message() == "Timeout expired" {
        return Error::new(Code::DeadlineExceeded, "the call took longer than its deadline");
    }
    let code = match status.code() {
        tonic::Code::Cancelled => Code::Cancelled,
        tonic::Code::InvalidArgument => Code::Invalid,
        tonic::Code::DeadlineExceeded => Code::DeadlineExceeded,
        tonic::Code::NotFound => Code::NotFound,
        tonic::Code::AlreadyExists | tonic::Code::FailedPrecondition | tonic::Code::Aborted => Code::Conflict,
        tonic::Code::PermissionDenied => Code::Forbidden,
        tonic::Code::ResourceExhausted => Code::RateLimited,
        // What tonic says of a message above the limit of size.
        tonic::Code::OutOfRange => Code::TooLarge,
        tonic::Code::Unimplemented => Code::Unimplemented,
        tonic::Code::Unavailable => return Error::unavailable(status.message()),
        tonic::Code::Unauthenticated => Code::Unauthenticated,
        tonic::Code::Ok | tonic::Code::Unknown | tonic::Code::Internal | tonic::Code::DataLoss => {
            return Error::internal(format_args!("a foreign status: {} {}", status.code(), status.message()));
        }
    };
    Error::new(code, status.message())
}

/// How far a call came before it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// No connection: the server knows nothing of it.
    NotSent,
    /// The connection broke: the server may or may not have done it.
    Lost,
    /// The other side (a server or a proxy) said no.
    Answered,
}

impl Failure {
    pub(crate) fn of(status: &Status) -> Self {
        if in_chain::<ConnectError>(status) {
            Self::NotSent
        } else if in_chain::<TimeoutExpired>(status) {
            Self::Answered
        } else if status.source().is_some() || status.message().contains("missing grpc-status trailer") {
            // Only statuses that were made on this side have a source. The second is a stream cut short in a way
            // that HTTP/2 takes for its end.
            Self::Lost
        } else {
            Self::Answered
        }
    }
}

fn in_chain<E: std::error::Error + 'static>(status: &Status) -> bool {
    std::iter::successors(status.source(), |&error| error.source()).any(|error| error.is::<E>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use nexus_api::Detail;
    use proptest::prelude::*;
    use std::time::Duration;

    fn error() -> impl Strategy<Value = Error> {
        let text = "\\PC{0,40}";
        (
            proptest::sample::select(Code::ALL.to_vec()),
            proptest::option::of(text),
            text,
            proptest::option::of(text),
            proptest::collection::vec((text, text), 0..4),
            proptest::option::of((0u64..100_000_000, 0u32..1_000_000_000)),
            any::<bool>(),
            proptest::option::of((any::<i64>(), proptest::option::of(any::<[u64; 6]>()))),
        )
            .prop_map(
                |(code, reason, message, suggestion, details, retry_after, retryable, spent)| Error {
                    code,
                    reason,
                    message,
                    suggestion,
                    details: details.into_iter().map(|(path, message)| Detail { path, message }).collect(),
                    retry_after: retry_after.map(|(seconds, nanos)| Duration::new(seconds, nanos)),
                    retryable,
                    spent: spent.map(|(picos, counts)| {
                        let usage = |[
                            input,
                            cached_input,
                            cache_write,
                            cache_write_long,
                            output,
                            reasoning,
                        ]: [u64; 6]| {
                            Usage { input, cached_input, cache_write, cache_write_long, output, reasoning }
                        };
                        Box::new(Spend { usage: counts.map(usage), cost: Money::from_picos(picos) })
                    }),
                },
            )
    }

    proptest! {
        #[test]
        fn an_error_survives_as_a_status(error in error(), request_id in proptest::option::of("[a-z0-9-]{1,20}")) {
            let status = to_status(error.clone(), request_id.as_deref(), MOST_ROOM);
            prop_assert_eq!(status.code() as i32, error.code.grpc_code());
            // As it crosses the wire: through headers.
            let mut headers = http::HeaderMap::new();
            status.add_header(&mut headers).unwrap();
            let arrived = Status::from_header_map(&headers).unwrap();
            prop_assert_eq!(from_status(&arrived), error);
            let info = arrived.get_details_request_info().map(|info| info.request_id);
            prop_assert_eq!(info, request_id);
        }
    }

    #[test]
    fn a_large_error_is_cut_to_what_any_client_takes() {
        let mut error = Error::new(Code::Invalid, "é".repeat(10_000)).suggest("s".repeat(10_000));
        for ix in 0..500 {
            error = error.detail(format!("/graph/nodes/{ix}/config/prompt"), "a template that does not end");
        }
        let status = to_status(error.clone(), Some("id"), ROOM);
        assert!(status.details().len() < 5 << 10, "{}", status.details().len());
        let cut = from_status(&status);
        let kept = cut.details.len() - 1;
        assert_eq!(cut.details[..kept], error.details[..kept]);
        assert_eq!(cut.details[kept].message, format!("and {} more", 500 - kept));
        assert_eq!(from_status(&to_status(error.clone(), None, MOST_ROOM)).details, error.details);
    }

    #[test]
    fn statuses_of_others_keep_their_sense() {
        for (code, expected) in [
            (tonic::Code::Cancelled, Code::Cancelled),
            (tonic::Code::Unknown, Code::Internal),
            (tonic::Code::InvalidArgument, Code::Invalid),
            (tonic::Code::NotFound, Code::NotFound),
            (tonic::Code::AlreadyExists, Code::Conflict),
            (tonic::Code::ResourceExhausted, Code::RateLimited),
            (tonic::Code::OutOfRange, Code::TooLarge),
            (tonic::Code::Unavailable, Code::Unavailable),
            (tonic::Code::Unauthenticated, Code::Unauthenticated),
        ] {
            assert_eq!(from_status(&Status::new(code, "x")).code, expected, "{code:?}");
        }
        let inside = from_status(&Status::internal("connection string postgres://secret"));
        assert!(!inside.message.contains("postgres"), "{inside}");
        assert_eq!(from_status(&Status::cancelled("Timeout expired")).code, Code::DeadlineExceeded);
    }
}
