//! From an event to the envelope and the SES record.

use serde_json::{Map, Value};

use super::names;
use super::shape::record_key;
use crate::event::Event;
use crate::json::{self, Object};
use crate::kind::Kind;
use crate::speaking::Target;
use crate::text;

pub(super) fn write(event: &Event, target: &Target<'_>) -> Map<String, Value> {
    let time = target.time(event).to_string();
    let mut record = Object::new();
    if let Some(kind) = target.kind {
        record.set_some("eventType", names::ses_event(kind));
    }
    record.put("mail", mail(event, target.kind, &time));
    if let Some(kind) = target.kind
        && let Some(key) = record_key(kind)
    {
        record.put(key, part(kind, event, &time));
    }
    let mut body = Object::new();
    body.set("event", target.name)
        .set("id", target.id(event))
        .set("timestamp", time)
        .set_some("message_id", event.message.id.as_deref())
        .put("event_data", record);
    body.into_map()
}

fn mail(event: &Event, kind: Option<Kind>, time: &str) -> Object {
    let message = &event.message;
    let list = |text: Option<&str>| text.map(|text| Value::from(vec![text]));
    let from = message.from.as_deref();
    let mut headers = Object::new();
    headers
        .set_some("from", list(from))
        .set_some("to", list(message.to.as_deref().or_else(|| event.address())))
        .set_some("subject", message.subject.as_deref());
    let mut mail = Object::new();
    if kind == Some(Kind::Accepted) {
        mail.set("timestamp", time);
    }
    mail.set_some("messageId", message.id.as_deref())
        .set_some("source", message.sender.as_deref().or_else(|| from.map(text::bare_address)))
        .set_some("destination", list(event.address()))
        .put("commonHeaders", headers)
        .set("tags", Value::Object(tags(event)));
    mail
}

fn tags(event: &Event) -> Map<String, Value> {
    let mut tags = Map::new();
    let taken = |key: &str| key == "tags" || key.starts_with("ses:");
    for (key, value) in event.user_variables.iter().filter(|(key, _)| !taken(key)) {
        let list = value.as_array().filter(|items| items.len() > 1);
        let texts = list.filter(|items| items.iter().all(Value::is_string)).cloned();
        let texts = texts.unwrap_or_else(|| vec![json::flat_text(value).into()]);
        tags.insert(key.clone(), texts.into());
    }
    if !event.tags.is_empty() {
        tags.insert("tags".to_owned(), event.tags.clone().into());
    }
    json::stable_map(&tags)
}

fn part(kind: Kind, event: &Event, time: &str) -> Object {
    let report = &event.report;
    let reply = report.reply();
    let mut part = Object::new();
    match kind {
        Kind::Delivered => {
            let recipients = event.address().map(|to| Value::from(vec![to]));
            part.set("timestamp", time)
                .set_some("recipients", recipients)
                .set_some("smtpResponse", reply);
        }
        Kind::Bounced => {
            let (class, subtype) = report.ses_types();
            part.set("bounceType", class)
                .set("bounceSubType", subtype)
                .set("bouncedRecipients", recipients(kind, event, reply))
                .set("timestamp", time);
        }
        Kind::Deferred => {
            part.set("delayType", "General")
                .set_some("delayType", report.subtype.as_deref())
                .set("delayedRecipients", recipients(kind, event, reply))
                .set("timestamp", time);
        }
        Kind::Complained => {
            let mut one = Object::new();
            one.set_some("emailAddress", event.address());
            part.set("complainedRecipients", vec![Value::Object(one.into_map())])
                .set("timestamp", time)
                .set_some("complaintFeedbackType", event.feedback_type.as_deref());
        }
        Kind::Rejected => {
            part.set_some("reason", reply);
        }
        Kind::Failed => {
            part.set_some("errorMessage", reply);
        }
        Kind::Opened | Kind::Clicked => {
            part.set("timestamp", time)
                .set_some("ipAddress", event.reader.ip.as_deref())
                .set_some("userAgent", event.reader.user_agent.as_deref())
                .set_some("link", event.reader.url.as_deref());
        }
        Kind::Accepted | Kind::Unsubscribed | Kind::Received | Kind::Stored => {}
    }
    part
}

fn recipients(kind: Kind, event: &Event, reply: Option<String>) -> Value {
    let mut one = Object::new();
    one.set_some("emailAddress", event.address());
    if kind == Kind::Bounced {
        one.set("action", "failed");
    }
    one.set_some("status", event.report.enhanced_code.as_deref())
        .set_some("diagnosticCode", reply.map(|reply| format!("smtp; {reply}")));
    vec![Value::Object(one.into_map())].into()
}
