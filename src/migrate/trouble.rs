//! Why a migration stopped, in words that say what to do next; and who is told of its progress.

use std::fmt;

/// Why a migration stopped.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{text}{next}")]
pub struct Trouble {
    /// What sort it is of.
    pub kind: TroubleKind,
    text: String,
    /// What follows from it, each part with what parts it from the one before.
    next: String,
}

/// The sorts of trouble that a caller tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TroubleKind {
    /// It was asked for in a way that cannot be meant.
    Misuse,
    /// There is no such thing.
    NotFound,
    /// It was refused: by a server, or because a plan does not fit any more.
    Refused,
    /// Nobody answers, or not in time. What was asked for may have been done.
    Unreachable,
    /// It could not be done.
    Failed,
}

impl Trouble {
    /// Trouble of a sort.
    pub fn new(kind: TroubleKind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into(), next: String::new() }
    }

    /// Something that cannot be meant.
    pub fn misuse(text: impl Into<String>) -> Self {
        Self::new(TroubleKind::Misuse, text)
    }

    /// Something that is refused.
    pub fn refused(text: impl Into<String>) -> Self {
        Self::new(TroubleKind::Refused, text)
    }

    /// Something that could not be done.
    pub fn failed(text: impl Into<String>) -> Self {
        Self::new(TroubleKind::Failed, text)
    }

    /// What happened, without what follows from it.
    #[must_use]
    pub fn cause(&self) -> &str {
        &self.text
    }

    /// The same trouble, and what follows from it.
    #[must_use]
    pub fn and(self, next: impl fmt::Display) -> Self {
        Self { next: format!("{}; {next}", self.next), ..self }
    }

    /// The same trouble, and on a line of its own how things stand now.
    #[must_use]
    pub fn then(self, standing: impl fmt::Display) -> Self {
        Self { next: format!("{}\n{standing}", self.next), ..self }
    }
}

/// Whoever is told how far a migration is.
pub trait Progress: Send {
    /// Tells one line.
    fn say(&mut self, line: fmt::Arguments<'_>);
}
