//! The one shape of every failure, and the one place that writes it. Handlers return a [`Failure`]; the outermost
//! layer turns it, and every bare error answer of axum (405, unreadable paths, …), into the documented JSON.
//! Not here: which failure happens when; the mapping from codes to numbers (`nexus_api::Code`).

use crate::context::RequestContext;
use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use http::{HeaderName, HeaderValue, StatusCode, header};
use nexus_api::{Code, Detail, Error};
use serde::Serialize;
use serde_json::{Value, json};
use std::time::Duration;
use utoipa::ToSchema;

/// A failed request.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    status: StatusCode,
    name: &'static str,
    error: Box<Error>,
    header: Option<(HeaderName, HeaderValue)>,
}

/// Result of a handler.
pub(crate) type Answer<T> = Result<T, Failure>;

impl Failure {
    /// A failure of this kind.
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Error::new(code, message).into()
    }

    /// A failure that only HTTP knows.
    pub(crate) fn http(status: StatusCode, name: &'static str, message: impl Into<String>) -> Self {
        Self { name, status, ..Self::new(Code::Malformed, message) }
    }

    /// Not well-formed: the header or parameter `what`.
    pub(crate) fn malformed(what: &str, message: impl Into<String>) -> Self {
        let message = message.into();
        Error::new(Code::Malformed, format!("`{what}` {message}")).detail(what, message).into()
    }

    /// With advice.
    pub(crate) fn suggest(mut self, suggestion: impl Into<String>) -> Self {
        self.error.suggestion = Some(suggestion.into());
        self
    }

    /// With a header in the answer.
    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.header = Some((name, value));
        self
    }

    /// What an answer with this status and nothing else means.
    pub(crate) fn bare(status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_FOUND => no_such_route(),
            StatusCode::METHOD_NOT_ALLOWED => {
                Self::http(status, "METHOD_NOT_ALLOWED", "this address does not take that method")
                    .suggest("the `Allow` header lists the methods it takes; /docs describes them")
            }
            StatusCode::UPGRADE_REQUIRED => {
                Self::http(status, "UPGRADE_REQUIRED", "this address speaks WebSocket only")
                    .suggest("connect with a WebSocket client")
            }
            StatusCode::PAYLOAD_TOO_LARGE => Self::new(Code::TooLarge, "the request is too large"),
            status if status.is_server_error() => Error::internal(format!("bare answer {status}")).into(),
            _ => Self { status, ..Self::new(Code::Malformed, "the request is not well-formed") },
        }
    }
}

/// Nothing lives at this address.
pub(crate) fn no_such_route() -> Failure {
    Failure::new(Code::NotFound, "there is nothing at this address").suggest("/docs lists every address")
}

/// What went wrong with a scraper is known to outsiders by names of its own.
fn scraper_code(error: &Error) -> Option<&'static str> {
    const CODES: [&str; 4] =
        ["WebsiteAccessError", "ScraperGenerationError", "SandboxExecutionError", "APICreationError"];
    CODES.into_iter().find(|code| error.reason.as_deref() == Some(code))
}

impl From<Error> for Failure {
    fn from(mut error: Error) -> Self {
        if error.code == Code::Internal {
            // Whatever it says is about our inside.
            error = Error::internal(&error.message);
        }
        Self {
            status: StatusCode::from_u16(error.code.http_status())
                .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            name: scraper_code(&error).unwrap_or(error.code.as_str()),
            error: Box::new(error),
            header: None,
        }
    }
}

impl From<nexus_model::id::InvalidId> for Failure {
    fn from(invalid: nexus_model::id::InvalidId) -> Self {
        Error::from(invalid).into()
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Marks an answer whose status says failure but whose body is a page for people: it is left as it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Page;

/// The body of every failure at the addresses of OpenAI's API.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CompatibleErrorBody {
    /// What went wrong.
    error: CompatibleError,
}

/// A failure as OpenAI's clients read it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CompatibleError {
    /// What happened, and what to do about it.
    message: String,
    /// Kind of failure, e.g. `invalid_request_error`.
    r#type: String,
    /// Which member of the request is wrong.
    #[schema(required)]
    param: Option<String>,
    /// Stable code, e.g. `model_not_found`.
    code: String,
}

/// The body of every failure.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ErrorBody {
    /// Stable code, e.g. `NOT_FOUND`.
    #[schema(example = "NOT_FOUND")]
    error: String,
    /// What happened, in a sentence.
    message: String,
    /// What to do about it.
    #[schema(required)]
    suggestion: Option<String>,
    /// Where the input is wrong; empty if it is not about the input.
    details: Vec<ErrorDetail>,
    /// Names the request in the server's log; also in the header `x-request-id`.
    request_id: String,
}

/// One place in the input that is wrong.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ErrorDetail {
    /// JSON Pointer into the body, or the name of a header or parameter.
    path: String,
    /// What is wrong there.
    message: String,
}

/// In whose words a failure is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// Ours.
    Nexus,
    /// OpenAI's, for the addresses of its API.
    OpenAi,
}

impl Style {
    /// The one that clients of this address read.
    pub(crate) fn of(path: &str) -> Self {
        if path == "/v1" || path.starts_with("/v1/") { Self::OpenAi } else { Self::Nexus }
    }
}

/// The failure as OpenAI's clients read it.
pub(crate) fn compatible(failure: &Failure) -> Value {
    let error = &failure.error;
    let kind = match error.code {
        Code::BudgetExceeded => "insufficient_quota",
        Code::Unauthenticated => "authentication_error",
        Code::Forbidden => "permission_error",
        Code::RateLimited => "rate_limit_error",
        Code::NotFound if error.reason.is_some() => "not_found_error",
        _ if openai_status(failure.status).is_server_error() => "server_error",
        _ => "invalid_request_error",
    };
    let code = match (error.code, error.reason.as_deref()) {
        (Code::Unauthenticated, _) => "invalid_api_key",
        (_, Some("unknown_model")) => "model_not_found",
        (_, Some(reason)) => reason,
        (_, None) => failure.name,
    };
    let message = match &error.suggestion {
        Some(suggestion) => format!("{}; {suggestion}", error.message),
        None => error.message.clone(),
    };
    let param = error.details.first().map(|detail| detail.path.trim_start_matches('/'));
    json!({"error": {"message": message, "type": kind, "param": param, "code": code.to_lowercase()}})
}

/// OpenAI says 400 of whatever is not acceptable; its clients know no other number for it.
fn openai_status(status: StatusCode) -> StatusCode {
    if status == StatusCode::UNPROCESSABLE_ENTITY { StatusCode::BAD_REQUEST } else { status }
}

/// Writes the body of a failed answer; other answers pass.
pub(crate) fn render(mut response: Response, context: &RequestContext, style: Style) -> Response {
    let failure = match response.extensions_mut().remove::<Failure>() {
        Some(failure) => failure,
        None if response.extensions().get::<Page>().is_some() => return response,
        None if response.status().is_client_error() || response.status().is_server_error() => {
            Failure::bare(response.status())
        }
        None => return response,
    };
    let foreign = (style == Style::OpenAi).then(|| compatible(&failure));
    let Failure { mut status, name, error, header: extra } = failure;
    if foreign.is_some() {
        status = openai_status(status);
        // The official clients would try any 5xx again, and honour this.
        if status.is_server_error() && !error.retryable {
            response.headers_mut().insert("x-should-retry", HeaderValue::from_static("false"));
        }
    }
    let Error { code: error_code, message, suggestion, details, retry_after, .. } = *error;
    let body = ErrorBody {
        error: name.to_owned(),
        message,
        suggestion: suggestion.or_else(|| Some(advice(error_code).to_owned())),
        details: details.into_iter().map(|Detail { path, message }| ErrorDetail { path, message }).collect(),
        request_id: context.request_id.clone(),
    };
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_LENGTH);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(whole_seconds(retry_after)));
    }
    if let Some((name, value)) = extra {
        headers.insert(name, value);
    }
    let written = match &foreign {
        Some(foreign) => serde_json::to_vec(foreign),
        None => serde_json::to_vec(&body),
    };
    *response.body_mut() = written.map_or_else(|_| Body::empty(), Body::from);
    response
}

/// What to do about a failure that comes without advice of its own.
fn advice(code: Code) -> &'static str {
    match code {
        Code::Malformed => {
            "correct what `message` and `details` name; /docs describes what this address takes"
        }
        Code::Unauthenticated => "send `Authorization: Bearer KEY`",
        Code::BudgetExceeded => "raise `budget.limit_usd`, or make the work cheaper",
        Code::Forbidden => "use the server's own address, or have it allow this one (FRONTEND_URL)",
        Code::NotFound => "check the id; the list beside it shows what exists",
        Code::Conflict => "read the present state, and decide again",
        Code::PreconditionFailed => "read it again, and send its new ETag as `If-Match`",
        Code::TooLarge => "send less at once; the limits are in /openapi.json under `info.x-limits`",
        Code::Invalid => "correct what `message` and `details` name, and send it again",
        Code::PreconditionRequired => "send the ETag you have read as `If-Match`",
        Code::RateLimited | Code::Unavailable => "try again after the seconds in `Retry-After`",
        Code::DeadlineExceeded => "try again, or ask for less at once",
        Code::Cancelled => "send the request again if it is still wanted",
        Code::Unimplemented => "/docs lists what this version offers",
        Code::Internal => "look for `request_id` in the server's log, and report it",
    }
}

/// `Retry-After` counts whole seconds; rounding down would send clients back too early.
fn whole_seconds(pause: Option<Duration>) -> u64 {
    let pause = pause.unwrap_or_default();
    (pause.as_secs() + u64::from(pause.subsec_nanos() > 0)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_rounded_up_and_never_zero() {
        for (millis, seconds) in [(0, 1), (1, 1), (1_000, 1), (1_001, 2), (60_000, 60)] {
            assert_eq!(whole_seconds(Some(Duration::from_millis(millis))), seconds, "{millis} ms");
        }
        assert_eq!(whole_seconds(None), 1);
    }

    #[test]
    fn what_went_wrong_with_a_scraper_has_the_name_that_its_job_shows() {
        let failed = Error::unavailable("away").reason("WebsiteAccessError");
        let failure = Failure::from(failed);
        assert_eq!((failure.name, failure.status), ("WebsiteAccessError", StatusCode::SERVICE_UNAVAILABLE));
        let other = Failure::from(Error::unavailable("away").reason("something_else"));
        assert_eq!(other.name, "UNAVAILABLE");
    }

    #[test]
    fn an_internal_error_keeps_its_words_to_itself() {
        let failure = Failure::from(Error::new(Code::Internal, "password=hunter2"));
        assert!(!failure.error.message.contains("hunter2"));
    }
}
