//! `MailStack`'s payload.
//!
//! Documented: the names in `type` and the numbers of their enumeration. From its page of planned
//! webhooks: the envelope `type`, `createdAt`, `data` with `id`, `toEmail`, `status` and
//! `errorMessage`. From its event records: `metadata` with `smtpResponse` and `userAgent`. Our
//! choice: the envelope's `id`, the words in `status` other than `Bounced`, and the other keys in
//! `metadata`, where the message's own data lies beside them (`spec/providers.md` §3.1).

use serde_json::{Map, Value};

use crate::event::{Class, Event, ParseError, delay_says_nothing, domain_of_addresses};
use crate::json::{self, Fields, Object, Wanted};
use crate::kind::Kind;
use crate::provider::Provider;
use crate::reading::{OWN_SECRET, Proof, Reading, bare};
use crate::sign::check::Request;
use crate::sign::make::{Headers, USER_AGENT, Unsigned};
use crate::sign::{Scheme, Signed, Verified, VerifyError};
use crate::speaking::{Fits, Payload, Speaking, Target, Test};
use crate::text;

pub(crate) static READING: Reading = Reading {
    kinds: &[
        Kind::Accepted,
        Kind::Delivered,
        Kind::Deferred,
        Kind::Bounced,
        Kind::Rejected,
        Kind::Opened,
        Kind::Clicked,
        Kind::Complained,
    ],
    kind: kind_of,
    unwrap: bare,
    read,
    outlined: &[
        Wanted::Whole("type"),
        Wanted::Whole("id"),
        Wanted::Whole("createdAt"),
        Wanted::Whole("occurredAt"),
        Wanted::Whole("messageId"),
        Wanted::Of(
            "data",
            &[Wanted::Whole("id"), Wanted::Whole("toEmail"), Wanted::Whole("fromEmail")],
        ),
    ],
    domain: domain_of_addresses,
    own: &["createdAt", "data.status", "data.errorMessage"],
    proof: Proof {
        verify,
        place: PLACE,
        headers: &["x-mailstack-signature", "webhook-signature"],
        covers_body: true,
        secret: OWN_SECRET,
        is_api_key: |text| text.starts_with("mst_"),
    },
};

pub(crate) static SPEAKING: Speaking = Speaking {
    provider: Provider::MailStack,
    kinds: [
        Kind::Accepted,
        Kind::Delivered,
        Kind::Bounced,
        Kind::Complained,
        Kind::Opened,
        Kind::Clicked,
        Kind::Rejected,
        Kind::Deferred,
    ],
    name,
    covers: &[],
    event: name,
    write,
    payload,
    survives_javascript: true,
    schemes: &[("timestamped", Scheme::MailStack), ("body", Scheme::MailStackRaw)],
    test: Test::Plain,
    fits: Fits {
        telling_field: "data.status",
        moments: &[
            (Kind::Accepted, "when the message goes to SES"),
            (Kind::Deferred, "on each notice of delay"),
        ],
        why_not: &[],
    },
};

/// The table of names, with their numbers in the API's enumeration.
const fn row(kind: Kind) -> Option<(&'static str, u8)> {
    match kind {
        Kind::Accepted => Some(("Sent", 0)),
        Kind::Delivered => Some(("Delivered", 1)),
        Kind::Deferred => Some(("DeliveryDelay", 7)),
        Kind::Bounced => Some(("Bounce", 2)),
        Kind::Rejected => Some(("Reject", 6)),
        Kind::Opened => Some(("Open", 4)),
        Kind::Clicked => Some(("Click", 5)),
        Kind::Complained => Some(("Complaint", 3)),
        Kind::Failed | Kind::Unsubscribed | Kind::Received | Kind::Stored => None,
    }
}

fn name(kind: Kind) -> Option<&'static str> {
    row(kind).map(|(name, _)| name)
}

/// The kind of an event by its name or its number.
fn kind_of(event: &str, _tell: Option<&str>) -> Option<Kind> {
    Kind::named(event, name).or_else(|| {
        let number: u8 = event.parse().ok()?;
        Kind::ALL.into_iter().find(|&kind| row(kind).is_some_and(|(_, no)| no == number))
    })
}

/// The body and the event's name; a number goes under the name that is subscribed to.
fn payload(body: &str) -> Result<Payload<'_>, ParseError> {
    let named =
        |written: String| kind_of(&written, None).and_then(name).map_or(written, str::to_owned);
    Ok((body, json::name_at(body, "type")?.map(named)))
}

const PLACE: &str = "X-MailStack-Signature";

/// Signs time and body, in the provider's own header and in those of Standard Webhooks.
pub(crate) fn sign(unsigned: &Unsigned<'_>) -> Signed {
    let mut headers = signed_by(unsigned, unsigned.timed());
    if let Some(signature) = unsigned.standard() {
        headers.add("webhook-signature", Some(signature));
        headers.add_text("webhook-id", unsigned.stamp.event_id);
        headers.add("webhook-timestamp", Some(unsigned.time()));
    }
    unsigned.with(headers)
}

/// Signs the body.
pub(crate) fn sign_raw(unsigned: &Unsigned<'_>) -> Signed {
    unsigned.with(signed_by(unsigned, unsigned.plain()))
}

fn signed_by(unsigned: &Unsigned<'_>, signature: Option<String>) -> Headers {
    let mut headers = Headers::new(USER_AGENT);
    headers.add(PLACE, signature);
    headers.add_text("X-MailStack-Event", unsigned.stamp.event_name);
    headers.add_text("X-MailStack-Delivery", unsigned.stamp.event_id);
    headers
}

/// `t=,v1=` or bare hex over the body; failing both headers, Standard Webhooks.
fn verify(request: &Request<'_>) -> Result<Verified, VerifyError> {
    match (request.header("x-mailstack-signature"), request.header("webhook-signature")) {
        (Some(value), _) if value.contains('=') => request.timed(PLACE, value),
        (Some(value), _) => request.plain(PLACE, value.trim()),
        (None, Some(value)) => request.standard(value),
        (None, None) => Err(VerifyError::Missing(PLACE)),
    }
}

fn read(body: Map<String, Value>) -> Result<Event, ParseError> {
    let mut body = Fields::new(body);
    let name = body.event_name("type")?;
    let kind = kind_of(&name, None);
    let mut event = Event::new(Provider::MailStack, kind, name);
    event.id = body.name("id");
    event.time = body.moment("createdAt").or_else(|| body.moment("occurredAt"));
    let mut data = body.object("data");
    event.message.id = data.message_id("id").or_else(|| body.message_id("messageId"));
    event.set_recipient(data.only_text("toEmail"));
    event.message.from = data.text("fromEmail");
    event.message.subject = data.text("subject");
    data.drop_text("status", kind.and_then(status));
    event.report.set_reply(data.text("errorMessage"));
    read_metadata(&mut data.object("metadata"), &mut event);
    // The event record of the API has the metadata outside.
    read_metadata(&mut body.object("metadata"), &mut event);
    data.finish(&mut event.rest);
    body.finish(&mut event.rest);
    Ok(event)
}

fn read_metadata(metadata: &mut Fields, event: &mut Event) {
    if event.report.code.is_none() && event.report.text.is_none() {
        event.report.set_reply(metadata.text("smtpResponse"));
    }
    let fill = |place: &mut Option<String>, metadata: &mut Fields, key: &str| {
        if place.is_none() {
            *place = metadata.text(key);
        }
    };
    match event.kind {
        Some(Kind::Bounced) => {
            event.report.class =
                metadata.take("bounceType", Class::from_ses).or(event.report.class);
            if let Some(subtype) = metadata.text("bounceSubType") {
                event.report.set_subtype(subtype);
            }
        }
        Some(Kind::Deferred) => {
            let subtype = metadata.text("delayType").filter(|subtype| !delay_says_nothing(subtype));
            event.report.subtype = subtype.or_else(|| event.report.subtype.take());
        }
        Some(Kind::Opened | Kind::Clicked) => {
            fill(&mut event.reader.ip, metadata, "ip");
            fill(&mut event.reader.user_agent, metadata, "userAgent");
            fill(&mut event.reader.url, metadata, "url");
        }
        Some(Kind::Complained) => fill(&mut event.feedback_type, metadata, "feedbackType"),
        Some(
            Kind::Accepted
            | Kind::Delivered
            | Kind::Rejected
            | Kind::Failed
            | Kind::Unsubscribed
            | Kind::Received
            | Kind::Stored,
        )
        | None => {}
    }
    event.tags.extend(metadata.texts("tags"));
    event.user_variables.extend(metadata.take_all());
}

/// The message's status after an event.
const fn status(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Accepted => Some("Sent"),
        Kind::Delivered => Some("Delivered"),
        Kind::Deferred => Some("Delayed"),
        Kind::Bounced => Some("Bounced"),
        Kind::Rejected => Some("Rejected"),
        Kind::Opened => Some("Opened"),
        Kind::Clicked => Some("Clicked"),
        Kind::Complained => Some("Complained"),
        Kind::Failed | Kind::Unsubscribed | Kind::Received | Kind::Stored => None,
    }
}

fn write(event: &Event, target: &Target<'_>) -> Map<String, Value> {
    let reply = event.report.reply();
    let failed = matches!(target.kind, Some(Kind::Bounced | Kind::Deferred | Kind::Rejected));
    let (error, response) = if failed { (reply, None) } else { (None, reply) };
    let mut data = Object::new();
    data.set_some("id", event.message.id.as_deref())
        .set_some("toEmail", event.address())
        .set_some("fromEmail", event.message.from.as_deref().map(text::bare_address))
        .set_some("subject", event.message.subject.as_deref())
        .set_some("status", target.kind.and_then(status))
        .set_some("errorMessage", error)
        .set("metadata", Value::Object(metadata(event, target.kind, response)));
    let mut body = Object::new();
    body.set("id", target.id(event))
        .set("type", target.name)
        .set("createdAt", target.time(event).to_string())
        .put("data", data);
    body.into_map()
}

/// The provider's own words, and then the message's own data where its keys are free.
fn metadata(event: &Event, kind: Option<Kind>, response: Option<String>) -> Map<String, Value> {
    let mut said = Object::new();
    said.set_some("smtpResponse", response);
    match kind {
        Some(Kind::Bounced) => {
            let (class, subtype) = event.report.ses_types();
            said.set("bounceType", class).set("bounceSubType", subtype);
        }
        Some(Kind::Deferred) => {
            said.set_some("delayType", event.report.subtype.as_deref());
        }
        Some(Kind::Opened | Kind::Clicked) => {
            said.set_some("ip", event.reader.ip.as_deref())
                .set_some("userAgent", event.reader.user_agent.as_deref())
                .set_some("url", event.reader.url.as_deref());
        }
        Some(Kind::Complained) => {
            said.set_some("feedbackType", event.feedback_type.as_deref());
        }
        Some(
            Kind::Accepted
            | Kind::Delivered
            | Kind::Rejected
            | Kind::Failed
            | Kind::Unsubscribed
            | Kind::Received
            | Kind::Stored,
        )
        | None => {}
    }
    if !event.tags.is_empty() {
        said.set("tags", event.tags.clone());
    }
    let mut metadata = said.into_map();
    for (key, value) in &event.user_variables {
        if !taken(kind).chain(["smtpResponse", "tags"]).any(|taken| taken == key) {
            metadata.insert(key.clone(), value.clone());
        }
    }
    json::stable_map(&metadata)
}

/// The keys in `metadata` that mean something in an event of this kind.
fn taken(kind: Option<Kind>) -> impl Iterator<Item = &'static str> {
    let keys: &[_] = match kind {
        Some(Kind::Bounced) => &["bounceType", "bounceSubType"],
        Some(Kind::Deferred) => &["delayType"],
        Some(Kind::Opened | Kind::Clicked) => &["ip", "userAgent", "url"],
        Some(Kind::Complained) => &["feedbackType"],
        Some(
            Kind::Accepted
            | Kind::Delivered
            | Kind::Rejected
            | Kind::Failed
            | Kind::Unsubscribed
            | Kind::Received
            | Kind::Stored,
        )
        | None => &[],
    };
    keys.iter().copied()
}
