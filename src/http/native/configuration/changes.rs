//! The report of an import: what was changed, or would be.

use super::plan::Plan;
use crate::api::{ChangeAction, ImportReport, NewSecret, SecretlessSource};
use crate::http::App;
use crate::model::{SourceId, Webhook};
use crate::store::Decision;

/// The report of a plan that was carried out or, where it was discarded, only tried.
pub(super) fn report(app: &App, plan: Plan, decision: Decision) -> ImportReport {
    let count = |action: ChangeAction| plan.changes.iter().filter(|c| c.action == action).count();
    let secretless = |id: &SourceId| SecretlessSource {
        source: *id,
        ingest_url: format!("{}/ingest/{id}", app.settings.public_url),
    };
    ImportReport {
        dry_run: decision == Decision::Discard,
        added: count(ChangeAction::Add),
        changed: count(ChangeAction::Change),
        removed: count(ChangeAction::Remove),
        new_secrets: plan.generated.into_iter().map(|w| new_secret(w, decision)).collect(),
        sources_without_secret: plan.unproven.iter().map(secretless).collect(),
        changes: plan.changes,
    }
}

/// A webhook with its new secret, unless that was only drawn for a try.
fn new_secret(webhook: Webhook, decision: Decision) -> NewSecret {
    let secret = webhook.secret.filter(|_| decision == Decision::Keep);
    NewSecret {
        webhook: webhook.id,
        dialect: webhook.scope.dialect.into(),
        domain: webhook.scope.domain,
        url: webhook.url.to_string(),
        secret: secret.map(|secret| secret.expose().to_owned()),
    }
}
