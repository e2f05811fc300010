//! The five dialects, and the way in and out of each.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::event::{Class, Event, Moment, Outline};
use crate::kind::matrix::Mode;
use crate::kind::{self, Kind};
use crate::{json, loss, mailgun, mailingapi, mailstack, posthawk, wistfare};

/// One provider's way of speaking: API shape, vocabulary, payload, signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// Mailgun.
    Mailgun,
    /// Posthawk.
    Posthawk,
    /// `MailStack` by `VooStack`.
    MailStack,
    /// Wistfare Mail (Wistmail).
    Wistfare,
    /// `MailingAPI` (Outboxa).
    MailingApi,
}

impl Dialect {
    /// Every dialect, in the order in which the documentation names them.
    pub const ALL: [Self; 5] =
        [Self::Mailgun, Self::Posthawk, Self::MailStack, Self::Wistfare, Self::MailingApi];

    /// The dialect's name in APIs, logs and on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mailgun => "mailgun",
            Self::Posthawk => "posthawk",
            Self::MailStack => "mailstack",
            Self::Wistfare => "wistfare",
            Self::MailingApi => "mailingapi",
        }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A word that names none of the five dialects.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected a dialect (`mailgun`, `posthawk`, `mailstack`, `wistfare` or `mailingapi`), found {0:?}"
)]
pub struct UnknownDialect(pub String);

impl FromStr for Dialect {
    type Err = UnknownDialect;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|dialect| dialect.as_str().eq_ignore_ascii_case(text))
            .ok_or_else(|| UnknownDialect(text.to_owned()))
    }
}

/// A body that is not an event in the dialect it was read as.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: expected {expected}, found {found}")]
pub struct ParseError {
    /// Where in the body, as a path such as `event-data.event`; `body` for the whole.
    pub field: String,
    /// What should stand there.
    pub expected: &'static str,
    /// What stands there, shortened.
    pub found: String,
}

/// What the gateway adds where a source's payload has no such thing but the target's always does.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Context {
    /// The sending domain (Mailgun: `domain.name`).
    pub domain: String,
    /// The account's id, 24 hex digits (Mailgun: `account.id`).
    pub account: String,
    /// The gateway's own id of the event, for payloads whose source gave none.
    pub event_id: String,
    /// When the gateway received the event, in milliseconds since the Unix epoch.
    pub received_at_ms: i64,
}

/// An event as one dialect's payload, and what that payload could not carry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The bytes to send. For Mailgun, the `event-data` object alone: the signature around it is
    /// made anew for every attempt.
    pub body: Vec<u8>,
    /// The event's name in the target's payload (`X-Posthawk-Event` and its like).
    pub name: String,
    /// The parts of the event that this payload has no place for.
    pub lost: Vec<String>,
}

/// Why an event has no payload in a dialect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TranslateError {
    /// The bytes are not an event of the source's dialect.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// The target's vocabulary has no name for what happened.
    #[error("{to} has no event for `{name}`")]
    Impossible {
        /// The target.
        to: Dialect,
        /// The event's name at its source.
        name: String,
    },
}

/// How far a rendering may bend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// Whether a kind without a name may go under the nearest one.
    pub mode: Mode,
    /// Shows a soft bounce as a deferral, for receivers built on the reading that only a hard
    /// bounce is permanent (`spec/providers.md` §2.2). Where the target has no deferral it stays a
    /// bounce.
    pub soft_bounce_as_temporary: bool,
}

/// What a rendering is made for.
pub(crate) struct Target<'a> {
    /// What happened, as the target shall have it.
    pub(crate) kind: Option<Kind>,
    /// What the payload calls it.
    pub(crate) name: &'a str,
    pub(crate) context: &'a Context,
}

impl Target<'_> {
    pub(crate) fn time(&self, event: &Event) -> Moment {
        event.time.unwrap_or_else(|| Moment::from_millis(self.context.received_at_ms))
    }

    pub(crate) fn id<'e>(&'e self, event: &'e Event) -> &'e str {
        event.id.as_deref().unwrap_or(&self.context.event_id)
    }
}

/// Reads what a gateway needs in order to store and route an event, and no more.
///
/// A body with an unknown event name has an outline (`kind` is `None`); a body that is not this
/// dialect's at all has none. What has an outline can be parsed.
pub fn outline(dialect: Dialect, body: &[u8]) -> Result<Outline, ParseError> {
    parse(dialect, body).map(Event::into_outline)
}

/// Reads one event. Takes arbitrary bytes; never panics; memory is bounded by the body's length.
///
/// For Mailgun both the whole webhook body and a bare `event-data` object are understood.
pub fn parse(dialect: Dialect, body: &[u8]) -> Result<Event, ParseError> {
    let body = json::object(body)?;
    match dialect {
        Dialect::Mailgun => mailgun::read(mailgun::unwrap(body)?),
        Dialect::Posthawk | Dialect::MailStack | Dialect::Wistfare | Dialect::MailingApi => {
            read(dialect, body)
        }
    }
}

fn read(dialect: Dialect, body: Map<String, Value>) -> Result<Event, ParseError> {
    match dialect {
        Dialect::Mailgun => mailgun::read(body),
        Dialect::Posthawk => posthawk::read(body),
        Dialect::MailStack => mailstack::read(body),
        Dialect::Wistfare => wistfare::read(body),
        Dialect::MailingApi => mailingapi::read(body),
    }
}

/// Writes an event as a dialect's payload, strictly.
///
/// An event in its own dialect is written under its own name, known or not, with everything that
/// was read; bytes that shall stay as they are go through [`translate`].
pub fn render(
    dialect: Dialect,
    event: &Event,
    context: &Context,
) -> Result<Rendered, TranslateError> {
    render_with(dialect, event, context, Options::default())
}

/// Writes an event as a dialect's payload.
pub fn render_with(
    dialect: Dialect,
    event: &Event,
    context: &Context,
    options: Options,
) -> Result<Rendered, TranslateError> {
    let own = event.dialect == dialect;
    let (kind, name) = match shown(dialect, event, options) {
        Some((kind, name)) if !own || Some(kind) != event.kind => (Some(kind), name),
        _ if own => (event.kind, event.name.as_str()),
        _ => return Err(TranslateError::Impossible { to: dialect, name: event.name.clone() }),
    };
    let target = Target { kind, name, context };
    let mut tree = match dialect {
        Dialect::Mailgun => mailgun::write(event, &target),
        Dialect::Posthawk => posthawk::write(event, &target),
        Dialect::MailStack => mailstack::write(event, &target),
        Dialect::Wistfare => wistfare::write(event, &target),
        Dialect::MailingApi => mailingapi::write(event, &target),
    };
    if own {
        for part in &event.rest {
            json::put_at(&mut tree, &part.path, part.value.clone());
        }
        // Mailgun's floats stay floats; the others' bodies must survive JavaScript.
        if dialect != Dialect::Mailgun {
            tree = json::stable_map(&tree);
        }
    }
    let name = name.to_owned();
    let body = serde_json::to_vec(&tree).expect("a tree of JSON values has a text");
    let lost = loss::between(event, &read(dialect, tree)?);
    Ok(Rendered { body, name, lost })
}

/// What an event is told as in a dialect: its kind, or the one that `options` puts in its place.
/// `None` where the dialect has no name for it, and its receivers are not told.
#[must_use]
pub fn shown_as(dialect: Dialect, event: &Event, options: Options) -> Option<Kind> {
    shown(dialect, event, options).map(|(kind, _)| kind)
}

fn shown(dialect: Dialect, event: &Event, options: Options) -> Option<(Kind, &'static str)> {
    let kind = event.kind?;
    let soft = kind == Kind::Bounced && event.report.class == Some(Class::Soft);
    let deferred = options.soft_bounce_as_temporary && soft;
    let deferral = kind::event_name(dialect, Kind::Deferred, options.mode).filter(|_| deferred);
    match deferral {
        Some(name) => Some((Kind::Deferred, name)),
        None => kind::event_name(dialect, kind, options.mode).map(|name| (kind, name)),
    }
}

/// Takes a payload from one dialect to another, strictly.
///
/// From a dialect to itself every field stays, known or not: Mailgun's `event-data` byte for byte,
/// the others' bodies too where JavaScript would write them the same, and else as it would write
/// them. Equal input gives equal bytes.
pub fn translate(
    from: Dialect,
    body: &[u8],
    to: Dialect,
    context: &Context,
) -> Result<Rendered, TranslateError> {
    translate_with(from, body, to, context, Options::default())
}

/// Takes a payload from one dialect to another.
///
/// From a dialect to itself as in [`translate`], whatever the options.
pub fn translate_with(
    from: Dialect,
    body: &[u8],
    to: Dialect,
    context: &Context,
    options: Options,
) -> Result<Rendered, TranslateError> {
    if from == to {
        return Ok(forward(from, body)?);
    }
    render_with(to, &parse(from, body)?, context, options)
}

/// The same-dialect path: finds the name and keeps what was sent.
fn forward(dialect: Dialect, body: &[u8]) -> Result<Rendered, ParseError> {
    let text = json::text(body)?;
    match payload(dialect, text) {
        Ok((payload, name)) => Ok(forwarded(dialect, body, payload, name)),
        // What reads only after mending goes out mended only where it must be cut out.
        Err(error) => {
            let mended = json::mend_surrogates(text).ok_or(error)?;
            let (payload, name) = payload(dialect, &mended)?;
            Ok(forwarded(dialect, body, payload, name))
        }
    }
}

fn forwarded(dialect: Dialect, body: &[u8], payload: &str, name: String) -> Rendered {
    let (bytes, subscribed) = match dialect {
        Dialect::Mailgun => (payload.as_bytes(), None),
        Dialect::Posthawk | Dialect::MailStack | Dialect::Wistfare | Dialect::MailingApi => {
            // A number or SES's word goes under the name that is subscribed to.
            let kind = kind::from_event(dialect, &name, None);
            (body, kind.and_then(|kind| kind::name(dialect, kind)))
        }
    };
    let name = subscribed.map_or(name, str::to_owned);
    match dialect {
        Dialect::Mailgun => Rendered { body: bytes.to_vec(), name, lost: Vec::new() },
        Dialect::Posthawk | Dialect::MailStack | Dialect::Wistfare | Dialect::MailingApi => {
            let (body, lost) = stabilised(dialect, bytes);
            Rendered { body, name, lost }
        }
    }
}

/// A body as it stands if JavaScript would write it the same, or else as JavaScript would: a
/// published verifier signs `JSON.stringify(req.body)` (`spec/providers.md` §3.3, note 5). Spaces
/// and escapes are no loss; a number that has to be written otherwise is named as one. What only
/// JavaScript can read (half a character) stays as it is.
fn stabilised(dialect: Dialect, body: &[u8]) -> (Vec<u8>, Vec<String>) {
    let text = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    let Ok(tree) = serde_json::from_slice::<Map<String, Value>>(text) else {
        return (body.to_vec(), Vec::new());
    };
    let stable = json::stable_map(&tree);
    let written = serde_json::to_vec(&stable).expect("a tree of JSON values has a text");
    if written == body {
        return (written, Vec::new());
    }
    match (read(dialect, tree), read(dialect, stable)) {
        (Ok(had), Ok(has)) => (written, loss::between(&had, &has)),
        _ => (body.to_vec(), Vec::new()),
    }
}

/// The payload's text within the body's, and the event's name in it.
fn payload(dialect: Dialect, text: &str) -> Result<(&str, String), ParseError> {
    let name_at = |keys| Ok(json::raw_members(text, keys)?[0].and_then(json::raw_name));
    let (payload, name) = match dialect {
        Dialect::Mailgun => mailgun::event_data(text)?,
        Dialect::Posthawk => (text, posthawk::event_name(text)?),
        Dialect::MailStack => (text, name_at(mailstack::NAMES)?),
        Dialect::Wistfare => (text, name_at(wistfare::NAMES)?),
        Dialect::MailingApi => (text, name_at(mailingapi::NAMES)?),
    };
    let name = name.ok_or_else(|| ParseError {
        field: "body".to_owned(),
        expected: "an event with a name",
        found: "none".to_owned(),
    })?;
    Ok((payload, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_to_their_own_dialect_stay_as_they_are() {
        let data = r#"{"event" : "failed","severity":"permanent", "timestamp":1521243339.8736760,"x":[1.0]}"#;
        let body = format!("{{\"signature\":{{}}, \"event-data\" : {data} }}");
        for written in [body.as_str(), data, &format!("\n{data} ")] {
            let rendered = translate(
                Dialect::Mailgun,
                written.as_bytes(),
                Dialect::Mailgun,
                &Context::default(),
            )
            .unwrap();
            assert_eq!(String::from_utf8(rendered.body).unwrap(), data);
            assert_eq!((rendered.name.as_str(), rendered.lost.len()), ("failed", 0));
        }
        for (dialect, written, name) in [
            (Dialect::Posthawk, r#"{"event":"novelty","x":1.5,"y":"é/"}"#, "novelty"),
            (Dialect::Posthawk, r#"{"event_data":{"eventType":"Bounce"}}"#, "bounce"),
            (Dialect::MailStack, r#"{"type":2}"#, "Bounce"),
            (Dialect::Wistfare, r#"{"type":"email.failed"}"#, "email.failed"),
            (Dialect::MailingApi, r#"{"type":"inbound","data":{}}"#, "inbound"),
        ] {
            let rendered =
                translate(dialect, written.as_bytes(), dialect, &Context::default()).unwrap();
            assert_eq!(String::from_utf8(rendered.body).unwrap(), written);
            assert_eq!(rendered.name, name);
        }
    }

    #[test]
    fn what_javascript_would_write_otherwise_is_written_as_it_would() {
        let written =
            br#" {"event" : "novelty", "b": 1.0, "7": "a\/\u00e9", "big": 12345678901234567890} "#;
        let rendered =
            translate(Dialect::Posthawk, written, Dialect::Posthawk, &Context::default()).unwrap();
        assert_eq!(
            String::from_utf8(rendered.body).unwrap(),
            r#"{"7":"a/é","event":"novelty","b":1,"big":"12345678901234567890"}"#
        );
        assert_eq!(rendered.name, "novelty");
        assert_eq!(rendered.lost, ["unknown:b", "unknown:big"]);
    }

    #[test]
    fn a_ses_bounce_becomes_a_permanent_failure() {
        let body =
            br#"{"event":"bounce","id":"e1","timestamp":"2024-01-15T10:30:00Z","message_id":"m1",
            "event_data":{"eventType":"Bounce","mail":{"messageId":"m1","source":"a@example.com",
            "destination":["b@example.net"],"tags":{"order":["7"]}},
            "bounce":{"bounceType":"Transient","bounceSubType":"MailboxFull","bouncedRecipients":
            [{"emailAddress":"b@example.net","action":"failed","status":"4.2.2",
            "diagnosticCode":"smtp; 452 4.2.2 full"}],"timestamp":"2024-01-15T10:29:59.5Z"}}}"#;
        let rendered =
            translate(Dialect::Posthawk, body, Dialect::Mailgun, &Context::default()).unwrap();
        let data: Value = serde_json::from_slice(&rendered.body).unwrap();
        assert_eq!(rendered.name, "failed");
        assert_eq!(data["severity"], "permanent");
        assert_eq!(data["reason"], "old");
        assert_eq!(data["delivery-status"]["code"], 452);
        assert_eq!(data["user-variables"]["order"], "7");
        assert_eq!(data["timestamp"].to_string(), "1705314599.5");
        assert_eq!(rendered.lost, ["event-id", "bounce-subtype", "posthawk:timestamp"], "{data:#}");
        let soft = Options { soft_bounce_as_temporary: true, ..Options::default() };
        let rendered =
            translate_with(Dialect::Posthawk, body, Dialect::Mailgun, &Context::default(), soft)
                .unwrap();
        let data: Value = serde_json::from_slice(&rendered.body).unwrap();
        assert_eq!((&data["severity"], &data["log-level"]), (&"temporary".into(), &"warn".into()));
        assert_eq!(rendered.lost[0], "kind");
    }
}
