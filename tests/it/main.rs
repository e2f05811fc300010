//! The integration tests: one binary, real sockets, real directories.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod circles;
mod cli;
mod client;
mod clients;
mod corpus;
mod crash;
mod ingest;
#[path = "../../compat/tests/it/javascript.rs"]
mod javascript;
mod life;
mod mailgun;
mod migrate;
mod native;
mod places;
mod routes;
mod row_webhooks;
mod server;
mod store;
mod subscribers;
mod support;
mod tidy;
mod transcripts;
mod upstream;
mod worker;
