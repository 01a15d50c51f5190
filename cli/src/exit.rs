//! How a command ends: the exit codes that scripts rely on, and the words on stderr. Not here: what fails when.

use nexus_api::{Code, Detail, Error};
use nexus_model::ExecutionStatus;
use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It did what it should.
    Success = 0,
    /// It did not.
    Failed = 1,
    /// Bad usage, or an invalid document.
    Usage = 2,
    /// Stopped by the budget.
    Budget = 3,
    /// Cancelled.
    Cancelled = 4,
    /// Cannot reach a server.
    Unreachable = 5,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

impl From<ExecutionStatus> for Exit {
    fn from(status: ExecutionStatus) -> Self {
        match status {
            ExecutionStatus::Succeeded => Exit::Success,
            ExecutionStatus::BudgetExceeded => Exit::Budget,
            ExecutionStatus::Cancelled => Exit::Cancelled,
            ExecutionStatus::Failed | ExecutionStatus::Queued | ExecutionStatus::Running => Exit::Failed,
        }
    }
}

/// Why a command did not do what it should.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    message: String,
    suggestion: Option<String>,
    details: Vec<Detail>,
}

/// Result of a command.
pub(crate) type Result<T = Exit> = std::result::Result<T, Failure>;

impl Failure {
    /// Bad usage.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// With this exit code.
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), suggestion: None, details: Vec::new() }
    }

    /// With advice.
    pub(crate) fn suggest(mut self, suggestion: impl Into<String>) -> Self {
        self.suggestion = Some(suggestion.into());
        self
    }

    /// What it says, without advice.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// Says it on stderr and gives the exit code.
    pub(crate) fn report(self) -> Exit {
        // Told to end before it had begun: no error, but worth a word.
        let kind = if self.exit == Exit::Success { "" } else { "error: " };
        let mut text = format!("{kind}{}\n", self.message);
        for detail in &self.details {
            let place = if detail.path.is_empty() { "(document)" } else { &detail.path };
            text.push_str(&format!("  {place}: {}\n", detail.message));
        }
        if let Some(suggestion) = &self.suggestion {
            text.push_str(&format!("hint: {suggestion}\n"));
        }
        crate::out::error(&text);
        self.exit
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let exit = match error.code {
            Code::BudgetExceeded => Exit::Budget,
            Code::Cancelled => Exit::Cancelled,
            Code::Unavailable | Code::DeadlineExceeded => Exit::Unreachable,
            Code::Conflict | Code::RateLimited | Code::Internal | Code::PreconditionFailed => Exit::Failed,
            Code::Malformed
            | Code::Invalid
            | Code::NotFound
            | Code::TooLarge
            | Code::Unauthenticated
            | Code::Forbidden
            | Code::PreconditionRequired
            | Code::Unimplemented => Exit::Usage,
        };
        Self { exit, message: error.message, suggestion: error.suggestion, details: error.details }
    }
}

impl From<nexus_runtime::config::Error> for Failure {
    fn from(error: nexus_runtime::config::Error) -> Self {
        Self::usage(error.to_string())
    }
}

impl From<nexus_runtime::lock::Error> for Failure {
    fn from(error: nexus_runtime::lock::Error) -> Self {
        Self::new(Exit::Failed, error.to_string())
    }
}

impl From<nexus_model::id::InvalidId> for Failure {
    fn from(error: nexus_model::id::InvalidId) -> Self {
        Self::usage(error.to_string())
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::new(Exit::Failed, format!("{error:#}"))
    }
}
