//! Mailgun's names for the kinds, in all their forms (`spec/mailgun-events.md` §1.2).

use crate::kind::Kind;

/// A kind's names in Mailgun's three places.
#[derive(Debug, Clone, Copy)]
struct Name {
    /// The name that webhooks are registered under. Without one, the Events API alone has it.
    webhook: Option<&'static str>,
    /// `event-data.event`.
    event: &'static str,
    /// `event-data.severity`, which tells the two failures apart.
    severity: Option<&'static str>,
    /// `event-data.log-level`.
    log_level: &'static str,
    /// Names from before 2018: readable, not writable.
    legacy: Legacy,
}

type Legacy = &'static [&'static str];

/// A webhook whose payload bears its name.
const fn hook(name: &'static str, log_level: &'static str, legacy: Legacy) -> Option<Name> {
    Some(Name { webhook: Some(name), event: name, severity: None, log_level, legacy })
}

/// A webhook for one severity of `failed`.
const fn fail(
    webhook: &'static str,
    severity: &'static str,
    log_level: &'static str,
    legacy: Legacy,
) -> Option<Name> {
    let (webhook, severity) = (Some(webhook), Some(severity));
    Some(Name { webhook, event: "failed", severity, log_level, legacy })
}

/// An event that no webhook brings.
const fn api(event: &'static str, log_level: &'static str) -> Option<Name> {
    Some(Name { webhook: None, event, severity: None, log_level, legacy: &[] })
}

/// The table of names.
const fn row(kind: Kind) -> Option<Name> {
    match kind {
        Kind::Accepted => hook("accepted", "info", &[]),
        Kind::Delivered => hook("delivered", "info", &["deliver"]),
        Kind::Deferred => fail("temporary_fail", "temporary", "warn", &[]),
        Kind::Bounced => fail("permanent_fail", "permanent", "error", &["bounce", "drop"]),
        Kind::Rejected => api("rejected", "warn"),
        Kind::Failed => None,
        Kind::Opened => hook("opened", "info", &["open"]),
        Kind::Clicked => hook("clicked", "info", &["click"]),
        Kind::Unsubscribed => hook("unsubscribed", "info", &["unsubscribe"]),
        Kind::Complained => hook("complained", "warn", &["spam"]),
        Kind::Received => None,
        Kind::Stored => api("stored", "info"),
    }
}

/// The kinds that webhooks bring, in the order of the documentation.
pub(super) const KINDS: [Kind; 8] = [
    Kind::Accepted,
    Kind::Delivered,
    Kind::Opened,
    Kind::Clicked,
    Kind::Unsubscribed,
    Kind::Complained,
    Kind::Deferred,
    Kind::Bounced,
];

/// The sixteen names that Mailgun's API reads, in the order of its documentation (seed; eight of
/// them, those of [`Dialect::names`](crate::Dialect::names), can also be written).
pub const READABLE: [&str; 16] = [
    "accepted",
    "clicked",
    "click",
    "opened",
    "open",
    "unsubscribed",
    "unsubscribe",
    "bounce",
    "deliver",
    "delivered",
    "drop",
    "spam",
    "state_change",
    "permanent_fail",
    "temporary_fail",
    "complained",
];

/// Mailgun's present name for one of the sixteen it reads: `bounce` and `drop` are
/// `permanent_fail`, `spam` is `complained`. `state_change` has none, nor has any other word.
#[must_use]
pub fn canonical(written: &str) -> Option<&'static str> {
    KINDS.into_iter().filter_map(row).find_map(|name| {
        let known = name.webhook == Some(written) || name.legacy.contains(&written);
        name.webhook.filter(|_| known)
    })
}

/// Mailgun's words for a kind in `event-data`: `event`, `severity`, `log-level`.
#[must_use]
pub fn event(kind: Kind) -> Option<(&'static str, Option<&'static str>, &'static str)> {
    row(kind).map(|name| (name.event, name.severity, name.log_level))
}

/// The name that webhooks are registered under.
pub(super) fn name(kind: Kind) -> Option<&'static str> {
    row(kind).and_then(|name| name.webhook)
}

/// The name in the payload.
pub(super) fn event_name(kind: Kind) -> Option<&'static str> {
    row(kind).map(|name| name.event)
}

/// The kind of an `event`; `severity` tells the two failures apart. The names of the Events API are
/// understood as well.
pub(super) fn kind(event: &str, severity: Option<&str>) -> Option<Kind> {
    Kind::ALL.into_iter().find(|&kind| {
        row(kind).is_some_and(|name| {
            name.event == event && (name.severity.is_none() || name.severity == severity)
        })
    })
}
