//! Tests with sockets and disk, in one binary: one module per topic.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod cli;
mod client;
mod clients;
mod corpus;
mod crash;
mod life;
mod mailgun;
mod server;
mod support;
mod transcripts;
