//! Why a job or a run of a scraper failed, in words for the person who asked for it: one of the contract's codes, a
//! finer reason, what happened, what to do. Not here: where failures are found (`fetch`, `runner`, `work`).

use nexus_api::{Code, Error};
use nexus_miner::Analysis;
use nexus_sandbox::Reason;
use serde_json::{Value, json};

/// The contract's codes of scrapers' errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureCode {
    /// The page cannot be fetched, or not read without a person.
    WebsiteAccessError,
    /// No code that works could be written.
    ScraperGenerationError,
    /// The code does not run, or not well.
    SandboxExecutionError,
    /// The code works, but no endpoint could be made of it.
    ApiCreationError,
}

impl FailureCode {
    /// The name in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WebsiteAccessError => "WebsiteAccessError",
            Self::ScraperGenerationError => "ScraperGenerationError",
            Self::SandboxExecutionError => "SandboxExecutionError",
            Self::ApiCreationError => "APICreationError",
        }
    }
}

/// Why something failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What kind of failure.
    pub code: FailureCode,
    /// A finer, stable name in `snake_case`, e.g. `dns_failed`, `http_404`, `timeout`.
    pub reason: String,
    /// What happened, in a sentence.
    pub message: String,
    /// What to do about it.
    pub suggestion: String,
    /// Whether trying the same again may help.
    pub transient: bool,
    /// What a programmer wants to see besides, e.g. a traceback.
    pub detail: Option<String>,
}

impl Failure {
    /// A failure that the same request would meet again.
    pub fn new(
        code: FailureCode,
        reason: impl Into<String>,
        message: impl Into<String>,
        suggestion: impl Into<String>,
    ) -> Self {
        Self {
            code,
            reason: reason.into(),
            message: message.into(),
            suggestion: suggestion.into(),
            transient: false,
            detail: None,
        }
    }

    /// The page cannot be had.
    pub fn access(
        reason: impl Into<String>,
        message: impl Into<String>,
        suggestion: impl Into<String>,
    ) -> Self {
        Self::new(FailureCode::WebsiteAccessError, reason, message, suggestion)
    }

    /// What stands in the way of reading a page without a person, if anything does.
    pub fn of_obstacle(analysis: &Analysis) -> Option<Self> {
        let obstacle = analysis.obstacle.as_deref()?;
        let (what, todo) = obstacle.split_once(". ").unwrap_or((obstacle, "Choose another page."));
        let reason = json!(analysis.page_type).as_str().unwrap_or("obstacle").to_owned();
        Some(Self::access(reason, lower_first(what), lower_first(todo.trim_end_matches('.'))))
    }

    /// Trying the same again may help.
    #[must_use]
    pub fn transient(self) -> Self {
        Self { transient: true, ..self }
    }

    /// With something for programmers.
    #[must_use]
    pub fn detail(self, detail: impl Into<String>) -> Self {
        Self { detail: Some(detail.into()), ..self }
    }

    /// What outsiders see.
    pub fn to_json(&self) -> Value {
        let mut json = json!({
            "code": self.code.as_str(), "reason": self.reason, "message": self.message, "suggestion": self.suggestion,
        });
        if let (Some(detail), Some(object)) = (&self.detail, json.as_object_mut()) {
            object.insert("detail".to_owned(), detail.clone().into());
        }
        json
    }

    /// Why a request was refused, cut or failed, by its code and sentence in `nexus-egress`, whose last sentence says
    /// what to do.
    pub fn of_egress(code: &str, sentence: &str, transient: bool) -> Self {
        let (message, suggestion) = match code {
            "response_too_large" | "decompressed_too_large" => (
                "the page is larger than what is read of a page (10 MB)".to_owned(),
                "use a page that shows a part of it, such as one page of a list".to_owned(),
            ),
            "robots_forbidden" => (
                sentence.rsplit_once(". ").map_or(sentence, |(what, _)| what).to_owned(),
                "choose another page, ask the site's owner, or make the scraper with `ignore_robots` if you may"
                    .to_owned(),
            ),
            _ => match sentence.rsplit_once(". ") {
                Some((what, todo)) => (what.to_owned(), lower_first(todo)),
                None => (sentence.to_owned(), "check the address and try again".to_owned()),
            },
        };
        Self { transient, ..Self::access(code, message, suggestion) }
    }

    /// What an answer's status means, if it is no page.
    pub fn of_status(status: u16, host: &str) -> Option<Self> {
        let reason = format!("http_{status}");
        let refused = |suggestion: &str| {
            Self::access(reason.clone(), format!("{host} refuses to show the page ({status})"), suggestion)
        };
        Some(match status {
            200..=299 => return None,
            401 | 407 => refused("use the address of a page that can be read without a login"),
            403 => refused(
                "the site may want a login or no robots: look for a public page, an API or a feed of the site",
            ),
            404 | 410 => Self::access(
                reason,
                format!("{host} has no such page ({status})"),
                "check the address, also for upper and lower case, by opening it in a browser",
            ),
            429 => Self::access(
                reason,
                format!("{host} wants fewer requests ({status})"),
                "wait some minutes and try again",
            )
            .transient(),
            500..=599 => Self::access(
                reason,
                format!("{host} answers with an error of its own ({status})"),
                "the site has a problem at the moment: try again later",
            )
            .transient(),
            300..=399 => Self::access(
                reason,
                format!("{host} redirects to nowhere ({status})"),
                "use the address where the browser ends up",
            ),
            _ => Self::access(
                reason,
                format!("{host} does not give the page ({status})"),
                "check the address by opening it in a browser",
            ),
        })
    }
}

fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    // Names and acronyms stay as they are.
    let second_is_lower = text.chars().nth(1).is_some_and(|letter| letter.is_lowercase() || letter == ' ');
    match letters.next() {
        Some(first) if second_is_lower => first.to_lowercase().chain(letters).collect(),
        _ => text.to_owned(),
    }
}

impl From<&nexus_egress::Error> for Failure {
    fn from(error: &nexus_egress::Error) -> Self {
        Self::of_egress(error.code(), &error.to_string(), error.is_transient())
    }
}

impl From<&nexus_sandbox::Error> for Failure {
    fn from(error: &nexus_sandbox::Error) -> Self {
        let failure = Self {
            transient: error.reason.is_ours(),
            ..Self::new(
                FailureCode::SandboxExecutionError,
                error.code(),
                error.reason.to_string(),
                error.suggestion(),
            )
        };
        match &error.reason {
            Reason::Exception { traceback, .. } if !traceback.is_empty() => failure.detail(&**traceback),
            _ => failure,
        }
    }
}

impl From<Failure> for Error {
    /// As an error of the port: its reason is the contract's code.
    fn from(failure: Failure) -> Self {
        let kind = match failure.code {
            _ if failure.transient => Code::Unavailable,
            FailureCode::ApiCreationError => Code::Unavailable,
            _ => Code::Invalid,
        };
        let error =
            Error::new(kind, failure.message).reason(failure.code.as_str()).suggest(failure.suggestion);
        match failure.detail {
            Some(detail) => error.detail("traceback", detail),
            None => error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_status_but_success_has_words_of_its_own() {
        assert_eq!(Failure::of_status(204, "h"), None);
        let told: BTreeSet<String> = [401, 403, 404, 429, 500, 302, 418]
            .into_iter()
            .map(|status| Failure::of_status(status, "shop.test").unwrap())
            .inspect(|failure| assert!(failure.message.contains("shop.test"), "{failure:?}"))
            .map(|failure| failure.suggestion)
            .collect();
        assert_eq!(told.len(), 7);
    }

    #[test]
    fn what_to_do_is_told_apart_from_what_happened() {
        let failure = Failure::of_egress(
            "dns_failed",
            "the name nowhere.test was not found: no answer. Check its spelling",
            true,
        );
        assert_eq!(failure.message, "the name nowhere.test was not found: no answer");
        assert_eq!(failure.suggestion, "check its spelling");
        let robots =
            Failure::of_egress("robots_forbidden", "h forbids robots to fetch this (robots.txt). Ask", false);
        assert!(robots.suggestion.contains("ignore_robots") && !robots.message.contains("Ask"));
        assert_eq!(robots.to_json()["code"], "WebsiteAccessError");
        assert!(robots.to_json().get("detail").is_none());
    }
}
