//! Migration: the webhooks of a live account, read over its public API, moved, proved, and moved
//! back.
//!
//! Two kinds of move share everything but their planner. *Between* two of the five providers
//! ([`plan::between`]) the target gets webhooks of its own and the source stays on until it is
//! retired. *Into* a gateway ([`plan::into`]) the account's places (a domain's list for an event
//! name, an account's entry, a row) are led through a Waypost that is put in between.
//!
//! A planner is pure: two [`State`]s in, a [`Plan`] out, which is data that a person can review.
//! [`apply::apply`] does what a plan says, a [`Step`] at a time, and writes each to a
//! [`Journal`] before and after; [`rollback`] reads that journal backwards.

pub mod apply;
mod error;
pub mod gateway;
pub mod journal;
pub mod plan;
pub mod probe;
mod progress;
pub mod provider;
pub mod rollback;
mod state;
pub mod verify;

pub use error::{Error, ErrorKind};
pub use journal::Journal;
pub use plan::{Plan, Step};
pub use progress::Progress;
pub use provider::Provider;
pub use state::{Entries, List, Row, RowState, State};
