//! Compaction: the live rows move to a fresh generation while commits go on.
//!
//! sled's log never gives back a segment in which one row still lives, so a queue through which
//! millions pass while a few stay behind grows without end (`spec/limits.md`, "What follows" 8).
//! Therefore the commit thread copies what lives into a new generation, a little between one
//! commit and the next, and repeats there each write to a row that was copied already. When all is
//! copied and synced, `CURRENT` is replaced, and with it, in one step, the generation that counts.
//! Until then the new one counts for nothing: a crash, an error or a full disk leaves the old one
//! as it is.

use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use tracing::{info, warn};

use super::batch::Writes;
use super::db::Db;
use super::files::Home;
use super::{Totals, meta};
use crate::store::Error;

/// The thresholds above which a store is compacted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Thresholds {
    /// Never below so many bytes on disk.
    pub(super) floor: u64,
    /// Not before the disk holds so many times what lives.
    pub(super) factor: u64,
}

/// The bytes alive at the last compaction, and the weight that the counters had then. Those alive
/// now are taken to have changed as the weight did.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Measure {
    live: u64,
    weight: u64,
}

impl Measure {
    fn encode(self) -> Vec<u8> {
        [self.live, self.weight].map(u64::to_be_bytes).concat()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let ([live, weight], []) = bytes.as_chunks::<8>() else { return None };
        Some(Self { live: u64::from_be_bytes(*live), weight: u64::from_be_bytes(*weight) })
    }

    /// Estimates the bytes alive now.
    fn estimate(self, totals: impl Totals) -> u64 {
        let now = totals.weight();
        if self.weight == 0 {
            return now.max(self.live);
        }
        let estimate = u128::from(self.live) * u128::from(now) / u128::from(self.weight);
        u64::try_from(estimate).unwrap_or(u64::MAX)
    }
}

/// The bytes copied between two commits, at least: about a millisecond's work.
const STEP_BYTES: usize = 256 << 10;

/// The bytes copied for each byte that a commit wrote meanwhile: more than one, or a busy store
/// would never be done.
const STEP_FACTOR: usize = 2;

/// The bytes that may be copied and not synced, so that no sync takes long.
const UNSYNCED_BYTES: u64 = 1 << 20;

/// The bytes written before the size on disk is looked at again.
const LOOK_BYTES: u64 = 1 << 20;

/// A compaction under way.
pub(super) struct Compaction {
    generation: u32,
    path: PathBuf,
    db: Db,
    /// Every row up to and including this key is in the new generation.
    cursor: Vec<u8>,
    /// All rows are.
    complete: bool,
    copied: u64,
    unsynced: u64,
}

impl Compaction {
    /// Begins to fill `generation`.
    pub(super) fn begin(home: &Home, generation: u32, cache_bytes: u64) -> Result<Self, Error> {
        let path = home.generation(generation);
        remove(&path);
        let db = Db::open(&path, cache_bytes)?;
        let cursor = Vec::new();
        Ok(Self { generation, path, db, cursor, complete: false, copied: 0, unsynced: 0 })
    }

    /// Copies some more. `written` is how much was written since the last step.
    pub(super) fn step(&mut self, old: &Db, written: usize) -> Result<(), Error> {
        let budget = written.saturating_mul(STEP_FACTOR).max(STEP_BYTES);
        let mut rows = Vec::new();
        let mut bytes = 0;
        for row in old.scan(Bound::Excluded(&self.cursor), Bound::Unbounded) {
            let (name, value) = row?;
            bytes += name.len() + value.len();
            rows.push((name, value));
            if bytes >= budget {
                break;
            }
        }
        self.complete = bytes < budget;
        self.db.apply(rows.iter().map(|(key, value)| (key.as_slice(), Some(value.as_slice()))))?;
        if let Some((last, _)) = rows.pop() {
            self.cursor = last;
        }
        self.copied += bytes as u64;
        self.unsynced += bytes as u64;
        if self.unsynced >= UNSYNCED_BYTES {
            self.unsynced = 0;
            self.db.flush()?;
        }
        Ok(())
    }

    /// Repeats what a commit wrote into the rows that were copied before it.
    pub(super) fn repeat(&self, writes: &Writes) -> Result<(), Error> {
        let copied = writes.iter().filter(|(key, _)| self.complete || **key <= self.cursor);
        self.db.apply(copied.map(|(key, value)| (key.as_slice(), value.as_deref())))
    }

    /// True once every row is in the new generation.
    pub(super) const fn is_complete(&self) -> bool {
        self.complete
    }

    /// Syncs the new generation, to be made the current one.
    pub(super) fn finish(self, totals: impl Totals) -> Result<Finished, Error> {
        let measure = Measure { live: self.copied, weight: totals.weight() };
        let row = measure.encode();
        self.db.apply(std::iter::once((meta::LIVE, Some(row.as_slice()))))?;
        self.db.flush()?;
        let on_disk = self.db.bytes_on_disk()?;
        Ok(Finished { generation: self.generation, db: self.db, measure, on_disk })
    }

    /// Gives up and removes what was copied.
    pub(super) fn abandon(self) {
        warn!("compaction was given up after {} bytes", self.copied);
        drop(self.db);
        remove(&self.path);
    }
}

/// A generation that holds all there is.
pub(super) struct Finished {
    pub(super) generation: u32,
    pub(super) db: Db,
    /// The bytes alive.
    pub(super) measure: Measure,
    /// The bytes that they take on disk.
    pub(super) on_disk: u64,
}

/// Decides when to compact, and cleans up behind it.
pub(super) struct Compactor {
    thresholds: Thresholds,
    cache_bytes: u64,
    measure: Measure,
    /// Not before the disk holds so much: after one was given up, and where a fresh generation
    /// takes more than the thresholds allow, so that one does not follow upon the other.
    not_before: u64,
    written_since_look: u64,
    pub(super) current: Option<Compaction>,
    /// Removes the generation before this one.
    remover: Option<JoinHandle<()>>,
}

impl Compactor {
    pub(super) const fn new(thresholds: Thresholds, cache_bytes: u64) -> Self {
        Self {
            thresholds,
            cache_bytes,
            measure: Measure { live: 0, weight: 0 },
            not_before: 0,
            written_since_look: 0,
            current: None,
            remover: None,
        }
    }

    /// Takes up what the last compaction of this data file found.
    pub(super) fn loaded(&mut self, db: &Db) -> Result<(), Error> {
        let measure = db.get(meta::LIVE)?.and_then(|bytes| Measure::decode(&bytes));
        self.measure = measure.unwrap_or_default();
        // Look at the size with the first commit: the last process may have been killed over it.
        self.written_since_look = LOOK_BYTES;
        Ok(())
    }

    /// Counts what was written.
    pub(super) const fn wrote(&mut self, bytes: usize) {
        self.written_since_look = self.written_since_look.saturating_add(bytes as u64);
    }

    /// Begins a compaction if it is time for one.
    pub(super) fn consider(
        &mut self,
        home: &Home,
        generation: u32,
        old: &Db,
        totals: impl Totals,
    ) -> Result<(), Error> {
        let look = LOOK_BYTES.min(self.thresholds.floor / 4);
        if self.current.is_some() || self.written_since_look < look {
            return Ok(());
        }
        self.written_since_look = 0;
        let on_disk = old.bytes_on_disk()?;
        let live = self.measure.estimate(totals);
        let due = live.saturating_mul(self.thresholds.factor);
        if on_disk > self.thresholds.floor.max(due).max(self.not_before) {
            self.await_removal();
            info!("compacting: {on_disk} bytes on disk, about {live} live");
            self.not_before = on_disk.saturating_add(on_disk / 4);
            self.current = Some(Compaction::begin(home, generation + 1, self.cache_bytes)?);
        }
        Ok(())
    }

    /// Says that a generation has become the current one; the one before is closed and removed
    /// where nobody waits for it.
    pub(super) fn switched(&mut self, new: (Measure, u64), old: Option<Db>, old_path: PathBuf) {
        let (measure, on_disk) = new;
        info!("compacted: {} bytes live, {on_disk} on disk", measure.live);
        self.measure = measure;
        self.not_before = on_disk.saturating_mul(2);
        let work = move || {
            drop(old);
            remove(&old_path);
        };
        // Without a thread the next start removes it.
        self.remover = std::thread::Builder::new().name("remover".to_owned()).spawn(work).ok();
    }

    /// Gives up the compaction that is under way, if one is.
    pub(super) fn abandon(&mut self) {
        if let Some(current) = self.current.take() {
            current.abandon();
        }
    }

    /// Waits until the generation before this one is removed.
    pub(super) fn await_removal(&mut self) {
        if let Some(remover) = self.remover.take() {
            // If it failed, the next start removes what is left.
            let _ended = remover.join();
        }
    }
}

fn remove(path: &Path) {
    if path.exists()
        && let Err(cause) = std::fs::remove_dir_all(path)
    {
        warn!("an old generation could not be removed, the next start tries again: {cause}");
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;

    use super::*;

    const CACHE: u64 = 8 << 20;

    /// Contents that count nothing but their weight.
    #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
    struct Weight(u64);

    impl Totals for Weight {
        fn encode(self) -> Vec<u8> {
            self.0.to_be_bytes().to_vec()
        }

        fn decode(bytes: &[u8]) -> Option<Self> {
            Some(Self(u64::from_be_bytes(bytes.try_into().ok()?)))
        }

        fn weight(self) -> u64 {
            self.0
        }
    }

    /// The rows that the data file must hold.
    type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

    fn copy_dir(from: &Path, to: &Path) {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let (from, to) = (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
            if from.is_dir() {
                copy_dir(&from, &to);
            } else {
                fs::copy(from, to).unwrap();
            }
        }
    }

    /// The rows that a start finds after a crash at this moment.
    fn after_a_crash(path: &Path) -> Rows {
        let copy = tempfile::tempdir().unwrap();
        copy_dir(path, copy.path());
        let (home, generation) = Home::open(copy.path()).unwrap();
        home.remove_others(generation).unwrap();
        let db = Db::open(&home.generation(generation), CACHE).ok().unwrap();
        let rows = db.scan(Bound::Unbounded, Bound::Unbounded);
        rows.map(Result::unwrap).filter(|(key, _)| key != meta::LIVE).collect()
    }

    fn write(db: &Db, rows: &mut Rows, writes: &Writes) {
        db.apply(writes.iter().map(|(key, value)| (key.as_slice(), value.as_deref()))).unwrap();
        db.flush().unwrap();
        for (key, value) in writes {
            match value {
                Some(value) => rows.insert(key.clone(), value.clone()),
                None => rows.remove(key),
            };
        }
    }

    fn row(number: u32) -> Vec<u8> {
        format!("row {number:06}").into_bytes()
    }

    /// Changes, adds and removes rows all over, before and behind wherever the copying is.
    fn commit(round: u32) -> Writes {
        let changed = (0..40).map(|n| (row(n * 50 + round), Some(format!("{round}").into_bytes())));
        let removed = (0..40).map(|n| (row(n * 50 + 25 + round), None));
        let added = [row(900_000 + round), b"a".to_vec(), format!("b{round}").into_bytes()];
        changed.chain(removed).chain(added.map(|key| (key, Some(b"new".to_vec())))).collect()
    }

    #[test]
    fn a_crash_at_any_step_loses_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let (home, _) = Home::open(dir.path()).unwrap();
        let old = Db::open(&home.generation(1), CACHE).ok().unwrap();
        home.set_current(1).unwrap();
        let mut rows = Rows::new();
        let first = (0..2000).map(|number| (row(number), Some(vec![b'v'; 1000])));
        write(&old, &mut rows, &first.collect());

        let mut compaction = Compaction::begin(&home, 2, CACHE).unwrap();
        let mut round = 0;
        while !compaction.is_complete() {
            compaction.step(&old, 0).unwrap();
            assert!(after_a_crash(dir.path()) == rows, "after {round} steps");
            let writes = commit(round);
            write(&old, &mut rows, &writes);
            compaction.repeat(&writes).unwrap();
            assert!(after_a_crash(dir.path()) == rows, "after {round} commits");
            round += 1;
        }
        assert!(round > 4, "it was all done in {round} steps");
        let Ok(finished) = compaction.finish(Weight(0)) else { panic!("it did not finish") };
        assert!(after_a_crash(dir.path()) == rows, "before the switch");
        home.set_current(2).unwrap();
        assert!(after_a_crash(dir.path()) == rows, "after the switch");
        // From here on only the new one is written to.
        write(&finished.db, &mut rows, &commit(round));
        assert!(after_a_crash(dir.path()) == rows, "after a commit to the new generation");
        drop(old);
        fs::remove_file(home.generation(1).join("db")).unwrap();
        assert!(after_a_crash(dir.path()) == rows, "while the old generation is removed");
        home.remove_others(2).unwrap();
        assert!(after_a_crash(dir.path()) == rows, "after the old generation is removed");
    }

    #[test]
    fn a_compaction_that_is_given_up_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let (home, _) = Home::open(dir.path()).unwrap();
        let old = Db::open(&home.generation(1), CACHE).ok().unwrap();
        home.set_current(1).unwrap();
        let mut rows = Rows::new();
        write(&old, &mut rows, &commit(0));
        let mut compaction = Compaction::begin(&home, 2, CACHE).unwrap();
        compaction.step(&old, 0).unwrap();
        compaction.abandon();
        assert!(!home.generation(2).exists());
        assert!(after_a_crash(dir.path()) == rows);
    }

    #[test]
    fn what_lives_is_taken_to_change_with_the_counters() {
        let measure = Measure { live: 3000, weight: 2000 };
        assert_eq!(Measure::decode(&measure.encode()).unwrap().estimate(Weight(2000)), 3000);
        assert_eq!(measure.estimate(Weight(20_000)), 30_000);
        assert_eq!(measure.estimate(Weight(0)), 0);
        assert_eq!(Measure::default().estimate(Weight(2500)), 2500);
        assert!(Measure { live: u64::MAX, weight: 1 }.estimate(Weight(5000)) == u64::MAX);
    }
}
