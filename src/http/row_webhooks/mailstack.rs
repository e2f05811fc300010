//! `MailStack`'s webhook API (`seeds/mailstack.txt`, `spec/providers.md` §1).

use serde::Serialize;
use waypost_compat::{Dialect, Secret};

use super::{Api, Done, Draft, LogLine, Operation, Patch, Problem, RowFields, json, reason};
use crate::model::{Outcome, Webhook, WebhookId, WebhookState, WebhookUrl};

/// `MailStack`'s API.
pub(in crate::http) struct MailStack;

impl Api for MailStack {
    fn dialect(&self) -> Dialect {
        Dialect::MailStack
    }

    fn credential(&self) -> &'static str {
        "Authorization: Bearer and a token"
    }

    fn operations(&self) -> &'static [(&'static str, Operation)] {
        &[
            ("GET /v1/webhooks", Operation::List),
            ("POST /v1/webhooks", Operation::Create),
            ("GET /v1/webhooks/{id}", Operation::Show),
            ("PUT /v1/webhooks/{id}", Operation::Update),
            ("DELETE /v1/webhooks/{id}", Operation::Remove),
            ("POST /v1/webhooks/{id}/rotate-secret", Operation::RotateSecret),
            ("GET /v1/webhooks/{id}/deliveries", Operation::Deliveries),
            ("POST /v1/webhooks/deliveries/{id}/replay", Operation::Replay),
        ]
    }

    fn write_id(&self, id: WebhookId) -> String {
        id.uuid()
    }

    fn read_id(&self, written: &str) -> Option<WebhookId> {
        WebhookId::from_uuid(written)
    }

    fn events_field(&self) -> &'static str {
        "eventTypes"
    }

    fn has_wildcard(&self) -> bool {
        true
    }

    fn draft(&self, fields: &RowFields) -> Result<Draft, Problem> {
        Ok(Draft {
            url: fields.required_text("url")?,
            events: names(&fields.required_text("eventTypes")?),
            description: None,
            secret: None,
            enabled: fields.truth("enabled")?.unwrap_or(true),
        })
    }

    /// A full replacement, except that a missing `enabled` stays (`spec/providers.md` §7, 12).
    fn patch(&self, fields: &RowFields) -> Result<Patch, Problem> {
        Ok(Patch {
            url: Some(fields.required_text("url")?),
            events: Some(names(&fields.required_text("eventTypes")?)),
            description: None,
            enabled: fields.truth("enabled")?,
        })
    }

    fn success_body(&self, done: &Done<'_>) -> (u16, Option<String>) {
        let body = match done {
            Done::Listed(list) => {
                let all: Vec<_> =
                    list.iter().map(|(webhook, _)| ShownWebhook::of(webhook)).collect();
                json(&all)
            }
            Done::Shown(webhook, _) | Done::Updated(webhook, _) => json(&ShownWebhook::of(webhook)),
            Done::Created(webhook) | Done::Rotated(webhook) => json(&WithSecret {
                webhook: ShownWebhook::of(webhook),
                signing_secret: webhook.secret.as_ref().map(Secret::expose),
            }),
            Done::Deliveries(log) => json(&log.iter().map(LoggedAttempt::of).collect::<Vec<_>>()),
            Done::Removed | Done::Replayed | Done::Tested(_) => json(&Succeeded { status: "ok" }),
        };
        (200, Some(body))
    }

    /// Problem details, and the string `error` that its batch results carry: its documentation
    /// names no error shape (`spec/providers.md` §1.3).
    fn error_body(&self, problem: &Problem, request_id: &str) -> (u16, String) {
        let status = problem.status();
        let detail = problem.to_string();
        let body = ErrorBody {
            r#type: "about:blank",
            title: reason(status),
            status,
            detail: &detail,
            error: &detail,
            trace_id: request_id,
        };
        (status, json(&body))
    }

    fn refusal_type(&self) -> &'static str {
        "application/problem+json; charset=utf-8"
    }
}

/// `eventTypes` is one text: names with commas between, or `*`.
fn names(written: &str) -> Vec<String> {
    written.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ShownWebhook<'a> {
    id: String,
    url: &'a WebhookUrl,
    event_types: String,
    enabled: bool,
    secret_hint: Option<String>,
    created_at: String,
}

impl<'a> ShownWebhook<'a> {
    fn of(webhook: &'a Webhook) -> Self {
        Self {
            id: MailStack.write_id(webhook.id),
            url: &webhook.url,
            event_types: webhook.events.join(","),
            enabled: webhook.state == WebhookState::Active,
            secret_hint: webhook.secret.as_ref().map(|secret| format!("••••{}", secret.hint())),
            created_at: webhook.created_at.rfc3339(),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WithSecret<'a> {
    webhook: ShownWebhook<'a>,
    signing_secret: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LoggedAttempt {
    id: String,
    webhook_id: String,
    message_event_id: String,
    /// 0 where there was no answer.
    status_code: u16,
    attempt: u32,
    succeeded: bool,
    attempted_at: String,
}

impl LoggedAttempt {
    fn of(line: &LogLine) -> Self {
        let status = match line.attempt.outcome {
            Outcome::Answered { status, .. } => status,
            Outcome::Failed(_) => 0,
        };
        Self {
            id: line.id.uuid(),
            webhook_id: MailStack.write_id(line.webhook),
            message_event_id: line.event.uuid(),
            status_code: status,
            attempt: line.number,
            succeeded: (200..300).contains(&status),
            attempted_at: line.attempt.at.rfc3339(),
        }
    }
}

#[derive(Serialize)]
struct Succeeded {
    status: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ErrorBody<'a> {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    detail: &'a str,
    error: &'a str,
    trace_id: &'a str,
}
