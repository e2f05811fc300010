//! The way out: an event as any dialect's payload, with what that payload could not carry.

use serde_json::{Map, Value};

use crate::dialect::Dialect;
use crate::event::{Class, Event, ParseError};
use crate::kind::Kind;
use crate::matrix::{self, Mode};
use crate::parse::parse;
use crate::provider::Provider;
pub use crate::speaking::Context;
use crate::speaking::Target;
use crate::{json, loss};

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

/// The reason for which an event has no payload in a dialect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TranslateError {
    /// The bytes are not an event of the source.
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

/// The liberties that a rendering may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TranslateOptions {
    /// Lenient where a kind without a name may go under the nearest one.
    pub mode: Mode,
    /// Shows a soft bounce as a deferral, for receivers built on the reading that only a hard
    /// bounce is permanent (`spec/providers.md` §2.2). Where the target has no deferral it stays a
    /// bounce.
    pub soft_bounce_as_temporary: bool,
}

/// Takes a payload from a provider to a dialect, strictly.
///
/// From a provider to its own dialect every field stays, known or not: Mailgun's `event-data` byte
/// for byte, the others' bodies too where JavaScript would write them the same, and else as it
/// would write them. Equal input gives equal bytes.
pub fn translate(
    from: Provider,
    body: &[u8],
    to: Dialect,
    context: &Context,
) -> Result<Rendered, TranslateError> {
    translate_with(from, body, to, context, TranslateOptions::default())
}

/// Takes a payload from a provider to a dialect.
///
/// From a provider to its own dialect as in [`translate`], whatever the options; nothing is parsed
/// then that need not be.
pub fn translate_with(
    from: Provider,
    body: &[u8],
    to: Dialect,
    context: &Context,
    options: TranslateOptions,
) -> Result<Rendered, TranslateError> {
    if from == to.provider() {
        return Ok(forward(to, body)?);
    }
    render_with(to, &parse(from, body)?, context, options)
}

/// Makes of an event that was [parsed](parse) and of the `body` that it was parsed from what
/// [`translate_with`] makes of the body alone.
pub fn rendering(
    event: &Event,
    body: &[u8],
    to: Dialect,
    context: &Context,
    options: TranslateOptions,
) -> Result<Rendered, TranslateError> {
    if event.provider == to.provider() {
        return Ok(forward(to, body)?);
    }
    render_with(to, event, context, options)
}

/// Writes an event as a dialect's payload, strictly.
///
/// An event in its own dialect is written under its own name, known or not, with everything that
/// was read; bytes that shall stay as they are go through [`translate`] or [`rendering`].
pub fn render(
    dialect: Dialect,
    event: &Event,
    context: &Context,
) -> Result<Rendered, TranslateError> {
    render_with(dialect, event, context, TranslateOptions::default())
}

/// Writes an event as a dialect's payload.
pub fn render_with(
    dialect: Dialect,
    event: &Event,
    context: &Context,
    options: TranslateOptions,
) -> Result<Rendered, TranslateError> {
    let own = event.provider == dialect.provider();
    let (kind, name) = match shown(dialect, event, options) {
        Some((kind, name)) if !own || Some(kind) != event.kind => (Some(kind), name),
        _ if own => (event.kind, event.name.as_str()),
        _ => return Err(TranslateError::Impossible { to: dialect, name: event.name.clone() }),
    };
    let speaking = dialect.speaking();
    let mut tree = (speaking.write)(event, &Target { kind, name, context });
    if own {
        for part in &event.rest {
            json::put_at(&mut tree, &part.path, part.value.clone());
        }
        if speaking.survives_javascript {
            tree = json::stable_map(&tree);
        }
    }
    let name = name.to_owned();
    let body = written(&tree);
    let lost = loss::between(event, &reread(dialect, tree)?);
    Ok(Rendered { body, name, lost })
}

/// Tells as what an event is shown in a dialect: its kind, or the one that `options` puts in its
/// place. `None` where the dialect has no name for it, and its receivers are not told.
#[must_use]
pub fn shown_as(dialect: Dialect, event: &Event, options: TranslateOptions) -> Option<Kind> {
    shown(dialect, event, options).map(|(kind, _)| kind)
}

fn shown(
    dialect: Dialect,
    event: &Event,
    options: TranslateOptions,
) -> Option<(Kind, &'static str)> {
    let kind = event.kind?;
    let soft = kind == Kind::Bounced && event.report.class == Some(Class::Soft);
    let named = |kind| Some((kind, matrix::event_name(dialect, kind, options.mode)?));
    let deferral = options.soft_bounce_as_temporary && soft;
    deferral.then(|| named(Kind::Deferred)).flatten().or_else(|| named(kind))
}

/// Reads a payload that is in no envelope.
fn reread(dialect: Dialect, payload: Map<String, Value>) -> Result<Event, ParseError> {
    (dialect.provider().reading().read)(payload)
}

fn written(tree: &Map<String, Value>) -> Vec<u8> {
    serde_json::to_vec(tree).expect("a tree of JSON values has a text")
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
    if !dialect.speaking().survives_javascript {
        return Rendered { body: payload.as_bytes().to_vec(), name, lost: Vec::new() };
    }
    let (body, lost) = stabilised(dialect, body);
    Rendered { body, name, lost }
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
    let written = written(&stable);
    if written == body {
        return (written, Vec::new());
    }
    match (reread(dialect, tree), reread(dialect, stable)) {
        (Ok(had), Ok(has)) => (written, loss::between(&had, &has)),
        _ => (body.to_vec(), Vec::new()),
    }
}

/// The payload's text within the body's, and the event's name in it.
fn payload(dialect: Dialect, text: &str) -> Result<(&str, String), ParseError> {
    let (payload, name) = (dialect.speaking().payload)(text)?;
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
                Provider::Mailgun,
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
                translate(dialect.provider(), written.as_bytes(), dialect, &Context::default())
                    .unwrap();
            assert_eq!(String::from_utf8(rendered.body).unwrap(), written);
            assert_eq!(rendered.name, name);
        }
    }

    #[test]
    fn what_javascript_would_write_otherwise_is_written_as_it_would() {
        let written =
            br#" {"event" : "novelty", "b": 1.0, "7": "a\/\u00e9", "big": 12345678901234567890} "#;
        let rendered =
            translate(Provider::Posthawk, written, Dialect::Posthawk, &Context::default()).unwrap();
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
            translate(Provider::Posthawk, body, Dialect::Mailgun, &Context::default()).unwrap();
        let data: Value = serde_json::from_slice(&rendered.body).unwrap();
        assert_eq!(rendered.name, "failed");
        assert_eq!(data["severity"], "permanent");
        assert_eq!(data["reason"], "old");
        assert_eq!(data["delivery-status"]["code"], 452);
        assert_eq!(data["user-variables"]["order"], "7");
        assert_eq!(data["timestamp"].to_string(), "1705314599.5");
        assert_eq!(rendered.lost, ["event-id", "bounce-subtype", "posthawk:timestamp"], "{data:#}");
        let soft =
            TranslateOptions { soft_bounce_as_temporary: true, ..TranslateOptions::default() };
        let rendered =
            translate_with(Provider::Posthawk, body, Dialect::Mailgun, &Context::default(), soft)
                .unwrap();
        let data: Value = serde_json::from_slice(&rendered.body).unwrap();
        assert_eq!((&data["severity"], &data["log-level"]), (&"temporary".into(), &"warn".into()));
        assert_eq!(rendered.lost[0], "kind");
    }
}
