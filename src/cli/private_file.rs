//! Files that hold secrets: whole or not at all, and for nobody but their owner.

use std::io::Write;
use std::path::Path;

use anyhow::Context;
use tempfile::NamedTempFile;

/// Writes a file with mode 0600 in one go: who reads it sees the old content or the new.
pub(super) fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let cannot = || format!("cannot write {}", path.display());
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    // A temporary file is its owner's alone from the moment it is made.
    let here = Path::new(".");
    let mut file = NamedTempFile::new_in(folder.unwrap_or(here)).with_context(cannot)?;
    file.write_all(bytes).and_then(|()| file.as_file().sync_all()).with_context(cannot)?;
    file.persist(path).with_context(cannot)?;
    Ok(())
}
