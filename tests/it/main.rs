//! Tests with sockets and disk, in one binary: one module per topic.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod ingest;
mod mailgun;
mod native;
mod server;
mod support;
mod transcripts;
