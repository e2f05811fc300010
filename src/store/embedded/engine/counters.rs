//! The counters of a data file: kept so that nobody has to count, and so that a loss shows.

use super::batch::broken;
use super::db::Db;
use super::{Totals, meta};
use crate::store::Error;

/// The engine's counters, and those of the contents.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counters<T> {
    /// The number of commits so far.
    pub(super) commits: u64,
    /// The number of records, of every kind.
    pub(super) records: u64,
    /// The numbers that the contents keep.
    pub(super) totals: T,
}

impl<T: Totals> Counters<T> {
    pub(super) fn encode(self) -> Vec<u8> {
        let mut bytes = [self.commits, self.records].map(u64::to_be_bytes).concat();
        bytes.extend(self.totals.encode());
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (commits, rest) = bytes.split_first_chunk()?;
        let (records, totals) = rest.split_first_chunk()?;
        Some(Self {
            commits: u64::from_be_bytes(*commits),
            records: u64::from_be_bytes(*records),
            totals: T::decode(totals)?,
        })
    }

    /// The counters of a data file.
    pub(super) fn read(db: &Db) -> Result<Self, Error> {
        let counters = db.get(meta::COUNTERS)?.and_then(|bytes| Self::decode(&bytes));
        counters.ok_or_else(|| broken("no counters"))
    }
}
