//! `MailingAPI`'s webhook API (`seeds/mailingapi.txt`, `spec/providers.md` §1).

use serde::Serialize;
use waypost_compat::{Dialect, Secret};

use super::{Api, Done, Draft, Operation, Patch, Problem, RowFields, json, shorten};
use crate::http::BodyError;
use crate::model::{
    Timestamp, Webhook, WebhookId, WebhookState, WebhookStats, WebhookUrl, from_hex, hex,
};

/// The beginning of every webhook id.
const ID_PREFIX: &str = "wh_";

/// The lengths that a caller-supplied secret may have.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 16..=256;

/// `MailingAPI`'s API.
pub(in crate::http) struct MailingApi;

impl Api for MailingApi {
    fn dialect(&self) -> Dialect {
        Dialect::MailingApi
    }

    fn credential(&self) -> &'static str {
        "Authorization: Bearer and an API key"
    }

    fn operations(&self) -> &'static [(&'static str, Operation)] {
        &[
            ("GET /v1/webhooks", Operation::List),
            ("POST /v1/webhooks", Operation::Create),
            ("GET /v1/webhooks/{id}", Operation::Show),
            ("PATCH /v1/webhooks/{id}", Operation::Update),
            ("DELETE /v1/webhooks/{id}", Operation::Remove),
        ]
    }

    fn write_id(&self, id: WebhookId) -> String {
        format!("{ID_PREFIX}{}", hex(id.as_bytes()))
    }

    fn read_id(&self, written: &str) -> Option<WebhookId> {
        let bytes = from_hex(written.strip_prefix(ID_PREFIX)?)?;
        bytes.try_into().ok().map(WebhookId::from_bytes)
    }

    fn draft(&self, fields: &RowFields) -> Result<Draft, Problem> {
        Ok(Draft {
            url: fields.required_text("url")?,
            events: fields.required_texts("events")?,
            description: fields.text("description")?,
            secret: fields.text("secret")?.map(secret).transpose()?,
            enabled: true,
        })
    }

    fn patch(&self, fields: &RowFields) -> Result<Patch, Problem> {
        let enabled = match fields.text("status")?.as_deref() {
            None => None,
            Some("active") => Some(true),
            Some("paused") => Some(false),
            Some(found) => {
                let expected = "`active` or `paused`";
                let found = format!("{:?}", shorten(found));
                return Err(Problem::InvalidField { field: "status", expected, found });
            }
        };
        Ok(Patch {
            url: fields.text("url")?,
            events: fields.texts("events")?,
            description: fields.optional_text("description")?,
            enabled,
        })
    }

    fn revives(&self) -> bool {
        false
    }

    fn success_body(&self, done: &Done<'_>) -> (u16, Option<String>) {
        match done {
            Done::Listed(list) => {
                let data =
                    list.iter().map(|(webhook, stats)| ListedWebhook::of(webhook, stats)).collect();
                (200, Some(json(&List { data })))
            }
            Done::Created(webhook) => (201, Some(json(&CreatedWebhook::of(webhook)))),
            Done::Shown(webhook, stats) => (200, Some(json(&ShownWebhook::of(webhook, stats)))),
            Done::Updated(webhook, stats) => (200, Some(json(&UpdatedWebhook::of(webhook, stats)))),
            Done::Rotated(webhook) => (200, Some(json(&CreatedWebhook::of(webhook)))),
            Done::Tested(_) | Done::Deliveries(_) | Done::Replayed | Done::Removed => (204, None),
        }
    }

    /// A superset of the three envelopes its documentation shows (`spec/providers.md` §1.3); the
    /// four codes of the seed mean what they say there.
    fn error_body(&self, problem: &Problem, _request_id: &str) -> (u16, String) {
        let (status, code) = status_and_code(problem);
        let message = problem.to_string();
        let field = problem.field();
        let error = ErrorEnvelope {
            r#type: code,
            code,
            message: &message,
            field,
            details: field.map(|field| [ErrorDetail { field, message: &message }]),
        };
        (status, json(&ErrorBody { error }))
    }
}

/// 422 for what is well-formed but means nothing here, 400 for what is not well-formed.
fn status_and_code(problem: &Problem) -> (u16, &'static str) {
    match problem {
        Problem::InvalidUrl { .. } => (422, "invalid_url"),
        Problem::UnknownEvent { .. } | Problem::NoEvents { .. } => (422, "invalid_events"),
        Problem::NoSuchWebhook { .. } => (404, "webhook_not_found"),
        Problem::Disabled => (409, "webhook_disabled"),
        Problem::NoCredential { .. }
        | Problem::CredentialForm { .. }
        | Problem::WrongCredential => (401, "unauthorized"),
        Problem::NoOrganization | Problem::WrongOrganization | Problem::Forbidden => {
            (403, "forbidden")
        }
        Problem::NoSuchRoute { .. } | Problem::NoSuchDelivery { .. } => (404, "not_found"),
        Problem::MethodNotAllowed { .. } => (405, "method_not_allowed"),
        Problem::Body(BodyError::TooLarge { .. }) => (413, "payload_too_large"),
        Problem::Body(error) => (error.status(), "validation_error"),
        Problem::TooMany { .. } => (409, "limit_reached"),
        Problem::NoTester => (501, "not_implemented"),
        Problem::Unavailable => (503, "service_unavailable"),
        Problem::ContentType { .. }
        | Problem::MalformedBody { .. }
        | Problem::MissingField { .. }
        | Problem::InvalidField { .. } => (400, "validation_error"),
    }
}

fn secret(written: String) -> Result<Secret, Problem> {
    let printable = written.bytes().all(|byte| byte.is_ascii_graphic());
    if printable && SECRET_BYTES.contains(&written.len()) {
        return Ok(Secret::new(written));
    }
    Err(Problem::InvalidField {
        field: "secret",
        expected: "16 to 256 printable ASCII characters without spaces",
        found: format!("{} bytes", written.len()),
    })
}

fn status(webhook: &Webhook, stats: &WebhookStats) -> &'static str {
    match webhook.state {
        WebhookState::Active if stats.is_failing() => "failing",
        WebhookState::Active => "active",
        WebhookState::Paused => "paused",
        WebhookState::Disabled => "disabled",
    }
}

#[derive(Serialize)]
struct List<'a> {
    data: Vec<ListedWebhook<'a>>,
}

#[derive(Serialize)]
struct ListedWebhook<'a> {
    id: String,
    url: &'a WebhookUrl,
    events: &'a [String],
    status: &'static str,
    created_at: String,
}

impl<'a> ListedWebhook<'a> {
    fn of(webhook: &'a Webhook, stats: &WebhookStats) -> Self {
        Self {
            id: MailingApi.write_id(webhook.id),
            url: &webhook.url,
            events: &webhook.events,
            status: status(webhook, stats),
            created_at: webhook.created_at.rfc3339(),
        }
    }
}

#[derive(Serialize)]
struct CreatedWebhook<'a> {
    id: String,
    url: &'a WebhookUrl,
    events: &'a [String],
    description: Option<&'a str>,
    secret: Option<&'a str>,
    status: &'static str,
    created_at: String,
}

impl<'a> CreatedWebhook<'a> {
    fn of(webhook: &'a Webhook) -> Self {
        Self {
            id: MailingApi.write_id(webhook.id),
            url: &webhook.url,
            events: &webhook.events,
            description: webhook.description.as_deref(),
            secret: webhook.secret.as_ref().map(Secret::expose),
            status: status(webhook, &WebhookStats::default()),
            created_at: webhook.created_at.rfc3339(),
        }
    }
}

#[derive(Serialize)]
struct UpdatedWebhook<'a> {
    id: String,
    url: &'a WebhookUrl,
    events: &'a [String],
    status: &'static str,
    updated_at: String,
}

impl<'a> UpdatedWebhook<'a> {
    fn of(webhook: &'a Webhook, stats: &WebhookStats) -> Self {
        Self {
            id: MailingApi.write_id(webhook.id),
            url: &webhook.url,
            events: &webhook.events,
            status: status(webhook, stats),
            updated_at: webhook.updated_at.rfc3339(),
        }
    }
}

#[derive(Serialize)]
struct ShownWebhook<'a> {
    id: String,
    url: &'a WebhookUrl,
    events: &'a [String],
    description: Option<&'a str>,
    status: &'static str,
    created_at: String,
    stats: ShownStats,
}

#[derive(Serialize)]
struct ShownStats {
    total_sent: u64,
    successful: u64,
    failed: u64,
    last_success: Option<String>,
    last_failure: Option<String>,
}

impl<'a> ShownWebhook<'a> {
    fn of(webhook: &'a Webhook, stats: &WebhookStats) -> Self {
        Self {
            id: MailingApi.write_id(webhook.id),
            url: &webhook.url,
            events: &webhook.events,
            description: webhook.description.as_deref(),
            status: status(webhook, stats),
            created_at: webhook.created_at.rfc3339(),
            stats: ShownStats {
                total_sent: stats.successful + stats.failed,
                successful: stats.successful,
                failed: stats.failed,
                last_success: stats.last_success.map(Timestamp::rfc3339),
                last_failure: stats.last_failure.map(Timestamp::rfc3339),
            },
        }
    }
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    error: ErrorEnvelope<'a>,
}

#[derive(Serialize)]
struct ErrorEnvelope<'a> {
    r#type: &'static str,
    code: &'static str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<[ErrorDetail<'a>; 1]>,
}

#[derive(Serialize)]
struct ErrorDetail<'a> {
    field: &'static str,
    message: &'a str,
}
