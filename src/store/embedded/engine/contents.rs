//! The contents of a store, as far as the engine must know them.

use super::commit::Group;
use super::db::Db;
use crate::store::Error;

/// The contents of a store: what memory keeps of them, and what a commit does to that.
///
/// The engine knows rows, records and commits. It knows nothing of what they mean, and asks here
/// where it must.
pub(in crate::store::embedded) trait Contents:
    Default + Send + Sync + 'static
{
    /// Numbers that are kept with every commit.
    type Totals: Totals;
    /// Changes to memory that a group of jobs gathers.
    type Changes: Changes;
    /// A write that may wait for the next commit.
    type Lazy: Send + 'static;
    /// The part kept in memory, read from a data file.
    type Loaded;

    /// The first bytes of the keys of records.
    const RECORDS: &'static [&'static [u8]];

    /// Reads what memory keeps of a data file.
    fn load(&self, db: &Db) -> Result<Self::Loaded, Error>;
    /// Takes it over, once the data file is in use.
    fn loaded(&self, loaded: Self::Loaded);
    /// Adds a lazy write to a group.
    fn stage(lazy: Self::Lazy, group: &mut Group<'_, Self>) -> Result<(), Error>;
    /// Hides what is about to be written until it is durable.
    fn committing(&self, changes: &Self::Changes);
    /// Shows what has become durable.
    fn committed(&self, changes: &Self::Changes);
    /// Counts a record; an error if it does not read.
    fn count_record(name: &[u8], bytes: Vec<u8>, totals: &mut Self::Totals) -> Result<(), Error>;
    /// Counts the rows that are no records.
    fn count_rows(db: &Db, totals: &mut Self::Totals) -> Result<(), Error>;
}

/// Numbers that the contents keep with every commit.
pub(in crate::store::embedded) trait Totals:
    Copy + Default + Eq + std::fmt::Debug + Send + 'static
{
    /// The numbers in bytes.
    fn encode(self) -> Vec<u8>;
    /// Reads what [`encode`](Self::encode) wrote.
    fn decode(bytes: &[u8]) -> Option<Self>;
    /// About how many bytes live: what decides when the data is compacted.
    fn weight(self) -> u64;
}

/// Changes to memory that a group of jobs gathers.
pub(in crate::store::embedded) trait Changes: Default + Send {
    /// A place to go back to.
    type Mark;
    /// The place where a job begins.
    fn mark(&self) -> Self::Mark;
    /// Forgets what a job added that failed.
    fn roll_back(&mut self, mark: &Self::Mark);
}
