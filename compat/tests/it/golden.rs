//! Golden files: compared, or rewritten when `UPDATE=1`.

use std::path::{Path, PathBuf};

/// The repository's fixtures.
pub(crate) fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures")
}

/// Compares `content` with the file, or writes it there.
#[track_caller]
pub(crate) fn check(path: &Path, content: &str) {
    if std::env::var_os("UPDATE").is_some_and(|value| value == "1") {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
        return;
    }
    let on_file = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        on_file == content,
        "{} is out of date; look at what UPDATE=1 changes in it\n{content}",
        path.display()
    );
}
