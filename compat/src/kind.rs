//! What happened to a message, free of any dialect, and the one table of what each dialect calls it.

use serde::{Deserialize, Serialize};

/// What happened to a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The provider took the message and will try to deliver it.
    Accepted,
    /// The recipient's server took the message.
    Delivered,
    /// Delivery failed for now; the sender will try again.
    Deferred,
    /// Delivery failed and the sender has given up.
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
