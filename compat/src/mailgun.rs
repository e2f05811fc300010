//! Mailgun's `event-data`, in its shape of 2026 (`spec/mailgun-events.md` §1).
//!
//! All of it is documented by Mailgun or captured from it, save what stands where another provider
//! says nothing: a code for failures that came without one ([`default_code`]), and ids made from
//! the source's ([`event_id`]).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::dialect::{Dialect, ParseError, Target};
use crate::event::{Class, Client, Event, Message, Place, Reader, Report};
use crate::json::{self, Fields, Object};
use crate::kind::{self, Kind};
use crate::text;

/// What Mailgun documents and no other dialect has a place for.
pub(crate) const OWN: [&str; 44] = [
    "account.id",
    "api-key-id",
    "batch",
    "campaigns",
    "client-info.accept-language",
    "client-info.bot",
    "client-info.ip",
    "delivered-at",
    "delivery-status.bounce-code",
    "delivery-status.bounce-type",
    "delivery-status.certificate-verified",
    "delivery-status.first-delivery-attempt-seconds",
    "delivery-status.last-code",
    "delivery-status.last-message",
    "delivery-status.mx-host",
    "delivery-status.mx-host-ip",
    "delivery-status.session-seconds",
    "delivery-status.tls",
    "delivery-status.utf8",
    "domain.name",
    "envelope.sending-ip",
    "envelope.targets",
    "envelope.transport",
    "flags",
    "i-delivery-optimizer",
    "log-level",
    "mailing-list",
    "message.attachments",
    "message.headers.to",
    "message.recipients",
    "message.scheduled-for",
    "message.size",
    "method",
    "originating-ip",
    "primary-dkim",
    "recipient-domain",
    "recipient-provider",
    "reject.description",
    "routes",
    "severity",
    "storage",
    "template",
    "timestamp",
    "user-variables",
];

/// The text of the `event-data` object, and its event's name, without building anything.
pub(crate) fn event_data(body: &str) -> Result<(&str, Option<String>), ParseError> {
    let [wrapped, bare] = json::raw_members(body, ["event-data", "event"])?;
    let (text, name) = match wrapped {
        Some(data) => (data, json::raw_members(data, ["event"])?[0]),
        None => (body, bare),
    };
    Ok((text, name.and_then(json::raw_name)))
}

/// Takes `event-data` out of the envelope, if it is in one.
pub(crate) fn unwrap(mut body: Map<String, Value>) -> Result<Map<String, Value>, ParseError> {
    match body.swap_remove("event-data") {
        Some(Value::Object(data)) => Ok(data),
        Some(other) => Err(ParseError {
            field: "event-data".to_owned(),
            expected: "an object",
            found: json::found(Some(&other)),
        }),
        None if body.contains_key("event") => Ok(body),
        None => Err(ParseError {
            field: "event-data".to_owned(),
            expected: "an object",
            found: "nothing".to_owned(),
        }),
    }
}

pub(crate) fn read(data: Map<String, Value>) -> Result<Event, ParseError> {
    let mut data = Fields::new(data);
    let Some(name) = data.text("event") else {
        return Err(ParseError {
            field: "event-data.event".to_owned(),
            expected: "the event's name",
            found: json::found(data.peek("event")),
        });
    };
    let severity = severity(&data, &name);
    let kind = kind::from_event(Dialect::Mailgun, &name, severity);
    let mut event = Event::new(Dialect::Mailgun, kind, name);
    event.id = data.name("id");
    event.time = data.moment("timestamp");
    event.recipient =
        data.take("recipient", |value| value.as_str().map(|to| text::bare_address(to).to_owned()));
    event.recipient = event.recipient.filter(|to| !to.is_empty());
    event.tags = data.take("tags", texts).unwrap_or_default();
    event.user_variables = data.take("user-variables", user_variables).unwrap_or_default();
    read_message(&mut data, &mut event);
    event.report = read_report(&mut data, &mut event.rest, kind);
    event.reader = read_reader(&mut data, &mut event.rest);

    // What follows from what is known already.
    let log_level = kind.and_then(kind::mailgun_event).map(|(_, _, level)| level);
    let domain = event.recipient.as_deref().and_then(text::domain_of);
    data.drop_text("severity", severity);
    data.drop_text("log-level", log_level);
    data.drop_text("recipient-domain", domain.as_deref());
    for (key, inner) in [("account", "id"), ("domain", "name")] {
        let mut object = data.object(key);
        object.drop_text(inner, Some(""));
        object.finish(&mut event.rest);
    }
    data.finish(&mut event.rest);
    Ok(event)
}

/// `severity`, or what `log-level` says of a failure without one (`spec/mailgun-events.md` §4).
fn severity(data: &Fields, name: &str) -> Option<&'static str> {
    let text = |key| data.peek(key).and_then(Value::as_str);
    match (name, text("severity"), text("log-level")) {
        ("failed", Some("permanent"), _) => Some("permanent"),
        ("failed", Some("temporary"), _) => Some("temporary"),
        ("failed", _, Some("error")) => Some("permanent"),
        ("failed", ..) => Some("temporary"),
        _ => None,
    }
}

/// A list of texts; null is an empty one.
fn texts(value: &Value) -> Option<Vec<String>> {
    if value.is_null() {
        return Some(Vec::new());
    }
    value.as_array()?.iter().map(|item| item.as_str().map(str::to_owned)).collect()
}

/// An object, or any of the ways in which Mailgun says that there is none. The text that stands in
/// place of more than 4 KB is not understood, and stays.
fn user_variables(value: &Value) -> Option<Map<String, Value>> {
    match value {
        Value::Object(map) => Some(map.clone()),
        Value::Array(items) if items.is_empty() => Some(Map::new()),
        Value::Null => Some(Map::new()),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => None,
    }
}

fn read_message(data: &mut Fields, event: &mut Event) {
    let mut message = data.object("message");
    let mut headers = message.object("headers");
    let recipient = event.recipient.as_deref();
    headers.drop_text("to", recipient);
    event.message = Message {
        id: headers.text("message-id").map(|id| text::bare_message_id(&id).to_owned()),
        from: headers.text("from"),
        to: headers.text("to"),
        subject: headers.text("subject"),
        sender: None,
    };
    headers.finish(&mut event.rest);
    message.finish(&mut event.rest);

    let mut envelope = data.object("envelope");
    envelope.drop_text("sender", event.message.from.as_deref().map(text::bare_address));
    envelope.drop_text("targets", recipient);
    envelope.drop_text("transport", Some("smtp"));
    event.message.sender = envelope.text("sender");
    envelope.finish(&mut event.rest);
}

fn read_report(
    data: &mut Fields,
    rest: &mut Vec<crate::event::Rest>,
    kind: Option<Kind>,
) -> Report {
    let mut status = data.object("delivery-status");
    let mut report = Report {
        code: status.take("code", code),
        enhanced_code: status.text("enhanced-code"),
        text: status.text("message"),
        description: status.text("description"),
        attempt: status.count("attempt-no"),
        retry_after_s: status.count("retry-seconds"),
        ..Report::default()
    };
    let mut reject = data.object("reject");
    if kind == Some(Kind::Rejected) {
        report.text = reject.text("reason").or(report.text);
        report.description = reject.text("description").or(report.description);
    }
    reject.finish(rest);
    report.reason = data.text("reason");
    if kind == Some(Kind::Bounced) {
        let bounce_type = status.take("bounce-type", |value| match value.as_str()? {
            "hard" => Some(Class::Hard),
            "soft" => Some(Class::Soft),
            _ => None,
        });
        report.class = Some(class(&report, bounce_type));
    }
    if report.reason.as_deref() == kind.and_then(|kind| default_reason(kind, report.class)) {
        report.reason = None;
    }
    status.finish(rest);
    report
}

/// Mailgun's integer; old data has texts such as `5.1.1`, which are left alone.
fn code(value: &Value) -> Option<u16> {
    let code = match value {
        Value::String(text) => text.parse().ok(),
        Value::Number(number) => {
            number.as_f64().filter(|code| code.fract() == 0.0).map(|code| code as u16)
        }
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    code.filter(|code| (100..1000).contains(code))
}

/// Where a permanent failure's class is read (`spec/providers.md` §2.2).
fn class(report: &Report, bounce_type: Option<Class>) -> Class {
    let reason = report.reason.as_deref().unwrap_or_default();
    if reason.starts_with("suppress-") || matches!(report.code, Some(605..=607)) {
        return Class::Suppressed;
    }
    if let Some(class) = bounce_type {
        return class;
    }
    match (reason, report.code) {
        ("bounce" | "hardfail", _) => Class::Hard,
        ("old", _) => Class::Soft,
        (_, Some(500..600)) => Class::Hard,
        (_, Some(400..500)) => Class::Soft,
        _ => Class::Undetermined,
    }
}

fn read_reader(data: &mut Fields, rest: &mut Vec<crate::event::Rest>) -> Reader {
    let mut client = data.object("client-info");
    let mut place = data.object("geolocation");
    // Mailgun writes `Unknown` or `unknown` for what it does not know.
    let known = |fields: &mut Fields, key: &str| {
        fields.text(key).filter(|text| !text.eq_ignore_ascii_case("unknown"))
    };
    let reader = Reader {
        url: data.text("url"),
        ip: data.text("ip"),
        user_agent: client.text("user-agent"),
        client: Client {
            kind: known(&mut client, "client-type"),
            os: known(&mut client, "client-os"),
            device: known(&mut client, "device-type"),
            name: known(&mut client, "client-name"),
        },
        place: Place {
            country: known(&mut place, "country"),
            region: known(&mut place, "region"),
            city: known(&mut place, "city"),
            timezone: known(&mut place, "timezone"),
        },
    };
    client.finish(rest);
    place.finish(rest);
    reader
}

pub(crate) fn write(event: &Event, target: &Target<'_>) -> Map<String, Value> {
    let kind = target.kind;
    // A rejection or an internal failure has no webhook of its own: it is a permanent failure
    // whose `reason` tells (`spec/providers.md` §7 row 16), except in the Events API's own events.
    let shown = match kind {
        Some(Kind::Failed | Kind::Rejected) if target.name == "failed" => Some(Kind::Bounced),
        other => other,
    };
    let (_, severity, log_level) =
        shown.and_then(kind::mailgun_event).unwrap_or((target.name, None, "info"));
    let recipient =
        event.recipient.as_deref().or(event.message.to.as_deref().map(text::bare_address));

    let mut data = Object::new();
    data.set("event", target.name)
        .set("id", event_id(event, target.context.event_id.as_str()))
        .set("timestamp", target.time(event).to_number())
        .set("log-level", log_level);
    data.put("account", one("id", &target.context.account))
        .put("domain", one("name", &target.context.domain));
    data.set_some("severity", severity);
    if severity.is_some() {
        let default = kind.and_then(|kind| default_reason(kind, event.report.class));
        data.set_some("reason", event.report.reason.as_deref().or(default));
    }
    if let Some(flags) = shown.and_then(flags) {
        let mut envelope = Object::new();
        let from = event.message.from.as_deref().map(text::bare_address);
        envelope
            .set_some("sender", event.message.sender.as_deref().or(from))
            .set_some("targets", recipient)
            .set("transport", "smtp");
        data.put("flags", flags).put("envelope", envelope);
    }
    write_report(event, kind, target.name, &mut data);
    data.put("message", message(event, shown, recipient))
        .set("recipient", recipient.unwrap_or_default())
        .set("recipient-domain", recipient.and_then(text::domain_of).unwrap_or_default());
    if matches!(kind, Some(Kind::Opened | Kind::Clicked | Kind::Unsubscribed)) {
        write_reader(&event.reader, &mut data);
    }
    if kind != Some(Kind::Accepted) {
        data.set("campaigns", Value::Array(Vec::new()));
    }
    data.set("tags", event.tags.clone());
    data.set("user-variables", Value::Object(text_variables(event)));
    data.into_map()
}

/// An id of Mailgun's form, 22 characters of base64url: the source's where it has that form,
/// otherwise made from it, so that one event has one id however often it is rendered.
fn event_id(event: &Event, fallback: &str) -> String {
    let id = event.id.as_deref().unwrap_or(fallback);
    let good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if id.len() == 22 && id.bytes().all(good) {
        return id.to_owned();
    }
    let mut hash = Sha256::new();
    hash.update(event.dialect.as_str());
    hash.update([0]);
    hash.update(id);
    URL_SAFE_NO_PAD.encode(&hash.finalize()[..16])
}

fn one(key: &str, text: &str) -> Object {
    let mut object = Object::new();
    object.set(key, text);
    object
}

/// `flags`, on the kinds that have an `envelope` too (`spec/mailgun-events.md` §1.3).
fn flags(kind: Kind) -> Option<Object> {
    let delivery = match kind {
        Kind::Accepted => false,
        Kind::Delivered | Kind::Deferred | Kind::Bounced => true,
        Kind::Rejected
        | Kind::Failed
        | Kind::Opened
        | Kind::Clicked
        | Kind::Unsubscribed
        | Kind::Complained
        | Kind::Received
        | Kind::Stored => return None,
    };
    let mut flags = Object::new();
    flags.set("is-authenticated", true);
    if delivery {
        flags.set("is-routed", false).set("is-big", false).set("is-system-test", false);
    }
    flags.set("is-test-mode", false);
    Some(flags)
}

fn message(event: &Event, kind: Option<Kind>, recipient: Option<&str>) -> Object {
    let mut headers = Object::new();
    headers
        .set_some("to", event.message.to.as_deref().or(recipient))
        .set_some("message-id", event.message.id.as_deref())
        .set_some("from", event.message.from.as_deref())
        .set_some("subject", event.message.subject.as_deref());
    let mut message = Object::new();
    message.put("headers", headers);
    if matches!(kind, Some(Kind::Delivered | Kind::Deferred | Kind::Bounced)) {
        message.set("attachments", Value::Array(Vec::new()));
    }
    message
}

fn write_report(event: &Event, kind: Option<Kind>, name: &str, data: &mut Object) {
    let report = &event.report;
    let Some(kind) = kind else { return };
    if name == "rejected" {
        let mut reject = one("reason", report.text.as_deref().unwrap_or_default());
        reject.set("description", report.description.as_deref().unwrap_or_default());
        data.put("reject", reject);
        return;
    }
    let Some(code) = report.code.or_else(|| default_code(kind, report)) else { return };
    let suppressed = report.class == Some(Class::Suppressed);
    let silence = if kind == Kind::Delivered { "OK" } else { "" };
    // Mailgun's own text for addresses on its lists.
    let suppression = suppressed.then_some("Not delivering to previously bounced address");
    let description = report.description.as_deref().or(suppression);
    let mut status = Object::new();
    status
        .set_some("attempt-no", report.attempt)
        .set("code", code)
        .set("message", report.text.as_deref().unwrap_or(silence))
        .set("description", Value::from(description))
        .set("enhanced-code", Value::from(report.enhanced_code.as_deref()));
    match kind {
        Kind::Deferred => {
            status.set_some("retry-seconds", report.retry_after_s);
        }
        Kind::Bounced if !suppressed => {
            status.set_some("bounce-type", report.class.and_then(bounce_type));
        }
        Kind::Accepted
        | Kind::Delivered
        | Kind::Bounced
        | Kind::Rejected
        | Kind::Failed
        | Kind::Opened
        | Kind::Clicked
        | Kind::Unsubscribed
        | Kind::Complained
        | Kind::Received
        | Kind::Stored => {}
    }
    data.put("delivery-status", status);
}

const fn bounce_type(class: Class) -> Option<&'static str> {
    match class {
        Class::Hard => Some("hard"),
        Class::Soft => Some("soft"),
        Class::Undetermined | Class::Suppressed => None,
    }
}

/// The reason that Mailgun gives a failure of this class.
const fn default_reason(kind: Kind, class: Option<Class>) -> Option<&'static str> {
    match (kind, class) {
        (Kind::Bounced, Some(Class::Hard)) => Some("bounce"),
        (Kind::Bounced, Some(Class::Soft)) => Some("old"),
        (Kind::Bounced, Some(Class::Suppressed)) => Some("suppress-bounce"),
        (Kind::Bounced | Kind::Deferred | Kind::Failed | Kind::Rejected, _) => Some("generic"),
        _ => None,
    }
}

/// A code where the source gave none: receivers need an integer here (§1.6). Suppressions have
/// Mailgun's own (§1.5); for the rest it is ours, the most general of its class in RFC 5321.
fn default_code(kind: Kind, report: &Report) -> Option<u16> {
    let temporary = report.enhanced_code.as_deref().is_some_and(|code| code.starts_with('4'));
    match kind {
        Kind::Delivered => Some(250),
        Kind::Deferred => Some(450),
        Kind::Failed | Kind::Rejected => Some(554),
        Kind::Bounced => Some(match (report.class, report.reason.as_deref()) {
            (Some(Class::Suppressed), Some("suppress-unsubscribe")) => 606,
            (Some(Class::Suppressed), Some("suppress-complaint")) => 607,
            (Some(Class::Suppressed), _) => 605,
            (Some(Class::Soft), _) => 450,
            _ if temporary => 450,
            _ => 550,
        }),
        Kind::Accepted
        | Kind::Opened
        | Kind::Clicked
        | Kind::Unsubscribed
        | Kind::Complained
        | Kind::Received
        | Kind::Stored => None,
    }
}

fn write_reader(reader: &Reader, data: &mut Object) {
    let known =
        |text: &Option<String>, unknown| text.clone().unwrap_or_else(|| String::from(unknown));
    let mut client = Object::new();
    client
        .set("client-type", known(&reader.client.kind, "unknown"))
        .set("client-os", known(&reader.client.os, "unknown"))
        .set("device-type", known(&reader.client.device, "unknown"))
        .set("client-name", known(&reader.client.name, "unknown"))
        .set("user-agent", known(&reader.user_agent, ""))
        .set("bot", Value::Null);
    let mut place = Object::new();
    place
        .set("country", known(&reader.place.country, "Unknown"))
        .set("region", known(&reader.place.region, "Unknown"))
        .set("city", known(&reader.place.city, "Unknown"));
    place.set_some("timezone", reader.place.timezone.as_deref());
    data.set_some("ip", reader.ip.as_deref());
    data.put("client-info", client).put("geolocation", place);
    data.set_some("url", reader.url.as_deref());
}

/// Receivers take only texts here (§1.3).
fn text_variables(event: &Event) -> Map<String, Value> {
    json::stable_map(&event.user_variables)
        .iter()
        .map(|(key, value)| (key.clone(), json::flat_text(value).into()))
        .collect()
}
