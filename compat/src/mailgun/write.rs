//! From an event to `event-data`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::names;
use super::shape::{default_reason, has_envelope};
use crate::event::{Class, Event, Reader, Report};
use crate::json::{self, Object};
use crate::kind::Kind;
use crate::speaking::Target;
use crate::text;

pub(super) fn write(event: &Event, target: &Target<'_>) -> Map<String, Value> {
    let kind = target.kind;
    // A rejection or an internal failure has no webhook of its own: it is a permanent failure
    // whose `reason` tells (`spec/providers.md` §7 row 16), except in the Events API's own events.
    let shown = match kind {
        Some(Kind::Failed | Kind::Rejected) if target.name == "failed" => Some(Kind::Bounced),
        other => other,
    };
    let (_, severity, log_level) =
        shown.and_then(names::event).unwrap_or((target.name, None, "info"));
    let recipient = event.address().or_else(|| event.message.to.as_deref().map(text::bare_address));

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
    if let Some(shown) = shown.filter(|&shown| has_envelope(shown)) {
        let mut envelope = Object::new();
        let from = event.message.from.as_deref().map(text::bare_address);
        envelope
            .set_some("sender", event.message.sender.as_deref().or(from))
            .set_some("targets", recipient)
            .set("transport", "smtp");
        data.put("flags", flags(shown)).put("envelope", envelope);
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
    hash.update(event.provider.as_str());
    hash.update([0]);
    hash.update(id);
    URL_SAFE_NO_PAD.encode(&hash.finalize()[..16])
}

fn one(key: &str, text: &str) -> Object {
    let mut object = Object::new();
    object.set(key, text);
    object
}

fn flags(kind: Kind) -> Object {
    let mut flags = Object::new();
    flags.set("is-authenticated", true);
    if kind != Kind::Accepted {
        flags.set("is-routed", false).set("is-big", false).set("is-system-test", false);
    }
    flags.set("is-test-mode", false);
    flags
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
    let Some(default) = default_code(kind, report) else { return };
    let code = report.code.filter(|code| (100..1000).contains(code)).unwrap_or(default);
    let suppressed = report.class == Some(Class::Suppressed);
    let silence = if kind == Kind::Delivered { "OK" } else { "" };
    let description = report.description.as_deref();
    let description = description.or_else(|| suppressed.then_some(suppression(report)));
    let mut status = Object::new();
    status
        .set_count("attempt-no", report.attempt)
        .set("code", code)
        .set("message", report.text.as_deref().unwrap_or(silence))
        .set("description", Value::from(description))
        .set("enhanced-code", Value::from(report.enhanced_code.as_deref()));
    match kind {
        Kind::Deferred => {
            status.set_count("retry-seconds", report.retry_after_s);
        }
        Kind::Bounced if !suppressed => {
            status.set_some("bounce-type", report.class.and_then(Class::hardness));
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

/// Mailgun's own texts for addresses on its lists.
fn suppression(report: &Report) -> &'static str {
    match report.reason.as_deref() {
        Some("suppress-unsubscribe") => "Not delivering to unsubscribed address",
        Some("suppress-complaint") => "Not delivering to a user who marked your messages as spam",
        _ => "Not delivering to previously bounced address",
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
