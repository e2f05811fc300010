//! Tests with sockets and disk, in one binary: one module per topic.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod client;
mod store;
mod worker;
