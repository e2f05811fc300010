//! Claims: deliveries taken from their queue under a lease, with all that an attempt is made of.

use std::ops::Bound;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tracing::error;

use super::Shared;
use super::engine::{Db, Read, Row, broken, end_of};
use super::key::{self, Slot};
use super::leases::EndpointLeases;
use super::memory::Memory;
use super::{Embedded, events};
use crate::model::{AccountId, Backlog, Delivery, EndpointId, Timestamp, WebhookId, WebhookState};
use crate::store::record;
use crate::store::{Ask, ClaimProof, Claimed, Claims, Error};

/// A clock that is behind the time at which a delivery was scheduled by more than this has been
/// set back. What was scheduled by the old time is then due at once: too early rather than never.
const CLOCK_SLACK: Duration = Duration::from_mins(1);

/// The deliveries of paused webhooks that one claim passes over; the next goes on from there.
const PASSED_OVER_MAX: usize = 1000;

/// The waiting deliveries that are counted for one endpoint, at most.
const COUNTED_MAX: usize = 1000;

/// The rest given to a queue that could not be read.
const TROUBLE_REST: Duration = Duration::from_secs(5);

/// A row of a queue.
pub(super) struct Queued {
    slot: Slot,
    account: AccountId,
    webhook: WebhookId,
    pub(super) scheduled_at: Timestamp,
}

impl Queued {
    pub(super) fn read((name, value): &Row) -> Result<Self, Error> {
        let read = || {
            let (_, slot) = key::slot(name)?;
            let (account, rest) = value.split_first_chunk::<16>()?;
            let (webhook, scheduled_at) = rest.split_first_chunk::<16>()?;
            let scheduled_at = i64::from_be_bytes(scheduled_at.try_into().ok()?);
            Some(Self {
                slot,
                account: AccountId::from_bytes(*account),
                webhook: WebhookId::from_bytes(*webhook),
                scheduled_at: Timestamp::from_millis(scheduled_at),
            })
        };
        read().ok_or_else(|| broken("a queue row that does not read"))
    }

    pub(super) fn value(delivery: &Delivery, scheduled_at: Timestamp) -> Vec<u8> {
        let ids =
            [delivery.account.as_bytes(), delivery.webhook.as_bytes()].map(<[u8; 16]>::as_slice);
        [ids[0], ids[1], &scheduled_at.millis().to_be_bytes()].concat()
    }

    fn is_due(&self, now: Timestamp) -> bool {
        self.slot.due <= now || self.was_scheduled_by_another_clock(now)
    }

    fn was_scheduled_by_another_clock(&self, now: Timestamp) -> bool {
        now.plus(CLOCK_SLACK) < self.scheduled_at
    }
}

impl Embedded {
    pub(super) fn claim_each(
        &self,
        asks: &[Ask],
        now: Timestamp,
        lease: Duration,
    ) -> Result<Vec<Claims>, Error> {
        // A store that is closed refuses all; trouble with one queue must not stop the others.
        self.engine.shared.read(|_| Ok(()))?;
        let claims = asks.iter().map(|ask| {
            self.claim_one(ask, now, lease).unwrap_or_else(|cause| {
                error!(endpoint.id = %ask.endpoint, "nothing could be claimed: {cause}");
                Claims { deliveries: Vec::new(), next_due: Some(now.plus(TROUBLE_REST)) }
            })
        });
        Ok(claims.collect())
    }

    /// A delivery that is missing or does not decode stays leased and is reported each time its lease
    /// ends: it must not stop the others of its endpoint.
    fn claim_one(&self, ask: &Ask, now: Timestamp, lease: Duration) -> Result<Claims, Error> {
        let LeasedRows { queued, next_due } = self.lease(ask, now, lease)?;
        let mut deliveries = Vec::with_capacity(queued.len());
        for one in queued {
            let id = one.slot.id;
            match read_claimed(&self.engine.shared, &one) {
                Ok(Some(claimed)) => deliveries.push(claimed),
                Ok(None) => {
                    error!(delivery.id = %id, "delivery {id} is queued, but its record is missing");
                }
                Err(cause) => {
                    error!(delivery.id = %id, "delivery {id} is queued, but cannot be read: {cause}");
                }
            }
        }
        Ok(Claims { deliveries, next_due })
    }

    /// Leases what is due, up to the limit. Nothing is read yet but the queue: commits wait for
    /// this.
    fn lease(&self, ask: &Ask, now: Timestamp, lease: Duration) -> Result<LeasedRows, Error> {
        let mut leased = LeasedRows::default();
        if self.left.load(Ordering::SeqCst) {
            return Ok(leased);
        }
        let mut table = self.engine.shared.contents.queues.lock();
        let leases = table.of(ask.endpoint);
        leases.expire(now);
        let outcome = self.engine.shared.read(|db| {
            // Held meanwhile: whoever pauses finds all that was taken before in a lease, and sees
            // that nothing is taken after.
            let memory = self.memory();
            let limits = memory.endpoints().limits(ask.endpoint);
            if limits.paused || limits != ask.limits {
                return Ok(limits == ask.limits);
            }
            let mut search = Search { db, memory: &memory, ask, now, lease };
            search.take_due(leases, &mut leased).map(|()| true)
        });
        table.tidy(ask.endpoint);
        drop(table);
        match outcome {
            Ok(true) => {}
            Ok(false) => self.engine.shared.contents.queues.look_at(ask.endpoint, now),
            Err(cause) if leased.queued.is_empty() => return Err(cause),
            // What was leased before it must not be lost with it.
            Err(cause) => {
                error!(endpoint.id = %ask.endpoint, "a queue could not be read to its end: {cause}");
                leased.next_due = Some(now.plus(TROUBLE_REST));
            }
        }
        Ok(leased)
    }
}

/// Places of a queue that were leased.
#[derive(Default)]
struct LeasedRows {
    queued: Vec<Queued>,
    next_due: Option<Timestamp>,
}

/// A search for what is due in one queue.
struct Search<'a> {
    db: &'a Db,
    memory: &'a Memory,
    ask: &'a Ask,
    now: Timestamp,
    lease: Duration,
}

impl Search<'_> {
    fn take_due(
        &mut self,
        leases: &mut EndpointLeases,
        leased: &mut LeasedRows,
    ) -> Result<(), Error> {
        let mut passed_over = 0;
        for queued in rows_from(self.db, self.ask.endpoint, leases.cursor()) {
            let queued = queued?;
            leases.advance_to(queued.slot);
            if leases.holds(queued.slot.id) {
                continue;
            }
            if passed_over == PASSED_OVER_MAX {
                leased.next_due = Some(self.now);
                break;
            }
            if self.is_paused(&queued) {
                leases.pass_over(queued.webhook, queued.slot);
                passed_over += 1;
                continue;
            }
            let full = leased.queued.len() == self.ask.limit;
            if full || !queued.is_due(self.now) {
                leased.next_due = Some(queued.slot.due);
                if !full {
                    self.take_from_another_clock(leases, leased)?;
                }
                break;
            }
            leases.lease(queued.slot, self.now, self.lease);
            leased.queued.push(queued);
        }
        leased.next_due = leased.next_due.into_iter().chain(leases.first_lease_end()).min();
        Ok(())
    }

    /// Takes what was scheduled by a clock that has been set back since. Such rows stand behind all
    /// that is to come, so the end of the queue shows whether there are any.
    fn take_from_another_clock(
        &self,
        leases: &mut EndpointLeases,
        leased: &mut LeasedRows,
    ) -> Result<(), Error> {
        let before = leased.queued.len();
        for queued in rows_from(self.db, self.ask.endpoint, None).rev() {
            let queued = queued?;
            let full = leased.queued.len() == self.ask.limit;
            if full || !queued.was_scheduled_by_another_clock(self.now) {
                break;
            }
            if !leases.holds(queued.slot.id) && !self.is_paused(&queued) {
                leases.lease(queued.slot, self.now, self.lease);
                leased.queued.push(queued);
            }
        }
        if leased.queued.len() > before {
            leased.next_due = None;
            for queued in rows_from(self.db, self.ask.endpoint, leases.cursor()) {
                let queued = queued?;
                if !leases.holds(queued.slot.id) && !self.is_paused(&queued) {
                    leased.next_due = Some(queued.slot.due);
                    break;
                }
            }
        }
        Ok(())
    }

    fn is_paused(&self, queued: &Queued) -> bool {
        let webhook = self.memory.webhook(queued.account, queued.webhook);
        webhook.is_some_and(|webhook| webhook.state == WebhookState::Paused)
    }
}

/// An endpoint's queue, from a place in it or from the beginning.
fn rows_from(
    db: &Db,
    endpoint: EndpointId,
    from: Option<Slot>,
) -> impl DoubleEndedIterator<Item = Result<Queued, Error>> + use<> {
    let begin = key::queue(endpoint);
    let end = end_of(&begin);
    let from = from.map_or(begin, |slot| key::queued(endpoint, slot));
    let rows = db.scan(Bound::Included(&from), Bound::Excluded(&end));
    rows.map(|row| Queued::read(&row?))
}

/// The delivery that a row of a queue stands for, with all that belongs to it.
fn read_claimed(shared: &Shared, queued: &Queued) -> Result<Option<Claimed>, Error> {
    let Queued { slot: Slot { due, id }, account, webhook, .. } = *queued;
    let read = shared.read(|db| {
        let Some(bytes) = db.record(&key::delivery(account, id))? else { return Ok(None) };
        let delivery = record::decode_delivery(account, id, &bytes)?;
        let event = events::find(db, account, delivery.event)?;
        Ok(Some((delivery, event.map(|row| row.event))))
    })?;
    let Some((delivery, event)) = read else { return Ok(None) };
    let memory = shared.contents.memory();
    Ok(Some(Claimed {
        delivery: Delivery { next_attempt_at: Some(due), ..delivery },
        webhook: memory.webhook(account, webhook).cloned(),
        event,
        signing_key: memory.accounts.get(&account).map(|account| account.signing_key.clone()),
        proof: ClaimProof { due },
    }))
}

/// Counts what waits for an endpoint.
pub(super) fn backlog(db: &Db, endpoint: EndpointId) -> Result<Backlog, Error> {
    let mut backlog = Backlog::default();
    for (index, queued) in rows_from(db, endpoint, None).enumerate() {
        if index == COUNTED_MAX {
            backlog.more = true;
            break;
        }
        let enqueued = queued?.slot.id.time();
        backlog.waiting += 1;
        backlog.oldest = Some(backlog.oldest.map_or(enqueued, |oldest| oldest.min(enqueued)));
    }
    Ok(backlog)
}
