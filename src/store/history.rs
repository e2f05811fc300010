//! The history: events and deliveries as they are looked up, listed, repeated and let go of.

use std::time::Duration;

use async_trait::async_trait;
use waypost_compat::Kind;

use super::{Durable, Error};
use crate::model::{
    AccountId, Backlog, Delivery, DeliveryId, DeliveryState, DomainName, EndpointId, EventId,
    SourceId, StoredEvent, Timestamp, WebhookId, WebhookStats,
};

/// The events to list. Empty means all.
#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    /// Only this domain's.
    pub domain: Option<DomainName>,
    /// Only this kind.
    pub kind: Option<Kind>,
    /// Only with names we do not know.
    pub unknown: bool,
    /// Only this recipient's.
    pub recipient: Option<String>,
    /// Only those that this source posted, first or too.
    pub source: Option<SourceId>,
}

/// The deliveries to list. Empty means all.
#[derive(Debug, Clone, Default)]
pub struct DeliveryFilter {
    /// Only of this domain's events.
    pub domain: Option<DomainName>,
    /// Only in this state.
    pub state: Option<DeliveryState>,
    /// Only to this webhook.
    pub webhook: Option<WebhookId>,
    /// Only of this event.
    pub event: Option<EventId>,
    /// Only to this endpoint.
    pub endpoint: Option<EndpointId>,
}

/// The part of a listing that is asked for.
#[derive(Debug, Clone)]
pub struct Page<Id> {
    /// Begin after this one.
    pub after: Option<Id>,
    /// At most so many.
    pub limit: usize,
}

/// A page of a listing. It may hold fewer than asked for, even none, and still have a `next`: the
/// work for one page is bounded.
#[derive(Debug, Clone)]
pub struct Listing<T, Id> {
    /// The items.
    pub items: Vec<T>,
    /// The place after which the next page begins; `None` at the end.
    pub next: Option<Id>,
}

/// The bounds of the past that is kept.
#[derive(Debug, Clone, Copy)]
pub struct Retention {
    /// Events older than this go.
    pub age: Duration,
    /// Beyond so many bytes of event bodies, the oldest go.
    pub bytes: u64,
}

/// The size of a store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes on disk.
    pub disk_bytes: u64,
    /// Bytes of event bodies kept.
    pub event_bytes: u64,
    /// Events kept.
    pub events: u64,
    /// Deliveries waiting.
    pub waiting: u64,
}

/// The past: looked up, listed, repeated and let go of.
#[async_trait]
pub trait History: Durable {
    /// One event, body and all.
    async fn event(&self, account: AccountId, id: EventId) -> Result<Option<StoredEvent>, Error>;
    /// An account's events, newest first.
    async fn events(
        &self,
        account: AccountId,
        filter: &EventFilter,
        page: &Page<EventId>,
    ) -> Result<Listing<StoredEvent, EventId>, Error>;
    /// One delivery with its attempts.
    async fn delivery(&self, account: AccountId, id: DeliveryId)
    -> Result<Option<Delivery>, Error>;
    /// An account's deliveries, newest first.
    async fn deliveries(
        &self,
        account: AccountId,
        filter: &DeliveryFilter,
        page: &Page<DeliveryId>,
    ) -> Result<Listing<Delivery, DeliveryId>, Error>;
    /// The attempts made for a webhook so far, counted; all zero for one that had none, or is not
    /// there (any more). As durable as the settlements it counts.
    async fn webhook_stats(&self, account: AccountId, id: WebhookId)
    -> Result<WebhookStats, Error>;
    /// Enqueues a new delivery of the same event to the same webhook, under the id `new`, due at
    /// once. `None` if the account has no such delivery, or its event is gone.
    async fn replay(
        &self,
        account: AccountId,
        id: DeliveryId,
        new: DeliveryId,
    ) -> Result<Option<Delivery>, Error>;
    /// Removes up to `limit` events, oldest first, with their deliveries, that are older than
    /// `retention.age` or beyond `retention.bytes`, and forgets dedupe keys and tokens past their
    /// time. Events with deliveries waiting are kept. Returns how many events went.
    async fn trim(
        &self,
        now: Timestamp,
        retention: &Retention,
        limit: usize,
    ) -> Result<usize, Error>;
    /// The size of a store.
    async fn usage(&self) -> Result<Usage, Error>;
    /// The deliveries that wait for an endpoint of an account's, counted up to a bound.
    async fn backlog(&self, account: AccountId, endpoint: EndpointId) -> Result<Backlog, Error>;
}
