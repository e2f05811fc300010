//! Wistfare Mail's webhook API (`seeds/wistfare.txt`, `spec/providers.md` §1).

use serde_json::{Value, json};
use warp::http::Method;
use warp::reply::Response;
use waypost_compat::{Dialect, Secret};

use super::registry::{self, Api, Done, Draft, Fields, Operation, Patch, Problem};
use crate::model::{Webhook, WebhookId, WebhookState};

/// What every key begins with.
const KEY_PREFIX: &str = "wm_";

/// Wistfare's API.
pub(super) struct Wistfare;

impl Api for Wistfare {
    fn dialect(&self) -> Dialect {
        Dialect::Wistfare
    }

    fn credential(&self) -> &'static str {
        "an API key in the X-API-Key header"
    }

    fn key_prefix(&self) -> &'static str {
        KEY_PREFIX
    }

    /// `GET` of one webhook is not in the seed but in the provider's server and SDK.
    fn operation(&self, method: &Method, below: &[&str]) -> Result<Operation, Problem> {
        match (method.as_str(), below) {
            ("GET", []) => Ok(Operation::List),
            ("POST", []) => Ok(Operation::Create),
            ("GET", [id]) => Ok(Operation::Show(parse_id(id)?)),
            ("PATCH", [id]) => Ok(Operation::Update(parse_id(id)?)),
            ("DELETE", [id]) => Ok(Operation::Remove(parse_id(id)?)),
            ("POST", [id, "test"]) => Ok(Operation::Test(parse_id(id)?)),
            _ => Err(registry::no_route(method, below)),
        }
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

    fn tell(&self, done: &Done<'_>) -> (u16, Option<Value>) {
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

    fn refuse(&self, problem: &Problem) -> Response {
        let mut error = json!({"code": code(problem), "message": problem.to_string()});
        if let Some(field) = problem.field() {
            error["details"] = json!({"field": field});
        }
        registry::refusal(problem, &json!({"error": error}), "application/json; charset=utf-8")
    }
}

fn code(problem: &Problem) -> &'static str {
    match problem.status() {
        401 => "UNAUTHORIZED",
        403 => "INSUFFICIENT_SCOPE",
        404 => "NOT_FOUND",
        405 => "METHOD_NOT_ALLOWED",
        409 => "CONFLICT",
        413 => "PAYLOAD_TOO_LARGE",
        503 => "INTERNAL_ERROR",
        _ => "VALIDATION_ERROR",
    }
}

fn parse_id(written: &str) -> Result<WebhookId, Problem> {
    written.parse().map_err(|_| registry::no_webhook(written))
}

/// Never the secret: the provider's own server shows it in lists, which is a leak not to copy.
fn show(webhook: &Webhook) -> Value {
    json!({
        "id": webhook.id,
        "url": webhook.url,
        "events": webhook.events,
        "active": webhook.state == WebhookState::Active,
        "createdAt": webhook.created_at.rfc3339(),
    })
}

fn show_with_secret(webhook: &Webhook) -> Value {
    json!({
        "id": webhook.id,
        "url": webhook.url,
        "events": webhook.events,
        "signingSecret": webhook.secret.as_ref().map(Secret::expose),
        "active": webhook.state == WebhookState::Active,
        "createdAt": webhook.created_at.rfc3339(),
    })
}
