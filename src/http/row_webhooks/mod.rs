//! The webhook APIs of Posthawk, `MailStack`, Wistfare and `MailingAPI`, and what they share: rows
//! with an id, a URL, event names, a state and a secret.
//!
//! [`operations`] tells the whole story of a request once, for all of them. What differs on the wire
//! (credentials, paths, field names, shapes, error bodies) is an [`Api`], one file per dialect.
//! Nothing about a dialect is decided here, and nothing about webhooks is decided there.
//!
//! # Whose webhooks a key opens
//!
//! A key opens those of its own reach, exactly: one bound to a domain opens the webhooks of that domain, a
//! key of the whole account opens the webhooks for all of the account's domains. Neither opens the
//! other's, as a key at the provider opens its own workspace. So two keys of one reach see the
//! same list, and what a key lists is what its events go to. A key that does not manage (scope
//! `read` or `send`) opens nothing here: each of the four wants its full permission for webhooks,
//! reading included. A key whose domain was removed is nobody's.
//!
//! # Adding a dialect
//!
//! A provider that is only read is less than this: its row in `compat/src/provider.rs`, its file,
//! its fixtures.
//!
//! 1. `compat/`: the same, and its row in `dialect.rs` with what speaking needs: names, writer,
//!    signature, sample. The compiler asks for each.
//! 2. `src/behaviour.rs`: the ways in which it is treated otherwise: keys, credentials, retries.
//! 3. `src/http/row_webhooks/<dialect>.rs`: an [`Api`], its line in [`api`], and how a request is
//!    known to speak it in `dispatch.rs`.
//! 4. `fixtures/api/<dialect>/`: a transcript for each request its documentation shows and one for
//!    each way to be refused; `fixtures/events/<kind>/<dialect>.json`: one event of each kind.
//! 5. `README.md`: its row in "The other four APIs" and its column in "Compatibility".
//!
//! `tests/it/tidy.rs` says which of these are missing. `tests/it/row_webhooks/` tries every endpoint of
//! every dialect with everybody's key, and every dialect's credentials, verbs and bodies together.

mod fields;
mod log;
mod mailingapi;
mod mailstack;
mod operations;
mod posthawk;
mod problem;
mod rows;
mod wistfare;

use serde::Serialize;
use waypost_compat::{Dialect, Secret};

pub(super) use fields::{RowFields, shorten};
pub(super) use log::LogLine;
pub(super) use operations::{Operation, reason, sections};
pub(super) use problem::Problem;
pub(super) use rows::{Rows, WEBHOOKS_MAX};

use mailingapi::MailingApi;
use mailstack::MailStack;
use posthawk::Posthawk;
use wistfare::Wistfare;

use super::TestAnswer;
use crate::model::{Webhook, WebhookId, WebhookStats};

/// One dialect's webhook API, as far as it differs from the others' on the wire.
pub(super) trait Api: Send + Sync {
    /// The dialect.
    fn dialect(&self) -> Dialect;

    /// Every method and path it has, and what is asked by them.
    fn operations(&self) -> &'static [(&'static str, Operation)];

    /// A webhook's id as this dialect writes it.
    fn write_id(&self, id: WebhookId) -> String;

    /// Reads what [`write_id`](Self::write_id) wrote; nothing else is an id.
    fn read_id(&self, written: &str) -> Option<WebhookId>;

    /// The place of a client's credential, for one that put none.
    fn credential(&self) -> &'static str;

    /// The field that holds the event names.
    fn events_field(&self) -> &'static str {
        "events"
    }

    /// Tells whether `*` stands for every event.
    fn has_wildcard(&self) -> bool {
        false
    }

    /// Tells whether an update may touch a webhook that was disabled for good.
    fn revives(&self) -> bool {
        true
    }

    /// Reads a create request's body.
    fn draft(&self, fields: &RowFields) -> Result<Draft, Problem>;

    /// Reads an update request's body.
    fn patch(&self, fields: &RowFields) -> Result<Patch, Problem>;

    /// The status and JSON that tell what was done; no body where the provider sends none.
    fn success_body(&self, done: &Done<'_>) -> (u16, Option<String>);

    /// The provider's own way to say no: status and JSON. `request_id` is what the answer's
    /// `X-Request-ID` says.
    fn error_body(&self, problem: &Problem, request_id: &str) -> (u16, String);

    /// The media type of a refusal's body.
    fn refusal_type(&self) -> &'static str {
        operations::JSON
    }
}

/// The APIs of webhooks that are rows with ids.
static APIS: [&dyn Api; 4] = [&Posthawk, &MailStack, &Wistfare, &MailingApi];

/// The API of a dialect whose webhooks are rows with ids; Mailgun's are something else.
pub(super) fn api(dialect: Dialect) -> Option<&'static dyn Api> {
    APIS.into_iter().find(|api| api.dialect() == dialect)
}

/// Writes a body.
fn json(body: &impl Serialize) -> String {
    serde_json::to_string(body).expect("our own types are JSON")
}

/// A webhook to be.
#[derive(Debug)]
pub(super) struct Draft {
    /// The URL as written; checked later.
    pub url: String,
    /// Event names as written.
    pub events: Vec<String>,
    /// A label.
    pub description: Option<String>,
    /// A secret the caller supplied.
    pub secret: Option<Secret>,
    /// True for one that begins active.
    pub enabled: bool,
}

/// A change to a webhook; `None` stays as it is.
#[derive(Debug, Default)]
pub(super) struct Patch {
    /// A new URL.
    pub url: Option<String>,
    /// New event names.
    pub events: Option<Vec<String>>,
    /// A new label, or none.
    pub description: Option<Option<String>>,
    /// Active or paused.
    pub enabled: Option<bool>,
}

/// A verb that was carried out, with all that any dialect shows of it.
pub(super) enum Done<'a> {
    Listed(&'a [(Webhook, WebhookStats)]),
    Shown(&'a Webhook, &'a WebhookStats),
    Created(&'a Webhook),
    Updated(&'a Webhook, &'a WebhookStats),
    Removed,
    /// The receiver's answer to a test event.
    Tested(&'a TestAnswer),
    /// The webhook with its new secret.
    Rotated(&'a Webhook),
    /// The attempts made lately, newest first.
    Deliveries(&'a [LogLine]),
    /// A delivery is on its way again.
    Replayed,
}
