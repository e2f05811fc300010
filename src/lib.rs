//! Waypost: a self-hosted webhook gateway that speaks Mailgun.
//!
//! The code in the order in which it depends on itself; a module names only modules above it in
//! this list (`tests/it/tidy.rs` sees to it):
//!
//! - [`waypost_compat`]: the providers and the five dialects, pure: names, payloads, signatures.
//! - [`behaviour`]: the ways in which one dialect is treated otherwise than another, as data.
//! - [`model`]: the nouns.
//! - [`api`]: the native API's requests and answers, for its server and its clients.
//! - [`clock`]: clock and randomness as a value.
//! - [`config`]: what can be configured.
//! - [`retry`]: what to do after an attempt, as data and a pure function.
//! - [`metrics`]: what is counted.
//! - [`renderings`]: an event in each dialect that it is delivered in, made once.
//! - [`store`]: what is durable, and when.
//! - [`client`]: one POST to a receiver; calls of an API; requests passed on.
//! - [`ingest`]: events in.
//! - [`worker`]: deliveries out.
//! - [`migrate`]: webhooks from one account to another.
//! - [`http`]: the APIs; never names `worker` or `client`.
//! - [`cli`]: the commands; `serve` puts it all together.
#![forbid(unsafe_code)]

pub mod api;
pub mod behaviour;
pub mod cli;
pub mod client;
pub mod clock;
pub mod config;
pub mod http;
pub mod ingest;
pub mod metrics;
pub mod migrate;
pub mod model;
pub mod renderings;
pub mod retry;
pub mod store;
pub mod worker;
