//! The store on sled: one directory, one process.

/// How an embedded store is opened.
#[derive(Debug, Clone)]
pub struct Options {
    /// Its directory; made if missing.
    pub path: std::path::PathBuf,
}

/// The store on sled.
#[derive(Debug)]
pub struct Embedded;
