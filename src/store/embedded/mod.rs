//! The store on sled: one directory, one process, one thread that commits.
//!
//! - [`engine`]: bytes, batches, commits, compaction, files; it names no noun.
//! - [`key`]: how rows are named.
//! - [`contents`], [`memory`], [`leases`]: what memory knows.
//! - [`directory`], [`intake`], [`queue`], [`history`]: the four parts of [`Store`].

mod claim;
mod configuration;
mod contents;
mod deliveries;
mod directory;
mod endpoints;
mod engine;
mod events;
mod history;
mod intake;
mod key;
mod leases;
mod memory;
mod queue;
mod stats;
mod trim;

use std::fmt;
use std::sync::RwLockReadGuard;
use std::sync::atomic::AtomicBool;

use async_trait::async_trait;

use self::contents::Contents;
use self::engine::Engine;
use self::memory::Memory;
use super::{Durable, Error, OpenError, Store};

pub use self::engine::EmbeddedOptions;

/// One commit of this store in the making.
type Group<'d> = engine::Group<'d, Contents>;

/// The state that the tasks and the commit thread share.
type Shared = engine::Shared<Contents>;

/// The store on sled. Dropping it writes what was left to write and lets go of the directory.
pub struct Embedded {
    engine: Engine<Contents>,
    /// Held while configuration is read, changed and written.
    changes: tokio::sync::Mutex<()>,
    /// True once this process makes no more deliveries.
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
    pub fn open(options: EmbeddedOptions) -> Result<Self, OpenError> {
        let engine = Engine::open(options)?;
        Ok(Self { engine, changes: tokio::sync::Mutex::new(()), left: AtomicBool::new(false) })
    }

    /// All configuration, as memory has it.
    fn memory(&self) -> RwLockReadGuard<'_, Memory> {
        self.engine.shared.contents.memory()
    }

    /// Writes what was left to write and lets go of the directory, as dropping does. Blocks.
    pub fn close(self) {
        drop(self);
    }
}

#[async_trait]
impl Durable for Embedded {
    async fn sync(&self) -> Result<(), Error> {
        self.engine.commit(|_| Ok(())).await
    }
}

impl Store for Embedded {}
