//! What a plan does, one call or a few that belong together at a time.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use waypost_compat::Dialect;

use crate::migrate::{Row, RowState};

/// Which side a step is about.
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
        /// Where.
        at: End,
        /// What it shall be.
        row: NewRow,
    },
    /// Changes a webhook with an id.
    ChangeRow {
        /// Where.
        at: End,
        /// Its id.
        id: String,
        /// As it was.
        was: RowFields,
        /// As it shall be.
        becomes: RowFields,
    },
    /// Replaces the URLs of an event name; no URLs remove it.
    SetList {
        /// Where.
        at: End,
        /// The domain.
        domain: String,
        /// The event name.
        event: String,
        /// As they were.
        was: Vec<String>,
        /// As they shall be.
        becomes: Vec<String>,
    },
    /// Waits until the provider acts on what was changed.
    Settle,
    /// Makes the gateway sign as the account does.
    AdoptSigningKey,
    /// Makes a domain at the gateway.
    AddDomain {
        /// Its name.
        name: String,
        /// Mailgun's fields of it that can be set when it is made.
        settings: Map<String, Value>,
        /// Its DNS records, as they were reported.
        records: Map<String, Value>,
    },
    /// Makes a subscription at the gateway.
    AddWebhook {
        /// What later steps call it.
        key: String,
        /// What it shall be.
        webhook: NewWebhook,
    },
    /// Makes a source at the gateway.
    AddSource {
        /// What URLs in later steps call it: `@ingest/<key>`.
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
        /// What it served.
        was: String,
        /// What it shall serve.
        becomes: String,
    },
}

/// A webhook with an id that does not exist yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewRow {
    /// Where it posts to.
    pub url: String,
    /// Its event names.
    pub events: Vec<String>,
    /// Whether it shall receive.
    pub enabled: bool,
    /// Its label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The row of the source whose secret it shall have, where the target takes one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_of: Option<String>,
}

/// What can be changed of a webhook with an id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowFields {
    /// Where it posts to.
    pub url: String,
    /// Its event names.
    pub events: Vec<String>,
    /// Whether it receives.
    pub enabled: bool,
    /// Its label: Mailgun's accounts replace all of an entry, this too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// A subscription that the gateway does not have yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewWebhook {
    /// The dialect it is called in.
    pub dialect: Dialect,
    /// Its domain; `None` for all of the account's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// Where it posts to.
    pub url: String,
    /// Its event names.
    pub events: Vec<String>,
    /// Its label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The row whose secret its receiver knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_of: Option<String>,
}

/// How a URL says that it is the ingest URL of a source of this plan.
pub const INGEST: &str = "@ingest/";
/// How a step says that it is about a source of this plan.
pub const SOURCE: &str = "@source/";
/// How `serves` says that it is the id of a webhook of this plan.
pub const WEBHOOK: &str = "@webhook/";

impl RowFields {
    /// Those of a row as it is.
    pub(super) fn of(row: &Row) -> Self {
        Self {
            url: row.url.clone(),
            events: row.events.clone(),
            enabled: row.state == RowState::Active,
            description: row.description.clone(),
        }
    }
}
