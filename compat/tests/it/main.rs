//! What the mapping layer promises, tested from outside.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod arbitrary;
mod circles;
mod corpus;
mod events;
mod golden;
mod hostile;
mod javascript;
mod laws;
mod modules;
mod tables;
mod tolerance;
