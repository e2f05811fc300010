//! Posthawk's payload: an envelope around the record that Amazon SES publishes.
//!
//! Documented: the event names, and that an `event_data` object holds the SES record. By SES's
//! documentation: that record. Our choice, since Posthawk's page does not show it: the envelope
//! around it (`event`, `id`, `timestamp`, `message_id`), and that Mailgun's tags travel among SES's
//! message tags as the list `tags` (`spec/providers.md` §3.1, §3.2).

use serde_json::{Map, Value};

use crate::dialect::{Dialect, ParseError, Target};
use crate::event::{Class, Event, Report, Rest};
use crate::json::{self, Fields, Object};
use crate::kind::{self, Kind};
use crate::text;

/// What SES documents and no other dialect has a place for.
pub(crate) const OWN: [&str; 31] = [
    "event_data.bounce.bouncedRecipients",
    "event_data.bounce.feedbackId",
    "event_data.bounce.remoteMtaIp",
    "event_data.bounce.reportingMTA",
    "event_data.click.linkTags",
    "event_data.complaint.arrivalDate",
    "event_data.complaint.complainedRecipients",
    "event_data.complaint.complaintSubType",
    "event_data.complaint.feedbackId",
    "event_data.complaint.userAgent",
    "event_data.delivery.processingTimeMillis",
    "event_data.delivery.recipients",
    "event_data.delivery.remoteMtaIp",
    "event_data.delivery.reportingMTA",
    "event_data.deliveryDelay.delayedRecipients",
    "event_data.deliveryDelay.expirationTime",
    "event_data.deliveryDelay.reportingMTA",
    "event_data.failure",
    "event_data.mail.commonHeaders",
    "event_data.mail.commonHeaders.date",
    "event_data.mail.commonHeaders.messageId",
    "event_data.mail.destination",
    "event_data.mail.headers",
    "event_data.mail.headersTruncated",
    "event_data.mail.messageId",
    "event_data.mail.sendingAccountId",
    "event_data.mail.sourceArn",
    "event_data.mail.tags",
    "event_data.mail.timestamp",
    "event_data.subscription",
    "timestamp",
];

/// The members that may hold the event's name, first come first served.
pub(crate) const NAMES: [&str; 4] = ["event", "type", "eventType", "notificationType"];

/// The event's name, without building anything.
pub(crate) fn event_name(body: &str) -> Result<Option<String>, ParseError> {
    let name = |text| -> Result<Option<String>, ParseError> {
        Ok(json::raw_members(text, NAMES)?.into_iter().flatten().find_map(json::raw_name))
    };
    let [record] = json::raw_members(body, ["event_data"])?;
    match (name(body)?, record) {
        (Some(name), _) => Ok(Some(name)),
        (None, Some(record)) => name(record),
        (None, None) => Ok(None),
    }
}

pub(crate) fn read(body: Map<String, Value>) -> Result<Event, ParseError> {
    // The bare SES record, without an envelope, is read as if it had one.
    let body = match body.contains_key("mail") {
        true => Map::from_iter([("event_data".to_owned(), Value::Object(body))]),
        false => body,
    };
    let mut body = Fields::new(body);
    let mut record = body.object("event_data");
    let ses_name = record.text("eventType").or_else(|| record.text("notificationType"));
    let written = NAMES.iter().find_map(|key| body.text(key));
    let Some(name) = written.or_else(|| ses_name.clone()) else {
        return Err(ParseError {
            field: "event".to_owned(),
            expected: "the event's name",
            found: json::found(body.peek("event")),
        });
    };
    let kind = kind::from_event(Dialect::Posthawk, &name, None);
    let mut event = Event::new(Dialect::Posthawk, kind, name);
    event.id = body.name("id").or_else(|| body.name("event_id"));
    event.message.id = body.name("message_id").map(|id| text::bare_message_id(&id).to_owned());
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

/// The SES record's object for a kind.
const fn record_key(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Accepted => Some("send"),
        Kind::Delivered => Some("delivery"),
        Kind::Deferred => Some("deliveryDelay"),
        Kind::Bounced => Some("bounce"),
        Kind::Rejected => Some("reject"),
        Kind::Failed => Some("failure"),
        Kind::Opened => Some("open"),
        Kind::Clicked => Some("click"),
        Kind::Complained => Some("complaint"),
        Kind::Unsubscribed | Kind::Received | Kind::Stored => None,
    }
}

fn read_mail(record: &mut Fields, event: &mut Event) {
    let mut mail = record.object("mail");
    let mut headers = mail.object("commonHeaders");
    let message = &mut event.message;
    // Posthawk's id of the message is SES's; the header's is another and stays where it is.
    mail.drop_text("messageId", message.id.as_deref());
    if message.id.is_none() {
        message.id = mail.name("messageId").map(|id| text::bare_message_id(&id).to_owned());
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
        event.time = mail.moment("timestamp");
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
    if let Some(labels) = tags.take("tags", |value| {
        value.as_array()?.iter().map(|item| item.as_str().map(str::to_owned)).collect()
    }) {
        event.tags = labels;
    }
    for (key, value) in tags.take_all() {
        if key.starts_with("ses:") {
            let path = ["event_data", "mail", "tags"].map(str::to_owned).to_vec();
            push_own(&mut event.rest, path, key, value);
            continue;
        }
        let single = match value {
            Value::Array(mut items) if items.len() == 1 => items.swap_remove(0),
            other => other,
        };
        event.user_variables.insert(key, single);
    }
}

/// Keeps SES's own tags together as one part.
fn push_own(rest: &mut Vec<Rest>, path: Vec<String>, key: String, value: Value) {
    match rest.last_mut() {
        Some(Rest { path: last, value: Value::Object(map) }) if *last == path => {
            map.insert(key, value);
        }
        _ => rest.push(Rest { path, value: Value::Object(Map::from_iter([(key, value)])) }),
    }
}

fn read_part(kind: Kind, part: &mut Fields, event: &mut Event) {
    event.time = part.moment("timestamp").or(event.time);
    let report = &mut event.report;
    match kind {
        Kind::Delivered => {
            read_reply(part.text("smtpResponse"), report);
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
            report.subtype = part.text("delayType").filter(|subtype| !implied(subtype));
            read_recipient(part, "delayedRecipients", event);
        }
        Kind::Complained => {
            event.feedback_type = part.text("complaintFeedbackType");
            read_recipient(part, "complainedRecipients", event);
        }
        Kind::Rejected => read_reply(part.text("reason"), report),
        Kind::Failed => read_reply(part.text("errorMessage"), report),
        Kind::Opened | Kind::Clicked => {
            event.reader.ip = part.text("ipAddress");
            event.reader.user_agent = part.text("userAgent");
            event.reader.url = part.text("link");
        }
        Kind::Accepted | Kind::Unsubscribed | Kind::Received | Kind::Stored => {}
    }
}

/// Kinds of delay that say nothing.
pub(crate) fn implied(subtype: &str) -> bool {
    matches!(subtype, "General" | "Undetermined")
}

/// The only one of a list of recipients. A list of several stays, save for the first's address: an
/// event is about one recipient.
fn read_recipient(part: &mut Fields, key: &'static str, event: &mut Event) {
    let first = |value: &Value| {
        value.get(0).and_then(|one| one.get("emailAddress")?.as_str().map(str::to_owned))
    };
    let address = part.peek(key).and_then(first);
    event.recipient =
        address.map(|to| text::bare_address(&to).to_owned()).or_else(|| event.recipient.take());
    let only = part.take(key, |value| match value.as_array()?.as_slice() {
        [Value::Object(one)] => Some(one.clone()),
        _ => None,
    });
    let Some(only) = only else { return };
    let mut only = Fields::new(only);
    only.text("emailAddress");
    only.drop_text("action", Some("failed"));
    event.report.enhanced_code = only.text("status");
    read_reply(only.text("diagnosticCode"), &mut event.report);
    for (name, value) in only.take_all() {
        let path = part.path_to(key);
        push_own(&mut event.rest, path, name, value);
    }
}

/// Takes a reply apart. The enhanced code is the one that a text begins with, where no field has
/// it.
pub(crate) fn read_reply(reply: Option<String>, report: &mut Report) {
    let Some(reply) = reply else { return };
    let (code, rest) = text::split_reply(&reply);
    report.code = code;
    report.text = Some(rest.to_owned()).filter(|rest| !rest.is_empty());
    if report.enhanced_code.is_none() {
        report.enhanced_code = text::leading_enhanced_code(rest).map(str::to_owned);
    }
}

/// The fields of a payload without an SES record, and the envelope's time.
fn read_flat(body: &mut Fields, event: &mut Event) {
    let written = event.time;
    if let Some(time) = written {
        body.drop_if("timestamp", |value| crate::event::Moment::read(value) == Some(time));
    } else {
        event.time = body.moment("timestamp").or_else(|| body.moment("created_at"));
    }
    for key in ["recipient", "to", "email"] {
        if event.recipient.is_none() {
            event.recipient = body.only_text(key).map(|to| text::bare_address(&to).to_owned());
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
        read_reply(body.text("reason"), &mut event.report);
    }
}

pub(crate) fn write(event: &Event, target: &Target<'_>) -> Map<String, Value> {
    let time = target.time(event).to_string();
    let mut record = Object::new();
    if let Some(kind) = target.kind {
        record.set_some("eventType", kind::ses_event(kind));
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
        .set_some("to", list(message.to.as_deref().or(event.recipient.as_deref())))
        .set_some("subject", message.subject.as_deref());
    let mut mail = Object::new();
    if kind == Some(Kind::Accepted) {
        mail.set("timestamp", time);
    }
    mail.set_some("messageId", message.id.as_deref())
        .set_some("source", message.sender.as_deref().or(from.map(text::bare_address)))
        .set_some("destination", list(event.recipient.as_deref()))
        .put("commonHeaders", headers)
        .set("tags", Value::Object(tags(event)));
    mail
}

fn tags(event: &Event) -> Map<String, Value> {
    let mut tags = Map::new();
    for (key, value) in &event.user_variables {
        let texts = match value {
            Value::Array(items) if items.len() > 1 && items.iter().all(Value::is_string) => {
                items.clone()
            }
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_)
            | Value::Object(_) => {
                vec![json::flat_text(value).into()]
            }
        };
        tags.insert(key.clone(), texts.into());
    }
    if !event.tags.is_empty() {
        tags.insert("tags".to_owned(), event.tags.clone().into());
    }
    json::stable_map(&tags)
}

fn part(kind: Kind, event: &Event, time: &str) -> Object {
    let report = &event.report;
    let reply = text::join_reply(report.code, report.text.as_deref());
    let mut part = Object::new();
    match kind {
        Kind::Delivered => {
            let recipients = event.recipient.as_deref().map(|to| Value::from(vec![to]));
            part.set("timestamp", time)
                .set_some("recipients", recipients)
                .set_some("smtpResponse", reply);
        }
        Kind::Bounced => {
            let (class, subtype) = bounce_types(report);
            part.set("bounceType", class)
                .set("bounceSubType", subtype)
                .set("bouncedRecipients", recipients(event, reply))
                .set("timestamp", time);
        }
        Kind::Deferred => {
            part.set("delayType", report.subtype.as_deref().unwrap_or("General"))
                .set("delayedRecipients", recipients(event, reply))
                .set("timestamp", time);
        }
        Kind::Complained => {
            let mut one = Object::new();
            one.set_some("emailAddress", event.recipient.as_deref());
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

/// SES's two words for a class. A failure that came without one is undetermined.
pub(crate) fn bounce_types(report: &Report) -> (&'static str, &str) {
    let (class, general) = match report.class {
        Some(Class::Hard) => ("Permanent", "General"),
        Some(Class::Suppressed) => ("Permanent", "OnAccountSuppressionList"),
        Some(Class::Soft) => ("Transient", "General"),
        Some(Class::Undetermined) | None => ("Undetermined", "Undetermined"),
    };
    (class, report.subtype.as_deref().unwrap_or(general))
}

fn recipients(event: &Event, reply: Option<String>) -> Value {
    let mut one = Object::new();
    one.set_some("emailAddress", event.recipient.as_deref());
    if event.kind == Some(Kind::Bounced) {
        one.set("action", "failed");
    }
    one.set_some("status", event.report.enhanced_code.as_deref())
        .set_some("diagnosticCode", reply.map(|reply| format!("smtp; {reply}")));
    vec![Value::Object(one.into_map())].into()
}
