//! Stored records: versioned bytes.
//!
//! Every record begins with one byte, the version of its form. What follows is JSON; an event has
//! its ids and its body behind it as plain bytes. A form that was ever released is read for ever:
//! `fixtures/records/v<n>/` holds bytes of each, and a test decodes them. The model's types are
//! not stored as they are, so that a renamed field cannot orphan data and so that a secret is
//! written in the clear in this module alone.

mod config;
mod delivery;
mod endpoint;
mod event;
#[cfg(test)]
mod tests;

pub(super) use config::{
    decode_account, decode_domain, decode_key, decode_source, decode_webhooks, encode_account,
    encode_domain, encode_key, encode_source, encode_webhooks,
};
pub(super) use delivery::{ATTEMPTS_MAX, decode_delivery, encode_delivery};
pub(super) use endpoint::{EndpointState, decode_endpoint, encode_endpoint};
pub(super) use event::{EventRow, decode_event, encode_event};

use serde::Serialize;
use serde::de::DeserializeOwned;
use waypost_compat::Dialect;

use crate::model::WebhookStats;

/// The version that this program writes.
const VERSION: u8 = 2;

/// The oldest version that it reads: the first that will be released.
#[cfg(test)]
const OLDEST: u8 = 2;

/// A record that does not read back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{noun} record: expected {expected}, found {found}")]
pub(super) struct Unreadable {
    noun: &'static str,
    expected: &'static str,
    found: String,
}

impl Unreadable {
    const fn new(noun: &'static str, expected: &'static str, found: String) -> Self {
        Self { noun, expected, found }
    }
}

pub(super) fn encode_stats(stats: &WebhookStats) -> Vec<u8> {
    to_json(stats)
}

pub(super) fn decode_stats(bytes: &[u8]) -> Result<WebhookStats, Unreadable> {
    let noun = "webhook counters";
    from_json(noun, versioned(noun, bytes)?)
}

/// A dialect's letter in the names of rows. It never changes, nor does another dialect get it.
pub(super) const fn code_of(dialect: Dialect) -> u8 {
    match dialect {
        Dialect::Mailgun => b'g',
        Dialect::Posthawk => b'p',
        Dialect::MailStack => b's',
        Dialect::Wistfare => b'w',
        Dialect::MailingApi => b'a',
    }
}

/// The dialect of a letter; the inverse of [`code_of`].
pub(super) fn dialect_of(code: u8) -> Option<Dialect> {
    Dialect::ALL.into_iter().find(|dialect| code_of(*dialect) == code)
}

/// The bytes that follow the version byte, if the version is one we know.
fn versioned<'b>(noun: &'static str, bytes: &'b [u8]) -> Result<&'b [u8], Unreadable> {
    match bytes.split_first() {
        Some((&VERSION, rest)) => Ok(rest),
        Some((other, _)) => Err(Unreadable::new(noun, "version 2", format!("version {other}"))),
        None => Err(Unreadable::new(noun, "a version byte", "nothing".to_owned())),
    }
}

fn to_json(record: &impl Serialize) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    serde_json::to_writer(&mut bytes, record)
        .expect("a record has text keys only, and a vector takes every write");
    bytes
}

fn from_json<T: DeserializeOwned>(noun: &'static str, bytes: &[u8]) -> Result<T, Unreadable> {
    // The error names a position and a field, never a value: a record may hold secrets.
    serde_json::from_slice(bytes).map_err(|error| {
        let place = format!("an error of class {:?} at byte {}", error.classify(), error.column());
        Unreadable::new(noun, "its fields as JSON", place)
    })
}
