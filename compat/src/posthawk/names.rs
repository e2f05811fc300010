//! Posthawk's names for the kinds, and SES's in the record inside its payload.

use crate::kind::Kind;

/// The table of names.
pub(super) const fn name(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Accepted => Some("send"),
        Kind::Delivered => Some("delivery"),
        Kind::Deferred => Some("delivery_delay"),
        Kind::Bounced => Some("bounce"),
        Kind::Rejected => Some("reject"),
        Kind::Opened => Some("open"),
        Kind::Clicked => Some("click"),
        Kind::Complained => Some("complaint"),
        Kind::Failed | Kind::Unsubscribed | Kind::Received | Kind::Stored => None,
    }
}

/// The kinds with a name, in the order of the documentation.
pub(super) const KINDS: [Kind; 8] = [
    Kind::Accepted,
    Kind::Delivered,
    Kind::Bounced,
    Kind::Complained,
    Kind::Rejected,
    Kind::Deferred,
    Kind::Opened,
    Kind::Clicked,
];

/// The table of SES's words.
pub(super) const fn ses_event(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Accepted => Some("Send"),
        Kind::Delivered => Some("Delivery"),
        Kind::Deferred => Some("DeliveryDelay"),
        Kind::Bounced => Some("Bounce"),
        Kind::Rejected => Some("Reject"),
        Kind::Failed => Some("Rendering Failure"),
        Kind::Opened => Some("Open"),
        Kind::Clicked => Some("Click"),
        Kind::Complained => Some("Complaint"),
        Kind::Unsubscribed | Kind::Received | Kind::Stored => None,
    }
}

/// The kind of an event by either of its names.
pub(super) fn kind(event: &str, _tell: Option<&str>) -> Option<Kind> {
    Kind::named(event, name).or_else(|| Kind::named(event, ses_event))
}
