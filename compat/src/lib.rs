//! The webhook dialects of five email providers, and how to get from any one to any other.
//!
//! A *dialect* is one provider's way of speaking: the names it gives to events, the shape of its
//! payloads, the way it signs them. Three questions are answered here, all of them by pure
//! functions: what is this event called over there ([`kind`]), what does its payload look like
//! over there ([`parse`], [`render`], [`translate`]), and is this signature good
//! ([`signature`]). Nothing in this crate does I/O, reads a clock or draws randomness.
#![warn(clippy::wildcard_enum_match_arm)]

pub mod dialect;
pub mod event;
mod json;
pub mod kind;
mod loss;
mod mailgun;
mod mailingapi;
mod mailstack;
mod posthawk;
pub mod sample;
pub mod signature;
mod text;
mod time;
mod wistfare;

pub use dialect::{Dialect, parse, render, translate};
pub use event::Event;
pub use kind::Kind;
pub use signature::Secret;
