//! The content of one request of direct ingest: one event, an array of them, or one to a line.

use std::borrow::Cow;
use std::str::FromStr;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use waypost_compat::Provider;
use waypost_compat::provider::UnknownProvider;

/// The number of events that one request may hold.
pub const BATCH_MAX: usize = 1000;

/// One event's bytes, and the provider whose they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawEvent {
    /// The provider.
    pub provider: Provider,
    /// The provider's bytes.
    pub body: Bytes,
}

/// The content of a request. One event is answered for itself, several by a list, even if it is a
/// list of one.
#[derive(Debug, PartialEq, Eq)]
pub enum EventBatch {
    /// One JSON object.
    One(Result<RawEvent, UnknownProvider>),
    /// A JSON array, or lines. An item may name a provider that there is none of.
    Many(Vec<Result<RawEvent, UnknownProvider>>),
}

/// The reason for which a body holds no events at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// Nothing in it.
    #[error("expected an event, an array of events or one event to a line, found an empty body")]
    Empty,
    /// Begins like JSON, but is none.
    #[error("expected JSON: {0}")]
    Malformed(String),
    /// More than one request may hold.
    #[error("expected at most {BATCH_MAX} events, found {0}")]
    TooMany(usize),
}

/// Takes a body apart. `lines` says that its content type promised one event to a line; without
/// that promise lines are recognised where the first one is an object by itself.
///
/// Events are `provider`'s unless they stand in a wrapper `{"dialect":…,"payload":…}` of their own.
/// Only the outermost level is read, each event's own bytes stay as they came.
pub fn split(body: &Bytes, provider: Provider, lines: bool) -> Result<EventBatch, BatchError> {
    let text = body.trim_ascii();
    let Some(first) = text.first() else {
        return Err(BatchError::Empty);
    };
    if lines {
        return by_line(body, provider);
    }
    if *first == b'[' {
        let array: Vec<&RawValue> = serde_json::from_slice(text).map_err(malformed)?;
        let items = array.iter().map(|event| event.get().as_bytes());
        return many(body, array.len(), items, provider);
    }
    match serde_json::from_slice::<&RawValue>(text) {
        Ok(event) => Ok(EventBatch::One(item(body, event.get().as_bytes(), provider))),
        Err(_) if first_line_is_an_object(text) => by_line(body, provider),
        Err(error) => Err(malformed(error)),
    }
}

fn first_line_is_an_object(text: &[u8]) -> bool {
    text.split(|byte| *byte == b'\n').next().is_some_and(|line| {
        line.starts_with(b"{") && serde_json::from_slice::<&RawValue>(line).is_ok()
    })
}

/// One event to a line, empty lines left out. What a line holds is read with the event, so that one
/// bad line spoils no other.
fn by_line(body: &Bytes, provider: Provider) -> Result<EventBatch, BatchError> {
    let lines =
        || body.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|l| !l.is_empty());
    many(body, lines().count(), lines(), provider)
}

fn many<'b>(
    body: &Bytes,
    count: usize,
    events: impl Iterator<Item = &'b [u8]>,
    provider: Provider,
) -> Result<EventBatch, BatchError> {
    if count > BATCH_MAX {
        return Err(BatchError::TooMany(count));
    }
    Ok(EventBatch::Many(events.map(|event| item(body, event, provider)).collect()))
}

/// An event together with the provider whose it is, read only when both keys of one are there.
#[derive(Deserialize)]
struct Wrapper<'a> {
    #[serde(borrow)]
    dialect: Cow<'a, str>,
    #[serde(borrow)]
    payload: &'a RawValue,
}

fn item(whole: &Bytes, event: &[u8], provider: Provider) -> Result<RawEvent, UnknownProvider> {
    let (event, provider) = match serde_json::from_slice::<Wrapper<'_>>(event) {
        Ok(wrapper) => (wrapper.payload.get().as_bytes(), Provider::from_str(&wrapper.dialect)?),
        Err(_) => (event, provider),
    };
    Ok(RawEvent { provider, body: whole.slice_ref(event) })
}

#[allow(clippy::needless_pass_by_value, reason = "it is what `map_err` hands over")]
fn malformed(error: serde_json::Error) -> BatchError {
    BatchError::Malformed(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split_text(text: &str, lines: bool) -> Result<EventBatch, BatchError> {
        split(&Bytes::copy_from_slice(text.as_bytes()), Provider::Mailgun, lines)
    }

    fn item(provider: Provider, body: &'static str) -> Result<RawEvent, UnknownProvider> {
        Ok(RawEvent { provider, body: Bytes::from_static(body.as_bytes()) })
    }

    #[track_caller]
    fn check(text: &str, lines: bool, expected: EventBatch) {
        assert_eq!(split_text(text, lines), Ok(expected));
    }

    #[test]
    fn one_object_is_one_event_however_it_is_laid_out() {
        let pretty = "{\n  \"event\": \"opened\"\n}";
        check(&format!("\n{pretty}\n"), false, EventBatch::One(item(Provider::Mailgun, pretty)));
    }

    #[test]
    fn an_array_keeps_each_events_bytes() {
        let events = vec![item(Provider::Mailgun, r#"{"a": 1}"#), item(Provider::Mailgun, "2")];
        check(r#" [ {"a": 1} ,2]"#, false, EventBatch::Many(events));
        check("[]", false, EventBatch::Many(Vec::new()));
    }

    #[test]
    fn lines_are_recognised_with_and_without_the_promise() {
        let lines = "{\"a\":1}\r\n\n{\"b\":2}\n{broken\n";
        for promised in [true, false] {
            let events = ["{\"a\":1}", "{\"b\":2}", "{broken"];
            let events = events.map(|event| item(Provider::Mailgun, event)).into();
            check(lines, promised, EventBatch::Many(events));
        }
    }

    #[test]
    fn a_single_promised_line_is_answered_as_a_list() {
        check("{}", true, EventBatch::Many(vec![item(Provider::Mailgun, "{}")]));
    }

    #[test]
    fn a_wrapper_names_the_dialect_of_its_payload() {
        let wrapped = r#"{"dialect":"posthawk","payload":{"event":"open"}}"#;
        let event = item(Provider::Posthawk, r#"{"event":"open"}"#);
        check(wrapped, false, EventBatch::One(event.clone()));
        check(
            &format!("[{wrapped},{{}}]"),
            false,
            EventBatch::Many(vec![event, item(Provider::Mailgun, "{}")]),
        );
    }

    #[test]
    fn a_wrapper_with_an_unknown_dialect_spoils_only_itself() {
        let text = r#"[{"dialect":"pigeon","payload":{}},{}]"#;
        let unknown = Err(UnknownProvider("pigeon".to_owned()));
        check(text, false, EventBatch::Many(vec![unknown, item(Provider::Mailgun, "{}")]));
    }

    #[test]
    fn what_is_no_json_is_refused_with_the_place() {
        assert_eq!(split_text(" \n", false), Err(BatchError::Empty));
        let refused = split_text("{\"a\":}", false).unwrap_err().to_string();
        assert!(refused.contains("line 1 column 6"), "{refused}");
        assert!(matches!(split_text("[{}", false), Err(BatchError::Malformed(_))));
    }

    #[test]
    fn more_than_a_request_may_hold_is_refused() {
        let array = format!("[{}]", vec!["1"; BATCH_MAX + 1].join(","));
        assert_eq!(split_text(&array, false), Err(BatchError::TooMany(1001)));
        let lines = "{}\n".repeat(BATCH_MAX + 1);
        assert_eq!(split_text(&lines, true), Err(BatchError::TooMany(1001)));
    }

    #[test]
    fn a_mebibyte_of_brackets_is_no_danger() {
        let brackets = "[".repeat(1 << 20);
        assert!(matches!(split_text(&brackets, false), Err(BatchError::Malformed(_))));
    }
}
