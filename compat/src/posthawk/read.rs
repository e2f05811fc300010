//! From the envelope and the SES record to an event.

use serde_json::{Map, Value};

use super::names;
use super::shape::{NAMES, record_key};
use crate::event::{Class, Event, Moment, ParseError, Rest, delay_says_nothing};
use crate::json::Fields;
use crate::kind::Kind;
use crate::provider::Provider;
use crate::text;

pub(super) fn read(body: Map<String, Value>) -> Result<Event, ParseError> {
    let mut body = Fields::new(wrapped(body));
    let mut record = body.object("event_data");
    let ses_name = NAMES.iter().find_map(|key| record.name(key));
    let written = NAMES.iter().find_map(|key| body.name(key));
    let name = written.or(ses_name).map_or_else(|| body.event_name("event"), Ok)?;
    let kind = names::kind(&name, None);
    let mut event = Event::new(Provider::Posthawk, kind, name);
    event.id = body.name("id").or_else(|| body.name("event_id"));
    event.message.id = body.message_id("message_id");
    if let Some(kind) = kind
        && let Some(key) = record_key(kind)
    {
        let mut part = record.object(key);
        read_part(kind, &mut part, &mut event);
        part.finish(&mut event.rest);
    }
    read_mail(&mut record, &mut event);
    read_flat(&mut body, &mut event);
    record.finish(&mut event.rest);
    body.finish(&mut event.rest);
    Ok(event)
}

/// An SES record that stands in no `event_data`, read as if it did.
fn wrapped(mut body: Map<String, Value>) -> Map<String, Value> {
    if !body.get("mail").is_some_and(Value::is_object) || body.contains_key("event_data") {
        return body;
    }
    let parts = Kind::ALL.into_iter().filter_map(record_key);
    let keys = parts.chain(["mail", "eventType", "notificationType", "subscription"]);
    let record: Map<_, _> = keys.filter_map(|key| body.remove_entry(key)).collect();
    body.insert("event_data".to_owned(), record.into());
    body
}

fn read_mail(record: &mut Fields, event: &mut Event) {
    let mut mail = record.object("mail");
    let mut headers = mail.object("commonHeaders");
    let message = &mut event.message;
    // Posthawk's id of the message is SES's; the header's is another and stays where it is.
    mail.drop_text("messageId", message.id.as_deref());
    if message.id.is_none() {
        message.id = mail.message_id("messageId");
    }
    message.from = headers.take("from", joined);
    message.subject = headers.text("subject");
    mail.drop_text("source", message.from.as_deref().map(text::bare_address));
    message.sender = mail.text("source");
    if event.recipient.is_none() {
        let first = mail.peek("destination").and_then(|list| list.get(0)?.as_str());
        event.recipient = first.map(|to| text::bare_address(to).to_owned());
    }
    mail.drop_if("destination", |list| {
        event.recipient.is_some() && joined(list) == event.recipient
    });
    headers.drop_if("to", |to| event.recipient.is_some() && joined(to) == event.recipient);
    event.message.to = headers.take("to", joined);
    if event.kind == Some(Kind::Accepted) {
        event.time = mail.moment("timestamp").or(event.time);
    }
    read_tags(&mut mail.object("tags"), event);
    headers.finish(&mut event.rest);
    mail.finish(&mut event.rest);
}

/// A list of addresses as one header.
fn joined(value: &Value) -> Option<String> {
    if let Some(text) = value.as_str() {
        return Some(text.to_owned()).filter(|text| !text.is_empty());
    }
    let items: Option<Vec<&str>> = value.as_array()?.iter().map(Value::as_str).collect();
    items.map(|items| items.join(", ")).filter(|text| !text.is_empty())
}

/// SES's message tags: names with lists of texts. Those that SES adds itself begin with `ses:`.
fn read_tags(tags: &mut Fields, event: &mut Event) {
    event.tags = tags.texts("tags");
    let mut own = Map::new();
    for (key, value) in tags.take_all() {
        if key.starts_with("ses:") {
            own.insert(key, value);
            continue;
        }
        let single =
            value.as_array().filter(|items| items.len() == 1).map(|items| items[0].clone());
        let single = single.unwrap_or(value);
        event.user_variables.insert(key, single);
    }
    if !own.is_empty() {
        event.rest.push(Rest { path: tags.path(), value: own.into() });
    }
}

fn read_part(kind: Kind, part: &mut Fields, event: &mut Event) {
    event.time = part.moment("timestamp").or(event.time);
    let report = &mut event.report;
    match kind {
        Kind::Delivered => {
            report.set_reply(part.text("smtpResponse"));
            let recipient = part.only_text("recipients");
            event.recipient = recipient.or_else(|| event.recipient.take());
        }
        Kind::Bounced => {
            report.class = part.take("bounceType", Class::from_ses);
            if let Some(subtype) = part.text("bounceSubType") {
                report.set_subtype(subtype);
            }
            read_recipient(part, "bouncedRecipients", event);
        }
        Kind::Deferred => {
            report.subtype = part.text("delayType").filter(|subtype| !delay_says_nothing(subtype));
            read_recipient(part, "delayedRecipients", event);
        }
        Kind::Complained => {
            event.feedback_type = part.text("complaintFeedbackType");
            read_recipient(part, "complainedRecipients", event);
        }
        Kind::Rejected => report.set_reply(part.text("reason")),
        Kind::Failed => report.set_reply(part.text("errorMessage")),
        Kind::Opened | Kind::Clicked => {
            event.reader.ip = part.text("ipAddress");
            event.reader.user_agent = part.text("userAgent");
            event.reader.url = part.text("link");
        }
        Kind::Accepted | Kind::Unsubscribed | Kind::Received | Kind::Stored => {}
    }
}

/// Reads the first of a list of recipients, since an event is about one. The list stays where it
/// says more.
fn read_recipient(part: &mut Fields, key: &'static str, event: &mut Event) {
    let Some(first) = part.peek(key).and_then(|list| list.get(0)?.as_object()) else { return };
    let mut first = Fields::new(first.clone());
    event.recipient = first.address("emailAddress").or_else(|| event.recipient.take());
    first.drop_text("action", Some("failed"));
    event.report.enhanced_code = first.text("status");
    event.report.set_reply(first.text("diagnosticCode"));
    let mut more = Vec::new();
    first.finish(&mut more);
    part.drop_if(key, |list| {
        more.is_empty() && list.as_array().is_some_and(|list| list.len() == 1)
    });
}

/// The fields of a payload without an SES record, and the envelope's time.
fn read_flat(body: &mut Fields, event: &mut Event) {
    let written = event.time;
    if let Some(time) = written {
        body.drop_if("timestamp", |value| Moment::read(value) == Some(time));
    } else {
        event.time = body.moment("timestamp").or_else(|| body.moment("created_at"));
    }
    for key in ["recipient", "to", "email"] {
        if event.recipient.is_none() {
            event.recipient = body.address(key);
        }
    }
    let fill = |place: &mut Option<String>, body: &mut Fields, key: &str| {
        if place.is_none() {
            *place = body.text(key);
        }
    };
    fill(&mut event.message.from, body, "from");
    fill(&mut event.message.subject, body, "subject");
    fill(&mut event.reader.url, body, "url");
    fill(&mut event.reader.ip, body, "ip");
    fill(&mut event.reader.user_agent, body, "user_agent");
    if event.report.text.is_none() && event.report.code.is_none() {
        event.report.set_reply(body.text("reason"));
    }
}
