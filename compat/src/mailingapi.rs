//! `MailingAPI`'s payload (the service is also sold as Outboxa).
//!
//! Documented: the envelope `id`, `type`, `timestamp`, `data` and `delivered`'s data (`message_id`,
//! `from`, `to`, `subject`, `metadata`, `delivered_at`). Our choice, by that pattern: every other
//! member of `data` (`spec/providers.md` §3.1), and `tags` as a list.

use serde_json::{Map, Value};

use crate::event::{Class, Event, Moment, ParseError, domain_of_addresses};
use crate::json::{self, Fields, Object, Wanted};
use crate::kind::Kind;
use crate::provider::Provider;
use crate::reading::{OWN_SECRET, Proof, Reading, bare};
use crate::sign::check::Request;
use crate::sign::make::{Headers, USER_AGENT, Unsigned};
use crate::sign::{Scheme, Signed, Verified, VerifyError};
use crate::speaking::{Fits, Speaking, Target, Test};

pub(crate) static READING: Reading = Reading {
    kinds: &[
        Kind::Delivered,
        Kind::Deferred,
        Kind::Bounced,
        Kind::Opened,
        Kind::Clicked,
        Kind::Unsubscribed,
        Kind::Complained,
        Kind::Received,
    ],
    kind: |event, _| Kind::named(event, name),
    unwrap: bare,
    read,
    outlined: &[
        Wanted::Whole("type"),
        Wanted::Whole("id"),
        Wanted::Whole("timestamp"),
        Wanted::Of(
            "data",
            &[
                Wanted::Whole("message_id"),
                Wanted::Whole("from"),
                Wanted::Whole("to"),
                Wanted::Whole("delivered_at"),
                Wanted::Whole("deferred_at"),
                Wanted::Whole("bounced_at"),
                Wanted::Whole("opened_at"),
                Wanted::Whole("clicked_at"),
                Wanted::Whole("unsubscribed_at"),
                Wanted::Whole("complained_at"),
                Wanted::Whole("received_at"),
            ],
        ),
    ],
    domain: domain_of_addresses,
    own: &["timestamp", "data.to", "data.metadata", "data.bounce_code"],
    proof: Proof {
        verify,
        place: PLACE,
        headers: &["x-mailingapi-signature"],
        covers_body: true,
        secret: OWN_SECRET,
        is_api_key: |text| text.starts_with("ob_live_"),
    },
};

pub(crate) static SPEAKING: Speaking = Speaking {
    provider: Provider::MailingApi,
    kinds: [
        Kind::Delivered,
        Kind::Bounced,
        Kind::Deferred,
        Kind::Opened,
        Kind::Clicked,
        Kind::Unsubscribed,
        Kind::Complained,
        Kind::Received,
    ],
    name,
    covers: &[],
    event: name,
    write,
    payload: |body| Ok((body, json::name_at(body, "type")?)),
    survives_javascript: true,
    schemes: &[("timestamped", Scheme::MailingApi)],
    test: Test::Plain,
    fits: Fits {
        telling_field: "data.bounce_type",
        moments: &[(Kind::Deferred, "on each failed attempt")],
        why_not: &[
            (Kind::Rejected, "only bounces come near, and receivers act on those"),
            (Kind::Failed, "only bounces come near, and receivers act on those"),
        ],
    },
};

/// The table of names.
const fn name(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Delivered => Some("delivered"),
        Kind::Deferred => Some("deferred"),
        Kind::Bounced => Some("bounced"),
        Kind::Opened => Some("opened"),
        Kind::Clicked => Some("clicked"),
        Kind::Unsubscribed => Some("unsubscribed"),
        Kind::Complained => Some("complained"),
        Kind::Received => Some("inbound"),
        Kind::Accepted | Kind::Rejected | Kind::Failed | Kind::Stored => None,
    }
}

const PLACE: &str = "X-MailingAPI-Signature";

/// Signs time and body.
pub(crate) fn sign(unsigned: &Unsigned<'_>) -> Signed {
    let mut headers = Headers::new(USER_AGENT);
    headers.add(PLACE, unsigned.timed());
    unsigned.with(headers)
}

fn verify(request: &Request<'_>) -> Result<Verified, VerifyError> {
    let value = request.header("x-mailingapi-signature").ok_or(VerifyError::Missing(PLACE))?;
    request.timed(PLACE, value)
}

fn read(body: Map<String, Value>) -> Result<Event, ParseError> {
    let mut body = Fields::new(body);
    let name = body.event_name("type")?;
    let kind = Kind::named(&name, self::name);
    let mut event = Event::new(Provider::MailingApi, kind, name);
    event.id = body.name("id");
    let mut data = body.object("data");
    event.message.id = data.message_id("message_id");
    event.message.from = data.text("from");
    event.message.subject = data.text("subject");
    event.set_recipient(data.only_text("to"));
    event.user_variables =
        data.take("metadata", |value| value.as_object().cloned()).unwrap_or_default();
    event.tags = data.texts("tags");
    event.time = kind.and_then(time_key).and_then(|key| data.moment(key));
    match event.time {
        Some(time) => body.drop_if("timestamp", |value| Moment::read(value) == Some(time)),
        None => event.time = body.moment("timestamp"),
    }
    read_own(&mut data, &mut event);
    data.finish(&mut event.rest);
    body.finish(&mut event.rest);
    Ok(event)
}

fn read_own(data: &mut Fields, event: &mut Event) {
    let report = &mut event.report;
    match event.kind {
        Some(Kind::Delivered) => report.set_reply(data.text("smtp_response")),
        Some(Kind::Bounced) => {
            report.class = data.take("bounce_type", Class::from_hardness);
            report.enhanced_code = data.text("bounce_code");
            report.set_reply(data.text("reason"));
        }
        Some(Kind::Deferred) => {
            report.set_reply(data.text("reason"));
            report.attempt = data.count("attempt");
            let time = event.time;
            report.retry_after_s =
                data.take("next_retry_at", |value| Moment::read(value)?.seconds_since(time?));
        }
        Some(Kind::Opened | Kind::Clicked | Kind::Unsubscribed) => {
            event.reader.ip = data.text("ip");
            event.reader.user_agent = data.text("user_agent");
            event.reader.url = data.text("url");
        }
        Some(Kind::Complained) => event.feedback_type = data.text("feedback_type"),
        Some(Kind::Accepted | Kind::Rejected | Kind::Failed | Kind::Received | Kind::Stored)
        | None => {}
    }
}

/// The member of `data` that says when it happened.
const fn time_key(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Delivered => Some("delivered_at"),
        Kind::Deferred => Some("deferred_at"),
        Kind::Bounced => Some("bounced_at"),
        Kind::Opened => Some("opened_at"),
        Kind::Clicked => Some("clicked_at"),
        Kind::Unsubscribed => Some("unsubscribed_at"),
        Kind::Complained => Some("complained_at"),
        Kind::Received => Some("received_at"),
        Kind::Accepted | Kind::Rejected | Kind::Failed | Kind::Stored => None,
    }
}

fn write(event: &Event, target: &Target<'_>) -> Map<String, Value> {
    let time = target.time(event);
    let mut data = Object::new();
    data.set_some("message_id", event.message.id.as_deref())
        .set_some("from", event.message.from.as_deref())
        .set_some("to", event.address())
        .set_some("subject", event.message.subject.as_deref());
    // An incoming message carries no data of ours.
    if target.kind != Some(Kind::Received) || !event.user_variables.is_empty() {
        data.set("metadata", Value::Object(json::stable_map(&event.user_variables)));
    }
    if !event.tags.is_empty() {
        data.set("tags", event.tags.clone());
    }
    if let Some(key) = target.kind.and_then(time_key) {
        data.set(key, time.to_string());
    }
    write_own(event, target.kind, time, &mut data);
    let mut body = Object::new();
    body.set("id", target.id(event))
        .set("type", target.name)
        .set("timestamp", time.to_string())
        .put("data", data);
    body.into_map()
}

fn write_own(event: &Event, kind: Option<Kind>, time: Moment, data: &mut Object) {
    let report = &event.report;
    let reply = report.reply();
    match kind {
        Some(Kind::Delivered) => {
            data.set_some("smtp_response", reply);
        }
        // The nearest to a rejection is a bounce ("email rejected", seed), in lenient mode only.
        Some(Kind::Bounced | Kind::Rejected) => {
            data.set_some("bounce_type", report.class.and_then(Class::hardness))
                .set_some("bounce_code", report.enhanced_code.as_deref())
                .set_some("reason", reply);
        }
        Some(Kind::Deferred) => {
            let next = report.retry_after_s.and_then(|seconds| time.plus_seconds(seconds));
            data.set_some("reason", reply)
                .set_count("attempt", report.attempt)
                .set_some("next_retry_at", next.map(|next| next.to_string()));
        }
        Some(Kind::Opened | Kind::Clicked | Kind::Unsubscribed) => {
            data.set_some("ip", event.reader.ip.as_deref())
                .set_some("user_agent", event.reader.user_agent.as_deref())
                .set_some("url", event.reader.url.as_deref());
        }
        Some(Kind::Complained) => {
            data.set_some("feedback_type", event.feedback_type.as_deref());
        }
        Some(Kind::Accepted | Kind::Failed | Kind::Received | Kind::Stored) | None => {}
    }
}
