//! The store: what is durable, and when.
//!
//! [`Store`] speaks in promises. Each has a test by its name in `tests/it/store.rs`, run on every
//! backend. Nothing above this module knows which backend it is. Every call that concerns one
//! tenant takes its account and finds nothing of any other's.
//!
//! *Durable* means: it is there after a `kill -9` and after a power cut. Methods that write are
//! durable when they return `Ok`, unless they say otherwise. When one returns [`Error`], the write
//! may or may not have happened.

mod configuration;
mod directory;
mod embedded;
mod history;
mod intake;
mod queue;
mod record;

use std::ffi::OsStr;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;

pub use configuration::{Configuration, ConfigurationChange, Configured, Holding};
pub use directory::{Added, Change, Decision, Directory};
pub use embedded::{Embedded, EmbeddedOptions};
pub use history::{DeliveryFilter, EventFilter, History, Listing, Page, Retention, Usage};
pub use intake::{Enqueued, Intake};
pub use queue::{Ask, ClaimProof, Claimed, Claims, Hold, Queue, Settlement, Wakeup};

/// Opens the store at a place: a directory's path, or a `file:` URL of one. Blocks until it is read.
pub fn open(place: impl AsRef<OsStr>) -> Result<Arc<dyn Store>, OpenError> {
    let place = place.as_ref();
    let url = place.to_str().and_then(|text| text.split_once(':'));
    let path = match url {
        Some(("file", path)) => Path::new(path.strip_prefix("//").unwrap_or(path)),
        Some((scheme, rest)) if rest.starts_with("//") => {
            return Err(OpenError::UnknownScheme { scheme: scheme.to_owned() });
        }
        Some(_) | None => Path::new(place),
    };
    let options = EmbeddedOptions { path: path.to_owned(), ..EmbeddedOptions::default() };
    Ok(Arc::new(Embedded::open(options)?))
}

/// All four parts of a store.
pub trait Store: Directory + Intake + Queue + History + Durable {}

/// The promise behind the others.
#[async_trait]
pub trait Durable: Send + Sync + 'static {
    /// Waits until everything that was settled before the call is durable.
    async fn sync(&self) -> Result<(), Error>;
}

/// The store could not do what was asked. A write may or may not have happened.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    message: Arc<str>,
    full: bool,
    taken: bool,
}

impl Error {
    fn new(message: impl Into<Arc<str>>) -> Self {
        Self { message: message.into(), full: false, taken: false }
    }

    /// True if the disk is full, or the queue of commits is: trying again later may help.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.full
    }

    /// True if something else has the id that was to be given; nothing was written.
    #[must_use]
    pub const fn is_taken(&self) -> bool {
        self.taken
    }
}

/// The reason why a store could not be opened. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it open.
    #[error("{path} is in use by another process")]
    InUse {
        /// The directory.
        path: String,
    },
    /// Written by a newer version.
    #[error("{path} was written by a newer version: format {found}, this one knows up to {known}")]
    Newer {
        /// The directory.
        path: String,
        /// The format found.
        found: u32,
        /// The newest format known here.
        known: u32,
    },
    /// No store is kept at places of this kind.
    #[error("expected a directory, or a URL `file:…` of one, found a URL `{scheme}:…`")]
    UnknownScheme {
        /// The URL's scheme.
        scheme: String,
    },
    /// Written by an older version, before the first release.
    #[error(
        "{path} was written by an older version: format {found}, this one reads format {known} \
         only; take the configuration along with that version's `waypost export`, and begin with \
         an empty directory"
    )]
    Older {
        /// The directory.
        path: String,
        /// The format found.
        found: u32,
        /// The format read here.
        known: u32,
    },
    /// Damaged, or no store at all.
    #[error("{path} is damaged: {detail}")]
    Damaged {
        /// The directory or file.
        path: String,
        /// The damage: what was expected, and what was found.
        detail: String,
    },
    /// The operating system refused.
    #[error("cannot use {path}: {cause}")]
    Io {
        /// The directory or file.
        path: String,
        /// The system's own error.
        cause: std::io::Error,
    },
}
