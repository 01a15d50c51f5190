//! The one error that crosses a port, and its one mapping to HTTP and gRPC numbers.
//! Not here: errors inside a crate, which have types of their own.

use nexus_model::{Money, price::Usage};
use serde::{Deserialize, Serialize};
use std::{fmt, time::Duration};

/// Result of a port's method.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What kind of failure it is: decides the HTTP status, the gRPC status, and whether a client may try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Code {
    /// Not even well-formed: bad JSON, a malformed id.
    Malformed,
    /// No valid credentials.
    Unauthenticated,
    /// A budget refuses; trying again does not help.
    BudgetExceeded,
    /// Not allowed.
    Forbidden,
    /// No such thing.
    NotFound,
    /// In the way of the present state.
    Conflict,
    /// `If-Match` is stale.
    PreconditionFailed,
    /// Over a size limit.
    TooLarge,
    /// Well-formed but not acceptable.
    Invalid,
    /// `If-Match` is missing.
    PreconditionRequired,
    /// Too many requests; try again later.
    RateLimited,
    /// A dependency is down; try again later.
    Unavailable,
    /// Took too long.
    DeadlineExceeded,
    /// The caller went away.
    Cancelled,
    /// Not offered by this build.
    Unimplemented,
    /// A bug of ours; says nothing of the inside.
    Internal,
}

impl Code {
    /// Every code.
    pub const ALL: [Code; 16] = [
        Code::Malformed,
        Code::Unauthenticated,
        Code::BudgetExceeded,
        Code::Forbidden,
        Code::NotFound,
        Code::Conflict,
        Code::PreconditionFailed,
        Code::TooLarge,
        Code::Invalid,
        Code::PreconditionRequired,
        Code::RateLimited,
        Code::Unavailable,
        Code::DeadlineExceeded,
        Code::Cancelled,
        Code::Unimplemented,
        Code::Internal,
    ];

    /// The name in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Code::Malformed => "MALFORMED",
            Code::Unauthenticated => "UNAUTHENTICATED",
            Code::BudgetExceeded => "BUDGET_EXCEEDED",
            Code::Forbidden => "FORBIDDEN",
            Code::NotFound => "NOT_FOUND",
            Code::Conflict => "CONFLICT",
            Code::PreconditionFailed => "PRECONDITION_FAILED",
            Code::TooLarge => "TOO_LARGE",
            Code::Invalid => "INVALID",
            Code::PreconditionRequired => "PRECONDITION_REQUIRED",
            Code::RateLimited => "RATE_LIMITED",
            Code::Unavailable => "UNAVAILABLE",
            Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
            Code::Cancelled => "CANCELLED",
            Code::Unimplemented => "UNIMPLEMENTED",
            Code::Internal => "INTERNAL",
        }
    }

    /// The code with this name.
    pub fn parse(name: &str) -> Option<Code> {
        Code::ALL.into_iter().find(|code| code.as_str() == name)
    }

    /// The HTTP status.
    pub fn http_status(self) -> u16 {
        match self {
            Code::Malformed => 400,
            Code::Unauthenticated => 401,
            Code::BudgetExceeded => 402,
            Code::Forbidden => 403,
            Code::NotFound => 404,
            Code::Conflict => 409,
            Code::PreconditionFailed => 412,
            Code::TooLarge => 413,
            Code::Invalid => 422,
            Code::PreconditionRequired => 428,
            Code::RateLimited => 429,
            Code::Cancelled => 499,
            Code::Internal => 500,
            Code::Unimplemented => 501,
            Code::Unavailable => 503,
            Code::DeadlineExceeded => 504,
        }
    }

    /// The gRPC status code (google.rpc.Code). Different codes may share one; the exact code travels as the
    /// `reason` of a `google.rpc.ErrorInfo`.
    pub fn grpc_code(self) -> i32 {
        match self {
            Code::Cancelled => 1,
            Code::Malformed | Code::Invalid => 3,
            Code::DeadlineExceeded => 4,
            Code::NotFound => 5,
            Code::Forbidden => 7,
            Code::BudgetExceeded | Code::RateLimited | Code::TooLarge => 8,
            Code::Conflict | Code::PreconditionFailed | Code::PreconditionRequired => 9,
            Code::Unimplemented => 12,
            Code::Internal => 13,
            Code::Unavailable => 14,
            Code::Unauthenticated => 16,
        }
    }
}

/// One place in the input that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Detail {
    /// JSON Pointer, header or parameter name.
    pub path: String,
    /// What is wrong there.
    pub message: String,
}

/// What a call that failed has cost nevertheless.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spend {
    /// What it used, if the provider said so before it failed; `None` where nothing was used.
    pub usage: Option<Usage>,
    /// The price of that.
    pub cost: Money,
}

impl Spend {
    /// Nothing: the call was refused before anything was done.
    pub const NOTHING: Spend = Spend { usage: None, cost: Money::ZERO };
}

/// A failure that a caller may see. The message never tells of the inside: no SQL, no addresses, no secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// What kind of failure.
    pub code: Code,
    /// Finer, stable, `snake_case` reason where the kind is not enough, e.g. `provider_rate_limited`.
    pub reason: Option<String>,
    /// What happened, in a sentence.
    pub message: String,
    /// What to do about it.
    pub suggestion: Option<String>,
    /// Where the input is wrong.
    pub details: Vec<Detail>,
    /// How long to wait before trying again.
    pub retry_after: Option<Duration>,
    /// Whether trying the same again may help. Set from the code; adapters may know better.
    pub retryable: bool,
    /// What the failed call of a model cost. `None` = unknown: it may have cost anything up to its worst case, and
    /// whoever reserved that for it has to count it as spent. `Some(Spend::NOTHING)` = nothing was done.
    pub spent: Option<Box<Spend>>,
}

impl Error {
    /// An error of this kind.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            reason: None,
            message: message.into(),
            suggestion: None,
            details: Vec::new(),
            retry_after: None,
            retryable: matches!(code, Code::RateLimited | Code::Unavailable | Code::DeadlineExceeded),
            spent: None,
        }
    }

    /// No such thing.
    pub fn not_found(what: impl fmt::Display) -> Self {
        Self::new(Code::NotFound, format!("{what} does not exist"))
    }

    /// A dependency is down; comes with a pause after which to try again.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(Code::Unavailable, message).retry_after(Duration::from_secs(1))
    }

    /// A bug of ours. `context` is logged here and nowhere else.
    pub fn internal(context: impl fmt::Display) -> Self {
        tracing::error!(%context, "internal error");
        Self::new(
            Code::Internal,
            "something went wrong on our side; the log has more under this request's id",
        )
    }

    /// Not offered (yet) by this build.
    pub fn unimplemented(what: impl fmt::Display) -> Self {
        Self::new(Code::Unimplemented, format!("{what} is not available in this version"))
    }

    /// With a finer reason.
    #[must_use]
    pub fn reason(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }

    /// With advice.
    #[must_use]
    pub fn suggest(mut self, suggestion: impl Into<String>) -> Self {
        self.suggestion = Some(suggestion.into());
        self
    }

    /// With one more place that is wrong.
    #[must_use]
    pub fn detail(mut self, path: impl Into<String>, message: impl Into<String>) -> Self {
        self.details.push(Detail { path: path.into(), message: message.into() });
        self
    }

    /// With a pause to keep before trying again.
    #[must_use]
    pub fn retry_after(mut self, pause: Duration) -> Self {
        self.retry_after = Some(pause);
        self
    }

    /// Overrides whether trying again may help.
    #[must_use]
    pub fn retryable(mut self, retryable: bool) -> Self {
        self.retryable = retryable;
        self
    }
}

impl Error {
    /// With what the call cost.
    #[must_use]
    pub fn spent(mut self, spend: Spend) -> Self {
        self.spent = Some(Box::new(spend));
        self
    }

    /// Nothing was done, hence nothing spent.
    #[must_use]
    pub fn unspent(self) -> Self {
        self.spent(Spend::NOTHING)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl From<nexus_model::id::InvalidId> for Error {
    fn from(invalid: nexus_model::id::InvalidId) -> Self {
        Error::new(Code::Malformed, invalid.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_a_budget_refusal_is_never_retried() {
        let names: std::collections::HashSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(names.len(), Code::ALL.len());
        assert!(Code::ALL.iter().all(|code| Code::parse(code.as_str()) == Some(*code)));
        let refusal = Error::new(Code::BudgetExceeded, "no");
        assert_eq!(
            (refusal.code.http_status(), refusal.code.grpc_code(), refusal.retryable),
            (402, 8, false)
        );
    }
}
