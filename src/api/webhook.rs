//! Webhooks of every dialect, side by side.

use serde::{Deserialize, Serialize};
use waypost_compat::{Dialect, Kind};

use super::{Time, Word};
use crate::model::{DomainName, WebhookId, WebhookState, WebhookUrl};

/// A webhook as it is listed. Its secret is shown by its own dialect's API, as often as the
/// provider shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    /// The webhook's id.
    pub id: WebhookId,
    /// The domain whose events it receives; null for all of the account's.
    pub domain: Option<DomainName>,
    /// The dialect that its receiver is spoken to in.
    pub dialect: Word<Dialect>,
    /// The URL that deliveries go to.
    pub url: WebhookUrl,
    /// Event names as they were written, in the dialect's own words.
    pub events: Vec<String>,
    /// The kinds that those names mean.
    pub kinds: Vec<Word<Kind>>,
    /// Active, or why it does not receive.
    pub state: Word<WebhookState>,
    /// The name of the way in which its deliveries are signed.
    pub signature: String,
    /// A label for people; null without one.
    pub description: Option<String>,
    /// The time at which it was made.
    pub created_at: Time,
    /// The time at which it was last changed.
    pub updated_at: Time,
}

/// A webhook in the answer that registers it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreatedWebhook {
    /// Everything that is listed of it.
    #[serde(flatten)]
    pub listed: Webhook,
    /// The secret that was generated for it; absent where it was given, or where it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

/// The request for a new webhook.
#[derive(Clone, Copy, Serialize)]
pub struct CreateWebhook<'a> {
    /// The id that it shall have, so that asking twice makes one.
    pub id: &'a str,
    /// The dialect that its receiver is spoken to in.
    pub dialect: Dialect,
    /// The URL that deliveries go to.
    pub url: &'a str,
    /// Event names in the dialect's own words.
    pub events: &'a [String],
    /// The domain whose events it receives; absent for all of the account's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<&'a str>,
    /// A label for people; absent for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<&'a str>,
    /// The secret that its deliveries are signed with; absent to have one generated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<&'a str>,
}

/// A change of a webhook.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct UpdateWebhook<'a> {
    /// The name of the way in which deliveries are signed from the next attempt on.
    pub signature: &'a str,
}
