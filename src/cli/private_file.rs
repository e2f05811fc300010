//! Files that hold secrets: whole or not at all, and for nobody but their owner.

use std::io::Write;
use std::path::Path;

use anyhow::Context;
use tempfile::NamedTempFile;

/// Whether a file could be written there; what is there stays.
pub(super) fn check(path: &Path) -> anyhow::Result<()> {
    beside(path).map(|_| ())
}

/// Writes a file with mode 0600 in one go: who reads it sees the old content or the new.
pub(super) fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let cannot = || format!("cannot write {}", path.display());
    let mut file = beside(path)?;
    file.write_all(bytes).and_then(|()| file.as_file().sync_all()).with_context(cannot)?;
    file.persist(path).with_context(cannot)?;
    Ok(())
}

/// A file in the same folder, its owner's alone from the moment it is made.
fn beside(path: &Path) -> anyhow::Result<NamedTempFile> {
    let here = Path::new(".");
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    NamedTempFile::new_in(folder.unwrap_or(here))
        .with_context(|| format!("cannot write {}", path.display()))
}
