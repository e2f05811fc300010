//! What memory knows of the queues: where to go on looking, who holds what, which have stirred.
//!
//! The queues themselves are on disk. Here is one entry for each target that somebody has claimed
//! from, holding little more than the deliveries that are out.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::key::Slot;
use crate::model::{DeliveryId, TargetId, Timestamp};
use crate::store::Stirred;

/// The lines of all targets.
#[derive(Default)]
pub(super) struct Targets {
    lines: Mutex<Lines>,
    stir: Notify,
}

#[derive(Default)]
pub(super) struct Lines {
    lines: HashMap<TargetId, Line>,
    /// The earliest due time of each target that something changed for since the last call of
    /// `stirred`.
    stirred: HashMap<TargetId, Timestamp>,
}

/// One target's line.
#[derive(Default)]
pub(super) struct Line {
    /// Everything before it is held; `None` for the beginning.
    cursor: Option<Slot>,
    held: HashMap<DeliveryId, Held>,
    /// No lease ends before it.
    first_expiry: Option<Timestamp>,
    /// The latest time that anybody claimed at.
    latest: Option<Timestamp>,
}

enum Held {
    Leased {
        slot: Slot,
        taken: Timestamp,
        lease: Duration,
    },
    /// It was written but is not durable yet: nobody may act on it.
    Committing,
}

impl Held {
    /// When it ends by itself, if it does.
    fn until(&self) -> Option<Timestamp> {
        match self {
            Self::Leased { slot: _, taken, lease } => Some(taken.plus(*lease)),
            Self::Committing => None,
        }
    }
}

/// What a group of jobs does to the queues.
#[derive(Default)]
pub(super) struct Moves {
    /// Rows that are new in a queue, or in another place of it.
    pub(super) queued: Vec<(TargetId, Slot)>,
    /// Deliveries that left their queue for good.
    pub(super) gone: Vec<(TargetId, DeliveryId)>,
}

impl Targets {
    pub(super) fn lock(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for targets that have stirred and forgets that they have.
    pub(super) async fn stirred(&self) -> Vec<Stirred> {
        loop {
            let stirred = std::mem::take(&mut self.lock().stirred);
            if !stirred.is_empty() {
                let one = |(target, due)| Stirred { target, due };
                return stirred.into_iter().map(one).collect();
            }
            self.stir.notified().await;
        }
    }

    /// Begins anew with what is on disk. Leases that were given out still hold.
    pub(super) fn reset(&self, waiting: Vec<(TargetId, Timestamp)>) {
        let mut lines = self.lock();
        for line in lines.lines.values_mut() {
            line.cursor = None;
            line.held.retain(|_, held| matches!(held, Held::Leased { .. }));
        }
        lines.stirred = waiting.into_iter().collect();
        drop(lines);
        self.stir.notify_one();
    }

    /// Hides what is about to be written until it is durable.
    pub(super) fn committing(&self, moves: &Moves) {
        let mut lines = self.lock();
        for (target, slot) in &moves.queued {
            lines.line(*target).held.insert(slot.id, Held::Committing);
        }
    }

    /// Shows what has become durable.
    pub(super) fn committed(&self, moves: &Moves) {
        let mut lines = self.lock();
        for (target, id) in &moves.gone {
            lines.unhold(*target, *id, None);
        }
        for (target, slot) in &moves.queued {
            lines.unhold(*target, slot.id, Some(*slot));
        }
        drop(lines);
        if !moves.queued.is_empty() {
            self.stir.notify_one();
        }
    }

    /// Gives a lease back: the delivery stands where it stood.
    pub(super) fn unlease(&self, target: TargetId, slot: Slot) {
        self.lock().unhold(target, slot.id, Some(slot));
        self.stir.notify_one();
    }
}

impl Lines {
    /// The line of a target.
    pub(super) fn line(&mut self, target: TargetId) -> &mut Line {
        self.lines.entry(target).or_default()
    }

    /// Forgets the line of a target if nothing of it is out; the disk knows the rest.
    pub(super) fn tidy(&mut self, target: TargetId) {
        if let Entry::Occupied(line) = self.lines.entry(target)
            && line.get().held.is_empty()
        {
            line.remove();
        }
    }

    /// Ends a hold; `back` is where the delivery stands in the queue now, if it does.
    fn unhold(&mut self, target: TargetId, id: DeliveryId, back: Option<Slot>) {
        if let Some(line) = self.lines.get_mut(&target) {
            line.held.remove(&id);
            if let Some(slot) = back {
                line.look_again_from(slot);
            }
            self.tidy(target);
        }
        if let Some(slot) = back {
            let due = self.stirred.entry(target).or_insert(slot.due);
            *due = slot.due.min(*due);
        }
    }
}

impl Line {
    /// Where to look for the next delivery that nobody holds.
    pub(super) const fn cursor(&self) -> Option<Slot> {
        self.cursor
    }

    /// Says that everything before `slot` is held.
    pub(super) const fn held_up_to(&mut self, slot: Slot) {
        self.cursor = Some(slot);
    }

    /// Whether somebody holds this delivery.
    pub(super) fn holds(&self, id: DeliveryId) -> bool {
        self.held.contains_key(&id)
    }

    /// Hides a delivery until `now + lease`.
    pub(super) fn lease(&mut self, slot: Slot, now: Timestamp, lease: Duration) {
        let until = now.plus(lease);
        self.first_expiry = Some(self.first_expiry.map_or(until, |first| first.min(until)));
        self.held.insert(slot.id, Held::Leased { slot, taken: now, lease });
    }

    /// When the earliest lease ends, if any is out.
    pub(super) fn first_lease_end(&self) -> Option<Timestamp> {
        self.held.values().filter_map(Held::until).min()
    }

    fn look_again_from(&mut self, slot: Slot) {
        self.cursor = self.cursor.map(|cursor| cursor.min(slot));
    }

    /// Ends the leases that have run out at `now`. Where the clock has gone back since a lease was
    /// taken, it runs its length from `now`, so that no jump of the clock stretches it for ever.
    pub(super) fn expire(&mut self, now: Timestamp) {
        let went_back = self.latest.is_some_and(|latest| now < latest);
        self.latest = Some(now);
        if !went_back && self.first_expiry.is_none_or(|first| now < first) {
            return;
        }
        let mut first_expiry = None;
        let mut over = Vec::new();
        for held in self.held.values_mut() {
            let Held::Leased { slot, taken, lease } = held else { continue };
            *taken = now.min(*taken);
            let until = taken.plus(*lease);
            if until <= now {
                over.push(*slot);
            } else {
                first_expiry =
                    Some(first_expiry.map_or(until, |first: Timestamp| first.min(until)));
            }
        }
        self.first_expiry = first_expiry;
        for slot in over {
            self.held.remove(&slot.id);
            self.look_again_from(slot);
        }
    }
}
