//! Posthawk's webhook API (`seeds/posthawk.txt`, `spec/providers.md` §1).

use serde_json::{Value, json};
use waypost_compat::{Dialect, Secret};

use super::{Api, Done, Draft, Endpoint, Fields, Patch, Problem, Verb, reason};
use crate::model::{Webhook, WebhookId, WebhookState};

/// Posthawk's API.
pub(in crate::http) struct Posthawk;

impl Api for Posthawk {
    fn dialect(&self) -> Dialect {
        Dialect::Posthawk
    }

    fn credential(&self) -> &'static str {
        "an API key in the X-API-Key header"
    }

    /// There is no `GET` of one webhook: the seed has none.
    fn endpoints(&self) -> &'static [Endpoint] {
        const {
            &[
                Endpoint::new("GET", "", Verb::List),
                Endpoint::new("POST", "", Verb::Create),
                Endpoint::new("PATCH", "{id}", Verb::Update),
                Endpoint::new("DELETE", "{id}", Verb::Remove),
                Endpoint::new("POST", "{id}/test", Verb::Test),
            ]
        }
    }

    fn write_id(&self, id: WebhookId) -> String {
        id.uuid()
    }

    fn read_id(&self, written: &str) -> Option<WebhookId> {
        WebhookId::from_uuid(written)
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

    fn success_body(&self, done: &Done<'_>) -> (u16, Option<Value>) {
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
    fn error_body(&self, problem: &Problem, request_id: &str) -> (u16, Value) {
        let (status, name) = verdict(problem);
        let mut body = json!({
            "statusCode": status,
            "error": reason(status),
            "name": name,
            "message": problem.to_string(),
            "requestId": request_id,
        });
        if let Some(field) = problem.field() {
            body["param"] = field.into();
            body["details"] = json!([{"field": field, "message": problem.to_string()}]);
        }
        if *problem == Problem::Forbidden {
            body["error"] = "insufficient_scope".into();
            body["required_scopes"] = json!(["full_access"]);
        }
        (status, body)
    }
}

/// A method that a path does not have is not found, as a path that is not there: the seed's
/// missing `GET` of one webhook among them (`spec/providers.md` §7, 10).
fn verdict(problem: &Problem) -> (u16, &'static str) {
    match problem.status() {
        401 => (401, "authentication_error"),
        403 => (403, "permission_error"),
        404 | 405 => (404, "not_found_error"),
        status @ 500.. => (status, "internal_server_error"),
        status => (status, "validation_error"),
    }
}

/// The whole resource, secret included, every time: Posthawk's list and update show it too.
fn show(webhook: &Webhook) -> Value {
    json!({
        "id": Posthawk.write_id(webhook.id),
        "url": webhook.url,
        "secret": webhook.secret.as_ref().map(Secret::expose),
        "events": webhook.events,
        "enabled": webhook.state == WebhookState::Active,
        "description": webhook.description,
        "created_at": webhook.created_at.rfc3339(),
        "updated_at": webhook.updated_at.rfc3339(),
    })
}
