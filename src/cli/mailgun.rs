//! The parts of the answers of Mailgun's own API that the command line reads.

use serde::Deserialize;
use serde_json::Value;

/// The answer to a call about the URLs of one event name.
#[derive(Debug, Deserialize)]
pub(super) struct WebhookAnswer {
    /// The event name's webhook.
    pub(super) webhook: Urls,
}

/// The URLs of an event name.
#[derive(Debug, Deserialize)]
pub(super) struct Urls {
    /// The URLs in their order.
    pub(super) urls: Vec<String>,
}

/// A domain as it is listed.
#[derive(Debug, Deserialize)]
pub(super) struct Domain {
    /// The domain's name.
    pub(super) name: String,
    /// `active`, or Mailgun's word for another state.
    pub(super) state: String,
    /// The time at which it was made, as Mailgun writes it.
    pub(super) created_at: String,
}

/// The answer to a call about one domain. What it says of the domain is shown as it stands.
#[derive(Debug, Deserialize)]
pub(super) struct DomainAnswer {
    /// The domain, all its fields.
    pub(super) domain: Value,
}

/// The key that the account's deliveries are signed with.
#[derive(Deserialize)]
pub(super) struct SigningKey {
    /// The key.
    pub(super) http_signing_key: String,
}
