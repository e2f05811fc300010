//! The shape of the envelope and of the SES record in it.

use serde_json::{Map, Value};

use super::names;
use crate::event::ParseError;
use crate::json::{self, Wanted};
use crate::kind::Kind;
use crate::speaking::Payload;

/// The fields that SES documents and no other provider has a place for.
pub(super) const OWN: &[&str] = &[
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
pub(super) const NAMES: [&str; 4] = ["event", "type", "eventType", "notificationType"];

/// The members of a body that an outline is read from: the envelope's, and those of a record that
/// stands in none.
pub(super) const OUTLINED: &[Wanted] = &[
    Wanted::Whole("event"),
    Wanted::Whole("type"),
    Wanted::Whole("eventType"),
    Wanted::Whole("notificationType"),
    Wanted::Whole("id"),
    Wanted::Whole("event_id"),
    Wanted::Whole("message_id"),
    Wanted::Whole("timestamp"),
    Wanted::Whole("created_at"),
    Wanted::Whole("recipient"),
    Wanted::Whole("to"),
    Wanted::Whole("email"),
    Wanted::Whole("from"),
    Wanted::Of("event_data", OUTLINED_RECORD),
    MAIL,
    PARTS[0],
    PARTS[1],
    PARTS[2],
    PARTS[3],
    PARTS[4],
    PARTS[5],
    PARTS[6],
    PARTS[7],
    PARTS[8],
];

/// The members of a record that an outline is read from.
const OUTLINED_RECORD: &[Wanted] = &[
    Wanted::Whole("event"),
    Wanted::Whole("type"),
    Wanted::Whole("eventType"),
    Wanted::Whole("notificationType"),
    MAIL,
    PARTS[0],
    PARTS[1],
    PARTS[2],
    PARTS[3],
    PARTS[4],
    PARTS[5],
    PARTS[6],
    PARTS[7],
    PARTS[8],
];

const MAIL: Wanted = Wanted::Of(
    "mail",
    &[
        Wanted::Whole("timestamp"),
        Wanted::Whole("messageId"),
        Wanted::Whole("source"),
        Wanted::Whole("destination"),
        Wanted::Of("commonHeaders", &[Wanted::Whole("from")]),
    ],
);

/// The objects of [`record_key`].
const PARTS: [Wanted; 9] = [
    Wanted::Of("send", TIME),
    Wanted::Of("delivery", &[TIME[0], Wanted::Whole("recipients")]),
    Wanted::Of("deliveryDelay", &[TIME[0], Wanted::Whole("delayedRecipients")]),
    Wanted::Of("bounce", &[TIME[0], Wanted::Whole("bouncedRecipients")]),
    Wanted::Of("reject", TIME),
    Wanted::Of("failure", TIME),
    Wanted::Of("open", TIME),
    Wanted::Of("click", TIME),
    Wanted::Of("complaint", &[TIME[0], Wanted::Whole("complainedRecipients")]),
];

const TIME: &[Wanted] = &[Wanted::Whole("timestamp")];

/// The body and the event's name in it, without building anything.
pub(super) fn payload(body: &str) -> Result<Payload<'_>, ParseError> {
    let name = |text| -> Result<Option<String>, ParseError> {
        Ok(json::raw_members(text, NAMES)?.into_iter().flatten().find_map(json::raw_name))
    };
    let [record] = json::raw_members(body, ["event_data"])?;
    let name = match (name(body)?, record) {
        (None, Some(record)) => name(record)?,
        (name, _) => name,
    };
    // SES's word goes under the name that is subscribed to.
    let named = |written: String| {
        names::kind(&written, None).and_then(names::name).map_or(written, str::to_owned)
    };
    Ok((body, name.map(named)))
}

/// A payload of `send` as one of `test`: the same message, to which nothing has happened.
pub(super) fn without_event(sent: &[u8]) -> Option<Vec<u8>> {
    let mut body: Map<String, Value> = serde_json::from_slice(sent).ok()?;
    body.insert("event".to_owned(), "test".into());
    let record = body.get_mut("event_data")?.as_object_mut()?;
    record.insert("eventType".to_owned(), "Test".into());
    record.shift_remove("send");
    serde_json::to_vec(&body).ok()
}

/// The SES record's object for a kind.
pub(super) const fn record_key(kind: Kind) -> Option<&'static str> {
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
