//! Wistfare Mail's payload.
//!
//! Documented: the envelope `id`, `type`, `createdAt`, `data` and `email.delivered`'s data
//! (`emailId`, `from`, `to`, `subject`, `deliveredAt`). From its published server: `timestamp` in
//! place of `createdAt` (both are written), `status` and `error` of a failure, `to` as a list. Our
//! choice, by the pattern of `deliveredAt`: the other times, `bounceType`, `reason`, `ip`,
//! `userAgent`, `url`; and `failureType`, which tells a rejection from an internal failure
//! (`spec/providers.md` §3.1).

use serde_json::{Map, Value};

use crate::event::{Class, Event, Moment, ParseError, domain_of_addresses};
use crate::json::{self, Fields, Object, Wanted};
use crate::kind::Kind;
use crate::provider::Provider;
use crate::reading::{OWN_SECRET, Proof, Reading, bare};
use crate::sign::check::Request;
use crate::sign::make::{Headers, Unsigned};
use crate::sign::{Scheme, Signed, Verified, VerifyError};
use crate::speaking::{Fits, Speaking, Target, Test};

pub(crate) static READING: Reading = Reading {
    kinds: &[
        Kind::Accepted,
        Kind::Delivered,
        Kind::Bounced,
        Kind::Rejected,
        Kind::Failed,
        Kind::Opened,
        Kind::Clicked,
        Kind::Complained,
        Kind::Received,
    ],
    kind: kind_of,
    unwrap: bare,
    read,
    outlined: &[
        Wanted::Whole("type"),
        Wanted::Whole("id"),
        Wanted::Whole("createdAt"),
        Wanted::Whole("timestamp"),
        Wanted::Of(
            "data",
            &[
                Wanted::Whole("failureType"),
                Wanted::Whole("emailId"),
                Wanted::Whole("from"),
                Wanted::Whole("to"),
                Wanted::Whole("sentAt"),
                Wanted::Whole("deliveredAt"),
                Wanted::Whole("bouncedAt"),
                Wanted::Whole("failedAt"),
                Wanted::Whole("openedAt"),
                Wanted::Whole("clickedAt"),
                Wanted::Whole("complainedAt"),
                Wanted::Whole("receivedAt"),
            ],
        ),
    ],
    domain: domain_of_addresses,
    own: &["createdAt", "timestamp", "data.status", "data.to"],
    proof: Proof {
        verify,
        place: PLACE,
        headers: &["wistmail-signature", "x-webhook-signature"],
        covers_body: true,
        secret: OWN_SECRET,
        is_api_key: |text| text.starts_with("wm_"),
    },
};

pub(crate) static SPEAKING: Speaking = Speaking {
    provider: Provider::Wistfare,
    kinds: [
        Kind::Accepted,
        Kind::Delivered,
        Kind::Bounced,
        Kind::Opened,
        Kind::Clicked,
        Kind::Complained,
        Kind::Failed,
        Kind::Received,
    ],
    name,
    covers: &[(Kind::Failed, &[Kind::Rejected, Kind::Failed])],
    event: name,
    write,
    payload: |body| Ok((body, json::name_at(body, "type")?)),
    survives_javascript: true,
    schemes: &[("body", Scheme::Wistfare)],
    test: Test::Message("eml_test"),
    fits: Fits {
        telling_field: "data.error, data.failureType",
        moments: &[(Kind::Accepted, "when the recipient's server is reached")],
        why_not: &[(
            Kind::Deferred,
            "only email.bounced is near, and it says that delivery failed for good",
        )],
    },
};

/// The table of names.
const fn name(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Accepted => Some("email.sent"),
        Kind::Delivered => Some("email.delivered"),
        Kind::Bounced => Some("email.bounced"),
        Kind::Failed => Some("email.failed"),
        Kind::Opened => Some("email.opened"),
        Kind::Clicked => Some("email.clicked"),
        Kind::Complained => Some("email.complained"),
        Kind::Received => Some("email.received"),
        Kind::Deferred | Kind::Rejected | Kind::Unsubscribed | Kind::Stored => None,
    }
}

/// The kind of an event; a `failureType` (our own) tells a rejection from an internal failure.
fn kind_of(event: &str, failure_type: Option<&str>) -> Option<Kind> {
    match Kind::named(event, name) {
        Some(Kind::Failed) if failure_type == Some(REJECTED) => Some(Kind::Rejected),
        other => other,
    }
}

const PLACE: &str = "Wistmail-Signature";

/// Signs the body. The seed's header and the one its code sends carry the same digest, so both go
/// out and every published verifier passes (`spec/providers.md` §3.3, note 2).
pub(crate) fn sign(unsigned: &Unsigned<'_>) -> Signed {
    let mut headers = Headers::new("WistfareMail-Webhook/1.0");
    headers.add(PLACE, unsigned.plain());
    headers.add("X-Webhook-Signature", unsigned.prefixed());
    headers.add_text("X-Webhook-Event", unsigned.stamp.event_name);
    headers.add_text("X-Webhook-Id", unsigned.stamp.event_id);
    unsigned.with(headers)
}

/// Two headers with one digest; either will do.
fn verify(request: &Request<'_>) -> Result<Verified, VerifyError> {
    let by_seed = request.header("wistmail-signature").map(|hex| request.plain(PLACE, hex.trim()));
    let by_code = || {
        let value = request.header("x-webhook-signature")?;
        let hex = value.trim().strip_prefix("sha256=").unwrap_or(value);
        Some(request.plain("X-Webhook-Signature", hex))
    };
    match by_seed {
        Some(Ok(verified)) => Ok(verified),
        Some(Err(error)) => by_code().and_then(Result::ok).ok_or(error),
        None => by_code().unwrap_or(Err(VerifyError::Missing(PLACE))),
    }
}

/// The `failureType` of an `email.failed` that is a rejection.
const REJECTED: &str = "rejected";

fn read(body: Map<String, Value>) -> Result<Event, ParseError> {
    let mut body = Fields::new(body);
    let name = body.event_name("type")?;
    let mut data = body.object("data");
    let rejected =
        |value: &Value| value.as_str().filter(|text| *text == REJECTED).map(|_| REJECTED);
    let failure_type = match kind_of(&name, None) {
        Some(Kind::Failed) => data.take("failureType", rejected),
        _ => None,
    };
    let kind = kind_of(&name, failure_type);
    let mut event = Event::new(Provider::Wistfare, kind, name);
    event.id = body.name("id");
    event.message.id = data.message_id("emailId");
    event.message.from = data.text("from");
    event.message.subject = data.text("subject");
    read_recipient(&mut data, &mut event);
    event.time = kind.and_then(time_key).and_then(|key| data.moment(key));
    for key in ["createdAt", "timestamp"] {
        match event.time {
            Some(time) => body.drop_if(key, |value| Moment::read(value) == Some(time)),
            None => event.time = body.moment(key),
        }
    }
    data.drop_text("status", kind.and_then(status));
    read_own(&mut data, &mut event);
    data.finish(&mut event.rest);
    body.finish(&mut event.rest);
    Ok(event)
}

/// A text, or a list of which the first is who this event is about.
fn read_recipient(data: &mut Fields, event: &mut Event) {
    let first = data.peek("to").and_then(|to| to.as_str().or_else(|| to.get(0)?.as_str()));
    event.set_recipient(first.map(str::to_owned));
    let recipient = event.recipient.as_deref();
    let said = |to: &Value| to.as_str().is_some() || to.as_array().is_some_and(|to| to.len() == 1);
    data.drop_if("to", |to| recipient.is_some() && said(to));
}

fn read_own(data: &mut Fields, event: &mut Event) {
    match event.kind {
        Some(Kind::Bounced) => {
            event.report.class = data.take("bounceType", Class::from_hardness);
            event.report.set_reply(data.text("reason"));
        }
        Some(Kind::Failed | Kind::Rejected) => event.report.set_reply(data.text("error")),
        Some(Kind::Delivered) => event.report.set_reply(data.text("smtpResponse")),
        Some(Kind::Opened | Kind::Clicked) => {
            event.reader.ip = data.text("ip");
            event.reader.user_agent = data.text("userAgent");
            event.reader.url = data.text("url");
        }
        Some(
            Kind::Accepted
            | Kind::Deferred
            | Kind::Unsubscribed
            | Kind::Complained
            | Kind::Received
            | Kind::Stored,
        )
        | None => {}
    }
}

/// The member of `data` that says when it happened.
const fn time_key(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Accepted => Some("sentAt"),
        Kind::Delivered => Some("deliveredAt"),
        Kind::Bounced => Some("bouncedAt"),
        Kind::Rejected | Kind::Failed => Some("failedAt"),
        Kind::Opened => Some("openedAt"),
        Kind::Clicked => Some("clickedAt"),
        Kind::Complained => Some("complainedAt"),
        Kind::Received => Some("receivedAt"),
        Kind::Deferred | Kind::Unsubscribed | Kind::Stored => None,
    }
}

/// The message's status, which its server puts beside these two.
const fn status(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Accepted => Some("sent"),
        Kind::Rejected | Kind::Failed => Some("failed"),
        Kind::Delivered
        | Kind::Deferred
        | Kind::Bounced
        | Kind::Opened
        | Kind::Clicked
        | Kind::Unsubscribed
        | Kind::Complained
        | Kind::Received
        | Kind::Stored => None,
    }
}

fn write(event: &Event, target: &Target<'_>) -> Map<String, Value> {
    let time = target.time(event).to_string();
    let mut data = Object::new();
    data.set_some("emailId", event.message.id.as_deref())
        .set_some("from", event.message.from.as_deref())
        .set_some("to", event.address())
        .set_some("subject", event.message.subject.as_deref())
        .set_some("status", target.kind.and_then(status));
    if let Some(key) = target.kind.and_then(time_key) {
        data.set(key, time.as_str());
    }
    write_own(event, target.kind, &mut data);
    let mut body = Object::new();
    body.set("id", target.id(event))
        .set("type", target.name)
        .set("createdAt", time.as_str())
        .set("timestamp", time.as_str())
        .put("data", data);
    body.into_map()
}

fn write_own(event: &Event, kind: Option<Kind>, data: &mut Object) {
    let reply = event.report.reply();
    match kind {
        Some(Kind::Bounced) => {
            data.set_some("bounceType", event.report.class.and_then(Class::hardness))
                .set_some("reason", reply);
        }
        Some(Kind::Failed) => {
            data.set_some("error", reply);
        }
        Some(Kind::Rejected) => {
            data.set("failureType", REJECTED).set_some("error", reply);
        }
        Some(Kind::Delivered) => {
            data.set_some("smtpResponse", reply);
        }
        Some(Kind::Opened | Kind::Clicked) => {
            data.set_some("ip", event.reader.ip.as_deref())
                .set_some("userAgent", event.reader.user_agent.as_deref())
                .set_some("url", event.reader.url.as_deref());
        }
        Some(
            Kind::Accepted
            | Kind::Deferred
            | Kind::Unsubscribed
            | Kind::Complained
            | Kind::Received
            | Kind::Stored,
        )
        | None => {}
    }
}
