//! The queues: deliveries claimed, settled, released.

use std::ops::Bound;
use std::time::Duration;

use async_trait::async_trait;
use tracing::error;

use super::commit::{Group, Message};
use super::db::{Db, Row};
use super::key::{self, Slot};
use super::rows::{Read, broken};
use super::targets::Line;
use super::{Embedded, stats};
use crate::model::{AccountId, Delivery, DeliveryState, TargetId, Timestamp};
use crate::store::record::{self, ATTEMPTS_MAX};
use crate::store::{Claims, Error, Next, Queue, Settlement, Stirred};

/// A clock that is behind the time at which a delivery was scheduled by more than this has been
/// set back. What was scheduled by the old time is then due at once: too early rather than never.
const CLOCK_SLACK: Duration = Duration::from_mins(1);

/// What is to be written with the next commit, whenever that is.
pub(super) enum Lazy {
    /// An attempt was made.
    Settle(Box<Settlement>),
    /// A delivery goes back into its queue, at another time.
    Release(Box<Delivery>, Timestamp),
}

/// A row of a queue.
struct Queued {
    slot: Slot,
    account: AccountId,
    scheduled_at: Timestamp,
}

impl Queued {
    fn read((name, value): &Row) -> Result<Self, Error> {
        let read = || {
            let (_, slot) = key::slot(name)?;
            let (account, scheduled_at) = value.split_first_chunk::<16>()?;
            let scheduled_at = i64::from_be_bytes(scheduled_at.try_into().ok()?);
            Some(Self {
                slot,
                account: AccountId::from_bytes(*account),
                scheduled_at: Timestamp::from_millis(scheduled_at),
            })
        };
        read().ok_or_else(|| broken("a queue row that does not read"))
    }

    fn value(account: AccountId, scheduled_at: Timestamp) -> Vec<u8> {
        [account.as_bytes().as_slice(), &scheduled_at.millis().to_be_bytes()].concat()
    }

    fn is_due(&self, now: Timestamp) -> bool {
        self.slot.due <= now || self.was_scheduled_by_another_clock(now)
    }

    fn was_scheduled_by_another_clock(&self, now: Timestamp) -> bool {
        now.plus(CLOCK_SLACK) < self.scheduled_at
    }
}

/// Where a waiting delivery stands in its queue.
fn slot_of(delivery: &Delivery) -> Slot {
    Slot { due: delivery.next_attempt_at.unwrap_or_default(), id: delivery.id }
}

/// Queues a waiting delivery that was scheduled at a certain time.
pub(super) fn enqueue(group: &mut Group<'_>, delivery: &Delivery, scheduled_at: Timestamp) {
    let slot = slot_of(delivery);
    let value = Queued::value(delivery.account, scheduled_at);
    group.batch.put(key::queued(delivery.target, slot), value);
    group.moves.queued.push((delivery.target, slot));
}

impl Lazy {
    /// Writes what it says, unless the delivery is not where it was when it was claimed: then
    /// its lease had run out and somebody else has dealt with it.
    pub(super) fn stage(self, group: &mut Group<'_>) -> Result<(), Error> {
        match self {
            Self::Settle(settlement) => settle(group, *settlement),
            Self::Release(delivery, due) => release(group, *delivery, due),
        }
    }
}

fn settle(group: &mut Group<'_>, settlement: Settlement) -> Result<(), Error> {
    let Settlement { mut delivery, attempt, next } = settlement;
    let place = key::queued(delivery.target, slot_of(&delivery));
    if group.batch.get(&place)?.is_none() {
        return Ok(());
    }
    group.batch.delete(place);
    let scheduled_at = attempt.as_ref().map_or_else(|| delivery.id.time(), |attempt| attempt.at);
    if let Some(attempt) = attempt {
        stats::count(group, &delivery, &attempt, next == Next::Delivered)?;
        delivery.attempt_count = delivery.attempt_count.saturating_add(1);
        delivery.attempts.push(attempt);
        let surplus = delivery.attempts.len().saturating_sub(ATTEMPTS_MAX);
        delivery.attempts.drain(..surplus);
    }
    (delivery.state, delivery.next_attempt_at) = match next {
        Next::Delivered => (DeliveryState::Delivered, None),
        Next::Dead => (DeliveryState::Dead, None),
        Next::Cancelled => (DeliveryState::Cancelled, None),
        Next::At(due) => (DeliveryState::Waiting, Some(due)),
    };
    if delivery.state == DeliveryState::Waiting {
        enqueue(group, &delivery, scheduled_at);
    } else {
        group.totals.waiting = group.totals.waiting.saturating_sub(1);
        group.moves.gone.push((delivery.target, delivery.id));
    }
    let row = key::delivery(delivery.account, delivery.id);
    group.batch.put_record(row, &record::encode_delivery(&delivery))
}

fn release(group: &mut Group<'_>, mut delivery: Delivery, due: Timestamp) -> Result<(), Error> {
    let place = key::queued(delivery.target, slot_of(&delivery));
    let Some(value) = group.batch.get(&place)? else { return Ok(()) };
    let scheduled_at = Queued::read(&(place.clone(), value))?.scheduled_at;
    group.batch.delete(place);
    delivery.next_attempt_at = Some(due);
    enqueue(group, &delivery, scheduled_at);
    let row = key::delivery(delivery.account, delivery.id);
    group.batch.put_record(row, &record::encode_delivery(&delivery))
}

#[async_trait]
impl Queue for Embedded {
    async fn stirred(&self) -> Vec<Stirred> {
        self.shared.targets.stirred().await
    }

    async fn claim(
        &self,
        target: TargetId,
        now: Timestamp,
        lease: Duration,
        limit: usize,
    ) -> Result<Claims, Error> {
        self.claim_due(target, now, lease, limit)
    }

    async fn settle(&self, settlement: Settlement) -> Result<(), Error> {
        self.leave(Lazy::Settle(Box::new(settlement)))
    }

    async fn release(&self, delivery: &Delivery, due: Timestamp) -> Result<(), Error> {
        self.give_back(delivery, due)
    }
}

impl Embedded {
    /// Leaves something for the next commit.
    pub(super) fn leave(&self, lazy: Lazy) -> Result<(), Error> {
        let mut waiting = self.shared.lazy();
        let first = waiting.is_empty();
        waiting.push(lazy);
        drop(waiting);
        if first {
            self.send(Message::Nudge)?;
        }
        Ok(())
    }

    pub(super) fn give_back(&self, delivery: &Delivery, due: Timestamp) -> Result<(), Error> {
        let slot = slot_of(delivery);
        if slot.due == due {
            self.shared.targets.unlease(delivery.target, slot);
            return Ok(());
        }
        self.leave(Lazy::Release(Box::new(delivery.clone()), due))
    }

    pub(super) fn claim_due(
        &self,
        target: TargetId,
        now: Timestamp,
        lease: Duration,
        limit: usize,
    ) -> Result<Claims, Error> {
        let mut lines = self.shared.targets.lock();
        let line = lines.line(target);
        line.expire(now);
        let wish = Wish { now, lease, limit };
        let claims = self.shared.read(|db| take_due(db, line, target, &wish));
        lines.tidy(target);
        claims
    }
}

/// What a claim asks for.
struct Wish {
    now: Timestamp,
    lease: Duration,
    limit: usize,
}

fn take_due(db: &Db, line: &mut Line, target: TargetId, wish: &Wish) -> Result<Claims, Error> {
    let mut claims = Claims { deliveries: Vec::new(), next_due: None };
    for queued in rows_from(db, target, line.cursor()) {
        let queued = queued?;
        line.held_up_to(queued.slot);
        if line.holds(queued.slot.id) {
            continue;
        }
        let full = claims.deliveries.len() == wish.limit;
        if full || !queued.is_due(wish.now) {
            claims.next_due = Some(queued.slot.due);
            if !full {
                take_stray(db, line, target, wish, &mut claims)?;
            }
            break;
        }
        line.lease(queued.slot, wish.now, wish.lease);
        claims.deliveries.extend(read_claimed(db, &queued)?);
    }
    claims.next_due = claims.next_due.into_iter().chain(line.first_lease_end()).min();
    Ok(claims)
}

/// Takes what was scheduled by a clock that has been set back since. Such rows stand behind all
/// that is to come, so the end of the queue shows whether there are any.
fn take_stray(
    db: &Db,
    line: &mut Line,
    target: TargetId,
    wish: &Wish,
    claims: &mut Claims,
) -> Result<(), Error> {
    let before = claims.deliveries.len();
    for queued in rows_from(db, target, None).rev() {
        let queued = queued?;
        let full = claims.deliveries.len() == wish.limit;
        if full || !queued.was_scheduled_by_another_clock(wish.now) {
            break;
        }
        if !line.holds(queued.slot.id) {
            line.lease(queued.slot, wish.now, wish.lease);
            claims.deliveries.extend(read_claimed(db, &queued)?);
        }
    }
    if claims.deliveries.len() > before {
        claims.next_due = None;
        for queued in rows_from(db, target, line.cursor()) {
            let slot = queued?.slot;
            if !line.holds(slot.id) {
                claims.next_due = Some(slot.due);
                break;
            }
        }
    }
    Ok(())
}

/// A target's queue, from a place in it or from the beginning.
fn rows_from(
    db: &Db,
    target: TargetId,
    from: Option<Slot>,
) -> impl DoubleEndedIterator<Item = Result<Queued, Error>> + use<> {
    let begin = key::queue(target);
    let end = key::end_of(&begin);
    let from = from.map_or(begin, |slot| key::queued(target, slot));
    let rows = db.scan(Bound::Included(&from), Bound::Excluded(&end));
    rows.map(|row| Queued::read(&row?))
}

/// The delivery that a row of a queue stands for. One that is missing or does not decode stays
/// leased and is reported each time its lease ends: it must not stop the others of its target.
fn read_claimed(db: &Db, queued: &Queued) -> Result<Option<Delivery>, Error> {
    let Slot { due, id } = queued.slot;
    let Some(bytes) = db.record(&key::delivery(queued.account, id))? else {
        error!(delivery.id = %id, "delivery {id} is queued, but its record is missing");
        return Ok(None);
    };
    match record::decode_delivery(queued.account, id, &bytes) {
        Ok(delivery) => Ok(Some(Delivery { next_attempt_at: Some(due), ..delivery })),
        Err(cause) => {
            error!(delivery.id = %id, "delivery {id} is queued, but cannot be read: {cause}");
            Ok(None)
        }
    }
}
