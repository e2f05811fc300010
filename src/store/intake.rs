//! The intake: what ingest needs to take an event.

use std::sync::Arc;

use async_trait::async_trait;

use super::Error;
use crate::model::{AccountId, Arrival, DomainName, EventId, Source, SourceId, Webhook, WebhookId};

/// The result of taking an arrival in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enqueued {
    /// New, or new to this source, and durable.
    Accepted(EventId),
    /// A repeat of this event, which is durable.
    Duplicate(EventId),
}

/// The way in for events.
#[async_trait]
pub trait Intake: Send + Sync + 'static {
    /// The source behind an ingest URL, by its id alone: whoever knows it may try to prove that
    /// they are the provider.
    async fn source_to_prove(&self, id: SourceId) -> Result<Option<Source>, Error>;
    /// Says whether an account has a domain.
    async fn has_domain(&self, account: AccountId, name: &DomainName) -> Result<bool, Error>;
    /// Everything that may receive a domain's events, in every dialect: the domain's own webhooks
    /// and those of the whole account; without a domain, those alone.
    async fn subscribers(
        &self,
        account: AccountId,
        domain: Option<&DomainName>,
    ) -> Result<Arc<[Webhook]>, Error>;
    /// One subscriber of an account's, whatever its scope.
    async fn subscriber(&self, account: AccountId, id: WebhookId)
    -> Result<Option<Webhook>, Error>;
    /// Takes an event and all its deliveries, in one commit; or, if its token or its dedupe key has
    /// been seen before, takes nothing, counts the repeat, and says which event it was. Two
    /// arrivals at the same moment are told apart too. An id of an event or a delivery that exists
    /// already is an error.
    ///
    /// An arrival with a shared key that another has brought before is the same event, as long as
    /// that is still there and the two do not name different domains or kinds: then no event is
    /// added, but those of the arrival's deliveries whose webhooks have none of it yet, in the same
    /// commit as its own keys. The event is the one that is told then, as accepted. Once these
    /// deliveries are there, nothing tells them from those that the event came with. An event that
    /// was trimmed meanwhile is taken anew.
    async fn enqueue(&self, arrival: Arrival) -> Result<Enqueued, Error>;
}
