//! Deliveries: one event on its way to one webhook URL, and the attempts made.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use sha2::Digest;
use waypost_compat::{Dialect, Kind};

use super::{
    AccountId, DeliveryId, DomainName, EventId, StoredEvent, Timestamp, WebhookId, WebhookScope,
    WebhookUrl, hex,
};

/// The queue that deliveries to one receiver wait in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TargetId([u8; 16]);

impl TargetId {
    /// The queue of a URL within a scope.
    #[must_use]
    pub fn of_url(scope: &WebhookScope, url: &WebhookUrl) -> Self {
        let mut hash = sha2::Sha256::new();
        hash.update(scope.account.as_bytes());
        hash.update(scope.domain.as_ref().map_or("*", DomainName::as_str));
        hash.update([0]);
        hash.update(url.as_str());
        let mut id = [0; 16];
        id.copy_from_slice(&hash.finalize()[..16]);
        Self(id)
    }

    /// The queue of a webhook that shares it with no other.
    #[must_use]
    pub const fn of_webhook(id: WebhookId) -> Self {
        Self(*id.as_bytes())
    }

    /// An id from its sixteen bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Its sixteen bytes, as they are kept in the store.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for TargetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

/// A delivery to be enqueued with its event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDelivery {
    /// Its id, made at the time of enqueueing.
    pub id: DeliveryId,
    /// The webhook.
    pub webhook: WebhookId,
    /// The webhook's scope's dialect.
    pub dialect: Dialect,
    /// The queue it waits in.
    pub target: TargetId,
    /// Where it goes.
    pub url: WebhookUrl,
}

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeliveryState {
    /// It will be attempted, for the first time or again.
    Waiting,
    /// The receiver took it.
    Delivered,
    /// Given up: the receiver refused it for good, or every attempt failed.
    Dead,
    /// Its webhook went away before it was delivered.
    Cancelled,
}

/// One event on its way to one webhook URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its id; the time in it is when it was enqueued.
    pub id: DeliveryId,
    /// Whose it is.
    pub account: AccountId,
    /// The event's domain, as far as the source that caused the delivery could tell.
    pub domain: Option<DomainName>,
    /// The event.
    pub event: EventId,
    /// What happened.
    pub kind: Option<Kind>,
    /// The webhook.
    pub webhook: WebhookId,
    /// The dialect it is delivered in.
    pub dialect: Dialect,
    /// The queue it waits in.
    pub target: TargetId,
    /// Where it goes.
    pub url: WebhookUrl,
    /// Where it stands.
    pub state: DeliveryState,
    /// When it is attempted next; only while it waits.
    pub next_attempt_at: Option<Timestamp>,
    /// Every attempt so far, oldest first; the oldest are dropped past a fixed number.
    pub attempts: Vec<Attempt>,
    /// How many attempts were made, dropped ones included.
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
            target: new.target,
            url: new.url.clone(),
            state: DeliveryState::Waiting,
            next_attempt_at: Some(new.id.time()),
            attempts: Vec::new(),
            attempt_count: 0,
            replay_of: None,
        }
    }
}

/// One HTTP request made for a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// When it began.
    pub at: Timestamp,
    /// How long it took.
    pub duration: Duration,
    /// What came of it.
    pub outcome: Outcome,
    /// The address that was dialled, where it came to that.
    pub address: Option<SocketAddr>,
    /// The beginning of the receiver's answer, or the error in words.
    pub excerpt: String,
    /// What the receiver's dialect had no place for.
    pub lost: Vec<String>,
}

/// What came of one HTTP request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver answered.
    Answered {
        /// The status.
        status: u16,
        /// What `Retry-After` asked for.
        retry_after: Option<Duration>,
    },
    /// There was no answer.
    Failed(Failure),
}

/// Why there was no answer.
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
