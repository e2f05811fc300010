//! The listener of a migration.

use std::fmt;

/// A listener that is told how far a migration is.
pub trait Progress: Send {
    /// Takes one line.
    fn say(&mut self, line: fmt::Arguments<'_>);
}
