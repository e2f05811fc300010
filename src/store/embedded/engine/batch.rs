//! Records as rows, and what a group of jobs is about to write.
//!
//! sled keeps a leaf of up to 16 rows as one piece of its log, and moves whatever is larger than
//! 128 KiB into a file of its own that its flush does not sync. No row here is longer than
//! [`PIECE_BYTES`], so no leaf comes near that: a long record is cut into pieces.

use std::collections::HashMap;
use std::ops::Bound;

use super::db::{Db, Row};
use super::meta;
use crate::store::Error;
use crate::store::record::Unreadable;

/// The longest row: 17 of them and their keys stay well below 128 KiB.
const PIECE_BYTES: usize = 4096;

/// A place to read rows from: a data file, or a batch that is yet to be written.
pub(in crate::store::embedded) trait Read {
    /// The value of a key.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error>;

    /// A whole record, put together from its pieces.
    fn record(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        self.get(key)?.map(|first| self.record_of(key, first)).transpose()
    }

    /// A whole record whose first row is at hand.
    fn record_of(&self, key: &[u8], mut first: Vec<u8>) -> Result<Vec<u8>, Error> {
        let further = further_pieces(&first).ok_or_else(|| broken("a record without a length"))?;
        first.drain(..2);
        for number in 1..=further {
            let piece = self.get(&meta::piece(key, number))?;
            first.extend(piece.ok_or_else(|| broken("a record with a piece missing"))?);
        }
        Ok(first)
    }
}

impl Read for Db {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        Self::get(self, key)
    }
}

impl Db {
    /// The rows that begin with `prefix`.
    pub(in crate::store::embedded) fn all(
        &self,
        prefix: &[u8],
    ) -> impl DoubleEndedIterator<Item = Result<Row, Error>> + use<> {
        self.scan(Bound::Included(prefix), Bound::Excluded(&meta::end_of(prefix)))
    }
}

fn further_pieces(first: &[u8]) -> Option<u16> {
    Some(u16::from_be_bytes(*first.first_chunk()?))
}

/// An error that says what should not be there.
pub(in crate::store::embedded) fn broken(found: &str) -> Error {
    Error::new(format!("the data file is damaged: found {found}"))
}

impl From<Unreadable> for Error {
    fn from(unreadable: Unreadable) -> Self {
        Self::new(format!("the data file is damaged: {unreadable}"))
    }
}

/// Writes to be applied together. Reads through it see them already.
pub(in crate::store::embedded) struct Batch<'d> {
    db: &'d Db,
    writes: Writes,
    bytes: usize,
    /// The number of records added, less those removed.
    records: i64,
    records_at_mark: i64,
    /// The former entry of `writes` for each change since the last [`mark`](Self::mark).
    undo: Vec<(Vec<u8>, Option<Write>)>,
}

/// The new value of a row; `None` removes it.
type Write = Option<Vec<u8>>;

/// New values by key; a key without one is removed.
pub(in crate::store::embedded) type Writes = HashMap<Vec<u8>, Write>;

impl<'d> Batch<'d> {
    /// Nothing yet.
    pub(in crate::store::embedded) fn new(db: &'d Db) -> Self {
        let (writes, undo) = (HashMap::new(), Vec::new());
        Self { db, writes, bytes: 0, records: 0, records_at_mark: 0, undo }
    }

    /// Begins a job: [`roll_back`](Self::roll_back) undoes what is written from now on.
    pub(in crate::store::embedded) fn mark(&mut self) {
        self.undo.clear();
        self.records_at_mark = self.records;
    }

    /// Undoes what was written since the last [`mark`](Self::mark).
    pub(in crate::store::embedded) fn roll_back(&mut self) {
        self.records = self.records_at_mark;
        for (key, before) in self.undo.drain(..).rev() {
            match before {
                Some(before) => self.writes.insert(key, before),
                None => self.writes.remove(&key),
            };
        }
    }

    fn write(&mut self, key: Vec<u8>, value: Write) {
        self.bytes += key.len() + value.as_ref().map_or(0, Vec::len);
        let before = self.writes.insert(key.clone(), value);
        self.undo.push((key, before));
    }

    /// Sets a row that is no record: a value that is always short.
    pub(in crate::store::embedded) fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.write(key, Some(value));
    }

    /// Removes a row that is no record.
    pub(in crate::store::embedded) fn delete(&mut self, key: Vec<u8>) {
        self.write(key, None);
    }

    /// Adds a record where there is none.
    pub(in crate::store::embedded) fn add_record(
        &mut self,
        key: Vec<u8>,
        record: &[u8],
    ) -> Result<(), Error> {
        let (head, tail) = record.split_at(record.len().min(PIECE_BYTES));
        let pieces = tail.chunks(PIECE_BYTES);
        let further = u16::try_from(pieces.len())
            .map_err(|_| Error::new(format!("a record of {} bytes is too long", record.len())))?;
        for (number, piece) in (1..=further).zip(pieces) {
            self.put(meta::piece(&key, number), piece.to_vec());
        }
        self.put(key, [&further.to_be_bytes(), head].concat());
        self.records += 1;
        Ok(())
    }

    /// Adds a record, or replaces the one that is there.
    pub(in crate::store::embedded) fn put_record(
        &mut self,
        key: Vec<u8>,
        record: &[u8],
    ) -> Result<(), Error> {
        self.delete_record(key.clone())?;
        self.add_record(key, record)
    }

    /// Removes a record, if it is there.
    pub(in crate::store::embedded) fn delete_record(&mut self, key: Vec<u8>) -> Result<(), Error> {
        let Some(first) = self.get(&key)? else { return Ok(()) };
        let further = further_pieces(&first).ok_or_else(|| broken("a record without a length"))?;
        for number in 1..=further {
            self.delete(meta::piece(&key, number));
        }
        self.delete(key);
        self.records -= 1;
        Ok(())
    }

    /// The bytes to be written.
    pub(in crate::store::embedded) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// The number of records added, less those removed.
    pub(in crate::store::embedded) const fn records(&self) -> i64 {
        self.records
    }

    /// The rows as they are stored, for scans; they do not show what is yet to be written.
    pub(in crate::store::embedded) const fn stored(&self) -> &'d Db {
        self.db
    }

    /// The writes, to be applied.
    pub(in crate::store::embedded) fn into_writes(self) -> Writes {
        self.writes
    }
}

impl Read for Batch<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        match self.writes.get(key) {
            Some(written) => Ok(written.clone()),
            None => self.db.get(key),
        }
    }
}
