//! Everything with sockets or a disk, in one binary.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod client;
