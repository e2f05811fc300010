//! Files that hold secrets: whole or not at all, and for nobody but their owner.

use std::io::{self, Write};
use std::path::Path;

use anyhow::anyhow;
use tempfile::NamedTempFile;

/// Fails if no file could be written there; what is there stays.
pub(super) fn check(path: &Path) -> anyhow::Result<()> {
    beside(path).map(|_| ()).map_err(|error| cannot(path, &error))
}

/// Writes a file with mode 0600 in one go: who reads it sees the old content or the new.
pub(super) fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    replace(path, bytes).map_err(|error| cannot(path, &error))
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = beside(path)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

/// A file in the same folder, its owner's alone from the moment it is made.
fn beside(path: &Path) -> io::Result<NamedTempFile> {
    let here = Path::new(".");
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    NamedTempFile::new_in(folder.unwrap_or(here))
}

fn cannot(path: &Path, error: &io::Error) -> anyhow::Error {
    let next = match error.kind() {
        io::ErrorKind::NotFound => "its folder does not exist",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "make room on the disk",
        _ => "choose a place that you may write to",
    };
    // The system's words, without the name of a temporary file that nobody asked for.
    let told = error.to_string();
    let cause = told.split(" at path ").next().unwrap_or_default();
    anyhow!("cannot write {}: {cause}; {next}", path.display())
}
