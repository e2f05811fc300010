//! The integration tests: one binary, real sockets, real directories.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod clients;
mod corpus;
mod crash;
mod life;
mod support;
mod tidy;
