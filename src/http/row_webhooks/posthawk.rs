//! Posthawk's webhook API (`seeds/posthawk.txt`, `spec/providers.md` §1).

use serde::Serialize;
use waypost_compat::{Dialect, Secret};

use super::{Api, Done, Draft, Operation, Patch, Problem, RowFields, json, reason};
use crate::model::{Webhook, WebhookId, WebhookState, WebhookUrl};

/// Posthawk's API.
pub(in crate::http) struct Posthawk;

impl Api for Posthawk {
    fn dialect(&self) -> Dialect {
        Dialect::Posthawk
    }

    fn credential(&self) -> &'static str {
        "an API key in the X-API-Key header"
    }

    /// No `GET` of one webhook: the seed has none.
    fn operations(&self) -> &'static [(&'static str, Operation)] {
        &[
            ("GET /v1/webhooks", Operation::List),
            ("POST /v1/webhooks", Operation::Create),
            ("PATCH /v1/webhooks/{id}", Operation::Update),
            ("DELETE /v1/webhooks/{id}", Operation::Remove),
            ("POST /v1/webhooks/{id}/test", Operation::Test),
        ]
    }

    fn write_id(&self, id: WebhookId) -> String {
        id.uuid()
    }

    fn read_id(&self, written: &str) -> Option<WebhookId> {
        WebhookId::from_uuid(written)
    }

    fn draft(&self, fields: &RowFields) -> Result<Draft, Problem> {
        Ok(Draft {
            url: fields.required_text("url")?,
            events: fields.required_texts("events")?,
            description: fields.text("description")?,
            secret: None,
            enabled: true,
        })
    }

    fn patch(&self, fields: &RowFields) -> Result<Patch, Problem> {
        Ok(Patch {
            url: fields.text("url")?,
            events: fields.texts("events")?,
            description: fields.optional_text("description")?,
            enabled: fields.truth("enabled")?,
        })
    }

    fn success_body(&self, done: &Done<'_>) -> (u16, Option<String>) {
        match done {
            Done::Listed(list) => {
                let all: Vec<_> =
                    list.iter().map(|(webhook, _)| ShownWebhook::of(webhook)).collect();
                (200, Some(json(&all)))
            }
            Done::Created(webhook) => (201, Some(json(&ShownWebhook::of(webhook)))),
            Done::Shown(webhook, _) | Done::Updated(webhook, _) | Done::Rotated(webhook) => {
                (200, Some(json(&ShownWebhook::of(webhook))))
            }
            Done::Tested(answer) => {
                let success = (200..300).contains(&answer.status);
                let tested = Tested { success, status: answer.status, body: &answer.body };
                (200, Some(json(&tested)))
            }
            Done::Removed | Done::Replayed | Done::Deliveries(_) => {
                (200, Some(json(&Succeeded { success: true })))
            }
        }
    }

    /// A superset of the two shapes its documentation has had (`spec/providers.md` §1.3).
    fn error_body(&self, problem: &Problem, request_id: &str) -> (u16, String) {
        let (status, name) = status_and_code(problem);
        let message = problem.to_string();
        let forbidden = *problem == Problem::Forbidden;
        let body = ErrorBody {
            status_code: status,
            error: if forbidden { "insufficient_scope" } else { reason(status) },
            name,
            message: &message,
            request_id,
            param: problem.field(),
            details: problem.field().map(|field| [ErrorDetail { field, message: &message }]),
            required_scopes: forbidden.then_some(["full_access"]),
        };
        (status, json(&body))
    }
}

/// A method that a path does not have is not found, as a path that is not there: the seed's
/// missing `GET` of one webhook among them (`spec/providers.md` §7, 10).
fn status_and_code(problem: &Problem) -> (u16, &'static str) {
    match problem.status() {
        401 => (401, "authentication_error"),
        403 => (403, "permission_error"),
        404 | 405 => (404, "not_found_error"),
        status @ 500.. => (status, "internal_server_error"),
        status => (status, "validation_error"),
    }
}

/// The whole resource, secret included, every time: Posthawk's list and update show it too.
#[derive(Serialize)]
struct ShownWebhook<'a> {
    id: String,
    url: &'a WebhookUrl,
    secret: Option<&'a str>,
    events: &'a [String],
    enabled: bool,
    description: Option<&'a str>,
    created_at: String,
    updated_at: String,
}

impl<'a> ShownWebhook<'a> {
    fn of(webhook: &'a Webhook) -> Self {
        Self {
            id: Posthawk.write_id(webhook.id),
            url: &webhook.url,
            secret: webhook.secret.as_ref().map(Secret::expose),
            events: &webhook.events,
            enabled: webhook.state == WebhookState::Active,
            description: webhook.description.as_deref(),
            created_at: webhook.created_at.rfc3339(),
            updated_at: webhook.updated_at.rfc3339(),
        }
    }
}

/// A receiver's answer to a test event.
#[derive(Serialize)]
struct Tested<'a> {
    success: bool,
    status: u16,
    body: &'a str,
}

#[derive(Serialize)]
struct Succeeded {
    success: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ErrorBody<'a> {
    status_code: u16,
    error: &'static str,
    name: &'static str,
    message: &'a str,
    request_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    param: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<[ErrorDetail<'a>; 1]>,
    #[serde(rename = "required_scopes", skip_serializing_if = "Option::is_none")]
    required_scopes: Option<[&'static str; 1]>,
}

#[derive(Serialize)]
struct ErrorDetail<'a> {
    field: &'static str,
    message: &'a str,
}
