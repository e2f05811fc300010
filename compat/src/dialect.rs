//! The five dialects, and the way in and out of each.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::event::{Event, Outline};

/// One provider's way of speaking: API shape, vocabulary, payload, signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// Mailgun.
    Mailgun,
    /// Posthawk.
    Posthawk,
    /// `MailStack` by `VooStack`.
    MailStack,
    /// Wistfare Mail (Wistmail).
    Wistfare,
    /// `MailingAPI` (Outboxa).
    MailingApi,
}

impl Dialect {
    /// Every dialect, in the order in which the documentation names them.
    pub const ALL: [Self; 5] =
        [Self::Mailgun, Self::Posthawk, Self::MailStack, Self::Wistfare, Self::MailingApi];

    /// The dialect's name in APIs, logs and on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mailgun => "mailgun",
            Self::Posthawk => "posthawk",
            Self::MailStack => "mailstack",
            Self::Wistfare => "wistfare",
            Self::MailingApi => "mailingapi",
        }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A word that names none of the five dialects.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected a dialect (`mailgun`, `posthawk`, `mailstack`, `wistfare` or `mailingapi`), found {0:?}"
)]
pub struct UnknownDialect(pub String);

impl FromStr for Dialect {
    type Err = UnknownDialect;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|dialect| dialect.as_str().eq_ignore_ascii_case(text))
            .ok_or_else(|| UnknownDialect(text.to_owned()))
    }
}

/// A body that is not an event in the dialect it was read as.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: expected {expected}, found {found}")]
pub struct ParseError {
    /// Where in the body, as a path such as `event-data.event`; `body` for the whole.
    pub field: String,
    /// What should stand there.
    pub expected: &'static str,
    /// What stands there, shortened.
    pub found: String,
}

/// What the gateway adds where a source's payload has no such thing but the target's always does.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Context {
    /// The sending domain (Mailgun: `domain.name`).
    pub domain: String,
    /// The account's id, 24 hex digits (Mailgun: `account.id`).
    pub account: String,
    /// The gateway's own id of the event, for payloads whose source gave none.
    pub event_id: String,
    /// When the gateway received the event, in milliseconds since the Unix epoch.
    pub received_at_ms: i64,
}

/// An event as one dialect's payload, and what that payload could not carry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The bytes to send. For Mailgun, the `event-data` object alone: the signature around it is
    /// made anew for every attempt.
    pub body: Vec<u8>,
    /// The event's name in the target's payload (`X-Posthawk-Event` and its like).
    pub name: String,
    /// The parts of the event that this payload has no place for.
    pub lost: Vec<String>,
}

/// Why an event has no payload in a dialect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TranslateError {
    /// The bytes are not an event of the source's dialect.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// The target's vocabulary has no name for what happened.
    #[error("{to} has no event for `{name}`")]
    Impossible {
        /// The target.
        to: Dialect,
        /// The event's name at its source.
        name: String,
    },
}

/// Reads what a gateway needs in order to store and route an event, and no more.
///
/// A body with an unknown event name has an outline (`kind` is `None`); a body that is not this
/// dialect's at all has none.
pub fn outline(dialect: Dialect, body: &[u8]) -> Result<Outline, ParseError> {
    let _ = (dialect, body);
    unimplemented!()
}

/// Reads one event. Takes arbitrary bytes; never panics; memory is bounded by the body's length.
///
/// For Mailgun both the whole webhook body and a bare `event-data` object are understood.
pub fn parse(dialect: Dialect, body: &[u8]) -> Result<Event, ParseError> {
    let _ = (dialect, body);
    unimplemented!()
}

/// Writes an event as a dialect's payload.
pub fn render(
    dialect: Dialect,
    event: &Event,
    context: &Context,
) -> Result<Rendered, TranslateError> {
    let _ = (dialect, event, context);
    unimplemented!()
}

/// Takes a payload from one dialect to another.
///
/// From a dialect to itself the bytes stay as they are (Mailgun: the `event-data` object's bytes),
/// known or not, and nothing is lost. Equal input gives equal bytes.
pub fn translate(
    from: Dialect,
    body: &[u8],
    to: Dialect,
    context: &Context,
) -> Result<Rendered, TranslateError> {
    let _ = (from, body, to, context);
    unimplemented!()
}
