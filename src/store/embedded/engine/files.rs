//! The directory of a store: who holds it, in which form it is, which generation is the current.
//!
//! ```text
//! LOCK          held by the process that has it open
//! CURRENT       three lines: what this is, its format, the current generation
//! LAST_COMMIT   the number of the last commit that was acknowledged
//! gen-000007/   the data
//! ```
//!
//! `CURRENT` is replaced as a whole, so there is always exactly one current generation; every
//! other one is what a crash left behind. Generation 0 means that none was completed yet.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tracing::warn;

use crate::store::OpenError;

/// The one format that this program reads and writes. Until the first release no other is read.
pub(super) const FORMAT: u32 = 2;

const TITLE: &str = "waypost store";
const CURRENT: &str = "CURRENT";
const CURRENT_NEW: &str = "CURRENT.new";
const LOCK: &str = "LOCK";
const LAST_COMMIT: &str = "LAST_COMMIT";
const GENERATION: &str = "gen-";
/// The longest wait for the lock, and the pause between two looks.
// A process that is just ending may still hold the lock, and so may one that is just being started
// by whoever had the store open: it inherits the lock until its program is loaded.
const LOCK_WAIT: Duration = Duration::from_millis(500);
const LOCK_POLL: Duration = Duration::from_millis(10);
/// A generation that never counts.
const TRIAL: &str = "gen-trial";

/// A store's directory, held until this is dropped.
#[derive(Debug)]
pub(super) struct Home {
    path: PathBuf,
    /// Never read: the lock ends with it.
    _lock: File,
    last_commit: File,
}

impl Home {
    /// Takes hold of the directory and finds its current generation. Nothing is made or changed in
    /// a directory that is somebody else's.
    pub(super) fn open(path: &Path) -> Result<(Self, u32), OpenError> {
        let io = |cause| io_error(path, cause);
        make_private_dir(path).map_err(io)?;
        let fresh = !path.join(CURRENT).try_exists().map_err(io)?;
        if fresh && let Some(found) = foreign_file(path).map_err(io)? {
            let detail = format!("expected a store or an empty directory, found {found:?} in it");
            return Err(damaged(path, detail));
        }
        let lock = lock(path)?;
        let generation = match fs::read_to_string(path.join(CURRENT)) {
            Ok(text) => parse_current(path, &text)?,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => 0,
            Err(cause) if cause.kind() == io::ErrorKind::InvalidData => {
                return Err(damaged(&path.join(CURRENT), "expected text".to_owned()));
            }
            Err(cause) => return Err(io_error(&path.join(CURRENT), cause)),
        };
        let last_commit = open_to_write(&path.join(LAST_COMMIT))?;
        let home = Self { path: path.to_owned(), _lock: lock, last_commit };
        if fresh {
            home.set_current(0).map_err(io)?;
        }
        Ok((home, generation))
    }

    /// Makes `generation` the current one, durably, or leaves the one that is.
    pub(super) fn set_current(&self, generation: u32) -> io::Result<()> {
        let new = self.path.join(CURRENT_NEW);
        let mut file = File::create(&new)?;
        write!(file, "{TITLE}\nformat {FORMAT}\ngeneration {generation}\n")?;
        file.sync_all()?;
        fs::rename(&new, self.path.join(CURRENT))?;
        File::open(&self.path)?.sync_all()
    }

    /// Reads the number of the current generation, and makes it durable in case it was not yet.
    pub(super) fn confirm(&self) -> io::Result<u32> {
        let text = fs::read_to_string(self.path.join(CURRENT))?;
        let generation = parse_current(&self.path, &text).map_err(io::Error::other)?;
        File::open(&self.path)?.sync_all()?;
        Ok(generation)
    }

    /// Records that a commit was made durable. sled takes damage at the end of its log for a
    /// write that was cut short, and drops it without a word; this tells the one from the other.
    /// It is not synced: after a power cut it may name an earlier commit, never one too late.
    pub(super) fn record_commit(&self, commit: u64) {
        let text = format!("{commit:020}\n");
        let mut file = &self.last_commit;
        let written = file.seek(SeekFrom::Start(0)).and_then(|_| file.write_all(text.as_bytes()));
        if let Err(cause) = written {
            warn!("the number of the last commit could not be noted down: {cause}");
        }
    }

    /// The last commit that is known to have been durable; 0 if none is.
    pub(super) fn last_commit(&self) -> u64 {
        let mut text = String::new();
        let mut file = &self.last_commit;
        let read = file.seek(SeekFrom::Start(0)).and_then(|_| file.read_to_string(&mut text));
        // Where it does not read, a power cut came between its making and its first sync.
        read.ok().and_then(|_| text.trim_end().parse().ok()).unwrap_or(0)
    }

    /// The directory in which the data is tried out before it is touched.
    pub(super) fn trial(&self) -> PathBuf {
        self.path.join(TRIAL)
    }

    /// The directory of a generation's data.
    pub(super) fn generation(&self, generation: u32) -> PathBuf {
        self.path.join(format!("{GENERATION}{generation:06}"))
    }

    /// Removes every generation but the current one.
    pub(super) fn remove_others(&self, current: u32) -> io::Result<()> {
        let current = self.generation(current);
        for entry in fs::read_dir(&self.path)? {
            let path = entry?.path();
            let is_generation = path
                .file_name()
                .and_then(|name| name.to_str())
                .is_some_and(|name| name.starts_with(GENERATION));
            if is_generation && path != current {
                fs::remove_dir_all(&path)?;
            }
        }
        Ok(())
    }
}

/// Makes a directory that only its owner may read: secrets are kept in it.
fn make_private_dir(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Something in a directory without `CURRENT` that a store does not leave there.
fn foreign_file(path: &Path) -> io::Result<Option<String>> {
    for entry in fs::read_dir(path)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if ![LOCK, CURRENT_NEW, LAST_COMMIT].contains(&name.as_str()) {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

fn lock(path: &Path) -> Result<File, OpenError> {
    let place = path.join(LOCK);
    let file = open_to_write(&place)?;
    let mut waited = Duration::ZERO;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(fs::TryLockError::WouldBlock) if waited < LOCK_WAIT => {
                std::thread::sleep(LOCK_POLL);
                waited += LOCK_POLL;
            }
            Err(fs::TryLockError::WouldBlock) => {
                return Err(OpenError::InUse { path: path.display().to_string() });
            }
            Err(fs::TryLockError::Error(cause)) => return Err(io_error(&place, cause)),
        }
    }
}

fn open_to_write(place: &Path) -> Result<File, OpenError> {
    let mut options = File::options();
    options.create(true).truncate(false).read(true).write(true);
    options.open(place).map_err(|cause| io_error(place, cause))
}

fn parse_current(path: &Path, text: &str) -> Result<u32, OpenError> {
    let found = || {
        let beginning: String = text.chars().take(80).collect();
        damaged(&path.join(CURRENT), format!("expected `{TITLE}`, found {beginning:?}"))
    };
    let mut lines = text.lines();
    if lines.next() != Some(TITLE) {
        return Err(found());
    }
    let mut number = |word: &str| -> Option<u32> {
        lines.next()?.strip_prefix(word)?.strip_prefix(' ')?.parse().ok()
    };
    let format = number("format").ok_or_else(found)?;
    if format > FORMAT {
        let path = path.display().to_string();
        return Err(OpenError::Newer { path, found: format, known: FORMAT });
    }
    if format < FORMAT {
        let path = path.display().to_string();
        return Err(OpenError::Older { path, found: format, known: FORMAT });
    }
    number("generation").ok_or_else(found)
}

/// The error for what the operating system said about `path`.
pub(super) fn io_error(path: &Path, cause: io::Error) -> OpenError {
    OpenError::Io { path: path.display().to_string(), cause }
}

/// The error for a `path` that is not what it should be.
pub(super) fn damaged(path: &Path, detail: String) -> OpenError {
    OpenError::Damaged { path: path.display().to_string(), detail }
}
