//! The reason why a migration stopped, in words that say what to do next.

use std::fmt;

/// A reason for which a migration stopped.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{text}{next}")]
pub struct Error {
    /// The sort of it.
    pub kind: ErrorKind,
    text: String,
    /// The advice, each part with what parts it from the one before.
    next: String,
}

/// The sorts of error that a caller tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// Asked for in a way that cannot be meant.
    Misuse,
    /// Not there.
    NotFound,
    /// Refused by a server, or because a plan does not fit any more.
    Refused,
    /// Not answered, or not in time: it may have been done all the same.
    Unreachable,
    /// Not possible for another reason.
    Failed,
}

impl Error {
    /// An error of a sort.
    pub fn new(kind: ErrorKind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into(), next: String::new() }
    }

    /// An error about something that cannot be meant.
    pub fn misuse(text: impl Into<String>) -> Self {
        Self::new(ErrorKind::Misuse, text)
    }

    /// An error about something that is refused.
    pub fn refused(text: impl Into<String>) -> Self {
        Self::new(ErrorKind::Refused, text)
    }

    /// An error about something that could not be done.
    pub fn failed(text: impl Into<String>) -> Self {
        Self::new(ErrorKind::Failed, text)
    }

    /// The cause alone, without the advice.
    #[must_use]
    pub fn cause(&self) -> &str {
        &self.text
    }

    /// Adds advice.
    #[must_use]
    pub fn and(self, next: impl fmt::Display) -> Self {
        Self { next: format!("{}; {next}", self.next), ..self }
    }

    /// Adds, on a line of its own, how things stand now.
    #[must_use]
    pub fn then(self, state: impl fmt::Display) -> Self {
        Self { next: format!("{}\n{state}", self.next), ..self }
    }
}
