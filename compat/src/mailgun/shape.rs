//! The shape of `event-data` and of the envelope around it.

use serde_json::{Map, Value};

use crate::event::{Class, Event, ParseError};
use crate::json::{self, Wanted};
use crate::kind::Kind;
use crate::speaking::Payload;

/// The fields that Mailgun documents and no other provider has a place for.
pub(super) const OWN: &[&str] = &[
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

/// The members of `event-data` that an outline is read from.
const OUTLINED_DATA: [Wanted; 11] = [
    Wanted::Whole("event"),
    Wanted::Whole("severity"),
    Wanted::Whole("log-level"),
    Wanted::Whole("id"),
    Wanted::Whole("timestamp"),
    Wanted::Whole("recipient"),
    Wanted::Of("message", &[Wanted::Of("headers", &HEADERS)]),
    Wanted::Of("envelope", &[Wanted::Whole("sender")]),
    Wanted::Of("domain", &[Wanted::Whole("name")]),
    Wanted::Whole("domain-name"),
    // Room for the envelope's member, in the envelope.
    Wanted::Of("event-data", &[]),
];

const HEADERS: [Wanted; 2] = [Wanted::Whole("message-id"), Wanted::Whole("from")];

/// The same in the envelope, or without one.
pub(super) const OUTLINED: [Wanted; 11] = {
    let mut all = OUTLINED_DATA;
    all[10] = Wanted::Of("event-data", &OUTLINED_DATA);
    all
};

/// The domain that Mailgun's payloads of today name; those of before have to be guessed from the
/// envelope's sender (`spec/mailgun-events.md` §1.3).
pub(super) fn domain(event: &Event) -> Option<String> {
    let rest = |path: &[&str]| event.rest.iter().find(|part| part.path == path)?.value.as_str();
    match rest(&["domain", "name"]).or_else(|| rest(&["domain-name"])) {
        Some(name) => Some(name.to_ascii_lowercase()),
        None => event.address_domain(rest(&["envelope", "sender"])),
    }
}

/// The text of the `event-data` object, and its event's name, without building anything.
pub(super) fn payload(body: &str) -> Result<Payload<'_>, ParseError> {
    let [wrapped, bare] = json::raw_members(body, ["event-data", "event"])?;
    let (text, name) = match wrapped {
        Some(data) => (data, json::raw_members(data, ["event"])?[0]),
        None => (body, bare),
    };
    Ok((text, name.and_then(json::raw_name)))
}

/// Takes `event-data` out of the envelope, if it is in one.
pub(super) fn unwrap(mut body: Map<String, Value>) -> Result<Map<String, Value>, ParseError> {
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

/// Says that a kind has `flags` and an `envelope` with a sender (`spec/mailgun-events.md` §1.3).
pub(super) const fn has_envelope(kind: Kind) -> bool {
    matches!(kind, Kind::Accepted | Kind::Delivered | Kind::Deferred | Kind::Bounced)
}

/// The reason that Mailgun gives a failure of this class.
pub(super) const fn default_reason(kind: Kind, class: Option<Class>) -> Option<&'static str> {
    match (kind, class) {
        (Kind::Bounced, Some(Class::Hard)) => Some("bounce"),
        (Kind::Bounced, Some(Class::Soft)) => Some("old"),
        (Kind::Bounced, Some(Class::Suppressed)) => Some("suppress-bounce"),
        (Kind::Bounced | Kind::Deferred | Kind::Failed | Kind::Rejected, _) => Some("generic"),
        _ => None,
    }
}
