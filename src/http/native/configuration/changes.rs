//! The differences between a file and what is there, and what an import answers.

use serde::Serialize;
use serde_json::Value;
use waypost_compat::Dialect;

use super::plan::Plan;
use crate::http::App;
use crate::model::{DomainName, SourceId, Webhook, WebhookId};
use crate::store::Decision;

/// What a change is of, in the order of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    Account,
    Domain,
    Source,
    Webhook,
    Order,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Action {
    Add,
    Change,
    Remove,
}

/// One thing that is added, changed or removed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Change {
    action: Action,
    pub(super) kind: Kind,
    name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    about: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fields: Vec<Difference>,
}

impl Change {
    pub(super) const fn added(kind: Kind, name: String, about: String) -> Self {
        Self { action: Action::Add, kind, name, about, fields: Vec::new() }
    }

    pub(super) const fn changed(kind: Kind, name: String, fields: Vec<Difference>) -> Self {
        Self { action: Action::Change, kind, name, about: String::new(), fields }
    }

    /// Whether anything differs at all.
    pub(super) fn is_one(&self) -> bool {
        self.action != Action::Change || !self.fields.is_empty()
    }

    /// The same change, of a thing that these words tell from others.
    pub(super) fn about(self, about: String) -> Self {
        Self { about, ..self }
    }

    pub(super) const fn removed(kind: Kind, name: String, about: String) -> Self {
        Self { action: Action::Remove, kind, name, about, fields: Vec::new() }
    }
}

/// A field that differs. Of a secret it is told that it does, and no more.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Difference {
    field: String,
    #[serde(flatten)]
    values: Values,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
enum Values {
    Shown { from: Value, to: Value },
    Secret { secret: bool },
}

impl Difference {
    pub(super) fn between<T: Serialize>(field: &str, from: &T, to: &T) -> Self {
        let value = |of: &T| serde_json::to_value(of).unwrap_or_default();
        let values = Values::Shown { from: value(from), to: value(to) };
        Self { field: field.to_owned(), values }
    }

    pub(super) fn secret(field: &str) -> Self {
        Self { field: field.to_owned(), values: Values::Secret { secret: true } }
    }
}

/// What an import answers.
#[derive(Serialize)]
pub(super) struct Answer {
    dry_run: bool,
    added: usize,
    changed: usize,
    removed: usize,
    changes: Vec<Change>,
    /// Webhooks whose secret was generated; it is shown in this answer and never again.
    new_secrets: Vec<NewSecret>,
    /// Sources that refuse every event until they have a secret.
    sources_without_secret: Vec<Unproven>,
}

#[derive(Serialize)]
struct NewSecret {
    webhook: WebhookId,
    dialect: Dialect,
    domain: Option<DomainName>,
    url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

#[derive(Serialize)]
struct Unproven {
    source: SourceId,
    ingest_url: String,
}

impl Answer {
    /// What was done, or would be.
    pub(super) fn of(app: &App, plan: Plan, verdict: Decision) -> Self {
        let count = |action: Action| plan.changes.iter().filter(|c| c.action == action).count();
        let ingest_url = |id: &SourceId| format!("{}/ingest/{id}", app.settings.public_url);
        let unproven = plan.unproven.iter();
        Self {
            dry_run: verdict == Decision::Discard,
            added: count(Action::Add),
            changed: count(Action::Change),
            removed: count(Action::Remove),
            new_secrets: plan.generated.into_iter().map(|w| NewSecret::of(w, verdict)).collect(),
            sources_without_secret: unproven
                .map(|id| Unproven { source: *id, ingest_url: ingest_url(id) })
                .collect(),
            changes: plan.changes,
        }
    }
}

impl NewSecret {
    /// A webhook with its new secret, unless that was only drawn for a try.
    fn of(webhook: Webhook, verdict: Decision) -> Self {
        let secret = webhook.secret.filter(|_| verdict == Decision::Keep);
        Self {
            webhook: webhook.id,
            dialect: webhook.scope.dialect,
            domain: webhook.scope.domain,
            url: webhook.url.to_string(),
            secret: secret.map(|secret| secret.expose().to_owned()),
        }
    }
}
