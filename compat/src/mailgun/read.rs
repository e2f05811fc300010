//! From `event-data` to an event.

use serde_json::{Map, Value};

use super::names;
use super::shape::{default_reason, has_envelope};
use crate::event::{Class, Client, Event, Message, ParseError, Place, Reader, Report, Rest};
use crate::json::Fields;
use crate::kind::Kind;
use crate::provider::Provider;
use crate::text;

pub(super) fn read(data: Map<String, Value>) -> Result<Event, ParseError> {
    let mut data = Fields::new(data);
    let name = data
        .event_name("event")
        .map_err(|error| ParseError { field: "event-data.event".to_owned(), ..error })?;
    let severity = severity(&data, &name);
    let kind = names::kind(&name, severity);
    let mut event = Event::new(Provider::Mailgun, kind, name);
    event.id = data.name("id");
    event.time = data.moment("timestamp");
    event.recipient = data.address("recipient");
    event.tags = data.texts("tags");
    event.user_variables = data.take("user-variables", user_variables).unwrap_or_default();
    read_message(&mut data, &mut event);
    if let Some(kind) = kind {
        read_own(&mut data, &mut event, kind);
    }

    // What follows from what is known already.
    let log_level = kind.and_then(names::event).map(|(_, _, level)| level);
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
        id: headers.message_id("message-id"),
        from: headers.text("from"),
        to: headers.text("to"),
        subject: headers.text("subject"),
        sender: None,
    };
    headers.finish(&mut event.rest);
    message.finish(&mut event.rest);
}

/// The parts that only some kinds have (`spec/mailgun-events.md` §1.4). Where they stand in others,
/// they are not understood, and stay.
fn read_own(data: &mut Fields, event: &mut Event, kind: Kind) {
    let mut envelope = data.object("envelope");
    if has_envelope(kind) {
        let from = event.message.from.as_deref().map(text::bare_address);
        envelope.drop_text("sender", from);
        envelope.drop_text("targets", event.recipient.as_deref());
        envelope.drop_text("transport", Some("smtp"));
        event.message.sender = envelope.text("sender");
    }
    envelope.finish(&mut event.rest);
    match kind {
        Kind::Delivered | Kind::Deferred | Kind::Bounced => {
            event.report = read_report(data, &mut event.rest, kind);
        }
        Kind::Rejected => {
            let mut reject = data.object("reject");
            event.report.text = reject.text("reason");
            event.report.description = reject.text("description");
            reject.finish(&mut event.rest);
        }
        Kind::Opened | Kind::Clicked | Kind::Unsubscribed => {
            event.reader = read_reader(data, &mut event.rest);
        }
        Kind::Accepted | Kind::Failed | Kind::Complained | Kind::Received | Kind::Stored => {}
    }
}

fn read_report(data: &mut Fields, rest: &mut Vec<Rest>, kind: Kind) -> Report {
    let mut status = data.object("delivery-status");
    let mut report = Report {
        code: status.take("code", code),
        enhanced_code: status.text("enhanced-code"),
        text: status.text("message"),
        description: status.text("description"),
        attempt: status.count("attempt-no"),
        ..Report::default()
    };
    if kind == Kind::Deferred {
        report.retry_after_s = status.count("retry-seconds");
    }
    if kind != Kind::Delivered {
        report.reason = data.text("reason");
    }
    if kind == Kind::Bounced {
        let bounce_type = status.take("bounce-type", Class::from_hardness);
        report.class = Some(class(&report, bounce_type));
    }
    if report.reason.as_deref() == default_reason(kind, report.class) {
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

/// The class of a permanent failure, from wherever it is read (`spec/providers.md` §2.2).
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

fn read_reader(data: &mut Fields, rest: &mut Vec<Rest>) -> Reader {
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
