//! One thing that happened to one message for one recipient, in no dialect's shape.

use crate::dialect::Dialect;
use crate::kind::Kind;

/// One thing that happened to one message for one recipient.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// The dialect it was read from.
    pub dialect: Dialect,
    /// What happened; `None` where the name is none that we know.
    pub kind: Option<Kind>,
    /// The event's name as its source wrote it.
    pub name: String,
    /// The provider's id of the event; empty where it gave none.
    pub id: String,
}

/// What a gateway must know of an event to store and route it; read without building an [`Event`].
#[derive(Debug, Clone, PartialEq)]
pub struct Outline {
    /// What happened; `None` where the name is none that we know.
    pub kind: Option<Kind>,
    /// The event's name as its source wrote it (Mailgun: `event-data.event`).
    pub name: String,
    /// The provider's id of the event, where it gave one.
    pub id: Option<String>,
    /// When it happened, in milliseconds since the Unix epoch, where the payload says so.
    pub occurred_at_ms: Option<i64>,
    /// The recipient's bare address.
    pub recipient: Option<String>,
    /// The provider's id of the message, without angle brackets.
    pub message_id: Option<String>,
}
