//! What a provider's failure means to the caller: its reason, whether trying again may help and when. No message holds
//! a key, an address or a part of a prompt. Not here: detecting the failures (`http`, the adapters).

use nexus_api::{Code, Error};
use reqwest::header::HeaderMap;
use serde_json::Value;
use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, SystemTime},
};

/// A provider in messages. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Whom(Arc<Names>);

/// What a provider and what belongs to it are called.
#[derive(Debug)]
pub(crate) struct Names {
    /// As documents write it.
    pub(crate) id: Arc<str>,
    /// As people write it.
    pub(crate) name: String,
    /// Where its key comes from: a variable.
    pub(crate) key_variable: String,
    /// Where its base URL comes from: a variable, or a place in a file.
    pub(crate) url_variable: String,
    /// An example of a base URL.
    pub(crate) url_example: String,
}

impl std::ops::Deref for Whom {
    type Target = Names;
    fn deref(&self) -> &Names {
        &self.0
    }
}

/// OpenAI's own address.
pub(crate) const OPENAI_URL: &str = "https://api.openai.com/v1";

/// Longest text of a provider that is handed on.
const MAX_QUOTE: usize = 300;

/// So many equal bytes in a row are taken for a quotation of the prompt.
const QUOTATION: usize = 12;

impl Whom {
    pub(crate) fn new(names: Names) -> Self {
        Self(Arc::new(names))
    }

    /// OpenAI and what speaks like it.
    pub(crate) fn openai() -> Self {
        Self::new(Names {
            id: "openai".into(),
            name: "OpenAI".into(),
            key_variable: "OPENAI_API_KEY".into(),
            url_variable: "OPENAI_BASE_URL".into(),
            url_example: OPENAI_URL.into(),
        })
    }

    /// Anthropic and what speaks like it.
    pub(crate) fn anthropic() -> Self {
        Self::new(Names {
            id: "anthropic".into(),
            name: "Anthropic".into(),
            key_variable: "ANTHROPIC_API_KEY".into(),
            url_variable: "ANTHROPIC_BASE_URL".into(),
            url_example: "https://api.anthropic.com".into(),
        })
    }

    /// There is no key.
    pub(crate) fn not_configured(&self) -> Error {
        Error::new(Code::Unavailable, format!("{} is not configured: it has no API key", self.name))
            .reason("provider_not_configured")
            .retryable(false)
            .unspent()
            .suggest(format!(
                "set {} and restart, or use a model of a configured provider",
                self.key_variable
            ))
    }

    /// No connection, or it broke before an answer came.
    pub(crate) fn unreachable(&self) -> Error {
        Error::new(Code::Unavailable, format!("{} could not be reached", self.name))
            .reason("provider_unavailable")
            .suggest(format!("check the network, and {} if it is set", self.url_variable))
    }

    /// Nothing came in time.
    pub(crate) fn timeout(&self, what: &str) -> Error {
        Error::new(Code::DeadlineExceeded, format!("{} {what}", self.name)).reason("provider_timeout")
    }

    /// It failed so often that it is not asked for a while.
    pub(crate) fn left_alone(&self, pause: Duration) -> Error {
        Error::new(
            Code::Unavailable,
            format!("{} failed many times in a row and is left alone for a moment", self.name),
        )
        .reason("provider_unavailable")
        .retry_after(pause)
        .unspent()
    }

    /// Its limits (ours for it) gave no turn to this call in time.
    pub(crate) fn no_turn(&self) -> Error {
        Error::new(Code::RateLimited, format!("too many calls of {} wait for their turn", self.name))
            .reason("provider_rate_limited")
            .suggest("try again later, or raise the provider's limits in the providers file")
            .unspent()
    }

    /// What came is no answer.
    pub(crate) fn bad_answer(&self, what: &str) -> Error {
        Error::new(Code::Unavailable, format!("{} gave no proper answer: {what}", self.name))
            .reason("provider_bad_answer")
    }

    /// Not something this provider or adapter can do. What it cost is not said: a refusal may come late.
    pub(crate) fn bad_request(&self, what: &str) -> Error {
        Error::new(Code::Invalid, format!("{}: {what}", self.name)).reason("provider_bad_request")
    }

    fn auth(&self, status: &str) -> Error {
        Error::new(Code::Unavailable, format!("{} refused the API key ({status})", self.name))
            .reason("provider_auth")
            .retryable(false)
            .suggest(format!("check {}: a valid key with access to this model", self.key_variable))
    }

    fn quota(&self) -> Error {
        Error::new(Code::Unavailable, format!("the {} account has no credit or quota left", self.name))
            .reason("provider_quota")
            .retryable(false)
            .suggest(format!("add credit to the {} account, or use another provider", self.name))
    }

    fn rate_limited(&self) -> Error {
        Error::new(Code::RateLimited, format!("{} limits the rate of calls", self.name))
            .reason("provider_rate_limited")
    }

    fn overloaded(&self) -> Error {
        Error::new(Code::Unavailable, format!("{} is overloaded", self.name)).reason("provider_overloaded")
    }

    fn failed(&self, status: &str) -> Error {
        Error::new(Code::Unavailable, format!("{} failed ({status})", self.name))
            .reason("provider_unavailable")
    }

    fn unknown_model(&self) -> Error {
        Error::new(Code::NotFound, format!("{} does not offer this model", self.name))
            .reason("unknown_model")
            .suggest("choose a model of GET /api/v1/models, or check the access of the key")
    }
}

/// The error for an answer with a failing status. `sent` are the texts of the request, `body` what came with the status.
pub(crate) fn of_status(whom: &Whom, status: u16, headers: &HeaderMap, body: &[u8], sent: &[&str]) -> Error {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let error = by_status(whom, status, headers, &body, sent);
    // A proxy that lost its patience does not know whether the provider still answers, and bills. An answer beside a
    // failing status is one that may be billed.
    let given_up = matches!(status, 504 | 524);
    let answered = ["choices", "content", "usage"].iter().any(|member| body.get(member).is_some());
    if given_up || answered { error } else { error.unspent() }
}

fn by_status(whom: &Whom, status: u16, headers: &HeaderMap, body: &Value, sent: &[&str]) -> Error {
    let (kind, code) = kind_and_code(body);
    let shown = format!("status {status}");
    let mut error = match status {
        _ if is_quota(body) => return whom.quota(),
        401 | 403 => whom.auth(&shown),
        402 => return whom.quota(),
        404 if code == "model_not_found" || kind == "not_found_error" => whom.unknown_model(),
        404 => refusal(whom, &shown, body, sent)
            .suggest(format!("check {}, e.g. {}", whom.url_variable, whom.url_example)),
        408 => whom.timeout("gave up waiting").retryable(true),
        409 => whom.failed(&shown),
        429 => whom.rate_limited(),
        503 | 529 => whom.overloaded(),
        500.. => whom.failed(&shown),
        400..=499 => refusal(whom, &shown, body, sent),
        // Redirects are not followed: they would carry the key elsewhere.
        _ => whom
            .bad_request(&format!("unexpected {shown}"))
            .suggest(format!("check {}, e.g. {}", whom.url_variable, whom.url_example)),
    };
    match headers.get("x-should-retry").and_then(|value| value.to_str().ok()) {
        Some("true") => error.retryable = true,
        Some("false") => error.retryable = false,
        _ => {}
    }
    error.retry_after = pause(headers, SystemTime::now());
    error
}

/// The error for a failure that the provider reports within an answer that began well.
pub(crate) fn of_event(whom: &Whom, body: &Value) -> Error {
    let (kind, code) = kind_and_code(body);
    if is_quota(body) {
        return whom.quota();
    }
    match (kind, code) {
        ("overloaded_error", _) => whom.overloaded(),
        ("rate_limit_error", _) | (_, "rate_limit_exceeded") => whom.rate_limited(),
        ("authentication_error" | "permission_error", _) | (_, "invalid_api_key") => {
            whom.auth("while answering")
        }
        ("invalid_request_error", _) => whom.bad_request("the request was refused while answering"),
        ("timeout_error", _) => whom.timeout("gave up while answering"),
        ("api_error" | "server_error", _) => whom.failed("while answering"),
        _ => whom.bad_answer("an error instead of the rest of the answer"),
    }
}

fn refusal(whom: &Whom, status: &str, body: &Value, sent: &[&str]) -> Error {
    let message = body["error"]["message"].as_str().or(body["message"].as_str()).unwrap_or_default();
    let message: String = message.chars().take(MAX_QUOTE).collect();
    if message.is_empty() || quotes(&message, sent) {
        whom.bad_request(&format!("the request was refused ({status})"))
    } else {
        whom.bad_request(&format!("the request was refused ({status}): {message}"))
    }
}

/// Whether a provider's message repeats a part of what was sent to it; prompts must not leak into errors.
fn quotes(message: &str, sent: &[&str]) -> bool {
    let parts: HashSet<&[u8]> = message.as_bytes().windows(QUOTATION).collect();
    sent.iter().any(|text| {
        let short = text.len() < QUOTATION && text.trim().len() > 3 && message.contains(text.trim());
        short || text.as_bytes().windows(QUOTATION).any(|part| parts.contains(part))
    })
}

fn kind_and_code(body: &Value) -> (&str, &str) {
    let error = &body["error"];
    (error["type"].as_str().unwrap_or_default(), error["code"].as_str().unwrap_or_default())
}

/// Money the account lacks: OpenAI says it with a 429, Anthropic with a 400 or 402.
fn is_quota(body: &Value) -> bool {
    let (kind, code) = kind_and_code(body);
    kind == "insufficient_quota"
        || code == "insufficient_quota"
        || kind == "billing_error"
        || (kind == "invalid_request_error"
            && body["error"]["message"]
                .as_str()
                .is_some_and(|text| text.contains("credit balance is too low")))
}

/// How long the provider asks to wait.
fn pause(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    if let Some(millis) = text("retry-after-ms").and_then(|text| text.parse::<f64>().ok()) {
        return Duration::try_from_secs_f64(millis / 1000.0).ok();
    }
    let after = text("retry-after")?;
    if let Ok(seconds) = after.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let date = httpdate::parse_http_date(after).ok()?;
    Some(date.duration_since(now).unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;
    use nexus_api::Spend;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn statuses_have_reasons() {
        for (status, reason, retryable) in [
            (400, "provider_bad_request", false),
            (401, "provider_auth", false),
            (403, "provider_auth", false),
            (402, "provider_quota", false),
            (404, "provider_bad_request", false),
            (408, "provider_timeout", true),
            (409, "provider_unavailable", true),
            (413, "provider_bad_request", false),
            (422, "provider_bad_request", false),
            (429, "provider_rate_limited", true),
            (500, "provider_unavailable", true),
            (502, "provider_unavailable", true),
            (503, "provider_overloaded", true),
            (529, "provider_overloaded", true),
            (302, "provider_bad_request", false),
        ] {
            let error = of_status(&Whom::openai(), status, &HeaderMap::new(), b"{}", &[]);
            assert_eq!((error.reason.as_deref(), error.retryable), (Some(reason), retryable), "{status}");
        }
        let error = of_status(&Whom::openai(), 401, &HeaderMap::new(), b"", &[]);
        assert!(error.suggestion.unwrap().contains("OPENAI_API_KEY"));
    }

    #[test]
    fn a_refusal_costs_nothing_and_a_proxy_that_gave_up_knows_nothing() {
        let spent = |status, body: &str| {
            of_status(&Whom::openai(), status, &HeaderMap::new(), body.as_bytes(), &[])
                .spent
                .map(|spend| *spend)
        };
        for status in [302, 400, 401, 402, 404, 408, 409, 422, 429, 500, 502, 503, 529] {
            assert_eq!(spent(status, r#"{"error":{"message":"no"}}"#), Some(Spend::NOTHING), "{status}");
        }
        assert_eq!(spent(504, ""), None);
        assert_eq!(spent(524, "<html>"), None);
        assert_eq!(spent(500, r#"{"usage":{"prompt_tokens":5}}"#), None);
    }

    #[test]
    fn exhausted_quota_is_never_tried_again() {
        let openai = br#"{"error":{"type":"insufficient_quota","code":"insufficient_quota","message":"x"}}"#;
        let anthropic = br#"{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low to access"}}"#;
        let retry = headers(&[("x-should-retry", "true"), ("retry-after", "1")]);
        for error in [
            of_status(&Whom::openai(), 429, &retry, openai, &[]),
            of_status(&Whom::anthropic(), 400, &retry, anthropic, &[]),
            of_status(&Whom::anthropic(), 402, &retry, b"", &[]),
        ] {
            assert_eq!((error.reason.as_deref(), error.retryable), (Some("provider_quota"), false));
        }
    }

    #[test]
    fn the_provider_may_overrule_and_ask_for_a_pause() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let date = httpdate::fmt_http_date(now + Duration::from_secs(7));
        for (pairs, pause_ms) in [
            (&[("retry-after-ms", "1500"), ("retry-after", "9")][..], Some(1500)),
            (&[("retry-after", "2")], Some(2000)),
            (&[("retry-after", "0.25")], Some(250)),
            (&[("retry-after", date.as_str())], Some(7000)),
            (&[("retry-after", "Thu, 01 Jan 1970 00:00:00 GMT")], Some(0)),
            (&[("retry-after", "-1")], None),
            (&[("retry-after", "soon")], None),
            (&[], None),
        ] {
            assert_eq!(pause(&headers(pairs), now), pause_ms.map(Duration::from_millis), "{pairs:?}");
        }
        let error = of_status(&Whom::openai(), 503, &headers(&[("x-should-retry", "false")]), b"", &[]);
        assert!(!error.retryable);
        assert!(of_status(&Whom::openai(), 400, &headers(&[("x-should-retry", "true")]), b"", &[]).retryable);
    }

    #[test]
    fn a_providers_advice_is_handed_on_unless_it_quotes_the_prompt() {
        let body = br#"{"error":{"message":"Invalid schema for response_format 'answer'"}}"#;
        let error = of_status(&Whom::openai(), 400, &HeaderMap::new(), body, &["Tell me of the canary"]);
        assert!(error.message.ends_with("Invalid schema for response_format 'answer'"), "{error}");
        let body = br#"{"error":{"message":"Bad content: 'Tell me of the ca...'"}}"#;
        for sent in [&["Tell me of the canary"][..], &["x", "Bad content"]] {
            let error = of_status(&Whom::openai(), 400, &HeaderMap::new(), body, sent);
            assert_eq!(error.message, "OpenAI: the request was refused (status 400)");
        }
    }
}
