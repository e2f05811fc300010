//! The state of a gateway's account, as far as a take-over asks for it.

use crate::api::{Source, Webhook, Word};
use crate::migrate::RowState;
use crate::model::WebhookState;

/// The state of a gateway's account.
#[derive(Debug, Clone, Default)]
pub struct Inventory {
    /// The base URL at which providers reach the gateway.
    pub public_url: String,
    /// The names of the account's domains.
    pub domains: Vec<String>,
    /// The account's webhooks of one dialect.
    pub webhooks: Vec<KnownWebhook>,
    /// The account's sources of that dialect.
    pub sources: Vec<KnownSource>,
}

/// A webhook that a gateway has.
#[derive(Debug, Clone)]
pub struct KnownWebhook {
    /// The webhook's id.
    pub id: String,
    /// The domain whose events it receives; `None` for all of the account's.
    pub domain: Option<String>,
    /// The URL that deliveries go to.
    pub url: String,
    /// The event names that it subscribes to.
    pub events: Vec<String>,
    /// Active, or why it does not receive.
    pub state: RowState,
}

/// A source that a gateway has.
#[derive(Debug, Clone)]
pub struct KnownSource {
    /// The source's id.
    pub id: String,
    /// The domain it feeds.
    pub domain: Option<String>,
    /// The subscriptions it serves.
    pub serves: String,
    /// The URL that its provider posts to.
    pub ingest_url: String,
    /// False where it refuses every event.
    pub enabled: bool,
}

impl From<Webhook> for KnownWebhook {
    fn from(webhook: Webhook) -> Self {
        Self {
            id: webhook.id.to_string(),
            domain: webhook.domain.map(|domain| domain.to_string()),
            url: webhook.url.to_string(),
            events: webhook.events,
            state: match webhook.state {
                Word::Known(WebhookState::Paused) => RowState::Paused,
                Word::Known(WebhookState::Disabled) => RowState::Disabled,
                Word::Known(WebhookState::Active) | Word::Unknown(_) => RowState::Active,
            },
        }
    }
}

impl From<Source> for KnownSource {
    fn from(source: Source) -> Self {
        Self {
            id: source.id.to_string(),
            domain: source.domain.map(|domain| domain.to_string()),
            serves: source.serves.to_string(),
            ingest_url: source.ingest_url,
            enabled: source.enabled,
        }
    }
}
