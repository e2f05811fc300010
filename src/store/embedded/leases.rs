//! Leases: who holds what of each queue, where to go on looking, which to look at.
//!
//! The queues themselves are on disk. Here is one entry for each endpoint that somebody has claimed
//! from, holding little more than the deliveries that are out.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::key::Slot;
use crate::model::{DeliveryId, EndpointId, Timestamp, WebhookId};

/// The queues of all endpoints, as memory knows them.
#[derive(Default)]
pub(super) struct Queues {
    table: Mutex<LeaseTable>,
    wake: Notify,
}

#[derive(Default)]
pub(super) struct LeaseTable {
    by_endpoint: HashMap<EndpointId, EndpointLeases>,
    /// The earliest due time of each endpoint that something changed for since the last call of
    /// `wakeups`.
    wakeups: HashMap<EndpointId, Timestamp>,
}

/// The leases on one endpoint's queue.
#[derive(Default)]
pub(super) struct EndpointLeases {
    /// Everything before it is held or passed over; `None` for the beginning.
    cursor: Option<Slot>,
    /// The first delivery passed over of each paused webhook.
    passed_over: HashMap<WebhookId, Slot>,
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
    /// Written but not durable yet: nobody may act on it.
    Committing,
}

impl Held {
    /// The time at which the hold ends by itself, if it does.
    fn until(&self) -> Option<Timestamp> {
        match self {
            Self::Leased { slot: _, taken, lease } => Some(taken.plus(*lease)),
            Self::Committing => None,
        }
    }
}

/// The changes that a group of jobs makes to the queues.
#[derive(Default)]
pub(super) struct QueueChanges {
    /// Rows that are new in a queue, or in another place of it.
    pub(super) queued: Vec<(EndpointId, Slot)>,
    /// Deliveries that left their queue for good.
    pub(super) gone: Vec<(EndpointId, DeliveryId)>,
    /// Webhooks whose deliveries may go, or must be cancelled, after a pause.
    pub(super) resumed: Vec<(EndpointId, WebhookId)>,
    /// Endpoints whose limits have changed.
    pub(super) limited: Vec<EndpointId>,
}

/// The changes of a group before a job, by number.
pub(super) struct QueueMark([usize; 4]);

impl QueueChanges {
    /// The place to go back to if the job that begins now fails.
    pub(super) fn mark(&self) -> QueueMark {
        QueueMark([self.queued.len(), self.gone.len(), self.resumed.len(), self.limited.len()])
    }

    /// Forgets what was added since the mark.
    pub(super) fn roll_back(&mut self, &QueueMark([queued, gone, resumed, limited]): &QueueMark) {
        self.queued.truncate(queued);
        self.gone.truncate(gone);
        self.resumed.truncate(resumed);
        self.limited.truncate(limited);
    }
}

impl Queues {
    pub(super) fn lock(&self) -> MutexGuard<'_, LeaseTable> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for endpoints that are to be looked at and forgets that they are.
    pub(super) async fn wakeups(&self) -> HashMap<EndpointId, Timestamp> {
        loop {
            let wakeups = std::mem::take(&mut self.lock().wakeups);
            if !wakeups.is_empty() {
                return wakeups;
            }
            self.wake.notified().await;
        }
    }

    /// Begins anew with what is on disk. Leases that were given out still hold.
    pub(super) fn reset(&self, waiting: Vec<(EndpointId, Timestamp)>) {
        let mut table = self.lock();
        for leases in table.by_endpoint.values_mut() {
            leases.cursor = None;
            leases.passed_over.clear();
            leases.held.retain(|_, held| matches!(held, Held::Leased { .. }));
        }
        table.wakeups = waiting.into_iter().collect();
        drop(table);
        self.wake.notify_one();
    }

    /// Hides what is about to be written until it is durable.
    pub(super) fn committing(&self, changes: &QueueChanges) {
        let mut table = self.lock();
        for (endpoint, slot) in &changes.queued {
            table.of(*endpoint).held.insert(slot.id, Held::Committing);
        }
    }

    /// Shows what has become durable.
    pub(super) fn committed(&self, changes: &QueueChanges) {
        let mut table = self.lock();
        for (endpoint, id) in &changes.gone {
            table.unhold(*endpoint, *id, None);
        }
        for (endpoint, slot) in &changes.queued {
            table.unhold(*endpoint, slot.id, Some(*slot));
        }
        for (endpoint, webhook) in &changes.resumed {
            table.resume(*endpoint, *webhook);
        }
        for endpoint in &changes.limited {
            table.wake(*endpoint, Timestamp::default());
        }
        let woken = !table.wakeups.is_empty();
        drop(table);
        if woken {
            self.wake.notify_one();
        }
    }

    /// Has an endpoint named by the next call of [`wakeups`](Self::wakeups).
    pub(super) fn look_at(&self, endpoint: EndpointId, due: Timestamp) {
        self.lock().wake(endpoint, due);
        self.wake.notify_one();
    }

    /// Gives a lease back: the delivery stands where it stood.
    pub(super) fn unlease(&self, endpoint: EndpointId, slot: Slot) {
        self.lock().unhold(endpoint, slot.id, Some(slot));
        self.wake.notify_one();
    }
}

impl LeaseTable {
    /// The leases of an endpoint.
    pub(super) fn of(&mut self, endpoint: EndpointId) -> &mut EndpointLeases {
        self.by_endpoint.entry(endpoint).or_default()
    }

    /// Says whether somebody holds a delivery.
    pub(super) fn holds(&self, endpoint: EndpointId, id: DeliveryId) -> bool {
        self.by_endpoint.get(&endpoint).is_some_and(|leases| leases.holds(id))
    }

    /// Forgets an endpoint if nothing of it is out; the disk knows the rest.
    pub(super) fn tidy(&mut self, endpoint: EndpointId) {
        if let Entry::Occupied(leases) = self.by_endpoint.entry(endpoint)
            && leases.get().held.is_empty()
            && leases.get().passed_over.is_empty()
        {
            leases.remove();
        }
    }

    /// Ends a hold; `back` is where the delivery stands in the queue now, if it does.
    fn unhold(&mut self, endpoint: EndpointId, id: DeliveryId, back: Option<Slot>) {
        if let Some(leases) = self.by_endpoint.get_mut(&endpoint) {
            leases.held.remove(&id);
            if let Some(slot) = back {
                leases.look_again_from(slot);
            }
            self.tidy(endpoint);
        }
        if let Some(slot) = back {
            self.wake(endpoint, slot.due);
        }
    }

    /// Has an endpoint looked at by `due`.
    fn wake(&mut self, endpoint: EndpointId, due: Timestamp) {
        let planned = self.wakeups.entry(endpoint).or_insert(due);
        *planned = due.min(*planned);
    }

    /// Goes back to the first delivery that was passed over for a webhook, in the queue of every
    /// endpoint that it has led to.
    fn resume(&mut self, endpoint: EndpointId, webhook: WebhookId) {
        let mut woken = vec![endpoint];
        for (id, leases) in &mut self.by_endpoint {
            if let Some(slot) = leases.passed_over.remove(&webhook) {
                leases.look_again_from(slot);
                woken.push(*id);
            }
        }
        for id in woken {
            self.wake(id, Timestamp::default());
        }
    }
}

impl EndpointLeases {
    /// The place from which to look for the next delivery that nobody holds.
    pub(super) const fn cursor(&self) -> Option<Slot> {
        self.cursor
    }

    /// Moves the cursor: everything before `slot` is held or passed over.
    pub(super) const fn advance_to(&mut self, slot: Slot) {
        self.cursor = Some(slot);
    }

    /// Passes over a delivery of a paused webhook.
    pub(super) fn pass_over(&mut self, webhook: WebhookId, slot: Slot) {
        let first = self.passed_over.entry(webhook).or_insert(slot);
        *first = slot.min(*first);
    }

    /// Says whether somebody holds this delivery.
    pub(super) fn holds(&self, id: DeliveryId) -> bool {
        self.held.contains_key(&id)
    }

    /// Hides a delivery until `now + lease`.
    pub(super) fn lease(&mut self, slot: Slot, now: Timestamp, lease: Duration) {
        let until = now.plus(lease);
        self.first_expiry = Some(self.first_expiry.map_or(until, |first| first.min(until)));
        self.held.insert(slot.id, Held::Leased { slot, taken: now, lease });
    }

    /// The end of the earliest lease, if any is out.
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
