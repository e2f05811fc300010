//! The engine: rows of bytes in one directory, for one process, with one thread that commits.
//!
//! Names no noun: what the rows mean is for its [`Contents`] to say.
//!
//! - [`db`]: sled itself; [`batch`]: records in rows, and writes that are applied together.
//! - [`files`]: the directory, its lock, its format; [`open`]: what is refused.
//! - [`commit`]: group commit. Every write is a job that runs there.
//! - [`compact`]: moves what lives to a fresh generation, so that the disk does not grow for ever.

mod batch;
mod commit;
mod compact;
mod contents;
mod counters;
mod db;
mod files;
mod meta;
mod open;
mod shared;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use tokio::sync::oneshot;

pub(super) use self::batch::{Read, broken};
pub(super) use self::commit::Group;
pub(super) use self::contents::{Changes, Contents, Totals};
pub(super) use self::db::{Db, Row};
pub(super) use self::meta::end_of;
pub(super) use self::shared::Shared;

use self::commit::{CommitMessage, Committer, Completion, Job};
use self::compact::{Compactor, Thresholds};
use self::files::{damaged, io_error};
use self::open::Opened;
use self::shared::closed;
use crate::store::{Error, OpenError};

/// The way an embedded store is opened.
#[derive(Debug, Clone)]
pub struct EmbeddedOptions {
    /// The directory; made if missing, for its owner's eyes only.
    pub path: PathBuf,
    /// The number of commits that may wait; beyond that a write is refused as full.
    pub queue_limit: usize,
    /// The bytes of the data that are kept in memory.
    pub cache_bytes: u64,
    /// Below so many bytes on disk the data is never compacted.
    pub compact_floor: u64,
    /// Above the floor it is compacted when it takes so many times what lives.
    pub compact_factor: u64,
    /// Opens a store that is refused as damaged with what can still be read of it. What cannot is
    /// removed for good, so copy the directory first.
    pub salvage: bool,
}

impl Default for EmbeddedOptions {
    fn default() -> Self {
        Self {
            path: PathBuf::from("waypost-data"),
            queue_limit: 8192,
            cache_bytes: 128 << 20,
            compact_floor: 64 << 20,
            compact_factor: 4,
            salvage: false,
        }
    }
}

/// An engine that is running. Dropping it writes what was left to write and lets go of the
/// directory.
pub(super) struct Engine<C: Contents> {
    pub(super) shared: Arc<Shared<C>>,
    /// `None` once closed.
    jobs: Option<SyncSender<CommitMessage<C>>>,
    committer: Option<JoinHandle<()>>,
}

impl<C: Contents> Engine<C> {
    /// Opens the store in `options.path`, or makes one there if the directory is empty. Blocks
    /// until it is read.
    pub(super) fn open(options: EmbeddedOptions) -> Result<Self, OpenError> {
        let Opened { home, generation, db } = open::open::<C>(&options)?;
        let EmbeddedOptions {
            path, queue_limit, cache_bytes, compact_floor, compact_factor, ..
        } = options;
        let thresholds = Thresholds { floor: compact_floor, factor: compact_factor.max(2) };
        let mut compactor = Compactor::new(thresholds, cache_bytes);
        let shared = Arc::new(Shared::default());
        let loaded = compactor.loaded(&db).and_then(|()| shared.load(db));
        loaded.map_err(|cause| damaged(&home.generation(generation), cause.to_string()))?;
        home.remove_others(generation).map_err(|cause| io_error(&path, cause))?;

        let (jobs, waiting) = sync_channel(queue_limit.max(1));
        let committer = Committer {
            shared: Arc::clone(&shared),
            jobs: waiting,
            home,
            generation,
            cache_bytes,
            compactor,
        };
        let committer = std::thread::Builder::new()
            .name("commit".to_owned())
            .spawn(move || committer.run())
            .map_err(|cause| io_error(&path, cause))?;
        Ok(Self { shared, jobs: Some(jobs), committer: Some(committer) })
    }

    fn send(&self, message: CommitMessage<C>) -> Result<(), Error> {
        let jobs = self.jobs.as_ref().ok_or_else(closed)?;
        match jobs.try_send(message) {
            // A full queue means that a commit is about to take settlements along anyway.
            Ok(()) | Err(TrySendError::Full(CommitMessage::Nudge)) => Ok(()),
            Err(TrySendError::Full(CommitMessage::Work(_))) => {
                Err(Error { full: true, ..Error::new("too many writes are waiting") })
            }
            Err(TrySendError::Disconnected(_)) => Err(closed()),
        }
    }

    /// Runs `work` in the commit thread, in a group with whatever else waits, and returns what it
    /// returned once the group is durable.
    pub(super) async fn commit<T, W>(&self, work: W) -> Result<T, Error>
    where
        T: Send + 'static,
        W: FnOnce(&mut Group<'_, C>) -> Result<T, Error> + Send + 'static,
    {
        let (done, outcome) = oneshot::channel();
        let job: Job<C> = Box::new(move |group| match group.and_then(work) {
            Ok(value) => {
                let completion: Completion = Box::new(move |written| {
                    // Whoever asked may have stopped waiting.
                    let _heard = done.send(written.clone().map(|()| value));
                });
                Ok(completion)
            }
            Err(cause) => {
                let _heard = done.send(Err(cause.clone()));
                Err(cause)
            }
        });
        self.send(CommitMessage::Work(job))?;
        outcome.await.unwrap_or_else(|_| Err(closed()))
    }

    /// Leaves something for the next commit, whenever that is.
    pub(super) fn leave(&self, lazy: C::Lazy) -> Result<(), Error> {
        let mut waiting = self.shared.lazy();
        let first = waiting.is_empty();
        waiting.push(lazy);
        drop(waiting);
        if first {
            self.send(CommitMessage::Nudge)?;
        }
        Ok(())
    }
}

impl<C: Contents> Drop for Engine<C> {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(committer) = self.committer.take() {
            // A panic there was reported when it happened; there is nothing left to save.
            let _ended = committer.join();
        }
    }
}

/// Runs what may read much of the disk where it holds up no other task.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let ended = tokio::task::spawn_blocking(work).await;
    ended.unwrap_or_else(|_| Err(Error::new("the read was cut short")))
}
