//! `MailStack`'s webhook API (`seeds/mailstack.txt`, `spec/providers.md` §1).

use serde_json::{Value, json};
use warp::http::Method;
use warp::reply::Response;
use waypost_compat::{Dialect, Secret};

use super::auth::{Credentials, Principal};
use super::native::mint;
use super::registry::{self, Api, Done, Draft, Fields, LogLine, Operation, Patch, Problem};
use crate::model::{Outcome, Webhook, WebhookId, WebhookState};

/// `MailStack`'s API.
pub(super) struct MailStack;

impl Api for MailStack {
    fn dialect(&self) -> Dialect {
        Dialect::MailStack
    }

    fn credential(&self) -> &'static str {
        "Authorization: Bearer and a token"
    }

    /// The organisation named must be the one the token was issued for.
    fn admit(&self, principal: &Principal, credentials: &Credentials) -> Result<(), Problem> {
        match &credentials.org {
            Some(org) if *org == mint::org(principal.account, principal.domain.as_ref()) => Ok(()),
            _ => Err(Problem::WrongOrganization),
        }
    }

    fn operation(&self, method: &Method, below: &[&str]) -> Result<Operation, Problem> {
        match (method.as_str(), below) {
            ("GET", []) => Ok(Operation::List),
            ("POST", []) => Ok(Operation::Create),
            // Before the routes below: no webhook's id is the word `deliveries`.
            ("POST", ["deliveries", id, "replay"]) => Ok(Operation::Replay((*id).to_owned())),
            ("GET", [id]) => Ok(Operation::Show(parse_id(id)?)),
            ("PUT", [id]) => Ok(Operation::Update(parse_id(id)?)),
            ("DELETE", [id]) => Ok(Operation::Remove(parse_id(id)?)),
            ("POST", [id, "rotate-secret"]) => Ok(Operation::RotateSecret(parse_id(id)?)),
            ("GET", [id, "deliveries"]) => Ok(Operation::Deliveries(parse_id(id)?)),
            (found, []) => Err(not_allowed("GET, POST", found)),
            (found, [_]) => Err(not_allowed("DELETE, GET, PUT", found)),
            _ => Err(registry::no_route(method, below)),
        }
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

    fn tell(&self, done: &Done<'_>) -> (u16, Option<Value>) {
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
    fn refuse(&self, problem: &Problem) -> Response {
        let status = problem.status();
        let body = json!({
            "type": "about:blank",
            "title": registry::reason(status),
            "status": status,
            "detail": problem.to_string(),
            "error": problem.to_string(),
        });
        registry::refusal(problem, &body, "application/problem+json; charset=utf-8")
    }
}

fn not_allowed(allow: &'static str, found: &str) -> Problem {
    Problem::MethodNotAllowed { allow, found: found.to_owned() }
}

fn parse_id(written: &str) -> Result<WebhookId, Problem> {
    WebhookId::from_uuid(written).ok_or_else(|| registry::no_webhook(written))
}

/// `eventTypes` is one text: names with commas between, or `*`.
fn names(written: &str) -> Vec<String> {
    written.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

fn show(webhook: &Webhook) -> Value {
    json!({
        "id": webhook.id.uuid(),
        "url": webhook.url,
        "eventTypes": webhook.events.join(","),
        "enabled": webhook.state == WebhookState::Active,
        "secretHint": webhook.secret.as_ref().map(|secret| format!("••••{}", secret.hint())),
        "createdAt": webhook.created_at.rfc3339(),
    })
}

/// A status of 0 says that there was no answer.
fn line(line: &LogLine) -> Value {
    let status = match line.attempt.outcome {
        Outcome::Answered { status, .. } => status,
        Outcome::Failed(_) => 0,
    };
    json!({
        "id": line.delivery.id.uuid(),
        "webhookId": line.delivery.webhook.uuid(),
        "messageEventId": line.delivery.event.uuid(),
        "statusCode": status,
        "attempt": line.number,
        "succeeded": (200..300).contains(&status),
        "attemptedAt": line.attempt.at.rfc3339(),
    })
}
