//! What can be wrong with an expression, said to the person who wrote it.

/// What kind of mistake it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The text is not of the language.
    Syntax,
    /// The text, the work it asks for, or its result is too large.
    Limit,
    /// A name has no value.
    Undefined,
    /// Anything else that happens while evaluating: wrong types, division by zero.
    Evaluation,
}

/// An expression that cannot be compiled or evaluated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{message}", line.map(|line| format!("line {line}: ")).unwrap_or_default())]
pub struct Error {
    /// What kind of mistake it is.
    pub kind: Kind,
    /// What is wrong, without the line.
    pub message: String,
    /// Where, from 1; absent if the text has one line or the place is not known.
    pub line: Option<usize>,
}

/// Result of compiling or evaluating.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), line: None }
    }

    pub(crate) fn syntax(message: impl Into<String>) -> Self {
        Self::new(Kind::Syntax, message)
    }

    pub(crate) fn limit(message: impl Into<String>) -> Self {
        Self::new(Kind::Limit, message)
    }

    pub(crate) fn undefined(message: impl Into<String>) -> Self {
        Self::new(Kind::Undefined, message)
    }

    /// What was asked cannot be worked out.
    pub fn evaluation(message: impl Into<String>) -> Self {
        Self::new(Kind::Evaluation, message)
    }

    #[must_use]
    pub(crate) fn at_line(mut self, line: usize) -> Self {
        self.line = Some(line);
        self
    }
}
