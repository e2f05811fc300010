//! Wistfare Mail's webhook API (`seeds/wistfare.txt`, `spec/providers.md` §1).

use serde_json::{Value, json};
use waypost_compat::{Dialect, Secret};

use super::{Api, Done, Draft, Endpoint, Fields, Patch, Problem, Verb};
use crate::http::auth::Credentials;
use crate::model::{Webhook, WebhookId, WebhookState};

/// What every key begins with.
const KEY_PREFIX: &str = "wm_";

/// Wistfare's API.
pub(in crate::http) struct Wistfare;

impl Api for Wistfare {
    fn dialect(&self) -> Dialect {
        Dialect::Wistfare
    }

    fn credential(&self) -> &'static str {
        "an API key in the X-API-Key header"
    }

    /// Its own server tells a key that cannot be one of its keys from a wrong one.
    fn check_key(&self, key: &str, _credentials: &Credentials) -> Result<(), Problem> {
        match key.starts_with(KEY_PREFIX) {
            true => Ok(()),
            false => Err(Problem::CredentialForm { prefix: KEY_PREFIX }),
        }
    }

    /// `GET` of one webhook is not in the seed but in the provider's server and SDK.
    fn endpoints(&self) -> &'static [Endpoint] {
        const {
            &[
                Endpoint::new("GET", "", Verb::List),
                Endpoint::new("POST", "", Verb::Create),
                Endpoint::new("GET", "{id}", Verb::Show),
                Endpoint::new("PATCH", "{id}", Verb::Update),
                Endpoint::new("DELETE", "{id}", Verb::Remove),
                Endpoint::new("POST", "{id}/test", Verb::Test),
            ]
        }
    }

    fn write_id(&self, id: WebhookId) -> String {
        id.to_string()
    }

    fn read_id(&self, written: &str) -> Option<WebhookId> {
        written.parse().ok()
    }

    fn https_only(&self) -> bool {
        true
    }

    fn draft(&self, fields: &Fields) -> Result<Draft, Problem> {
        Ok(Draft {
            url: fields.required_text("url")?,
            events: fields.required_texts("events")?,
            description: None,
            secret: None,
            enabled: true,
        })
    }

    fn patch(&self, fields: &Fields) -> Result<Patch, Problem> {
        Ok(Patch {
            url: fields.text("url")?,
            events: fields.texts("events")?,
            description: None,
            enabled: fields.truth("active")?,
        })
    }

    fn success_body(&self, done: &Done<'_>) -> (u16, Option<Value>) {
        match done {
            Done::Listed(list) => {
                let items: Value = list.iter().map(|(webhook, _)| show(webhook)).collect();
                (200, Some(json!({"data": items})))
            }
            Done::Created(webhook) => (201, Some(show_with_secret(webhook))),
            Done::Shown(webhook, _) | Done::Updated(webhook, _) | Done::Rotated(webhook) => {
                (200, Some(show(webhook)))
            }
            Done::Tested(answer) => (200, Some(json!({"status": answer.status}))),
            Done::Removed | Done::Replayed | Done::Deliveries(_) => (204, None),
        }
    }

    fn error_body(&self, problem: &Problem, _request_id: &str) -> (u16, Value) {
        let status = problem.status();
        let message = message(problem);
        let mut error = json!({"code": code(status), "message": message});
        let reason = problem.to_string();
        if let Some(field) = problem.field() {
            error["details"] = json!({"field": field, "reason": reason});
        } else if reason != message {
            error["details"] = json!({"reason": reason});
        }
        (status, json!({"error": error}))
    }
}

fn code(status: u16) -> &'static str {
    match status {
        401 => "UNAUTHORIZED",
        403 => "INSUFFICIENT_SCOPE",
        404 => "NOT_FOUND",
        405 => "METHOD_NOT_ALLOWED",
        409 => "CONFLICT",
        413 => "PAYLOAD_TOO_LARGE",
        500.. => "INTERNAL_ERROR",
        _ => "VALIDATION_ERROR",
    }
}

/// The messages that the provider's own server has; `details` says more.
fn message(problem: &Problem) -> String {
    match (problem, problem.field()) {
        (Problem::NoCredential { .. }, _) => {
            "Missing X-API-Key header or session cookie".to_owned()
        }
        (Problem::CredentialForm { .. }, _) => "Invalid API key format".to_owned(),
        (Problem::UnknownEvent { name, .. }, _) => format!("Invalid event type: {name}"),
        (Problem::NoSuchWebhook { id }, _) => format!("Webhook with id '{id}' not found"),
        (_, Some("url")) => "Valid URL is required".to_owned(),
        (_, Some("events")) => "At least one event type is required".to_owned(),
        (other, _) => other.to_string(),
    }
}

/// Never the secret: the provider's own server shows it in lists, which is a leak not to copy.
fn show(webhook: &Webhook) -> Value {
    json!({
        "id": Wistfare.write_id(webhook.id),
        "url": webhook.url,
        "events": webhook.events,
        "active": webhook.state == WebhookState::Active,
        "createdAt": webhook.created_at.rfc3339(),
    })
}

fn show_with_secret(webhook: &Webhook) -> Value {
    json!({
        "id": Wistfare.write_id(webhook.id),
        "url": webhook.url,
        "events": webhook.events,
        "signingSecret": webhook.secret.as_ref().map(Secret::expose),
        "active": webhook.state == WebhookState::Active,
        "createdAt": webhook.created_at.rfc3339(),
    })
}
