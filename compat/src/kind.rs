//! The kinds of event: what happened to a message, free of any dialect.
//!
//! The names that a provider gives to kinds stand in the provider's own file, in a table that a new
//! kind does not compile without (`spec/providers.md` §2.1, `spec/mailgun-events.md` §1.2). In each
//! [dialect](crate::Dialect) exactly eight kinds have a name of their own, and exactly eight names
//! can be subscribed to. Two names also cover a kind that has none:
//!
//! | name | is the name of | covers besides |
//! |---|---|---|
//! | Mailgun `permanent_fail` | [`Kind::Bounced`] | [`Kind::Failed`], with `reason: generic` |
//! | Wistfare `email.failed` | [`Kind::Failed`] | [`Kind::Rejected`], with `failureType: rejected` |
//!
//! ```
//! use waypost_compat::{Dialect, Kind};
//!
//! assert_eq!(Dialect::MailStack.name(Kind::Deferred), Some("DeliveryDelay"));
//! assert_eq!(Dialect::Posthawk.kind_of("complaint"), Some(Kind::Complained));
//! assert_eq!(Dialect::Mailgun.name(Kind::Failed), None);
//! assert_eq!(Dialect::Mailgun.delivered_as(Kind::Failed), Some("permanent_fail"));
//! assert_eq!(
//!     Dialect::Mailgun.covered("permanent_fail"),
//!     [Kind::Bounced, Kind::Failed],
//! );
//! ```

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An occurrence in a message's life.
///
/// The finality rule (`spec/providers.md` §2.2) separates [`Deferred`](Kind::Deferred) from
/// [`Bounced`](Kind::Bounced): the sender will try again, or it will not. How hard a bounce was is
/// an attribute ([`Class`](crate::event::Class)), not a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The provider took the message and will try to deliver it.
    Accepted,
    /// The recipient's server took the message.
    Delivered,
    /// Delivery failed for now; the sender will try again.
    Deferred,
    /// Delivery failed and the sender has given up, or the address is on a suppression list.
    Bounced,
    /// The provider refused the message before any attempt.
    Rejected,
    /// The provider itself failed: rendering, an engine that was down.
    Failed,
    /// The recipient opened the message.
    Opened,
    /// The recipient followed a link in the message.
    Clicked,
    /// The recipient unsubscribed.
    Unsubscribed,
    /// The recipient reported the message as spam.
    Complained,
    /// A message came in.
    Received,
    /// An incoming message was stored.
    Stored,
}

impl Kind {
    /// Every kind, in the order of a message's life.
    pub const ALL: [Self; 12] = [
        Self::Accepted,
        Self::Delivered,
        Self::Deferred,
        Self::Bounced,
        Self::Rejected,
        Self::Failed,
        Self::Opened,
        Self::Clicked,
        Self::Unsubscribed,
        Self::Complained,
        Self::Received,
        Self::Stored,
    ];

    /// The kind's name in our own APIs, logs and files.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Delivered => "delivered",
            Self::Deferred => "deferred",
            Self::Bounced => "bounced",
            Self::Rejected => "rejected",
            Self::Failed => "failed",
            Self::Opened => "opened",
            Self::Clicked => "clicked",
            Self::Unsubscribed => "unsubscribed",
            Self::Complained => "complained",
            Self::Received => "received",
            Self::Stored => "stored",
        }
    }

    /// The kind that one of a provider's tables of names has under `wanted`.
    pub(crate) fn named(wanted: &str, name: impl Fn(Self) -> Option<&'static str>) -> Option<Self> {
        Self::ALL.into_iter().find(|&kind| name(kind) == Some(wanted))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A word that names no kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a kind of event such as `delivered` or `bounced`, found {0:?}")]
pub struct UnknownKind(pub String);

impl FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| UnknownKind(text.to_owned()))
    }
}
