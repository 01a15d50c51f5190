//! Request bodies: JSON within the limits, typed where the type is fixed, refused with the path of the mistake.
//! Not here: what a workflow document may hold (the planner says).

use crate::{
    app::App,
    error::{Answer, Failure},
    numbers::inexact,
};
use axum::{
    body::BodyDataStream,
    extract::{FromRequest, Request},
};
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use http::{HeaderMap, StatusCode, header};
use nexus_api::{Code, Error};
use nexus_model::duplicates::duplicate_member;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use serde_path_to_error::Segment;
use std::time::Duration;
use tokio::time::timeout;

/// Most that is read of a body that is too large, beyond its limit.
const MOST_DISCARDED: usize = 16 << 20;
/// Longest time for that.
const LINGER: Duration = Duration::from_secs(2);

/// A JSON body of any shape; it must not be empty.
#[derive(Debug)]
pub(crate) struct Document(pub(crate) Value);

impl FromRequest<App> for Document {
    type Rejection = Failure;
    async fn from_request(request: Request, app: &App) -> Answer<Self> {
        let bytes = json_bytes(request, app).await?;
        if is_blank(&bytes) {
            return Err(Failure::new(Code::Malformed, "the body is empty").suggest("send JSON"));
        }
        Ok(Self(parse(&bytes, app.options.limits.json_depth)?))
    }
}

/// A JSON body of any shape as it came, for routes that judge it themselves.
#[derive(Debug)]
pub(crate) struct RawJson(pub(crate) Bytes);

impl FromRequest<App> for RawJson {
    type Rejection = Failure;
    async fn from_request(request: Request, app: &App) -> Answer<Self> {
        json_bytes(request, app).await.map(Self)
    }
}

/// A JSON object with exactly the members of `T`; an empty body is `{}`.
#[derive(Debug)]
pub(crate) struct Strict<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<App> for Strict<T> {
    type Rejection = Failure;
    async fn from_request(request: Request, app: &App) -> Answer<Self> {
        let bytes = json_bytes(request, app).await?;
        let bytes: &[u8] = if is_blank(&bytes) { b"{}" } else { &bytes };
        let value = parse(bytes, app.options.limits.json_depth)?;
        refuse_arrays(&value)?;
        typed(value).map(Self)
    }
}

/// What a body holds where there is nothing to say: `Strict<Nothing>` takes an empty body or `{}`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

/// serde takes an array for an object, its items for the members in order: `[]` would be `{}`. No body of ours is
/// an array, nor has it a member that is one.
fn refuse_arrays(value: &Value) -> Answer<()> {
    let wrong = match value {
        Value::Object(members) => {
            members.iter().find(|(_, member)| member.is_array()).map(|(name, _)| name.as_str())
        }
        _ => Some(""),
    };
    let Some(name) = wrong else { return Ok(()) };
    let path = if name.is_empty() { String::new() } else { format!("/{}", escaped(name)) };
    let message = "must be a JSON object";
    let shown = if name.is_empty() { "the body".to_owned() } else { format!("`{name}`") };
    Err(Error::new(Code::Invalid, format!("{shown} {message}")).detail(path, message).into())
}

async fn json_bytes(request: Request, app: &App) -> Answer<Bytes> {
    let (parts, body) = request.into_parts();
    let limit = app.options.limits.body_bytes;
    let announced =
        parts.headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    let mut chunks = body.into_data_stream();
    let bytes = if announced.is_some_and(|length: usize| length > limit) {
        None
    } else {
        timeout(app.options.timing.call, read(&mut chunks, limit)).await.map_err(|_| {
            Failure::http(StatusCode::REQUEST_TIMEOUT, "REQUEST_TIMEOUT", "the body took too long to arrive")
                .suggest("send the body at once")
        })??
    };
    let Some(bytes) = bytes else {
        // Who waits for our consent sends nothing without it, and reading the body would give it.
        if !parts.headers.contains_key(header::EXPECT) {
            discard(chunks).await;
        }
        return Err(too_large(limit));
    };
    if !is_blank(&bytes) {
        check_content_type(&parts.headers)?;
    }
    Ok(bytes)
}

fn too_large(limit: usize) -> Failure {
    Error::new(Code::TooLarge, format!("the body is larger than {limit} bytes (limit `body_bytes`)"))
        .detail("", format!("limit: {limit} bytes"))
        .into()
}

/// The body; `None` if it is larger than `limit`.
async fn read(chunks: &mut BodyDataStream, limit: usize) -> Answer<Option<Bytes>> {
    let mut bytes = BytesMut::new();
    while let Some(chunk) = chunks.next().await {
        let chunk =
            chunk.map_err(|_| Failure::new(Code::Malformed, "the body could not be read to its end"))?;
        if bytes.len() + chunk.len() > limit {
            return Ok(None);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(Some(bytes.freeze()))
}

/// Reads on without keeping anything: a connection that is closed with unread input is reset, and a client that is
/// still sending then sees a broken pipe and not the answer. Within bounds, so that nobody can keep us busy.
async fn discard(mut chunks: BodyDataStream) {
    let rest = async {
        let mut left = MOST_DISCARDED;
        while let Some(Ok(chunk)) = chunks.next().await {
            left = left.saturating_sub(chunk.len());
            if left == 0 {
                break;
            }
        }
    };
    // Whoever takes longer has to live with the reset.
    let _ = timeout(LINGER, rest).await;
}

fn is_blank(bytes: &[u8]) -> bool {
    bytes.iter().all(u8::is_ascii_whitespace)
}

/// A body without a type is taken for JSON.
fn check_content_type(headers: &HeaderMap) -> Answer<()> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return Ok(()) };
    let text = value.to_str().unwrap_or_default();
    let media_type = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let json = media_type == "application/json"
        || (media_type.starts_with("application/") && media_type.ends_with("+json"));
    if json {
        return Ok(());
    }
    let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
    Err(Failure::http(status, "UNSUPPORTED_MEDIA_TYPE", "the body must be JSON")
        .suggest("send `Content-Type: application/json`"))
}

/// Reads JSON that is nested no deeper than `depth`.
pub(crate) fn parse(bytes: &[u8], depth: usize) -> Answer<Value> {
    if nesting(bytes) > depth {
        return Err(Error::new(Code::Invalid, too_deep(depth))
            .detail("", format!("limit: {depth} levels"))
            .into());
    }
    let value = serde_json::from_slice(bytes)
        .map_err(|error| Error::new(Code::Malformed, format!("the body is not valid JSON: {error}")))?;
    if let Some(path) = duplicate_member(bytes) {
        let message = "is there twice; only one of the two would count";
        return Err(Error::new(Code::Invalid, format!("the member `{path}` {message}"))
            .suggest("remove one of them")
            .detail(path, message)
            .into());
    }
    if let Some((path, number)) = inexact(bytes) {
        let message = "is an integer that a double cannot hold exactly; it would change on its way";
        return Err(Error::new(Code::Invalid, format!("{number} {message}"))
            .suggest("send it as a string")
            .detail(path, message)
            .into());
    }
    Ok(value)
}

/// What a document over the limit is told.
pub(crate) fn too_deep(depth: usize) -> String {
    format!("the JSON is nested deeper than {depth} levels (limit `json_depth`)")
}

/// How deep arrays and objects are nested. Counts without parsing: a parser that recurses must not see such input.
pub(crate) fn nesting(bytes: &[u8]) -> usize {
    let (mut open, mut deepest, mut in_text, mut escaped) = (0_usize, 0, false, false);
    for byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            _ if in_text => {}
            b'[' | b'{' => {
                open += 1;
                deepest = deepest.max(open);
            }
            b']' | b'}' => open = open.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// Takes a JSON value for a `T`.
pub(crate) fn typed<T: DeserializeOwned>(value: Value) -> Answer<T> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = pointer(error.path());
        let message = error.into_inner().to_string();
        Error::new(Code::Invalid, format!("the body is not acceptable: {message}"))
            .detail(path, message)
            .into()
    })
}

fn pointer(path: &serde_path_to_error::Path) -> String {
    let mut pointer = String::new();
    for segment in path {
        let text = match segment {
            Segment::Seq { index } => index.to_string(),
            Segment::Map { key } => escaped(key),
            Segment::Enum { .. } | Segment::Unknown => continue,
        };
        pointer.push('/');
        pointer.push_str(&text);
    }
    pointer
}

/// A member's name as JSON Pointers spell it.
pub(crate) fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use super::*;
    use nexus_model::document::BudgetOverride;

    #[test]
    fn nesting_ignores_what_stands_in_texts() {
        assert_eq!(nesting(b"1"), 0);
        assert_eq!(nesting(br#"{"a[[[": "{{\"[[", "b": [{}]}"#), 3);
        assert_eq!(nesting(&[b'['; 100_000]), 100_000);
    }

    #[test]
    fn the_deepest_allowed_document_is_read() {
        let text = |depth| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse(text(64).as_bytes(), 64).is_ok());
        assert!(parse(text(65).as_bytes(), 64).is_err());
    }

    #[test]
    fn mistakes_come_with_a_json_pointer() {
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Body {
            #[serde(rename = "budget")]
            _budget: BudgetOverride,
        }
        for (body, path) in [
            (r#"{"budget": {"limit_usd": "x"}}"#, "/budget/limit_usd"),
            (r#"{"budget": {"limit": 1}}"#, "/budget/limit"),
            (r#"{"budgets": {}}"#, "/budgets"),
        ] {
            let failure = typed::<Body>(serde_json::from_str(body).unwrap()).unwrap_err();
            assert!(format!("{failure:?}").contains(&format!("path: {path:?}")), "{failure:?}");
        }
    }
}
