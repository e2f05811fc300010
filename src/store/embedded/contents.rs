//! The contents of the store, as memory knows them and as a commit changes them.

use std::collections::HashMap;
use std::ops::Bound;
use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::engine::{self, Db, Group, broken, end_of};
use super::leases::{QueueChanges, QueueMark, Queues};
use super::memory::Memory;
use super::queue::Lazy;
use super::{events, key, trim};
use crate::model::{DeliveryId, EndpointId, EventId, Timestamp};
use crate::store::Error;

/// The part of the store that memory keeps.
#[derive(Default)]
pub(super) struct Contents {
    memory: RwLock<Memory>,
    pub(super) queues: Queues,
    /// The place that the last call of `trim` came to.
    pub(super) trim_cursor: Mutex<trim::TrimCursor>,
}

/// Numbers that are kept so that nobody has to count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Totals {
    pub(super) events: u64,
    pub(super) event_bytes: u64,
    pub(super) waiting: u64,
}

/// The effects of a group of jobs beside the rows it writes.
#[derive(Default)]
pub(super) struct Changes {
    /// The effects on the queues.
    pub(super) queues: QueueChanges,
    /// Deliveries that this group makes of events which are there already, replays and others: none
    /// of those events may be trimmed. One whose job failed is named, but not in the batch.
    pub(super) later: HashMap<EventId, Vec<DeliveryId>>,
}

impl Contents {
    pub(super) fn memory(&self) -> RwLockReadGuard<'_, Memory> {
        self.memory.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn memory_mut(&self) -> RwLockWriteGuard<'_, Memory> {
        self.memory.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl engine::Contents for Contents {
    type Totals = Totals;
    type Changes = Changes;
    type Lazy = Lazy;
    type Loaded = (Memory, Vec<(EndpointId, Timestamp)>);

    const RECORDS: &'static [&'static [u8]] = &key::RECORDS;

    fn load(&self, db: &Db) -> Result<Self::Loaded, Error> {
        Ok((Memory::load(db)?, waiting_endpoints(db)?))
    }

    fn loaded(&self, (memory, waiting): Self::Loaded) {
        *self.memory_mut() = memory;
        self.queues.reset(waiting);
    }

    fn stage(lazy: Lazy, group: &mut Group<'_, Self>) -> Result<(), Error> {
        lazy.stage(group)
    }

    fn committing(&self, changes: &Changes) {
        self.queues.committing(&changes.queues);
    }

    fn committed(&self, changes: &Changes) {
        self.queues.committed(&changes.queues);
    }

    fn count_record(name: &[u8], bytes: Vec<u8>, totals: &mut Totals) -> Result<(), Error> {
        if name.starts_with(key::EVENTS) {
            let row = events::read_row(name, bytes)?;
            totals.events += 1;
            totals.event_bytes += row.event.body.len() as u64;
        }
        Ok(())
    }

    fn count_rows(db: &Db, totals: &mut Totals) -> Result<(), Error> {
        for row in db.all(key::QUEUES) {
            row?;
            totals.waiting += 1;
        }
        Ok(())
    }
}

impl engine::Totals for Totals {
    fn encode(self) -> Vec<u8> {
        [self.events, self.event_bytes, self.waiting].map(u64::to_be_bytes).concat()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (numbers, []) = bytes.as_chunks::<8>() else { return None };
        let numbers: [[u8; 8]; 3] = numbers.try_into().ok()?;
        let [events, event_bytes, waiting] = numbers.map(u64::from_be_bytes);
        Some(Self { events, event_bytes, waiting })
    }

    /// Bodies, and about a kilobyte for the rows around each event and each place in a queue.
    fn weight(self) -> u64 {
        let rows = self.events.saturating_add(self.waiting);
        self.event_bytes.saturating_add(rows.saturating_mul(1000))
    }
}

impl engine::Changes for Changes {
    type Mark = QueueMark;

    fn mark(&self) -> QueueMark {
        self.queues.mark()
    }

    fn roll_back(&mut self, mark: &QueueMark) {
        self.queues.roll_back(mark);
    }
}

/// Every endpoint that deliveries wait for, and when the first is due: one seek for each.
fn waiting_endpoints(db: &Db) -> Result<Vec<(EndpointId, Timestamp)>, Error> {
    let mut waiting = Vec::new();
    let mut from = key::QUEUES.to_vec();
    let end = end_of(key::QUEUES);
    while let Some(row) = db.scan(Bound::Included(&from), Bound::Excluded(&end)).next() {
        let (endpoint, slot) = key::slot(&row?.0).ok_or_else(|| broken("a queue row's key"))?;
        waiting.push((endpoint, slot.due));
        from = end_of(&key::queue(endpoint));
    }
    Ok(waiting)
}
