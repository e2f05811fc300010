//! The commit thread: gathers what waits, applies it as one batch, syncs once, wakes the tasks.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::Duration;

use tracing::{error, info, warn};

use super::batch::{Batch, Writes};
use super::compact::{Compaction, Compactor, Finished};
use super::counters::Counters;
use super::db::Db;
use super::files::Home;
use super::shared::{Shared, closed};
use super::{Changes, Contents, meta, open};
use crate::store::Error;

/// A piece of work for the commit thread. Gets the group it is to write into, or why there is
/// none. An error undoes what it wrote and leaves the other jobs of the group alone.
pub(super) type Job<C> =
    Box<dyn FnOnce(Result<&mut Group<'_, C>, Error>) -> Result<Completion, Error> + Send>;

/// Tells a task what came of its job, once that is durable.
pub(super) type Completion = Box<dyn FnOnce(&Result<(), Error>) + Send>;

/// A message to the commit thread.
pub(super) enum CommitMessage<C: Contents> {
    /// Work that somebody waits for.
    Work(Job<C>),
    /// There is something in `Shared::lazy`.
    Nudge,
}

/// The time that settlements wait for company before they are written on their own.
const LINGER: Duration = Duration::from_millis(20);

/// The longest wait for a failed data file to close.
const DISCARD_WAIT: Duration = Duration::from_secs(5);

/// The pause before a data file that could not be opened is tried again, unless somebody writes.
const REOPEN_AFTER: Duration = Duration::from_secs(1);

/// The bytes after which a group closes: one this large gains nothing from more.
const GROUP_BYTES: usize = 4 << 20;

/// One commit in the making: the writes and the changes that its jobs have gathered.
pub(in crate::store::embedded) struct Group<'d, C: Contents> {
    pub(in crate::store::embedded) shared: &'d Shared<C>,
    pub(in crate::store::embedded) batch: Batch<'d>,
    pub(in crate::store::embedded) totals: C::Totals,
    pub(in crate::store::embedded) changes: C::Changes,
}

impl<'d, C: Contents> Group<'d, C> {
    fn new(shared: &'d Shared<C>, db: &'d Db) -> Self {
        let (totals, changes) = (shared.totals(), C::Changes::default());
        Self { shared, batch: Batch::new(db), totals, changes }
    }

    /// Runs one job; if it fails, nothing of it remains.
    pub(super) fn attempt<T>(
        &mut self,
        job: impl FnOnce(&mut Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.batch.mark();
        let before = (self.totals, self.changes.mark());
        let result = job(self);
        if result.is_err() {
            self.batch.roll_back();
            self.totals = before.0;
            self.changes.roll_back(&before.1);
        }
        result
    }
}

/// The commit thread's own.
pub(super) struct Committer<C: Contents> {
    pub(super) shared: Arc<Shared<C>>,
    pub(super) jobs: Receiver<CommitMessage<C>>,
    pub(super) home: Home,
    pub(super) generation: u32,
    pub(super) cache_bytes: u64,
    pub(super) compactor: Compactor,
}

impl<C: Contents> Committer<C> {
    /// Commits until nobody can send any more, then writes what is left and closes the data file.
    pub(super) fn run(mut self) {
        while let Some(first) = self.next() {
            // sled panics where it finds its file in a state that it did not expect. The tasks of
            // this commit are told that it failed, as their channels close.
            let commit = AssertUnwindSafe(|| self.commit(first));
            if std::panic::catch_unwind(commit).is_err() {
                let _reported = self.recover();
            }
        }
        self.commit(None);
        self.compactor.abandon();
        self.compactor.await_removal();
        *self.shared.db_mut() = None;
    }

    /// Waits for something to commit: a job, or `None` for settlements alone. Compacts meanwhile.
    /// While there is no data file it waits only so long: every commit tries to open it again, and
    /// those who only read would wait for ever for somebody who writes.
    fn next(&mut self) -> Option<Option<Job<C>>> {
        while self.compactor.current.is_some() {
            match self.jobs.try_recv() {
                Ok(CommitMessage::Work(job)) => return Some(Some(job)),
                Ok(CommitMessage::Nudge) => return Some(None),
                Err(TryRecvError::Disconnected) => return None,
                Err(TryRecvError::Empty) => self.compact(0),
            }
        }
        let message = if self.shared.db().is_none() {
            match self.jobs.recv_timeout(REOPEN_AFTER) {
                Err(RecvTimeoutError::Timeout) => return Some(None),
                received => received.ok()?,
            }
        } else {
            self.jobs.recv().ok()?
        };
        match message {
            CommitMessage::Work(job) => Some(Some(job)),
            CommitMessage::Nudge => match self.jobs.recv_timeout(LINGER) {
                Ok(CommitMessage::Work(job)) => Some(Some(job)),
                Ok(CommitMessage::Nudge)
                | Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => Some(None),
            },
        }
    }

    /// One commit: of `first`, of what else waits, and of what was settled.
    fn commit(&mut self, first: Option<Job<C>>) {
        if self.shared.db().is_none()
            && let Err(cause) = self.recover()
        {
            self.refuse(first, &cause);
            return;
        }
        let mut completions = Vec::new();
        let staged = self.stage(first, &mut completions);
        let outcome = staged.and_then(|staged| self.write(&staged).map(|()| staged.bytes));
        if let Err(cause) = &outcome {
            error!("a commit failed, nothing of it was acknowledged: {cause}");
            // After a failed write the data file refuses everything, and memory may be ahead of
            // it. What is on disk decides.
            let _reported = self.recover();
        }
        let (written, outcome) = match outcome {
            Ok(written) => (Some(written), Ok(())),
            Err(cause) => (None, Err(cause)),
        };
        for complete in completions {
            complete(&outcome);
        }
        if let Some(written) = written {
            self.compact(written);
        }
    }

    /// Runs the jobs; every write they ask for is gathered, none is made.
    fn stage(
        &self,
        first: Option<Job<C>>,
        completions: &mut Vec<Completion>,
    ) -> Result<Staged<C>, Error> {
        let db = self.shared.db();
        let db = db.as_ref().ok_or_else(closed)?;
        let mut group = Group::new(&self.shared, db);
        let mut next = first;
        while let Some(job) = next {
            // A job that fails has told its task so already.
            if let Ok(completion) = group.attempt(|group| job(Ok(group))) {
                completions.push(completion);
            }
            next = if group.batch.bytes() < GROUP_BYTES { self.waiting_job() } else { None };
        }
        // After the jobs, so that a `sync` among them covers all that was settled before it.
        for lazy in std::mem::take(&mut *self.shared.lazy()) {
            if let Err(cause) = group.attempt(|group| C::stage(lazy, group)) {
                error!("a settlement could not be written, its attempt is repeated: {cause}");
            }
        }
        let Group { shared: _, mut batch, totals, changes } = group;
        let mut counters = Counters { totals, ..*self.shared.counters() };
        if batch.bytes() > 0 {
            counters.commits += 1;
            counters.records = counters.records.saturating_add_signed(batch.records());
            batch.put(meta::COUNTERS.to_vec(), counters.encode());
        }
        let bytes = batch.bytes();
        Ok(Staged { writes: batch.into_writes(), bytes, counters, changes })
    }

    /// Applies what was staged and makes it durable; only then is it shown.
    fn write(&mut self, staged: &Staged<C>) -> Result<(), Error> {
        if staged.writes.is_empty() {
            return Ok(());
        }
        self.shared.contents.committing(&staged.changes);
        self.apply(&staged.writes)?;
        if let Some(compaction) = &self.compactor.current
            && let Err(cause) = compaction.repeat(&staged.writes)
        {
            warn!("compaction failed: {cause}");
            self.compactor.abandon();
        }
        self.shared.read(Db::flush)?;
        self.home.record_commit(staged.counters.commits);
        *self.shared.counters() = staged.counters;
        self.shared.contents.committed(&staged.changes);
        Ok(())
    }

    fn apply(&self, writes: &Writes) -> Result<(), Error> {
        let db = self.shared.db_mut();
        let db = db.as_ref().ok_or_else(closed)?;
        db.apply(writes.iter().map(|(key, value)| (key.as_slice(), value.as_deref())))
    }

    /// The next job that waits, if any does.
    fn waiting_job(&self) -> Option<Job<C>> {
        loop {
            match self.jobs.try_recv() {
                Ok(CommitMessage::Work(job)) => return Some(job),
                Ok(CommitMessage::Nudge) => {}
                Err(_) => return None,
            }
        }
    }

    /// Tells every task that waits why there is no data file. Settlements are dropped: on disk
    /// their deliveries still wait.
    fn refuse(&self, first: Option<Job<C>>, cause: &Error) {
        let mut jobs: Vec<Job<C>> = first.into_iter().collect();
        jobs.extend(std::iter::from_fn(|| self.waiting_job()));
        // After the nudges were taken: a settlement sends one only where it is the first, so none
        // may stay behind whose nudge is gone. Those that come now are a reason to try once more.
        self.shared.lazy().clear();
        for job in jobs {
            let _told = job(Err(cause.clone()));
        }
    }

    /// Takes the compaction a step further, or begins one; `written` is what was written since.
    /// Whatever goes wrong in it concerns the new generation alone.
    fn compact(&mut self, written: usize) {
        self.compactor.wrote(written);
        let shared = Arc::clone(&self.shared);
        let totals = shared.totals();
        let advanced = shared.read(|old| match &mut self.compactor.current {
            Some(compaction) => compaction.step(old, written),
            None => self.compactor.consider(&self.home, self.generation, old, totals),
        });
        if let Err(cause) = advanced {
            warn!("compaction failed: {cause}");
            self.compactor.abandon();
        }
        let complete = |compaction: &mut Compaction| compaction.is_complete();
        if let Some(compaction) = self.compactor.current.take_if(complete) {
            self.switch(compaction);
        }
    }

    /// Makes the new generation the one that counts.
    fn switch(&mut self, compaction: Compaction) {
        let finished = match compaction.finish(self.shared.totals()) {
            Ok(finished) => finished,
            Err(cause) => {
                warn!("compaction failed: {cause}");
                return;
            }
        };
        if let Err(cause) = self.home.set_current(finished.generation) {
            // Either may count now. Nothing is written until that is settled.
            error!("a new generation could not be made the current one: {cause}");
            drop(finished);
            let _reported = self.recover();
            return;
        }
        let Finished { generation, db, measure, on_disk } = finished;
        let old_path = self.home.generation(self.generation);
        self.generation = generation;
        let old = self.shared.db_mut().replace(db);
        self.compactor.switched((measure, on_disk), old, old_path);
    }

    /// Closes the data file, and opens the one that counts anew.
    fn recover(&mut self) -> Result<(), Error> {
        self.compactor.abandon();
        if let Some(db) = self.shared.db_mut().take() {
            discard(db);
        }
        let reopened = self.reopen();
        match &reopened {
            Ok(()) => info!("the data file was opened again"),
            Err(cause) => error!("the data file could not be opened again: {cause}"),
        }
        reopened
    }

    fn reopen(&mut self) -> Result<(), Error> {
        let io = |cause: std::io::Error| Error::new(format!("the data directory: {cause}"));
        self.generation = self.home.confirm().map_err(io)?;
        let db = Db::open(&self.home.generation(self.generation), self.cache_bytes)?;
        open::check_end::<C::Totals>(&db, self.home.last_commit()).map_err(Error::new)?;
        self.compactor.loaded(&db)?;
        self.shared.load(db)
    }
}

/// Closes a data file that failed. sled waits there for threads of its own, which a panic may have
/// ended; then it never closes, the directory stays locked, and only a restart helps.
fn discard(db: Db) {
    let (closed, wait) = std::sync::mpsc::channel();
    let work = move || {
        drop(db);
        // Nobody listens any more if it took too long.
        let _heard = closed.send(());
    };
    if std::thread::Builder::new().name("discard".to_owned()).spawn(work).is_ok() {
        // Either way opening it again shows whether it was closed.
        let _closed = wait.recv_timeout(DISCARD_WAIT);
    }
}

/// The writes of a group, with the counters and the changes that go with them.
struct Staged<C: Contents> {
    writes: Writes,
    bytes: usize,
    counters: Counters<C::Totals>,
    changes: C::Changes,
}
