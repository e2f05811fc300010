//! Why a migration stopped, in words that say what to do next; and who is told of its progress.

use std::fmt;

/// A reason for which a migration stopped.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{text}{next}")]
pub struct Trouble {
    /// The sort of it.
    pub kind: TroubleKind,
    text: String,
    /// The advice, each part with what parts it from the one before.
    next: String,
}

/// The sorts of error that a caller tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TroubleKind {
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

impl Trouble {
    /// An error of a sort.
    pub fn new(kind: TroubleKind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into(), next: String::new() }
    }

    /// An error about something that cannot be meant.
    pub fn misuse(text: impl Into<String>) -> Self {
        Self::new(TroubleKind::Misuse, text)
    }

    /// An error about something that is refused.
    pub fn refused(text: impl Into<String>) -> Self {
        Self::new(TroubleKind::Refused, text)
    }

    /// An error about something that could not be done.
    pub fn failed(text: impl Into<String>) -> Self {
        Self::new(TroubleKind::Failed, text)
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
    pub fn then(self, standing: impl fmt::Display) -> Self {
        Self { next: format!("{}\n{standing}", self.next), ..self }
    }
}

/// A listener that is told how far a migration is.
pub trait Progress: Send {
    /// Takes one line.
    fn say(&mut self, line: fmt::Arguments<'_>);
}
