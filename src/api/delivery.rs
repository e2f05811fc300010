//! Deliveries and their attempts.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use waypost_compat::{Dialect, Kind};

use super::{Time, Word};
use crate::model::{
    AttemptId, DeliveryId, DeliveryState, DomainName, EndpointId, EventId, Failure, WebhookId,
    WebhookUrl,
};

/// A delivery as it is listed.
pub type DeliverySummary = Delivery<u32>;

/// A delivery that is shown by itself: the attempts stand where a list has their number. The oldest
/// may have been dropped.
pub type DeliveryDetail = Delivery<Vec<Attempt>>;

/// A delivery: one event on its way to one webhook's endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery<Attempts> {
    /// The delivery's id.
    pub id: DeliveryId,
    /// The event that is delivered.
    pub event_id: EventId,
    /// The event's domain; null where it belongs to none.
    pub domain: Option<DomainName>,
    /// The webhook that it is for.
    pub webhook_id: WebhookId,
    /// The endpoint that it waits for.
    pub endpoint_id: EndpointId,
    /// The URL that it goes to.
    pub url: WebhookUrl,
    /// The dialect that its receiver is spoken to in.
    pub dialect: Word<Dialect>,
    /// The kind of event; null where its name is none that we know.
    pub kind: Option<Word<Kind>>,
    /// The state that it is in.
    pub state: Word<DeliveryState>,
    /// The number of attempts or, oldest first, the attempts themselves.
    pub attempts: Attempts,
    /// The number of attempts, dropped ones included.
    pub attempt_count: u32,
    /// The receiver's status at the last attempt; null before the first, or without an answer.
    pub last_status: Option<u16>,
    /// The class of error at the last attempt; null before the first, or with an answer.
    pub last_error: Option<Word<Failure>>,
    /// The time of the next attempt; null where it does not wait for one.
    pub next_attempt_at: Option<Time>,
    /// The time at which it was enqueued.
    pub created_at: Time,
    /// The delivery that it repeats; null where it was not replayed.
    pub replay_of: Option<DeliveryId>,
}

/// An attempt: one HTTP request made for a delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// The attempt's id.
    pub id: AttemptId,
    /// The time at which it began.
    pub at: Time,
    /// The time that it took, in milliseconds.
    pub duration_ms: u64,
    /// The receiver's status; null without an answer.
    pub status: Option<u16>,
    /// The class of error; null with an answer.
    pub error: Option<Word<Failure>>,
    /// The seconds that the receiver's `Retry-After` asked for; null where it asked for none.
    pub retry_after_s: Option<u64>,
    /// The address that was dialled; null where it did not come to that.
    pub address: Option<SocketAddr>,
    /// The beginning of the receiver's answer, or the error in words.
    pub excerpt: String,
    /// The fields of the event that the receiver's dialect has no place for.
    pub lost: Vec<String>,
}

/// The answer to a replay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replayed {
    /// The new delivery.
    pub id: DeliveryId,
}
