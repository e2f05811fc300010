//! The queue: what the worker needs to deliver.

use std::time::Duration;

use async_trait::async_trait;
use waypost_compat::Secret;

use super::{Durable, Error};
use crate::model::{
    AccountId, Attempt, Delivery, EndpointHealth, EndpointId, EndpointLimits, NextStep,
    StoredEvent, Timestamp, Webhook, WebhookId, WebhookStats,
};

/// An endpoint that is to be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wakeup {
    /// The endpoint.
    pub endpoint: EndpointId,
    /// The earliest that anything of its is due; a time long past where that has to be asked.
    pub due: Timestamp,
    /// The limits that its owner has set by now.
    pub limits: EndpointLimits,
    /// The experience made with it, as it is stored.
    pub health: EndpointHealth,
}

/// A request for the deliveries of one endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ask {
    /// The endpoint.
    pub endpoint: EndpointId,
    /// At most so many deliveries.
    pub limit: usize,
    /// The limits by which that number was found.
    pub limits: EndpointLimits,
}

/// The hold of a claim on its delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// It may be attempted.
    Held,
    /// Its endpoint was paused meanwhile: it is to be released.
    Paused,
    /// The lease has run out, or another process has taken the endpoint over.
    Lost,
}

/// The deliveries claimed for one endpoint.
#[derive(Debug, Clone)]
pub struct Claims {
    /// The deliveries, earliest due first.
    pub deliveries: Vec<Claimed>,
    /// The time to look again: the next due time of what waits, or the end of the earliest lease,
    /// if that is sooner. A settlement whose commit failed ends no lease, so this is what brings
    /// its delivery back. `None` if nothing waits that may go, and nothing is claimed.
    pub next_due: Option<Timestamp>,
}

/// A delivery claimed, with all that an attempt is made of, as it stood at that moment.
#[derive(Debug, Clone)]
pub struct Claimed {
    /// The delivery.
    pub delivery: Delivery,
    /// The webhook; `None` if that is gone.
    pub webhook: Option<Webhook>,
    /// The event, body and all; `None` if that is gone.
    pub event: Option<StoredEvent>,
    /// The account's signing key; `None` if the account is gone.
    pub signing_key: Option<Secret>,
    /// The proof of the claim.
    pub proof: ClaimProof,
}

/// The proof that a delivery was claimed: the place in its queue that it was claimed from. Once
/// somebody else has settled it, it stands there no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClaimProof {
    pub(super) due: Timestamp,
}

/// The settlement of a claimed delivery.
#[derive(Debug, Clone)]
pub struct Settlement {
    /// The delivery as it was claimed.
    pub delivery: Delivery,
    /// The proof that it was.
    pub proof: ClaimProof,
    /// The attempt made; `None` where it came to none (its webhook is gone).
    pub attempt: Option<Attempt>,
    /// The step that follows.
    pub next: NextStep,
}

impl Claimed {
    /// The settlement of this claim.
    #[must_use]
    pub fn settled(self, attempt: Option<Attempt>, next: NextStep) -> Settlement {
        Settlement { delivery: self.delivery, proof: self.proof, attempt, next }
    }
}

/// Deliveries that wait, claimed by endpoint and settled.
#[async_trait]
pub trait Queue: Durable {
    /// Waits until there are endpoints that something may have fallen due for since the last call,
    /// or whose limits have changed, then names each. The first call names every endpoint that has
    /// deliveries waiting and is this process's to deliver to. Only one task of a process may call
    /// it.
    async fn wakeups(&self) -> Vec<Wakeup>;
    /// Takes deliveries that are due at `now`, earliest first, and hides them until they are
    /// settled or released, or until `now + lease`: one answer for each ask, in its order. After a
    /// crash every delivery that was not settled is due again. Where the clock has been set back,
    /// what was scheduled by the old time is due at once, and a lease runs its length from the new
    /// one.
    ///
    /// What a paused webhook is owed is passed over. Nothing is taken for an endpoint that is paused,
    /// whose limits are others by now than those of the ask, or that another process delivers to.
    /// When a pause ends or limits change, [`wakeups`](Self::wakeups) names the endpoint.
    async fn claim(
        &self,
        asks: &[Ask],
        now: Timestamp,
        lease: Duration,
    ) -> Result<Vec<Claims>, Error>;
    /// The hold that a claim has on its delivery by now. Reads memory only.
    fn hold(&self, claimed: &Claimed) -> Hold;
    /// Records what came of a claimed delivery; nothing, if the proof no longer holds. It is not
    /// durable on return but soon after: a crash may repeat the attempt.
    /// [`sync`](Durable::sync) waits for it.
    async fn settle(&self, settlement: Settlement) -> Result<(), Error>;
    /// Gives a claimed delivery back as it was, due again at `due`, no attempt counted. Like
    /// [`settle`](Self::settle) it is durable soon after it returns; after a crash before that the
    /// delivery is due when it was.
    async fn release(&self, claimed: &Claimed, due: Timestamp) -> Result<(), Error>;
    /// Records the experience made with an endpoint. Everybody sees it at once; it is durable soon
    /// after, as a settlement is. Nothing is recorded of one that no webhook leads to any more.
    fn record_health(&self, endpoint: EndpointId, health: EndpointHealth) -> Result<(), Error>;
    /// Switches a webhook off for good, unless it was changed since `seen_at`: its owner may have
    /// put it right, paused it or taken it away.
    async fn disable_webhook(
        &self,
        account: AccountId,
        webhook: WebhookId,
        seen_at: Timestamp,
        now: Timestamp,
    ) -> Result<(), Error>;
    /// The attempts made for a webhook so far, as [`webhook_stats`](super::History::webhook_stats)
    /// counts them.
    async fn attempts_so_far(
        &self,
        account: AccountId,
        webhook: WebhookId,
    ) -> Result<WebhookStats, Error>;
    /// Says that this process makes no more deliveries: others may at once. Claims return nothing
    /// from now on.
    async fn leave(&self) -> Result<(), Error>;
}
