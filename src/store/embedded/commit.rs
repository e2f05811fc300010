//! The commit thread: gathers what waits, applies it as one batch, syncs once, wakes the tasks.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use tracing::{error, info};

use super::db::Db;
use super::files::Home;
use super::key;
use super::rows::{Batch, Writes};
use super::shared::{Shared, Totals, closed};
use super::targets::Moves;
use crate::model::EventId;
use crate::store::Error;

/// A piece of work for the commit thread. Gets the group it is to write into, or why there is
/// none. An error undoes what it wrote and leaves the other jobs of the group alone.
pub(super) type Job =
    Box<dyn FnOnce(Result<&mut Group<'_>, Error>) -> Result<Answer, Error> + Send>;

/// Tells a task what came of its job, once that is durable.
pub(super) type Answer = Box<dyn FnOnce(&Result<(), Error>) + Send>;

/// What the commit thread is sent.
pub(super) enum Message {
    /// Work that somebody waits for.
    Work(Job),
    /// There is something in `Shared::lazy`.
    Nudge,
}

/// How long settlements wait for company before they are written on their own.
const LINGER: Duration = Duration::from_millis(20);

/// How much one group writes before it closes: a group this large gains nothing from more.
const GROUP_BYTES: usize = 4 << 20;

/// What one commit is going to do.
pub(super) struct Group<'d> {
    pub(super) batch: Batch<'d>,
    pub(super) totals: Totals,
    pub(super) moves: Moves,
    /// Events that this group replays: none of them may be trimmed.
    pub(super) replayed: HashSet<EventId>,
}

impl<'d> Group<'d> {
    fn new(db: &'d Db, totals: Totals) -> Self {
        let (moves, replayed) = (Moves::default(), HashSet::new());
        Self { batch: Batch::new(db), totals, moves, replayed }
    }

    /// Runs one job; if it fails, nothing of it remains.
    pub(super) fn attempt<T>(
        &mut self,
        job: impl FnOnce(&mut Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.batch.mark();
        let before = (self.totals, self.moves.queued.len(), self.moves.gone.len());
        let result = job(self);
        if result.is_err() {
            self.batch.roll_back();
            self.totals = before.0;
            self.moves.queued.truncate(before.1);
            self.moves.gone.truncate(before.2);
        }
        result
    }
}

/// The commit thread's own.
pub(super) struct Committer {
    pub(super) shared: Arc<Shared>,
    pub(super) jobs: Receiver<Message>,
    pub(super) home: Home,
    pub(super) generation: u32,
    pub(super) cache_bytes: u64,
}

impl Committer {
    /// Commits until nobody can send any more, then writes what is left and closes the data file.
    pub(super) fn run(mut self) {
        while let Ok(message) = self.jobs.recv() {
            let first = match message {
                Message::Work(job) => Some(job),
                Message::Nudge => match self.jobs.recv_timeout(LINGER) {
                    Ok(Message::Work(job)) => Some(job),
                    Ok(Message::Nudge)
                    | Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => None,
                },
            };
            self.commit(first);
        }
        self.commit(None);
        *self.shared.db_mut() = None;
    }

    /// One commit: of `first`, of what else waits, and of what was settled.
    fn commit(&mut self, first: Option<Job>) {
        if self.shared.db().is_none() {
            self.reopen();
        }
        let mut answers = Vec::new();
        let staged = self.stage(first, &mut answers);
        let outcome = staged.and_then(|staged| self.write(&staged));
        if let Err(cause) = &outcome {
            error!("a commit failed, nothing of it was acknowledged: {cause}");
            // After a failed write the data file refuses everything, and memory may be ahead of
            // it. What is on disk decides.
            *self.shared.db_mut() = None;
            self.reopen();
        }
        for answer in answers {
            answer(&outcome);
        }
    }

    /// Runs the jobs; every write they ask for is gathered, none is made.
    fn stage(&self, first: Option<Job>, answers: &mut Vec<Answer>) -> Result<Staged, Error> {
        let db = self.shared.db();
        let Some(db) = db.as_ref() else {
            self.refuse(first);
            return Err(closed());
        };
        let before = *self.shared.totals();
        let mut group = Group::new(db, before);
        let mut next = first;
        while let Some(job) = next {
            // A job that fails has told its task so already.
            if let Ok(answer) = group.attempt(|group| job(Ok(group))) {
                answers.push(answer);
            }
            next = if group.batch.bytes() < GROUP_BYTES { self.waiting_job() } else { None };
        }
        // After the jobs, so that a `sync` among them covers all that was settled before it.
        for lazy in std::mem::take(&mut *self.shared.lazy()) {
            if let Err(cause) = group.attempt(|group| lazy.stage(group)) {
                error!("a settlement could not be written, its attempt is repeated: {cause}");
            }
        }
        if group.totals != before {
            group.batch.put(key::TOTALS.to_vec(), group.totals.encode());
        }
        let Group { batch, totals, moves, replayed: _ } = group;
        Ok(Staged { writes: batch.into_writes(), totals, moves })
    }

    /// Applies what was staged and makes it durable; only then is it shown.
    fn write(&self, staged: &Staged) -> Result<(), Error> {
        if staged.writes.is_empty() {
            return Ok(());
        }
        self.shared.targets.committing(&staged.moves);
        self.apply(&staged.writes)?;
        self.shared.read(Db::flush)?;
        *self.shared.totals() = staged.totals;
        self.shared.targets.committed(&staged.moves);
        Ok(())
    }

    fn apply(&self, writes: &Writes) -> Result<(), Error> {
        let db = self.shared.db_mut();
        let db = db.as_ref().ok_or_else(closed)?;
        db.apply(writes.iter().map(|(key, value)| (key.as_slice(), value.as_deref())))
    }

    /// The next job that waits, if any does.
    fn waiting_job(&self) -> Option<Job> {
        loop {
            match self.jobs.try_recv() {
                Ok(Message::Work(job)) => return Some(job),
                Ok(Message::Nudge) => {}
                Err(_) => return None,
            }
        }
    }

    /// Tells every task that waits that there is no data file. Settlements are dropped: on disk
    /// their deliveries still wait.
    fn refuse(&self, first: Option<Job>) {
        self.shared.lazy().clear();
        let mut next = first;
        while let Some(job) = next {
            let _told = job(Err(closed()));
            next = self.waiting_job();
        }
    }

    fn reopen(&self) {
        let path = self.home.generation(self.generation);
        let reopened = Db::open(&path, self.cache_bytes).and_then(|db| self.shared.load(db));
        match reopened {
            Ok(()) => info!("the data file was opened again"),
            Err(cause) => error!("the data file could not be opened again: {cause}"),
        }
    }
}

/// What a group is about to write, and what it means.
struct Staged {
    writes: Writes,
    totals: Totals,
    moves: Moves,
}
