//! `MailStack`'s webhook API (`seeds/mailstack.txt`, `spec/providers.md` §1).

use serde_json::{Value, json};
use waypost_compat::{Dialect, Secret};

use super::{Api, Done, Draft, Endpoint, Fields, LogLine, Patch, Problem, Verb, reason};
use crate::http::auth::{Credentials, Principal};
use crate::http::native::mint;
use crate::model::{Outcome, Webhook, WebhookId, WebhookState};

/// `MailStack`'s API.
pub(in crate::http) struct MailStack;

impl Api for MailStack {
    fn dialect(&self) -> Dialect {
        Dialect::MailStack
    }

    fn credential(&self) -> &'static str {
        "Authorization: Bearer and a token"
    }

    fn endpoints(&self) -> &'static [Endpoint] {
        const {
            &[
                Endpoint::new("GET", "", Verb::List),
                Endpoint::new("POST", "", Verb::Create),
                Endpoint::new("GET", "{id}", Verb::Show),
                Endpoint::new("PUT", "{id}", Verb::Update),
                Endpoint::new("DELETE", "{id}", Verb::Remove),
                Endpoint::new("POST", "{id}/rotate-secret", Verb::RotateSecret),
                Endpoint::new("GET", "{id}/deliveries", Verb::Deliveries),
                Endpoint::new("POST", "deliveries/{id}/replay", Verb::Replay),
            ]
        }
    }

    fn write_id(&self, id: WebhookId) -> String {
        id.uuid()
    }

    fn read_id(&self, written: &str) -> Option<WebhookId> {
        WebhookId::from_uuid(written)
    }

    /// Without an organisation there is nothing that a token could be good for.
    fn check_key(&self, _key: &str, credentials: &Credentials) -> Result<(), Problem> {
        credentials.org.as_ref().map(|_| ()).ok_or(Problem::NoOrganization)
    }

    /// The organisation named must be the one the token was issued for.
    fn authorize(&self, principal: &Principal, credentials: &Credentials) -> Result<(), Problem> {
        let own = mint::org(principal.account, principal.domain.as_ref());
        match credentials.org.as_deref() == Some(&*own) {
            true => Ok(()),
            false => Err(Problem::WrongOrganization),
        }
    }

    fn events_field(&self) -> &'static str {
        "eventTypes"
    }

    fn has_wildcard(&self) -> bool {
        true
    }

    fn draft(&self, fields: &Fields) -> Result<Draft, Problem> {
        Ok(Draft {
            url: fields.required_text("url")?,
            events: names(&fields.required_text("eventTypes")?),
            description: None,
            secret: None,
            enabled: fields.truth("enabled")?.unwrap_or(true),
        })
    }

    /// A full replacement, except that a missing `enabled` stays (`spec/providers.md` §7, 12).
    fn patch(&self, fields: &Fields) -> Result<Patch, Problem> {
        Ok(Patch {
            url: Some(fields.required_text("url")?),
            events: Some(names(&fields.required_text("eventTypes")?)),
            description: None,
            enabled: fields.truth("enabled")?,
        })
    }

    fn success_body(&self, done: &Done<'_>) -> (u16, Option<Value>) {
        let body = match done {
            Done::Listed(list) => list.iter().map(|(webhook, _)| show(webhook)).collect(),
            Done::Shown(webhook, _) | Done::Updated(webhook, _) => show(webhook),
            Done::Created(webhook) | Done::Rotated(webhook) => json!({
                "webhook": show(webhook),
                "signingSecret": webhook.secret.as_ref().map(Secret::expose),
            }),
            Done::Deliveries(log) => log.iter().map(line).collect(),
            Done::Removed | Done::Replayed | Done::Tested(_) => json!({"status": "ok"}),
        };
        (200, Some(body))
    }

    /// Problem details, and the string `error` that its batch results carry: its documentation
    /// names no error shape (`spec/providers.md` §1.3).
    fn error_body(&self, problem: &Problem, request_id: &str) -> (u16, Value) {
        let status = problem.status();
        let body = json!({
            "type": "about:blank",
            "title": reason(status),
            "status": status,
            "detail": problem.to_string(),
            "error": problem.to_string(),
            "traceId": request_id,
        });
        (status, body)
    }

    fn refusal_type(&self) -> &'static str {
        "application/problem+json; charset=utf-8"
    }
}

/// `eventTypes` is one text: names with commas between, or `*`.
fn names(written: &str) -> Vec<String> {
    written.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

fn show(webhook: &Webhook) -> Value {
    json!({
        "id": MailStack.write_id(webhook.id),
        "url": webhook.url,
        "eventTypes": webhook.events.join(","),
        "enabled": webhook.state == WebhookState::Active,
        "secretHint": webhook.secret.as_ref().map(|secret| format!("••••{}", secret.hint())),
        "createdAt": webhook.created_at.rfc3339(),
    })
}

/// An attempt has a line and an id of its own. A status of 0 says that there was no answer.
fn line(line: &LogLine) -> Value {
    let status = match line.attempt.outcome {
        Outcome::Answered { status, .. } => status,
        Outcome::Failed(_) => 0,
    };
    json!({
        "id": line.id.uuid(),
        "webhookId": MailStack.write_id(line.webhook),
        "messageEventId": line.event.uuid(),
        "statusCode": status,
        "attempt": line.number,
        "succeeded": (200..300).contains(&status),
        "attemptedAt": line.attempt.at.rfc3339(),
    })
}
