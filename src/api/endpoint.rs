//! Endpoints: the receivers behind webhooks, with their limits and health.

use serde::{Deserialize, Serialize};
use waypost_compat::Dialect;

use super::{Time, Word};
use crate::model::{DeliveryId, DomainName, EndpointId, Failure, WebhookId, WebhookUrl};

/// An endpoint: the receiver behind one or more webhooks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Endpoint {
    /// The endpoint's id.
    pub id: EndpointId,
    /// The URL that its webhooks name.
    pub url: WebhookUrl,
    /// The domain that its webhooks are for; null where they are for the whole account.
    pub domain: Option<DomainName>,
    /// The dialect that it is spoken to in.
    pub dialect: Word<Dialect>,
    /// The webhooks that lead to it.
    pub webhooks: Vec<WebhookId>,
    /// The state that it is in.
    pub state: Word<EndpointState>,
    /// The attempts per second that its owner allows; null where the server's limit holds.
    pub rate: Option<f64>,
    /// The attempts in flight that its owner allows; null where the server's limit holds.
    pub concurrency: Option<u32>,
    /// True while its owner has its deliveries held.
    pub paused: bool,
    /// The limits in force.
    pub limits: Limits,
    /// The experience made with it.
    pub health: EndpointHealth,
    /// The deliveries that wait for it, counted up to a bound.
    pub waiting: u64,
    /// True where more wait than were counted.
    pub waiting_more: bool,
    /// The time at which the one was enqueued that has waited longest; null where none waits.
    pub oldest_waiting_at: Option<Time>,
}

/// The state of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndpointState {
    /// Deliveries are made.
    Active,
    /// Held, since the endpoint's owner wants it so.
    Paused,
    /// Failed too often in a row, and left alone but for a probe now and then.
    Resting,
}

/// The limits in force for an endpoint: its owner's, or else the server's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// Attempts per second; null for as many as there are.
    pub rate: Option<f64>,
    /// Attempts in flight.
    pub concurrency: u32,
}

/// The experience made with an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointHealth {
    /// The failures in a row: no answer, 429 or a 5xx.
    pub failures: u32,
    /// The time of the first of those in a row; null where the last attempt did not fail.
    pub first_failure_at: Option<Time>,
    /// The last failure, kept when the endpoint is well again; null before the first.
    pub last_failure: Option<LastFailure>,
    /// The breaker.
    pub breaker: Word<BreakerState>,
    /// The time at which it opened; null while it is closed.
    pub open_since: Option<Time>,
    /// The time from which the next probe may be made; null while it is closed.
    pub next_probe_at: Option<Time>,
}

/// The state of a breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakerState {
    /// Attempts are made as they come.
    Closed,
    /// None are made before the next probe is due.
    Open,
    /// A probe may be made, or is under way.
    HalfOpen,
}

/// The last attempt that failed: no answer, a 429 or a 5xx.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastFailure {
    /// The time at which it began.
    pub at: Time,
    /// The delivery that it was made for.
    pub delivery_id: DeliveryId,
    /// The receiver's status; null without an answer.
    pub status: Option<u16>,
    /// The class of error; null with an answer.
    pub error: Option<Word<Failure>>,
    /// The beginning of the receiver's answer, or the error in words.
    pub excerpt: String,
}

/// The request to change an endpoint's limits; what is absent stays as it is.
#[derive(Debug, Clone, Default, Serialize)]
pub struct UpdateEndpoint {
    /// The attempts per second; null for the server's limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<Option<f64>>,
    /// The attempts in flight; null for the server's limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<Option<u32>>,
    /// True to have its deliveries held.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paused: Option<bool>,
}
