//! `CallCtx` as gRPC metadata, and back. Not here: who may be believed (`server::gate` decides about the principal).

use crate::status::{MOST_ROOM, ROOM};
use http::HeaderMap;
use nexus_api::CallCtx;
use std::time::Duration;
use tokio::time::Instant;
use tonic::metadata::{MetadataMap, MetadataValue};

pub(crate) const REQUEST_ID: &str = "x-request-id";
pub(crate) const TRACEPARENT: &str = "traceparent";
/// Which version answers.
pub(crate) const VERSION: &str = "x-nexus-version";
/// On whose behalf a service of the mesh calls. Believed only by servers without keys of their own, that is: inside
/// of a network where everybody is trusted.
pub(crate) const PRINCIPAL: &str = "x-nexus-principal";
/// In whose workspace; believed as the principal is.
pub(crate) const WORKSPACE: &str = "x-nexus-workspace";
/// Milliseconds until a stream must have begun. `grpc-timeout` would end the stream itself.
const START_TIMEOUT: &str = "x-nexus-start-timeout-ms";
/// How many bytes of error details the caller takes.
const ERROR_ROOM: &str = "x-nexus-error-room";
const GRPC_TIMEOUT: &str = "grpc-timeout";

/// tonic answers an expired `grpc-timeout` with CANCELLED instead of DEADLINE_EXCEEDED; being this much earlier, we
/// come first.
const HEAD_START: Duration = Duration::from_millis(2);

/// Whether the answer is one message or many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Unary,
    Stream,
}

/// What a request says about itself.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) ctx: CallCtx,
    /// When even a stream must end: what `grpc-timeout` says.
    pub(crate) end: Option<Instant>,
    /// Bytes of error details that the caller takes.
    pub(crate) error_room: usize,
}

/// Reads what the request says about itself; what is not understood is as good as absent.
pub(crate) fn read(headers: &HeaderMap) -> Call {
    let text =
        |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).filter(|text| !text.is_empty());
    let end = text(GRPC_TIMEOUT)
        .and_then(parse_timeout)
        .and_then(|timeout| Instant::now().checked_add(timeout.saturating_sub(HEAD_START)));
    let start = text(START_TIMEOUT)
        .and_then(|millis| millis.parse().ok())
        .and_then(|millis| Instant::now().checked_add(Duration::from_millis(millis)));
    Call {
        ctx: CallCtx {
            deadline: match (end, start) {
                (Some(end), Some(start)) => Some(end.min(start)),
                (end, start) => end.or(start),
            },
            principal: text(PRINCIPAL).map(str::to_owned),
            workspace: text(WORKSPACE).and_then(|name| name.parse().ok()).unwrap_or_default(),
            traceparent: text(TRACEPARENT).map(str::to_owned),
            request_id: text(REQUEST_ID).filter(|id| id.len() <= 128).map(str::to_owned),
        },
        end,
        error_room: text(ERROR_ROOM)
            .and_then(|room| room.parse().ok())
            .map_or(ROOM, |room: usize| room.min(MOST_ROOM)),
    }
}

/// Puts the context into a request.
pub(crate) fn write<T>(ctx: &CallCtx, shape: Shape, request: &mut tonic::Request<T>) {
    if let Some(remaining) = ctx.remaining() {
        match shape {
            Shape::Unary => request.set_timeout(remaining),
            Shape::Stream => {
                put(request.metadata_mut(), START_TIMEOUT, Some(&remaining.as_millis().to_string()))
            }
        }
    }
    let metadata = request.metadata_mut();
    put(metadata, REQUEST_ID, ctx.request_id.as_deref());
    put(metadata, TRACEPARENT, ctx.traceparent.as_deref());
    put(metadata, PRINCIPAL, ctx.principal.as_deref());
    put(metadata, WORKSPACE, Some(ctx.workspace.as_str()));
    put(metadata, ERROR_ROOM, Some(&MOST_ROOM.to_string()));
}

fn put(metadata: &mut MetadataMap, name: &'static str, text: Option<&str>) {
    // A text that cannot stand in a header (a principal with a line break) is left out rather than refused: nothing
    // that decides about the call's meaning travels here.
    if let Some(Ok(value)) = text.map(MetadataValue::try_from) {
        metadata.insert(name, value);
    }
}

/// Reads `grpc-timeout`: at most 8 digits and a unit.
fn parse_timeout(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.len() > 8 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let number: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(number * 3_600),
        "M" => Duration::from_secs(number * 60),
        "S" => Duration::from_secs(number),
        "m" => Duration::from_millis(number),
        "u" => Duration::from_micros(number),
        "n" => Duration::from_nanos(number),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_context_survives_as_metadata() {
        let ctx = CallCtx {
            deadline: Some(Instant::now() + Duration::from_secs(5)),
            principal: Some("ci".into()),
            workspace: "team-a".parse().unwrap(),
            traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into()),
            request_id: Some("r-1".into()),
        };
        for shape in [Shape::Unary, Shape::Stream] {
            let mut request = tonic::Request::new(());
            write(&ctx, shape, &mut request);
            let call = read(&request.metadata().clone().into_headers());
            let lost = ctx.deadline.unwrap() - call.ctx.deadline.unwrap();
            assert!(lost <= HEAD_START, "{lost:?}");
            assert_eq!(call.end.is_some(), shape == Shape::Unary);
            assert_eq!(
                (call.ctx.principal, call.ctx.workspace),
                (ctx.principal.clone(), ctx.workspace.clone())
            );
            assert_eq!(call.error_room, MOST_ROOM);
        }
    }

    #[test]
    fn timeouts_are_read_as_grpc_writes_them() {
        assert_eq!(parse_timeout("5S"), Some(Duration::from_secs(5)));
        assert_eq!(parse_timeout("99999999H"), Some(Duration::from_secs(99_999_999 * 3_600)));
        assert_eq!(parse_timeout("250m"), Some(Duration::from_millis(250)));
        for bad in ["", "S", "5", "-5S", "5s", "123456789S", "1é"] {
            assert_eq!(parse_timeout(bad), None, "{bad}");
        }
    }
}
