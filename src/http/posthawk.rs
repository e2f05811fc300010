//! Posthawk's webhook API (`seeds/posthawk.txt`, `spec/providers.md` §1).

use serde_json::{Value, json};
use warp::http::Method;
use warp::reply::Response;
use waypost_compat::{Dialect, Secret};

use super::registry::{self, Api, Done, Draft, Fields, Operation, Patch, Problem};
use crate::model::{Webhook, WebhookId, WebhookState};

/// Posthawk's API.
pub(super) struct Posthawk;

impl Api for Posthawk {
    fn dialect(&self) -> Dialect {
        Dialect::Posthawk
    }

    fn credential(&self) -> &'static str {
        "an API key in the X-API-Key header"
    }

    /// There is no `GET` of one webhook: the seed has none.
    fn operation(&self, method: &Method, below: &[&str]) -> Result<Operation, Problem> {
        match (method.as_str(), below) {
            ("GET", []) => Ok(Operation::List),
            ("POST", []) => Ok(Operation::Create),
            ("PATCH", [id]) => Ok(Operation::Update(parse_id(id)?)),
            ("DELETE", [id]) => Ok(Operation::Remove(parse_id(id)?)),
            ("POST", [id, "test"]) => Ok(Operation::Test(parse_id(id)?)),
            _ => Err(registry::no_route(method, below)),
        }
    }

    fn draft(&self, fields: &Fields) -> Result<Draft, Problem> {
        Ok(Draft {
            url: fields.required_text("url")?,
            events: fields.required_texts("events")?,
            description: fields.text("description")?,
            secret: None,
            enabled: true,
        })
    }

    fn patch(&self, fields: &Fields) -> Result<Patch, Problem> {
        Ok(Patch {
            url: fields.text("url")?,
            events: fields.texts("events")?,
            description: fields.optional_text("description")?,
            enabled: fields.truth("enabled")?,
        })
    }

    fn tell(&self, done: &Done<'_>) -> (u16, Option<Value>) {
        match done {
            Done::Listed(list) => {
                let items = list.iter().map(|(webhook, _)| show(webhook)).collect();
                (200, Some(Value::Array(items)))
            }
            Done::Created(webhook) => (201, Some(show(webhook))),
            Done::Shown(webhook, _) | Done::Updated(webhook, _) | Done::Rotated(webhook) => {
                (200, Some(show(webhook)))
            }
            Done::Tested(answer) => {
                let success = (200..300).contains(&answer.status);
                let body =
                    json!({"success": success, "status": answer.status, "body": answer.body});
                (200, Some(body))
            }
            Done::Removed | Done::Replayed | Done::Deliveries(_) => {
                (200, Some(json!({"success": true})))
            }
        }
    }

    /// A superset of the two shapes its documentation has had (`spec/providers.md` §1.3).
    fn refuse(&self, problem: &Problem) -> Response {
        let status = problem.status();
        let name = match status {
            401 => "authentication_error",
            403 => "permission_error",
            404 | 405 => "not_found_error",
            503 => "service_unavailable_error",
            _ => "validation_error",
        };
        let mut body = json!({
            "statusCode": status,
            "error": registry::reason(status),
            "name": name,
            "message": problem.to_string(),
        });
        if let Some(field) = problem.field() {
            body["param"] = field.into();
            body["details"] = json!([{"field": field, "message": problem.to_string()}]);
        }
        registry::refusal(problem, &body, "application/json; charset=utf-8")
    }
}

fn parse_id(written: &str) -> Result<WebhookId, Problem> {
    WebhookId::from_uuid(written).ok_or_else(|| registry::no_webhook(written))
}

/// The whole resource, secret included, every time: Posthawk's list and update show it too.
fn show(webhook: &Webhook) -> Value {
    json!({
        "id": webhook.id.uuid(),
        "url": webhook.url,
        "secret": webhook.secret.as_ref().map(Secret::expose),
        "events": webhook.events,
        "enabled": webhook.state == WebhookState::Active,
        "description": webhook.description,
        "created_at": webhook.created_at.rfc3339(),
        "updated_at": webhook.updated_at.rfc3339(),
    })
}
