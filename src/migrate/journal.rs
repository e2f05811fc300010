//! The journal of a migration: what was begun and what was done, on disk before and after each
//! step, so that whoever goes on after an interruption knows where.
//!
//! One JSON object to a line; the first is the plan. It may hold secrets that a provider showed
//! once, so nobody but its owner may read it; it holds no API key. A last line without its end is
//! the trace of an interruption and counts as not written.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use waypost_compat::Secret;

use super::error::Error;
use super::plan::{INGEST, Plan, SOURCE, Step, VERSION, WEBHOOK};
use crate::clock::Clock;
use crate::model::{Timestamp, hex};

/// The beginning of the names of marks that are no steps: of what was shown for good.
const SHOWN: &str = "told ";

/// The mark of each step, and its time.
type Marks = BTreeMap<String, (Mark, Timestamp)>;

/// A journal, open for writing.
pub struct Journal {
    path: PathBuf,
    file: File,
    plan: Plan,
    marks: Marks,
    clock: Clock,
}

/// The progress of a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "mark")]
pub enum Mark {
    /// About to be done: it may have been. Holds what was known beforehand.
    Begun(Made),
    /// Refused for good reason, so not done.
    Refused,
    /// Made, and yet to be paused.
    Half(Made),
    /// Done by this migration.
    Done(Made),
    /// Found done already, by somebody else: undoing leaves it.
    Found,
    /// About to be undone: it may have been.
    Undoing(Made),
    /// Undone again.
    Undone,
}

/// The things that a step made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// The id of what was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The secret that was shown with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// The URL at which a source takes events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ingest_url: Option<String>,
    /// The signing key that was there before and comes back when the step is undone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// True for a secret that was lost once and made anew.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub renewed: bool,
}

/// The beginning of every journal.
const HEAD_START: &str = "{\"waypost_journal\":";

#[derive(Serialize, Deserialize)]
struct Head {
    waypost_journal: u32,
    plan: Plan,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    step: String,
    at: Timestamp,
    #[serde(flatten)]
    mark: Mark,
}

/// The name of a step of a plan: its place, and whether it is one of those that retire the source.
#[must_use]
pub fn step_name(retiring: bool, index: usize) -> String {
    format!("{} {}", if retiring { "retire" } else { "step" }, index + 1)
}

/// The name of a signing key in a journal, which says nothing of the key.
pub(super) fn fingerprint(key: &Secret) -> String {
    hex(&Sha256::digest(key.expose().as_bytes()))
}

impl Journal {
    /// Begins a journal, which must not exist.
    pub fn create(path: &Path, plan: Plan, clock: &Clock) -> Result<Self, Error> {
        let told = |error: io::Error| cannot("make", path, &error);
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create_new(true).mode(0o600).open(path);
        let file = file.map_err(told)?;
        lock(&file, path)?;
        let (path_, marks, clock) = (path.to_owned(), BTreeMap::new(), clock.clone());
        let mut journal = Self { path: path_, file, plan, marks, clock };
        let head = Head { waypost_journal: VERSION, plan: journal.plan.clone() };
        if let Err(error) = journal.write(&head) {
            // A journal without a plan would only be in the way of the next try.
            let _ = std::fs::remove_file(path);
            return Err(error);
        }
        // The name must survive a power cut as well as what is written under it.
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = File::open(folder.unwrap_or_else(|| Path::new(".")));
        folder.and_then(|folder| folder.sync_all()).map_err(told)?;
        Ok(journal)
    }

    /// Opens a journal to go on with it.
    pub fn open(path: &Path, clock: &Clock) -> Result<Self, Error> {
        let told = |error: io::Error| cannot("open", path, &error);
        let mut file = OpenOptions::new().read(true).write(true).open(path).map_err(told)?;
        if !file.metadata().map_err(told)?.is_file() {
            let text = format!("expected a journal at {}, found no regular file", path.display());
            return Err(Error::misuse(text).and("name another place with --journal"));
        }
        lock(&file, path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(told)?;
        // What was half written when the disk was full or the machine went down is no line, and
        // not even text: it may end within a character.
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let (plan, marks) = read(&bytes[..whole], path)?;
        file.set_len(whole as u64).map_err(told)?;
        file.seek(SeekFrom::End(0)).map_err(told)?;
        let (path, clock) = (path.to_owned(), clock.clone());
        Ok(Self { path, file, plan, marks, clock })
    }

    /// Tells whether a file is the trace of a journal that was not begun: of its first line, which
    /// is the plan, a part or nothing was written.
    pub fn lacks_plan(path: &Path) -> bool {
        let start = HEAD_START.as_bytes();
        // A device may go on for ever.
        let is_file = std::fs::metadata(path).is_ok_and(|about| about.is_file());
        is_file
            && std::fs::read(path).is_ok_and(|bytes| {
                let length = bytes.len().min(start.len());
                !bytes.contains(&b'\n') && bytes[..length] == start[..length]
            })
    }

    /// The plan that it is about.
    #[must_use]
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The path of its file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The progress of a step; `None` where it was not begun.
    #[must_use]
    pub fn mark(&self, step: &str) -> Option<&Mark> {
        self.marks.get(step).map(|(mark, _)| mark)
    }

    /// The time at which something was last undone.
    #[must_use]
    pub fn last_undone(&self) -> Option<Timestamp> {
        let undone = self.marks.values().filter(|(mark, _)| *mark == Mark::Undone);
        undone.map(|(_, at)| *at).max()
    }

    /// Tells whether something was shown for good, such as a secret that is shown once.
    #[must_use]
    pub fn was_shown(&self, what: &str) -> bool {
        self.marks.contains_key(&format!("{SHOWN}{what}"))
    }

    /// Notes that something was shown for good.
    pub fn note_shown(&mut self, what: &str) -> Result<(), Error> {
        self.note(&format!("{SHOWN}{what}"), Mark::Found)
    }

    /// Tells whether something was undone: from then on nothing more is carried out.
    #[must_use]
    pub fn is_being_undone(&self) -> bool {
        self.marks.values().any(|(mark, _)| matches!(mark, Mark::Undoing(_) | Mark::Undone))
    }

    /// Tells whether nothing that was done is left, or nothing was ever begun.
    #[must_use]
    pub fn is_undone(&self) -> bool {
        let left = |mark: &Mark| !matches!(mark, Mark::Undone | Mark::Found | Mark::Refused);
        !self.marks.values().any(|(mark, _)| left(mark))
    }

    /// Tells whether no step was ever begun.
    #[must_use]
    pub fn is_untouched(&self) -> bool {
        self.marks.is_empty()
    }

    /// Counts the steps that are done.
    #[must_use]
    pub fn done(&self) -> usize {
        let steps = self.marks.iter().filter(|(name, _)| !name.starts_with(SHOWN));
        steps.filter(|(_, (mark, _))| matches!(mark, Mark::Done(_) | Mark::Found)).count()
    }

    /// The things that a step made, if it was done and not undone.
    #[must_use]
    pub fn made(&self, step: &str) -> Option<&Made> {
        match self.mark(step)? {
            Mark::Done(made) | Mark::Half(made) | Mark::Undoing(made) => Some(made),
            Mark::Begun(_) | Mark::Refused | Mark::Found | Mark::Undone => None,
        }
    }

    /// A text of a step with what earlier steps made in the place of names: `@ingest/…` is an
    /// ingest URL, `@source/…` and `@webhook/…` are ids.
    pub fn resolved(&self, text: &str) -> Result<String, Error> {
        let unmade = || Error::failed(format!("{}: {text} was not made yet", self.path.display()));
        let made = |wanted: &str, of_source: bool| {
            let keyed = |step: &Step| match step {
                Step::AddSource { key, .. } => of_source && key == wanted,
                Step::AddWebhook { key, .. } => !of_source && key == wanted,
                _ => false,
            };
            self.made(&step_name(false, self.plan.steps.iter().position(keyed)?))
        };
        if let Some(key) = text.strip_prefix(INGEST) {
            made(key, true).and_then(|made| made.ingest_url.clone()).ok_or_else(unmade)
        } else if let Some(key) = text.strip_prefix(SOURCE) {
            made(key, true).and_then(|made| made.id.clone()).ok_or_else(unmade)
        } else if let Some(key) = text.strip_prefix(WEBHOOK) {
            made(key, false).and_then(|made| made.id.clone()).ok_or_else(unmade)
        } else {
            Ok(text.to_owned())
        }
    }

    /// Writes down how far a step has come. On disk when it returns.
    pub fn note(&mut self, step: &str, mark: Mark) -> Result<(), Error> {
        let at = self.clock.now();
        self.write(&Entry { step: step.to_owned(), at, mark: mark.clone() })?;
        self.marks.insert(step.to_owned(), (mark, at));
        Ok(())
    }

    fn write(&mut self, line: &impl Serialize) -> Result<(), Error> {
        let mut text = serde_json::to_string(line).expect("journal lines are JSON");
        text.push('\n');
        let begun = self.file.stream_position().unwrap_or_default();
        let written = self.file.write_all(text.as_bytes()).and_then(|()| self.file.sync_data());
        written.map_err(|error| {
            // Half a line would hide all that is written after it.
            let _ = self.file.set_len(begun).and_then(|()| self.file.seek(SeekFrom::End(0)));
            cannot("write", &self.path, &error)
        })
    }
}

/// Two runs on one journal would both make what is to be made once.
fn lock(file: &File, path: &Path) -> Result<(), Error> {
    file.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => Error::refused(format!(
            "another run is at {}; wait until it has ended, then run the same command again",
            path.display()
        )),
        TryLockError::Error(error) => cannot("lock", path, &error),
    })
}

/// The plan of a journal and how far each step has come.
fn read(bytes: &[u8], path: &Path) -> Result<(Plan, Marks), Error> {
    let path = path.display();
    let mut lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or_default();
    if !first.starts_with(HEAD_START.as_bytes()) {
        let text = match serde_json::from_slice::<Plan>(bytes) {
            Ok(_) => format!(
                "{path} is a plan; its journal is {path}.journal, or where `waypost migrate apply \
                 --journal` put it"
            ),
            Err(_) => format!(
                "{path}: expected a journal as `waypost migrate apply` writes it, found another \
                 file; check the path, which `apply` prints first"
            ),
        };
        return Err(Error::misuse(text));
    }
    let damaged = |error: &serde_json::Error, number: usize| {
        Error::failed(format!("{path}: line {number} is damaged: {error}"))
            .and("restore the file from a copy; without it both sides must be put right by hand")
    };
    let head: Head = serde_json::from_slice(first).map_err(|error| damaged(&error, 1))?;
    if head.waypost_journal != VERSION {
        return Err(Error::failed(format!(
            "{path}: expected a journal of version {VERSION}, found {}",
            head.waypost_journal
        ))
        .and("use the waypost that wrote it"));
    }
    let mut marks = BTreeMap::new();
    for (number, line) in lines.enumerate() {
        let entry: Entry =
            serde_json::from_slice(line).map_err(|error| damaged(&error, number + 2))?;
        marks.insert(entry.step, (entry.mark, entry.at));
    }
    Ok((head.plan, marks))
}

fn cannot(verb: &str, path: &Path, error: &io::Error) -> Error {
    let next = match (verb, error.kind()) {
        (
            _,
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge,
        ) => "make room on the disk and run the same command again: it goes on where it stopped",
        (_, io::ErrorKind::AlreadyExists) => "give another one with --journal",
        ("make", io::ErrorKind::NotFound) => "its folder does not exist; --journal names another",
        ("make", _) => "choose a place that you may write to with --journal",
        (_, io::ErrorKind::NotFound) => {
            "check the path; `waypost migrate apply` makes it, and prints first where it is"
        }
        (_, io::ErrorKind::PermissionDenied) => "run this as whoever ran `waypost migrate apply`",
        _ => "nothing is done without a journal: see to the disk and run the same command again",
    };
    Error::failed(format!("cannot {verb} the journal {}: {error}", path.display())).and(next)
}
