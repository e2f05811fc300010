//! The queue: deliveries claimed, settled, released.

use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;

use super::Embedded;
use super::Group;
use super::claim::Queued;
use super::engine::Read;
use super::key::{self, Slot};
use super::{endpoints, stats};
use crate::model::{
    AccountId, Delivery, DeliveryState, EndpointHealth, EndpointId, Timestamp, Webhook, WebhookId,
    WebhookState, WebhookStats,
};
use crate::store::record::{self, ATTEMPTS_MAX};
use crate::store::{
    Ask, ClaimProof, Claimed, Claims, Decision, Directory, Error, Hold, Queue, Settlement, Wakeup,
};

/// A write for the next commit, whenever that is.
pub(super) enum Lazy {
    /// An attempt was made.
    Settle(Box<Settlement>),
    /// A delivery goes back into its queue, at another time.
    Release { delivery: Box<Delivery>, proof: ClaimProof, due: Timestamp },
    /// The health of an endpoint is as memory has it.
    Health(EndpointId),
}

/// Queues a waiting delivery that was scheduled at a certain time.
pub(super) fn enqueue(group: &mut Group<'_>, delivery: &Delivery, scheduled_at: Timestamp) {
    let slot = Slot { due: delivery.next_attempt_at.unwrap_or_default(), id: delivery.id };
    let value = Queued::value(delivery, scheduled_at);
    group.batch.put(key::queued(delivery.endpoint, slot), value);
    group.changes.queues.queued.push((delivery.endpoint, slot));
}

#[async_trait]
impl Queue for Embedded {
    async fn wakeups(&self) -> Vec<Wakeup> {
        let woken = self.engine.shared.contents.queues.wakeups().await;
        let memory = self.memory();
        let wakeup = |(endpoint, due)| {
            let (limits, health) = memory.endpoints().state(endpoint);
            Wakeup { endpoint, due, limits, health }
        };
        woken.into_iter().map(wakeup).collect()
    }

    async fn claim(
        &self,
        asks: &[Ask],
        now: Timestamp,
        lease: Duration,
    ) -> Result<Vec<Claims>, Error> {
        self.claim_each(asks, now, lease)
    }

    fn hold(&self, claimed: &Claimed) -> Hold {
        let Delivery { endpoint, id, .. } = claimed.delivery;
        if !self.engine.shared.contents.queues.lock().holds(endpoint, id) {
            Hold::Lost
        } else if self.memory().endpoints().limits(endpoint).paused {
            Hold::Paused
        } else {
            Hold::Held
        }
    }

    async fn settle(&self, settlement: Settlement) -> Result<(), Error> {
        self.engine.leave(Lazy::Settle(Box::new(settlement)))
    }

    async fn release(&self, claimed: &Claimed, due: Timestamp) -> Result<(), Error> {
        let (delivery, proof) = (&claimed.delivery, claimed.proof);
        if proof.due == due {
            let slot = Slot { due, id: delivery.id };
            self.engine.shared.contents.queues.unlease(delivery.endpoint, slot);
            return Ok(());
        }
        let delivery = Box::new(delivery.clone());
        self.engine.leave(Lazy::Release { delivery, proof, due })
    }

    fn record_health(&self, endpoint: EndpointId, health: EndpointHealth) -> Result<(), Error> {
        if self.engine.shared.contents.memory_mut().endpoints_mut().set_health(endpoint, health) {
            self.engine.leave(Lazy::Health(endpoint))?;
        }
        Ok(())
    }

    async fn disable_webhook(
        &self,
        account: AccountId,
        webhook: WebhookId,
        seen_at: Timestamp,
        now: Timestamp,
    ) -> Result<(), Error> {
        let found = self.memory().webhook(account, webhook).cloned();
        let Some(Webhook { scope, .. }) = found else { return Ok(()) };
        let change = move |webhooks: &mut Vec<Webhook>| {
            let unchanged =
                |found: &&mut Webhook| found.id == webhook && found.updated_at == seen_at;
            let Some(webhook) = webhooks.iter_mut().find(unchanged) else {
                return Decision::Discard;
            };
            webhook.state = WebhookState::Disabled;
            webhook.updated_at = now;
            Decision::Keep
        };
        self.change_webhooks(&scope, Box::new(change)).await.map(|_| ())
    }

    async fn attempts_so_far(
        &self,
        account: AccountId,
        webhook: WebhookId,
    ) -> Result<WebhookStats, Error> {
        self.stats_of(account, webhook)
    }

    async fn leave(&self) -> Result<(), Error> {
        self.left.store(true, Ordering::SeqCst);
        Ok(())
    }
}

impl Lazy {
    /// Writes what it says, unless the delivery is not where it was when it was claimed: then
    /// its lease had run out and somebody else has dealt with it.
    pub(super) fn stage(self, group: &mut Group<'_>) -> Result<(), Error> {
        match self {
            Self::Settle(settlement) => settle(group, *settlement),
            Self::Release { delivery, proof, due } => release(group, *delivery, proof, due),
            Self::Health(endpoint) => endpoints::write(group, endpoint),
        }
    }
}

fn settle(group: &mut Group<'_>, settlement: Settlement) -> Result<(), Error> {
    let Settlement { mut delivery, proof, attempt, next } = settlement;
    let place = key::queued(delivery.endpoint, Slot { due: proof.due, id: delivery.id });
    if group.batch.get(&place)?.is_none() {
        return Ok(());
    }
    group.batch.delete(place);
    let scheduled_at = attempt.as_ref().map_or_else(|| delivery.id.time(), |attempt| attempt.at);
    (delivery.state, delivery.next_attempt_at) = (next.state(), next.due());
    if let Some(attempt) = attempt {
        let success = delivery.state == DeliveryState::Delivered;
        stats::count(group, &delivery, &attempt, success)?;
        delivery.attempt_count = delivery.attempt_count.saturating_add(1);
        delivery.attempts.push(attempt);
        let surplus = delivery.attempts.len().saturating_sub(ATTEMPTS_MAX);
        delivery.attempts.drain(..surplus);
    }
    if delivery.state == DeliveryState::Waiting {
        enqueue(group, &delivery, scheduled_at);
    } else {
        group.totals.waiting = group.totals.waiting.saturating_sub(1);
        group.changes.queues.gone.push((delivery.endpoint, delivery.id));
    }
    let row = key::delivery(delivery.account, delivery.id);
    group.batch.put_record(row, &record::encode_delivery(&delivery))
}

fn release(
    group: &mut Group<'_>,
    mut delivery: Delivery,
    proof: ClaimProof,
    due: Timestamp,
) -> Result<(), Error> {
    let place = key::queued(delivery.endpoint, Slot { due: proof.due, id: delivery.id });
    let Some(value) = group.batch.get(&place)? else { return Ok(()) };
    let scheduled_at = Queued::read(&(place.clone(), value))?.scheduled_at;
    group.batch.delete(place);
    delivery.next_attempt_at = Some(due);
    enqueue(group, &delivery, scheduled_at);
    let row = key::delivery(delivery.account, delivery.id);
    group.batch.put_record(row, &record::encode_delivery(&delivery))
}
