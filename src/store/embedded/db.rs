//! sled, named in this file alone: one tree of ordered bytes, applied in batches, synced for real.

use std::fs::File;
use std::io;
use std::ops::Bound;
use std::path::Path;

use crate::store::Error;

/// An ordered map of bytes on disk.
pub(super) struct Db {
    tree: sled::Db,
    /// The data file once more, see [`flush`](Self::flush).
    file: File,
}

/// A key and its value.
pub(super) type Row = (Vec<u8>, Vec<u8>);

impl Db {
    /// Opens the map in `path`, or makes it.
    pub(super) fn open(path: &Path, cache_bytes: u64) -> Result<Self, Error> {
        let config = sled::Config::new().path(path).cache_capacity(cache_bytes);
        let tree = config.open().map_err(error)?;
        let file = File::open(path.join("db")).map_err(|cause| error(sled::Error::Io(cause)))?;
        Ok(Self { tree, file })
    }

    /// The value of a key.
    pub(super) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.tree.get(key).map_err(error)?.map(|value| value.to_vec()))
    }

    /// The rows between two keys, in the order of their bytes.
    pub(super) fn scan<'k>(
        &self,
        from: Bound<&'k [u8]>,
        to: Bound<&'k [u8]>,
    ) -> impl DoubleEndedIterator<Item = Result<Row, Error>> + use<> {
        let rows = self.tree.range::<&[u8], _>((from, to));
        rows.map(|row| row.map(|(key, value)| (key.to_vec(), value.to_vec())).map_err(error))
    }

    /// Applies all of `writes` or, after a crash, none. A key without a value is removed.
    pub(super) fn apply<'w>(
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
    pub(super) fn flush(&self) -> Result<(), Error> {
        self.tree.flush().map_err(error)?;
        self.file.sync_data().map_err(|cause| error(sled::Error::Io(cause)))
    }

    /// How much it takes on disk.
    pub(super) fn bytes_on_disk(&self) -> Result<u64, Error> {
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
