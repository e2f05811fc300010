//! Wistfare Mail's webhook API (`seeds/wistfare.txt`, `spec/providers.md` §1).

use serde::Serialize;
use waypost_compat::{Dialect, Secret};

use super::{Api, Done, Draft, Operation, Patch, Problem, RowFields, json};
use crate::model::{Webhook, WebhookId, WebhookState, WebhookUrl};

/// Wistfare's API.
pub(in crate::http) struct Wistfare;

impl Api for Wistfare {
    fn dialect(&self) -> Dialect {
        Dialect::Wistfare
    }

    fn credential(&self) -> &'static str {
        "an API key in the X-API-Key header"
    }

    /// `GET` of one webhook is not in the seed but in the provider's server and SDK.
    fn operations(&self) -> &'static [(&'static str, Operation)] {
        &[
            ("GET /api/v1/webhooks", Operation::List),
            ("POST /api/v1/webhooks", Operation::Create),
            ("GET /api/v1/webhooks/{id}", Operation::Show),
            ("PATCH /api/v1/webhooks/{id}", Operation::Update),
            ("DELETE /api/v1/webhooks/{id}", Operation::Remove),
            ("POST /api/v1/webhooks/{id}/test", Operation::Test),
            // Below the shared path too, where the host is Wistfare's or no credential says otherwise.
            ("GET /v1/webhooks", Operation::List),
            ("POST /v1/webhooks", Operation::Create),
            ("GET /v1/webhooks/{id}", Operation::Show),
            ("PATCH /v1/webhooks/{id}", Operation::Update),
            ("DELETE /v1/webhooks/{id}", Operation::Remove),
            ("POST /v1/webhooks/{id}/test", Operation::Test),
        ]
    }

    fn write_id(&self, id: WebhookId) -> String {
        id.to_string()
    }

    fn read_id(&self, written: &str) -> Option<WebhookId> {
        written.parse().ok()
    }

    fn draft(&self, fields: &RowFields) -> Result<Draft, Problem> {
        Ok(Draft {
            url: fields.required_text("url")?,
            events: fields.required_texts("events")?,
            description: None,
            secret: None,
            enabled: true,
        })
    }

    fn patch(&self, fields: &RowFields) -> Result<Patch, Problem> {
        Ok(Patch {
            url: fields.text("url")?,
            events: fields.texts("events")?,
            description: None,
            enabled: fields.truth("active")?,
        })
    }

    fn success_body(&self, done: &Done<'_>) -> (u16, Option<String>) {
        match done {
            Done::Listed(list) => {
                let data = list.iter().map(|(webhook, _)| ShownWebhook::of(webhook)).collect();
                (200, Some(json(&List { data })))
            }
            Done::Created(webhook) => (201, Some(json(&ShownWebhook::with_secret(webhook)))),
            Done::Shown(webhook, _) | Done::Updated(webhook, _) | Done::Rotated(webhook) => {
                (200, Some(json(&ShownWebhook::of(webhook))))
            }
            Done::Tested(answer) => (200, Some(json(&Tested { status: answer.status }))),
            Done::Removed | Done::Replayed | Done::Deliveries(_) => (204, None),
        }
    }

    fn error_body(&self, problem: &Problem, _request_id: &str) -> (u16, String) {
        let status = problem.status();
        let message = message(problem);
        let reason = problem.to_string();
        let field = problem.field();
        let said = field.is_none() && reason == message;
        let details = (!said).then_some(ErrorDetails { field, reason });
        let error = ErrorEnvelope { code: code(status), message, details };
        (status, json(&ErrorBody { error }))
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

#[derive(Serialize)]
struct List<'a> {
    data: Vec<ShownWebhook<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ShownWebhook<'a> {
    id: String,
    url: &'a WebhookUrl,
    events: &'a [String],
    /// Absent but in the answer to its making: the provider's own server shows it in lists, which
    /// is a leak not to copy.
    #[serde(skip_serializing_if = "Option::is_none")]
    signing_secret: Option<Option<&'a str>>,
    active: bool,
    created_at: String,
}

impl<'a> ShownWebhook<'a> {
    fn of(webhook: &'a Webhook) -> Self {
        Self {
            id: Wistfare.write_id(webhook.id),
            url: &webhook.url,
            events: &webhook.events,
            signing_secret: None,
            active: webhook.state == WebhookState::Active,
            created_at: webhook.created_at.rfc3339(),
        }
    }

    fn with_secret(webhook: &'a Webhook) -> Self {
        let secret = webhook.secret.as_ref().map(Secret::expose);
        Self { signing_secret: Some(secret), ..Self::of(webhook) }
    }
}

#[derive(Serialize)]
struct Tested {
    status: u16,
}

#[derive(Serialize)]
struct ErrorBody {
    error: ErrorEnvelope,
}

#[derive(Serialize)]
struct ErrorEnvelope {
    code: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<ErrorDetails>,
}

#[derive(Serialize)]
struct ErrorDetails {
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'static str>,
    reason: String,
}
