//! Opening: the data file is found whole, or nothing is touched.
//!
//! sled repairs what it opens: it takes any damage to the end of its log, which may be all of it,
//! for a write that a crash cut short, and drops it. So a data file is first tried out on a copy,
//! where what it holds is counted and compared with the counters and with the last commit that was
//! acknowledged.

use std::fs;
use std::io;
use std::path::Path;

use tracing::warn;

use super::batch::Read;
use super::compact::Compaction;
use super::counters::Counters;
use super::db::{Db, Unopened};
use super::files::{self, Home, damaged, io_error};
use super::{Contents, EmbeddedOptions, Totals, meta};
use crate::store::{Error, OpenError};

/// Above so many bytes a data file is not tried out first: copying and counting it would hold up
/// every start. Loss at its end is still found, but only after sled has cut it off.
const TRIAL_BYTES_MAX: u64 = 256 << 20;

/// A store's directory with its data file open.
pub(super) struct Opened {
    pub(super) home: Home,
    pub(super) generation: u32,
    pub(super) db: Db,
}

/// Opens the store in `options.path`, or makes one there if the directory is empty.
pub(super) fn open<C: Contents>(options: &EmbeddedOptions) -> Result<Opened, OpenError> {
    let EmbeddedOptions { path, cache_bytes, .. } = options;
    let cache_bytes = *cache_bytes;
    let (home, found) = Home::open(path)?;
    if found == 0 {
        let db = create::<C>(&home, cache_bytes)
            .map_err(|cause| io_error(path, io::Error::other(cause.to_string())))?;
        return Ok(Opened { home, generation: 1, db });
    }
    let data = home.generation(found);
    let size = size_of(&data)?;
    if options.salvage {
        let db = open_data(&data, cache_bytes).map_err(|unopened| refusal(&data, unopened))?;
        let salvaged = salvage::<C>(&home, found + 1, &db, cache_bytes);
        let db = salvaged.map_err(|cause| damaged(&data, cause.to_string()))?;
        return Ok(Opened { home, generation: found + 1, db });
    }
    if size <= TRIAL_BYTES_MAX {
        let trial = home.trial();
        let outcome = try_out::<C>(&data, &trial, home.last_commit(), cache_bytes);
        if trial.exists()
            && let Err(cause) = fs::remove_dir_all(&trial)
        {
            warn!("a copy that was made for a trial could not be removed: {cause}");
        }
        outcome?;
    }
    let db = open_data(&data, cache_bytes).map_err(|unopened| refusal(&data, unopened))?;
    check_end::<C::Totals>(&db, home.last_commit()).map_err(|detail| damaged(&data, detail))?;
    Ok(Opened { home, generation: found, db })
}

/// Makes the first generation.
fn create<C: Contents>(home: &Home, cache_bytes: u64) -> Result<Db, Error> {
    let io = |cause: io::Error| Error::new(cause.to_string());
    home.remove_others(0).map_err(io)?;
    home.record_commit(0);
    let db = Db::open(&home.generation(1), cache_bytes)?;
    let rows = [
        (meta::FORMAT, files::FORMAT.to_be_bytes().to_vec()),
        (meta::COUNTERS, Counters::<C::Totals>::default().encode()),
    ];
    db.apply(rows.iter().map(|(key, value)| (*key, Some(value.as_slice()))))?;
    db.flush()?;
    home.set_current(1).map_err(io)?;
    Ok(db)
}

/// The size of a data file, which must be there, as must what belongs to it.
fn size_of(path: &Path) -> Result<u64, OpenError> {
    let mut size = 0;
    for part in ["conf", "db"] {
        match fs::metadata(path.join(part)) {
            Ok(metadata) if metadata.is_file() => size = metadata.len(),
            Ok(_) => return Err(damaged(path, format!("expected a file `{part}` in it"))),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
                return Err(damaged(path, format!("expected a file `{part}` in it, found none")));
            }
            Err(cause) => return Err(io_error(&path.join(part), cause)),
        }
    }
    Ok(size)
}

/// Opens a copy of a data file and counts what is in it.
fn try_out<C: Contents>(
    data: &Path,
    trial: &Path,
    acknowledged: u64,
    cache_bytes: u64,
) -> Result<(), OpenError> {
    if let Err(cause) = copy(data, trial) {
        // A full disk must not keep the store from starting.
        warn!("the data could not be copied to be tried out, so it is opened as it is: {cause}");
        return Ok(());
    }
    let place = trial.to_owned();
    let tried = move || -> Result<(), Unopened> {
        let db = open_data(&place, cache_bytes)?;
        let end = check_end::<C::Totals>(&db, acknowledged);
        end.and_then(|()| check_whole::<C>(&db)).map_err(Unopened::Damaged)
    };
    let outcome = unless_it_panics(tried);
    outcome.map_err(|unopened| refusal(data, unopened))
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    if to.exists() {
        fs::remove_dir_all(to)?;
    }
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to)?;
        } else {
            fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}

fn open_data(path: &Path, cache_bytes: u64) -> Result<Db, Unopened> {
    let place = path.to_owned();
    let db = unless_it_panics(move || Db::open(&place, cache_bytes))?;
    match db.get(meta::FORMAT) {
        Ok(Some(format)) if format == files::FORMAT.to_be_bytes() => Ok(db),
        Ok(_) => Err(Unopened::Damaged("it does not say its format".to_owned())),
        Err(cause) => Err(Unopened::Damaged(cause.to_string())),
    }
}

/// sled panics on some kinds of damage; a thread of its own keeps that from us.
fn unless_it_panics<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Unopened> + Send + 'static,
) -> Result<T, Unopened> {
    let ended = std::thread::spawn(work).join();
    ended.unwrap_or_else(|_| Err(Unopened::Damaged("it cannot be read".to_owned())))
}

fn refusal(path: &Path, unopened: Unopened) -> OpenError {
    match unopened {
        Unopened::Io(cause) => io_error(path, cause),
        Unopened::Damaged(detail) => damaged(path, detail),
    }
}

/// Checks that every commit is there that was acknowledged.
pub(super) fn check_end<T: Totals>(db: &Db, acknowledged: u64) -> Result<(), String> {
    let found = Counters::<T>::read(db).map_err(|cause| cause.to_string())?.commits;
    if found < acknowledged {
        return Err(format!("expected {acknowledged} commits, found {found}"));
    }
    Ok(())
}

/// Checks that every record is there and whole, and every place in a queue.
fn check_whole<C: Contents>(db: &Db) -> Result<(), String> {
    let expected = Counters::<C::Totals>::read(db).map_err(|cause| cause.to_string())?;
    let Count { counters, broken } = count::<C>(db).map_err(|cause| cause.to_string())?;
    if !broken.is_empty() {
        return Err(format!("{} records cannot be read", broken.len()));
    }
    let found = Counters { commits: expected.commits, ..counters };
    if found != expected {
        return Err(format!("expected {expected:?}, found {found:?}"));
    }
    Ok(())
}

/// The content of a data file, counted.
struct Count<T> {
    /// The counters as they should be, but for the number of commits.
    counters: Counters<T>,
    /// The records that cannot be read.
    broken: Vec<Vec<u8>>,
}

fn count<C: Contents>(db: &Db) -> Result<Count<C::Totals>, Error> {
    let mut count = Count { counters: Counters::<C::Totals>::default(), broken: Vec::new() };
    for prefix in C::RECORDS {
        for row in db.all(prefix) {
            let (name, first) = row?;
            let record = db.record_of(&name, first);
            let totals = &mut count.counters.totals;
            match record.and_then(|bytes| C::count_record(&name, bytes, totals)) {
                Ok(()) => count.counters.records += 1,
                Err(_) => count.broken.push(name),
            }
        }
    }
    C::count_rows(db, &mut count.counters.totals)?;
    Ok(count)
}

/// Makes do with what can still be read: it is copied into a new generation, since what leads from
/// row to row may be damaged too, counted there, and taken for all there ever was.
fn salvage<C: Contents>(
    home: &Home,
    generation: u32,
    old: &Db,
    cache_bytes: u64,
) -> Result<Db, Error> {
    let mut copying = Compaction::begin(home, generation, cache_bytes)?;
    while !copying.is_complete() {
        copying.step(old, 0)?;
    }
    let db = copying.finish(C::Totals::default())?.db;
    let commits = Counters::<C::Totals>::read(&db).map_or(0, |totals| totals.commits);
    let Count { counters, broken } = count::<C>(&db)?;
    let counters = Counters { commits, ..counters };
    warn!("salvaged {counters:?}, and removed {} records that cannot be read", broken.len());
    let removed = broken.iter().map(|name| (name.as_slice(), None));
    let row = counters.encode();
    db.apply(removed.chain([(meta::COUNTERS, Some(row.as_slice()))]))?;
    db.flush()?;
    home.set_current(generation).map_err(|cause| Error::new(cause.to_string()))?;
    home.record_commit(commits);
    Ok(db)
}
