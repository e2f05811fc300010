//! What the tasks and the commit thread share.

use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::db::Db;
use super::lines::Queues;
use super::memory::Memory;
use super::rows::broken;
use super::{key, queue, trim};
use crate::model::{EndpointId, Timestamp};
use crate::store::Error;

/// The data file and what memory knows of it.
#[derive(Default)]
pub(super) struct Shared {
    /// `None` while it is closed, or could not be opened again after a failure. Held for writing
    /// while a batch is applied, so that a reader sees all of it or nothing.
    db: RwLock<Option<Db>>,
    memory: RwLock<Memory>,
    totals: Mutex<Totals>,
    pub(super) queues: Queues,
    /// What is to be written with the next commit, whenever that is.
    lazy: Mutex<Vec<queue::Lazy>>,
    /// How far the last call of `trim` came.
    pub(super) sweep: Mutex<trim::Sweep>,
}

/// Counters that are kept so that nobody has to count, and so that a loss shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Totals {
    /// How many commits there have been.
    pub(super) commits: u64,
    /// How many records there are, of every kind.
    pub(super) records: u64,
    pub(super) events: u64,
    pub(super) event_bytes: u64,
    pub(super) waiting: u64,
}

impl Totals {
    pub(super) fn encode(self) -> Vec<u8> {
        let numbers = [self.commits, self.records, self.events, self.event_bytes, self.waiting];
        numbers.map(u64::to_be_bytes).concat()
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (numbers, []) = bytes.as_chunks::<8>() else { return None };
        let numbers: [[u8; 8]; 5] = numbers.try_into().ok()?;
        let [commits, records, events, event_bytes, waiting] = numbers.map(u64::from_be_bytes);
        Some(Self { commits, records, events, event_bytes, waiting })
    }

    /// The counters of a data file.
    pub(super) fn read(db: &Db) -> Result<Self, Error> {
        let totals = db.get(key::TOTALS)?.and_then(|bytes| Self::decode(&bytes));
        totals.ok_or_else(|| broken("no counters"))
    }
}

impl Shared {
    /// Reads what belongs together: no write happens in between. Keep it short, writers wait.
    pub(super) fn read<T>(&self, read: impl FnOnce(&Db) -> Result<T, Error>) -> Result<T, Error> {
        read(self.db().as_ref().ok_or_else(closed)?)
    }

    pub(super) fn db(&self) -> RwLockReadGuard<'_, Option<Db>> {
        self.db.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn db_mut(&self) -> RwLockWriteGuard<'_, Option<Db>> {
        self.db.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn memory(&self) -> RwLockReadGuard<'_, Memory> {
        self.memory.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn memory_mut(&self) -> RwLockWriteGuard<'_, Memory> {
        self.memory.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn totals(&self) -> MutexGuard<'_, Totals> {
        self.totals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn lazy(&self) -> MutexGuard<'_, Vec<queue::Lazy>> {
        self.lazy.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a data file into use: reads what memory keeps of it.
    pub(super) fn load(&self, db: Db) -> Result<(), Error> {
        let totals = Totals::read(&db)?;
        let memory = Memory::load(&db)?;
        let waiting = waiting_endpoints(&db)?;
        *self.totals() = totals;
        *self.memory_mut() = memory;
        *self.db_mut() = Some(db);
        self.queues.reset(waiting);
        Ok(())
    }
}

/// The error of every call on a store that has no data file.
pub(super) fn closed() -> Error {
    Error::new("the store is closed, or could not be opened again after a failed write")
}

/// Runs what may read much of the disk where it holds up no other task.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let ended = tokio::task::spawn_blocking(work).await;
    ended.unwrap_or_else(|_| Err(Error::new("the read was cut short")))
}

/// Every endpoint that deliveries wait for, and when the first is due: one seek for each.
fn waiting_endpoints(db: &Db) -> Result<Vec<(EndpointId, Timestamp)>, Error> {
    let mut waiting = Vec::new();
    let mut from = key::QUEUES.to_vec();
    let end = key::end_of(key::QUEUES);
    while let Some(row) = db.scan(Bound::Included(&from), Bound::Excluded(&end)).next() {
        let (endpoint, slot) = key::slot(&row?.0).ok_or_else(|| broken("a queue row's key"))?;
        waiting.push((endpoint, slot.due));
        from = key::end_of(&key::queue(endpoint));
    }
    Ok(waiting)
}
