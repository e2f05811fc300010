//! Events: what came in, and what is answered to those who bring one.

use serde::{Deserialize, Serialize};
use waypost_compat::{Kind, Provider};

use super::{DeliverySummary, ErrorBody, Time, Word};
use crate::model::{DomainName, EventId, SourceId};

/// An event as it is answered, less its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// The event's id.
    pub id: EventId,
    /// The domain that it belongs to; null where it names none that the account has.
    pub domain: Option<DomainName>,
    /// The source that posted it; null for an event of the owner's own.
    pub source: Option<SourceId>,
    /// Further sources that posted the same event.
    pub also_by: Vec<SourceId>,
    /// The provider whose form its bytes have.
    pub dialect: Word<Provider>,
    /// The kind of event; null where its name is none that we know.
    pub kind: Option<Word<Kind>>,
    /// The event's name as its source wrote it.
    pub name: String,
    /// The provider's id of it; null where it gave none.
    pub provider_id: Option<String>,
    /// The recipient's address; null where it names none.
    pub recipient: Option<String>,
    /// The provider's id of the message; null where it names none.
    pub message_id: Option<String>,
    /// The time at which it happened, by its own account; null where it does not say.
    pub occurred_at: Option<Time>,
    /// The time at which the server took it.
    pub received_at: Time,
    /// The number of times that it was sent again.
    pub duplicates: u32,
    /// The length of its original bytes.
    pub body_bytes: usize,
}

/// An event that is shown by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventDetail {
    /// Everything that is listed of it.
    #[serde(flatten)]
    pub listed: Event,
    /// The first 200 of its deliveries, newest first.
    pub deliveries: Vec<DeliverySummary>,
}

/// The answer to one event that was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The event's id; of a duplicate that of the event that was taken before.
    pub id: EventId,
    /// Accepted or duplicate.
    pub status: Word<IngestStatus>,
}

/// The answer to one of many events that were sent together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchItem {
    /// The event's place in the request, from 0.
    pub index: usize,
    /// The event's id; absent where it was rejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<EventId>,
    /// The result.
    pub status: Word<IngestStatus>,
    /// The reason of a rejection; absent where it was taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorBody>,
}

/// The answer to many events of which the store failed to take some.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedBatch {
    /// The error of the whole.
    pub error: ErrorBody,
    /// The result for each event, in their order.
    pub items: Vec<BatchItem>,
}

/// The result of sending an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IngestStatus {
    /// Durable, with its deliveries.
    Accepted,
    /// Taken before; nothing was added.
    Duplicate,
    /// Not taken.
    Rejected,
}
