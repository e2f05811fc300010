//! sled, named in this file alone: one tree of ordered bytes, applied in batches, synced for real.

use std::fs::File;
use std::io;
use std::ops::Bound;
use std::path::Path;
use std::time::Duration;

use crate::store::Error;

/// The longest wait for the data file to be let go of, and the pause between two looks.
const LOCK_WAIT: Duration = Duration::from_secs(5);
const LOCK_POLL: Duration = Duration::from_millis(5);

/// An ordered map of bytes on disk.
pub(in crate::store::embedded) struct Db {
    tree: sled::Db,
    /// The data file once more, see [`flush`](Self::flush).
    file: File,
}

/// The reason why a map could not be opened.
pub(in crate::store::embedded) enum Unopened {
    /// The operating system refused.
    Io(io::Error),
    /// No map is there, or not a whole one.
    Damaged(String),
}

impl From<Unopened> for Error {
    fn from(unopened: Unopened) -> Self {
        match unopened {
            Unopened::Io(cause) => error(sled::Error::Io(cause)),
            Unopened::Damaged(detail) => Self::new(format!("the data file is damaged: {detail}")),
        }
    }
}

/// Opens sled, which locks its data file. Nobody else can hold it, because nobody else holds the
/// directory; but where it was open just now in this process, threads of sled's may still do.
fn open_tree(path: &Path, cache_bytes: u64) -> sled::Result<sled::Db> {
    let mut waited = Duration::ZERO;
    loop {
        let config = sled::Config::new().path(path).cache_capacity(cache_bytes);
        let opened = config.open();
        let locked = matches!(&opened, Err(sled::Error::Io(cause))
            if cause.to_string().starts_with("could not acquire lock"));
        if !locked || waited >= LOCK_WAIT {
            return opened;
        }
        std::thread::sleep(LOCK_POLL);
        waited += LOCK_POLL;
    }
}

/// True if reading failed over the bytes that were read.
fn is_damage(cause: &io::Error) -> bool {
    matches!(cause.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData)
}

/// A key and its value.
pub(in crate::store::embedded) type Row = (Vec<u8>, Vec<u8>);

impl Db {
    /// Opens the map in `path`, or makes it.
    pub(in crate::store::embedded) fn open(
        path: &Path,
        cache_bytes: u64,
    ) -> Result<Self, Unopened> {
        let tree = open_tree(path, cache_bytes).map_err(|cause| match cause {
            sled::Error::Io(cause) if !is_damage(&cause) => Unopened::Io(cause),
            cause => Unopened::Damaged(cause.to_string()),
        })?;
        let file = File::open(path.join("db")).map_err(Unopened::Io)?;
        Ok(Self { tree, file })
    }

    /// The value of a key.
    pub(in crate::store::embedded) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.tree.get(key).map_err(error)?.map(|value| value.to_vec()))
    }

    /// The rows between two keys, in the order of their bytes.
    pub(in crate::store::embedded) fn scan<'k>(
        &self,
        from: Bound<&'k [u8]>,
        to: Bound<&'k [u8]>,
    ) -> impl DoubleEndedIterator<Item = Result<Row, Error>> + use<> {
        let rows = self.tree.range::<&[u8], _>((from, to));
        rows.map(|row| row.map(|(key, value)| (key.to_vec(), value.to_vec())).map_err(error))
    }

    /// Applies all of `writes` or, after a crash, none. A key without a value is removed.
    pub(in crate::store::embedded) fn apply<'w>(
        &self,
        writes: impl Iterator<Item = (&'w [u8], Option<&'w [u8]>)>,
    ) -> Result<(), Error> {
        let mut batch = sled::Batch::default();
        for (key, value) in writes {
            match value {
                Some(value) => batch.insert(key, value),
                None => batch.remove(key),
            }
        }
        self.tree.apply_batch(batch).map_err(error)
    }

    /// Makes everything applied so far durable.
    ///
    /// sled's own flush ends in `sync_file_range`, which leaves the file's size and the device's
    /// cache unsynced (`spec/limits.md`, "sled 0.34"); `sync_data` does both.
    pub(in crate::store::embedded) fn flush(&self) -> Result<(), Error> {
        self.tree.flush().map_err(error)?;
        self.file.sync_data().map_err(|cause| error(sled::Error::Io(cause)))
    }

    /// The bytes taken on disk.
    pub(in crate::store::embedded) fn bytes_on_disk(&self) -> Result<u64, Error> {
        self.tree.size_on_disk().map_err(error)
    }
}

#[allow(clippy::needless_pass_by_value, reason = "it is the argument of `map_err`")]
fn error(error: sled::Error) -> Error {
    let full = match &error {
        sled::Error::Io(cause) => matches!(
            cause.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
        ),
        _ => false,
    };
    Error { full, ..Error::new(format!("the data file: {error}")) }
}
