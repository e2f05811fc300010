//! Everything with sockets or disk, in one binary.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod store;
