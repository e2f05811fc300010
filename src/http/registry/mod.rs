//! What the webhook APIs of Posthawk, `MailStack`, Wistfare and `MailingAPI` have in common: rows
//! with an id, a URL, event names, a state and a secret.
//!
//! [`answer`] tells the whole story of a request once, for all of them. What differs on the wire
//! (credentials, paths, field names, shapes, error bodies) is an [`Api`], one file per dialect.
//! Nothing about a dialect is decided here, and nothing about webhooks is decided there.

mod fields;
mod operate;
mod problem;
mod refusal;

use warp::http::Method;
use warp::reply::Response;
use waypost_compat::{Dialect, Secret};

pub(super) use fields::{Fields, shorten};
pub(super) use operate::answer;
pub(super) use problem::Problem;
pub(super) use refusal::{no_route, no_webhook, reason, refusal, refusal_with};

use super::TestAnswer;
use super::auth::{Credentials, Principal};
use crate::model::{Attempt, Delivery, Webhook, WebhookId, WebhookStats};

/// One dialect's webhook API, as far as it differs from the others' on the wire.
pub(super) trait Api: Send + Sync {
    /// The dialect.
    fn dialect(&self) -> Dialect;

    /// Where a client puts its credential, for one that put none.
    fn credential(&self) -> &'static str;

    /// What every key begins with, where the provider's clients check it.
    fn key_prefix(&self) -> &'static str {
        ""
    }

    /// A last word on a principal whose key is good: `MailStack`'s organisation must be the key's.
    fn admit(&self, _principal: &Principal, _credentials: &Credentials) -> Result<(), Problem> {
        Ok(())
    }

    /// What a method on a path below the collection means.
    fn operation(&self, method: &Method, below: &[&str]) -> Result<Operation, Problem>;

    /// Whether webhook URLs must be https.
    fn https_only(&self) -> bool {
        false
    }

    /// Reads a create request's body.
    fn draft(&self, fields: &Fields) -> Result<Draft, Problem>;

    /// Reads an update request's body.
    fn patch(&self, fields: &Fields) -> Result<Patch, Problem>;

    /// Whether an update may touch a webhook that was disabled for good.
    fn revives(&self) -> bool {
        true
    }

    /// The status and body that tell what was done; no body where the provider sends none.
    fn tell(&self, done: &Done<'_>) -> (u16, Option<serde_json::Value>);

    /// The provider's own way to say no.
    fn refuse(&self, problem: &Problem) -> Response;
}

/// What a client asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Operation {
    /// Every webhook.
    List,
    /// A new one.
    Create,
    /// One.
    Show(WebhookId),
    /// Change one.
    Update(WebhookId),
    /// Remove one.
    Remove(WebhookId),
    /// Call its receiver now.
    Test(WebhookId),
    /// Give it a new secret.
    RotateSecret(WebhookId),
    /// What was sent to it lately.
    Deliveries(WebhookId),
    /// Send a delivery again; the id as the client wrote it.
    Replay(String),
}

/// A webhook to be.
#[derive(Debug)]
pub(super) struct Draft {
    /// As written; checked later.
    pub url: String,
    /// Event names as written.
    pub events: Vec<String>,
    /// A label.
    pub description: Option<String>,
    /// A secret the caller supplied.
    pub secret: Option<Secret>,
    /// Whether it begins active.
    pub enabled: bool,
}

/// What shall change; `None` stays as it is.
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

/// What was done, with all that any dialect shows of it.
pub(super) enum Done<'a> {
    /// These are all there are.
    Listed(&'a [(Webhook, WebhookStats)]),
    /// This is the one.
    Shown(&'a Webhook, &'a WebhookStats),
    /// It was made.
    Created(&'a Webhook),
    /// It was changed.
    Updated(&'a Webhook, &'a WebhookStats),
    /// It is gone.
    Removed,
    /// Its receiver said this.
    Tested(&'a TestAnswer),
    /// It has a new secret.
    Rotated(&'a Webhook),
    /// These attempts were made, newest first.
    Deliveries(&'a [LogLine]),
    /// A delivery is on its way again.
    Replayed,
}

/// One attempt, in a delivery log.
pub(super) struct LogLine {
    /// The delivery it was made for.
    pub delivery: Delivery,
    /// The attempt.
    pub attempt: Attempt,
    /// Which attempt it was, from 1.
    pub number: u32,
}
