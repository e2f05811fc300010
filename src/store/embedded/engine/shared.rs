//! The state that the tasks and the commit thread share.

use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::Contents;
use super::counters::Counters;
use super::db::Db;
use crate::store::Error;

/// The data file, its counters, and what memory knows of the contents.
pub(in crate::store::embedded) struct Shared<C: Contents> {
    /// `None` while it is closed, or could not be opened again after a failure. Held for writing
    /// while a batch is applied, so that a reader sees all of it or nothing.
    db: RwLock<Option<Db>>,
    counters: Mutex<Counters<C::Totals>>,
    /// The writes for the next commit, whenever that is.
    lazy: Mutex<Vec<C::Lazy>>,
    /// The contents as memory knows them.
    pub(in crate::store::embedded) contents: C,
}

impl<C: Contents> Default for Shared<C> {
    fn default() -> Self {
        Self {
            db: RwLock::default(),
            counters: Mutex::default(),
            lazy: Mutex::default(),
            contents: C::default(),
        }
    }
}

impl<C: Contents> Shared<C> {
    /// Reads what belongs together: no write happens in between. Keep it short, writers wait.
    pub(in crate::store::embedded) fn read<T>(
        &self,
        read: impl FnOnce(&Db) -> Result<T, Error>,
    ) -> Result<T, Error> {
        read(self.db().as_ref().ok_or_else(closed)?)
    }

    /// The totals of the contents.
    pub(in crate::store::embedded) fn totals(&self) -> C::Totals {
        self.counters().totals
    }

    pub(super) fn db(&self) -> RwLockReadGuard<'_, Option<Db>> {
        self.db.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn db_mut(&self) -> RwLockWriteGuard<'_, Option<Db>> {
        self.db.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn counters(&self) -> MutexGuard<'_, Counters<C::Totals>> {
        self.counters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn lazy(&self) -> MutexGuard<'_, Vec<C::Lazy>> {
        self.lazy.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a data file into use: reads what memory keeps of it.
    pub(super) fn load(&self, db: Db) -> Result<(), Error> {
        let counters = Counters::read(&db)?;
        let loaded = self.contents.load(&db)?;
        *self.counters() = counters;
        *self.db_mut() = Some(db);
        self.contents.loaded(loaded);
        Ok(())
    }
}

/// The error of every call on a store that has no data file.
pub(super) fn closed() -> Error {
    Error::new("the store is closed, or could not be opened again after a failed write")
}
