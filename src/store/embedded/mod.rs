//! The store on sled: one directory, one process, one thread that commits.
//!
//! - [`db`]: sled itself; [`key`] and [`rows`]: what is written into it.
//! - [`files`]: the directory, its lock, its format; [`open`]: what is refused.
//! - [`commit`]: group commit. Every write is a job that runs there.
//! - [`compact`]: moves what lives to a fresh generation, so that the disk does not grow for ever.
//! - [`shared`], [`memory`], [`lines`]: what memory knows.
//! - [`directory`], [`intake`], [`queue`], [`history`]: the four parts of [`Store`].

mod claim;
mod commit;
mod compact;
mod configuration;
mod db;
mod deliveries;
mod directory;
mod endpoints;
mod events;
mod files;
mod history;
mod intake;
mod key;
mod lines;
mod memory;
mod open;
mod queue;
mod rows;
mod shared;
mod stats;
mod trim;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use async_trait::async_trait;
use tokio::sync::oneshot;

use self::commit::{Answer, Committer, Group, Job, Message};
use self::compact::{Compactor, Thresholds};
use self::files::{damaged, io_error};
use self::open::Opened;
use self::shared::{Shared, closed};
use super::{Durable, Error, OpenError, Store};

/// How an embedded store is opened.
#[derive(Debug, Clone)]
pub struct Options {
    /// Its directory; made if missing, for its owner's eyes only.
    pub path: PathBuf,
    /// How many commits may wait; beyond that a write is refused as full.
    pub queue_limit: usize,
    /// How much of the data is kept in memory.
    pub cache_bytes: u64,
    /// Below so many bytes on disk the data is never compacted.
    pub compact_floor: u64,
    /// Above the floor it is compacted when it takes so many times what lives.
    pub compact_factor: u64,
    /// Opens a store that is refused as damaged with what can still be read of it. What cannot is
    /// removed for good, so copy the directory first.
    pub salvage: bool,
}

impl Default for Options {
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

/// The store on sled. Dropping it writes what was left to write and lets go of the memory.
pub struct Embedded {
    shared: Arc<Shared>,
    /// `None` once closed.
    jobs: Option<SyncSender<Message>>,
    committer: Option<JoinHandle<()>>,
    /// Held while configuration is read, changed and written.
    changes: tokio::sync::Mutex<()>,
    /// Whether this process makes no more deliveries.
    left: AtomicBool,
}

impl fmt::Debug for Embedded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Embedded").finish_non_exhaustive()
    }
}

impl Embedded {
    /// Opens the store in `options.path`, or makes one there if the directory is empty. Blocks
    /// until it is read.
    pub fn open(options: Options) -> Result<Self, OpenError> {
        let Opened { home, generation, db } = open::open(&options)?;
        let Options { path, queue_limit, cache_bytes, compact_floor, compact_factor, .. } = options;
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
        let (changes, left) = (tokio::sync::Mutex::new(()), AtomicBool::new(false));
        Ok(Self { shared, jobs: Some(jobs), committer: Some(committer), changes, left })
    }

    /// Writes what was left to write and lets go of the directory, as dropping does. Blocks.
    pub fn close(mut self) {
        self.finish();
    }

    fn finish(&mut self) {
        drop(self.jobs.take());
        if let Some(committer) = self.committer.take() {
            // A panic there was reported when it happened; there is nothing left to save.
            let _ended = committer.join();
        }
    }

    fn send(&self, message: Message) -> Result<(), Error> {
        let jobs = self.jobs.as_ref().ok_or_else(closed)?;
        match jobs.try_send(message) {
            // A full queue means that a commit is about to take settlements along anyway.
            Ok(()) | Err(TrySendError::Full(Message::Nudge)) => Ok(()),
            Err(TrySendError::Full(Message::Work(_))) => {
                Err(Error { full: true, ..Error::new("too many writes are waiting") })
            }
            Err(TrySendError::Disconnected(_)) => Err(closed()),
        }
    }

    /// Runs `work` in the commit thread, in a group with whatever else waits, and returns what it
    /// returned once the group is durable.
    async fn commit<T, W>(&self, work: W) -> Result<T, Error>
    where
        T: Send + 'static,
        W: FnOnce(&mut Group<'_>) -> Result<T, Error> + Send + 'static,
    {
        let (done, outcome) = oneshot::channel();
        let job: Job = Box::new(move |group| match group.and_then(work) {
            Ok(value) => {
                let answer: Answer = Box::new(move |written| {
                    // Whoever asked may have stopped waiting.
                    let _heard = done.send(written.clone().map(|()| value));
                });
                Ok(answer)
            }
            Err(cause) => {
                let _heard = done.send(Err(cause.clone()));
                Err(cause)
            }
        });
        self.send(Message::Work(job))?;
        outcome.await.unwrap_or_else(|_| Err(closed()))
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.finish();
    }
}

#[async_trait]
impl Durable for Embedded {
    async fn sync(&self) -> Result<(), Error> {
        self.commit(|_| Ok(())).await
    }
}

impl Store for Embedded {}
