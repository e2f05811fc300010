//! The four APIs whose webhooks have an id: their paths, bodies and answers
//! (`spec/providers.md` §1).

use std::collections::BTreeMap;

use http::Method;
use serde_json::{Map, Value, json};
use waypost_compat::{Dialect, Secret};

use super::{Created, Server};
use crate::client::api::path;
use crate::migrate::error::Error;
use crate::migrate::plan::{NewRow, RowFields};
use crate::migrate::progress::Progress;
use crate::migrate::{Row, RowState};

/// The path of a dialect's webhooks.
pub(super) const fn collection(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Wistfare => "/api/v1/webhooks",
        Dialect::Mailgun | Dialect::Posthawk | Dialect::MailStack | Dialect::MailingApi => {
            "/v1/webhooks"
        }
    }
}

/// The path of one of them.
pub(super) fn item(dialect: Dialect, id: &str) -> String {
    format!("{}{}", collection(dialect), path(&[id]))
}

/// All webhooks that the key opens. `MailingAPI`'s list leaves out labels and counters, and
/// `MailStack` keeps a log in the place of counters: both are asked for one by one. Beside them
/// what is shown of their secrets' ends, by id.
pub(super) async fn read(
    server: &Server,
    dialect: Dialect,
    progress: &mut dyn Progress,
) -> Result<(Vec<Row>, BTreeMap<String, String>), Error> {
    let answer = server.get(collection(dialect), progress).await?;
    let items = answer.as_array().or_else(|| answer.get("data")?.as_array());
    let items = items.ok_or_else(|| server.unexpected("a list of webhooks"))?;
    let (mut rows, mut hints) = (Vec::new(), BTreeMap::new());
    for item in items {
        let mut row = row(dialect, item)
            .ok_or_else(|| server.unexpected("an id, a URL and events of each webhook"))?;
        match dialect {
            Dialect::MailingApi => {
                let whole = server.get(&self::item(dialect, &row.id), progress).await?;
                row.description = text(&whole, "description").or(row.description);
                let sent = whole.pointer("/stats/total_sent").and_then(Value::as_u64);
                row.has_history = sent.unwrap_or(0) > 0;
            }
            Dialect::MailStack => {
                let log = format!("{}/deliveries?limit=1", self::item(dialect, &row.id));
                let log = server.get(&log, progress).await?;
                row.has_history = log.as_array().is_some_and(|lines| !lines.is_empty());
                hints.extend(text(item, "secretHint").map(|hint| (row.id.clone(), hint)));
            }
            Dialect::Mailgun | Dialect::Posthawk | Dialect::Wistfare => {}
        }
        rows.push((text(item, "created_at").or_else(|| text(item, "createdAt")), row));
    }
    // Oldest first, where an API tells: what came first is kept where not everything has room.
    rows.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok((rows.into_iter().map(|(_, row)| row).collect(), hints))
}

fn row(dialect: Dialect, item: &Value) -> Option<Row> {
    let enabled = match dialect {
        Dialect::Posthawk | Dialect::MailStack => item.get("enabled")?.as_bool()?,
        Dialect::Wistfare => item.get("active")?.as_bool()?,
        Dialect::MailingApi | Dialect::Mailgun => true,
    };
    let state = match item.get("status").and_then(Value::as_str) {
        Some("disabled") if dialect == Dialect::MailingApi => RowState::Disabled,
        Some("paused") if dialect == Dialect::MailingApi => RowState::Paused,
        _ if enabled => RowState::Active,
        _ => RowState::Paused,
    };
    Some(Row {
        id: text(item, "id")?,
        url: text(item, "url")?,
        events: events(dialect, item)?,
        state,
        description: text(item, "description"),
        has_history: false,
        // Posthawk's list shows it; Wistfare's does by mistake, and that is no promise.
        secret: text(item, "secret").filter(|_| dialect == Dialect::Posthawk).map(Secret::new),
    })
}

fn events(dialect: Dialect, item: &Value) -> Option<Vec<String>> {
    if dialect == Dialect::MailStack {
        let names = item.get("eventTypes")?.as_str()?.split(',').map(str::trim);
        return Some(names.filter(|name| !name.is_empty()).map(str::to_owned).collect());
    }
    let names = item.get("events")?.as_array()?.iter();
    names.map(|name| name.as_str().map(str::to_owned)).collect()
}

fn text(item: &Value, field: &str) -> Option<String> {
    item.get(field)?.as_str().map(str::to_owned)
}

/// The body that makes a webhook. Only `MailStack` can make one that is switched off, and only
/// `MailingAPI` takes a secret (`spec/providers.md` §5.1).
pub(super) fn new_body(dialect: Dialect, row: &NewRow, secret: Option<&Secret>) -> Value {
    let mut body = Map::new();
    body.insert("url".to_owned(), json!(row.url));
    put_events(dialect, &row.events, &mut body);
    match dialect {
        Dialect::MailStack => {
            body.insert("enabled".to_owned(), json!(row.enabled));
        }
        Dialect::Posthawk | Dialect::MailingApi => {
            if let Some(label) = &row.description {
                body.insert("description".to_owned(), json!(label));
            }
        }
        Dialect::Mailgun | Dialect::Wistfare => {}
    }
    if let Some(secret) = secret.filter(|_| dialect == Dialect::MailingApi) {
        body.insert("secret".to_owned(), json!(secret.expose()));
    }
    Value::Object(body)
}

/// Reads what was made from the answer.
pub(super) fn created(dialect: Dialect, answer: &Value) -> Option<Created> {
    let (made, secret) = match dialect {
        Dialect::MailStack => (answer.get("webhook")?, text(answer, "signingSecret")),
        Dialect::Wistfare => (answer, text(answer, "signingSecret")),
        Dialect::Mailgun | Dialect::Posthawk | Dialect::MailingApi => {
            (answer, text(answer, "secret"))
        }
    };
    Some(Created { id: text(made, "id")?, secret })
}

/// The call that changes a webhook: all that is other than it was at once, so that there is no
/// moment between two halves; and nothing else, since a state that is written may be a state that
/// is reset. `MailStack` replaces the whole.
pub(super) fn change(dialect: Dialect, was: &RowFields, becomes: &RowFields) -> (Method, Value) {
    let whole = dialect == Dialect::MailStack;
    let mut body = Map::new();
    if whole || was.url != becomes.url {
        body.insert("url".to_owned(), json!(becomes.url));
    }
    if whole || was.events != becomes.events {
        put_events(dialect, &becomes.events, &mut body);
    }
    if whole || was.enabled != becomes.enabled {
        let (field, value) = match dialect {
            Dialect::Posthawk | Dialect::MailStack | Dialect::Mailgun => {
                ("enabled", json!(becomes.enabled))
            }
            Dialect::Wistfare => ("active", json!(becomes.enabled)),
            Dialect::MailingApi => {
                ("status", json!(if becomes.enabled { "active" } else { "paused" }))
            }
        };
        body.insert(field.to_owned(), value);
    }
    let method = if whole { Method::PUT } else { Method::PATCH };
    (method, Value::Object(body))
}

fn put_events(dialect: Dialect, names: &[String], body: &mut Map<String, Value>) {
    if dialect == Dialect::MailStack {
        body.insert("eventTypes".to_owned(), json!(names.join(",")));
    } else {
        body.insert("events".to_owned(), json!(names));
    }
}
