//! The steps of a plan: one call or a few that belong together at a time.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use waypost_compat::Dialect;

use crate::migrate::{Row, RowState};

/// The side that a step is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum End {
    /// The source.
    From,
    /// The target.
    To,
}

/// One call, or a few that belong together, with what there is to know to undo it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Step {
    /// Makes a webhook with an id, paused right away where it shall be.
    CreateRow {
        /// The side.
        at: End,
        /// The webhook to be made.
        row: NewRow,
    },
    /// Changes a webhook with an id.
    ChangeRow {
        /// The side.
        at: End,
        /// The id.
        id: String,
        /// The fields before.
        was: RowFields,
        /// The fields after.
        becomes: RowFields,
    },
    /// Replaces the URLs of an event name; no URLs remove it.
    SetList {
        /// The side.
        at: End,
        /// The domain.
        domain: String,
        /// The event name.
        event: String,
        /// The URLs before.
        was: Vec<String>,
        /// The URLs after.
        becomes: Vec<String>,
    },
    /// Waits until the provider acts on what was changed.
    Settle,
    /// Makes the gateway sign as the account does.
    AdoptSigningKey,
    /// Makes a domain at the gateway.
    AddDomain {
        /// The name.
        name: String,
        /// Mailgun's fields of it that can be set when it is made.
        settings: Map<String, Value>,
        /// The DNS records, as they were reported.
        records: Map<String, Value>,
    },
    /// Makes a subscription at the gateway.
    AddWebhook {
        /// The name that later steps give it: `@webhook/<key>`.
        key: String,
        /// The webhook to be made.
        webhook: NewWebhook,
    },
    /// Makes a source at the gateway.
    AddSource {
        /// The name that URLs in later steps give it: `@ingest/<key>`.
        key: String,
        /// The provider.
        dialect: Dialect,
        /// The domain that it feeds; `None` where that is read from each event.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        domain: Option<String>,
        /// The subscriptions it serves: `domain`, or `@webhook/<key>`.
        serves: String,
        /// The row whose secret proves it; Mailgun's is proved by the account's signing key.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        secret_of: Option<String>,
    },
    /// Lets a source serve other subscriptions.
    Serve {
        /// The source: its id, or `@source/<key>`.
        source: String,
        /// The subscriptions that it served.
        was: String,
        /// The subscriptions that it shall serve.
        becomes: String,
    },
}

/// A webhook with an id that does not exist yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewRow {
    /// The URL that it posts to.
    pub url: String,
    /// The event names.
    pub events: Vec<String>,
    /// True for one that shall receive.
    pub enabled: bool,
    /// The label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The row of the source whose secret it shall have, where the target takes one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_of: Option<String>,
}

/// The fields of a webhook with an id that can be changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowFields {
    /// The URL that it posts to.
    pub url: String,
    /// The event names.
    pub events: Vec<String>,
    /// True for one that receives.
    pub enabled: bool,
    /// The label: Mailgun's accounts replace all of an entry, this too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// A subscription that the gateway does not have yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewWebhook {
    /// The dialect it is called in.
    pub dialect: Dialect,
    /// The domain; `None` for all of the account's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// The URL that it posts to.
    pub url: String,
    /// The event names.
    pub events: Vec<String>,
    /// The label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The row whose secret its receiver knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_of: Option<String>,
}

/// The beginning of a URL that is the ingest URL of a source of this plan.
pub const INGEST: &str = "@ingest/";
/// The beginning of the name of a source of this plan.
pub const SOURCE: &str = "@source/";
/// The beginning of a `serves` that is a webhook of this plan.
pub const WEBHOOK: &str = "@webhook/";

impl RowFields {
    /// Reads the fields of a row.
    pub(super) fn of(row: &Row) -> Self {
        Self {
            url: row.url.clone(),
            events: row.events.clone(),
            enabled: row.state == RowState::Active,
            description: row.description.clone(),
        }
    }
}
