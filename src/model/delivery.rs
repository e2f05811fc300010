//! Deliveries: one event on its way to one webhook URL, and the attempts made.

use std::net::SocketAddr;
use std::time::Duration;

use waypost_compat::{Dialect, Kind};

use super::{
    AccountId, AttemptId, DeliveryId, DomainName, EndpointId, EventId, StoredEvent, Timestamp,
    WebhookId, WebhookUrl,
};

/// A delivery to be enqueued with its event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDelivery {
    /// The id, made at the time of enqueueing.
    pub id: DeliveryId,
    /// The webhook.
    pub webhook: WebhookId,
    /// The webhook's scope's dialect.
    pub dialect: Dialect,
    /// The endpoint it waits for.
    pub endpoint: EndpointId,
    /// The URL it goes to.
    pub url: WebhookUrl,
}

/// The state of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeliveryState {
    /// To be attempted, for the first time or again.
    Waiting,
    /// Taken by the receiver.
    Delivered,
    /// Given up: the receiver refused it for good, or every attempt failed.
    Dead,
    /// Called off: its webhook went away first.
    Cancelled,
}

/// The next step of a delivery after an attempt, or without one. It decides the delivery's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextStep {
    /// The receiver took it.
    Delivered,
    /// To be tried again at this time.
    RetryAt(Timestamp),
    /// Given up.
    Dead,
    /// Called off: its webhook is gone.
    Cancelled,
}

impl NextStep {
    /// The state that a delivery is in after it.
    #[must_use]
    pub const fn state(self) -> DeliveryState {
        match self {
            Self::Delivered => DeliveryState::Delivered,
            Self::RetryAt(_) => DeliveryState::Waiting,
            Self::Dead => DeliveryState::Dead,
            Self::Cancelled => DeliveryState::Cancelled,
        }
    }

    /// The time of the next attempt, if there is one.
    #[must_use]
    pub const fn due(self) -> Option<Timestamp> {
        match self {
            Self::RetryAt(due) => Some(due),
            Self::Delivered | Self::Dead | Self::Cancelled => None,
        }
    }
}

/// One event on its way to one webhook URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The id; the time in it is that of enqueueing.
    pub id: DeliveryId,
    /// The owner.
    pub account: AccountId,
    /// The event's domain, as far as the source that caused the delivery could tell.
    pub domain: Option<DomainName>,
    /// The event.
    pub event: EventId,
    /// The kind of the event, where its name is known.
    pub kind: Option<Kind>,
    /// The webhook.
    pub webhook: WebhookId,
    /// The dialect it is delivered in.
    pub dialect: Dialect,
    /// The endpoint it waits for.
    pub endpoint: EndpointId,
    /// The URL it goes to.
    pub url: WebhookUrl,
    /// The state.
    pub state: DeliveryState,
    /// The time of the next attempt; only while it waits.
    pub next_attempt_at: Option<Timestamp>,
    /// Every attempt so far, oldest first; the oldest are dropped past a fixed number.
    pub attempts: Vec<Attempt>,
    /// The number of attempts made, dropped ones included.
    pub attempt_count: u32,
    /// The delivery that this one repeats.
    pub replay_of: Option<DeliveryId>,
}

impl Delivery {
    /// A delivery as it stands when it is enqueued: due at once.
    #[must_use]
    pub fn first(event: &StoredEvent, new: &NewDelivery) -> Self {
        Self {
            id: new.id,
            account: event.account,
            domain: event.domain.clone(),
            event: event.id,
            kind: event.kind,
            webhook: new.webhook,
            dialect: new.dialect,
            endpoint: new.endpoint,
            url: new.url.clone(),
            state: DeliveryState::Waiting,
            next_attempt_at: Some(new.id.time()),
            attempts: Vec::new(),
            attempt_count: 0,
            replay_of: None,
        }
    }
}

impl Delivery {
    /// The attempts that are kept, oldest first, each with its id.
    pub fn attempts(&self) -> impl DoubleEndedIterator<Item = (AttemptId, &Attempt)> {
        let kept = u32::try_from(self.attempts.len()).unwrap_or(u32::MAX);
        let first = self.attempt_count.saturating_sub(kept) + 1;
        let id = move |index: usize| {
            let past_first = u32::try_from(index).unwrap_or(u32::MAX);
            AttemptId::of(self.id, first.saturating_add(past_first))
        };
        self.attempts.iter().enumerate().map(move |(index, attempt)| (id(index), attempt))
    }
}

/// One HTTP request made for a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The beginning.
    pub at: Timestamp,
    /// The time it took.
    pub duration: Duration,
    /// The outcome.
    pub outcome: Outcome,
    /// The address that was dialled, where it came to that.
    pub address: Option<SocketAddr>,
    /// The beginning of the receiver's answer, or the error in words.
    pub excerpt: String,
    /// Fields of the event that the receiver's dialect has no place for.
    pub lost: Vec<String>,
}

/// The outcome of one HTTP request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver answered.
    Answered {
        /// The status.
        status: u16,
        /// The wait that `Retry-After` asked for.
        retry_after: Option<Duration>,
    },
    /// There was no answer.
    Failed(Failure),
}

/// A reason for there being no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// The address may not be called: private, loopback, link-local, metadata.
    Blocked,
    /// The host's name did not resolve.
    Dns,
    /// No connection could be made.
    Connect,
    /// The TLS handshake failed.
    Tls,
    /// A deadline passed.
    Timeout,
    /// The connection broke, or what came was not HTTP.
    Broken,
    /// The event could not be written in the webhook's dialect.
    Untranslatable,
}
