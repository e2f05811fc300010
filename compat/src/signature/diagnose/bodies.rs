//! The forms into which a body is brought, unnoticed, between the wire and a verifier.

use std::borrow::Cow;
use std::fmt::Write as _;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::json;

/// The way in which the signed body is made of the one that was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyForm {
    /// The bytes.
    AsGiven,
    /// Without the newline at its end.
    WithoutNewline,
    /// With a newline at its end.
    WithNewline,
    /// With `\r\n` at its end.
    WithCrLf,
    /// Without the white space around it.
    Trimmed,
    /// Without the byte order mark.
    WithoutMark,
    /// With `\n` for each `\r\n`.
    UnixLines,
    /// With `\r\n` for each `\n`.
    DosLines,
    /// The bytes that it is the base64 of.
    Base64,
    /// The text that it is, as a JSON string.
    Unstringified,
    /// Written again by this.
    Written(Writer),
}

/// Programs that write JSON, each in its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writer {
    /// `JSON.stringify(value)`.
    JavaScript,
    /// No space between the tokens, which stay as they are.
    Compact,
    /// Two spaces for each level.
    Indented2,
    /// Four spaces for each level.
    Indented4,
    /// Python's `json.dumps`.
    Python,
    /// Python's `json.dumps` with `ensure_ascii=False`.
    PythonUtf8,
    /// PHP's `json_encode`.
    Php,
    /// Keys in order of the alphabet.
    Sorted,
    /// Go's `json.Marshal` of a map.
    Go,
}

/// A body and what it may have been, no two forms equal; the one that was given first.
pub(super) struct Bodies<'a> {
    pub(super) given: &'a [u8],
    forms: Vec<(BodyForm, Vec<u8>)>,
}

impl<'a> Bodies<'a> {
    pub(super) fn of(given: &'a [u8]) -> Self {
        let mut forms = vec![(BodyForm::AsGiven, given.to_vec())];
        let mut add = |form, body: Cow<'_, [u8]>| {
            if forms.iter().all(|(_, known)| *known != *body) {
                forms.push((form, body.into_owned()));
            }
        };
        let without = given.strip_suffix(b"\r\n").or_else(|| given.strip_suffix(b"\n"));
        add(BodyForm::WithoutNewline, without.unwrap_or(given).into());
        add(BodyForm::WithNewline, [given, b"\n"].concat().into());
        add(BodyForm::WithCrLf, [given, b"\r\n"].concat().into());
        add(BodyForm::Trimmed, given.trim_ascii().into());
        add(BodyForm::WithoutMark, given.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(given).into());
        if let Ok(text) = std::str::from_utf8(given) {
            let unix = text.replace("\r\n", "\n");
            add(BodyForm::DosLines, unix.replace('\n', "\r\n").into_bytes().into());
            add(BodyForm::UnixLines, unix.into_bytes().into());
        }
        if let Some(decoded) = from_base64(given) {
            add(BodyForm::Base64, decoded.into());
        }
        if let Ok(text) = serde_json::from_slice::<String>(given) {
            add(BodyForm::Unstringified, text.into_bytes().into());
        }
        if let Some(value) = value(given) {
            for writer in WRITERS {
                let written = writer.write(&value, given.trim_ascii());
                add(BodyForm::Written(writer), written.into());
            }
        }
        Self { given, forms }
    }

    pub(super) fn forms(&self) -> &[(BodyForm, Vec<u8>)] {
        &self.forms
    }

    pub(super) fn as_given(&self) -> &[(BodyForm, Vec<u8>)] {
        &self.forms[..1]
    }
}

/// JSON that no reader chokes on; other bodies have no other writing.
pub(super) fn value(body: &[u8]) -> Option<Value> {
    let text = json::text(body).ok()?;
    serde_json::from_str(text).ok()
}

fn from_base64(body: &[u8]) -> Option<Vec<u8>> {
    STANDARD.decode(body.trim_ascii()).ok().filter(|decoded| !decoded.is_empty())
}

const WRITERS: [Writer; 9] = [
    Writer::JavaScript,
    Writer::Compact,
    Writer::Indented2,
    Writer::Indented4,
    Writer::Python,
    Writer::PythonUtf8,
    Writer::Php,
    Writer::Sorted,
    Writer::Go,
];

impl Writer {
    fn write(self, value: &Value, text: &[u8]) -> Vec<u8> {
        let plain = || value.to_string();
        let written = match self {
            Self::JavaScript => json::stable(value).to_string(),
            Self::Compact => return compact(text),
            Self::Indented2 => format!("{value:#}"),
            Self::Indented4 => indented_twice(&format!("{value:#}")),
            Self::Python => spaced(&escaped(&plain(), |c| !c.is_ascii())),
            Self::PythonUtf8 => spaced(&plain()),
            Self::Php => escaped(&plain(), |c| c == '/' || !c.is_ascii()),
            Self::Sorted => sorted(value).to_string(),
            Self::Go => escaped(&sorted(value).to_string(), is_html),
        };
        written.into_bytes()
    }
}

fn is_html(c: char) -> bool {
    matches!(c, '<' | '>' | '&' | '\u{2028}' | '\u{2029}')
}

/// The text less the white space between its tokens.
fn compact(text: &[u8]) -> Vec<u8> {
    let mut in_string = Inside::default();
    let kept = |byte: &u8| in_string.after(*byte) || !byte.is_ascii_whitespace();
    text.iter().copied().filter(kept).collect()
}

/// Compact JSON with a space after each comma and colon that stands between tokens.
fn spaced(compact: &str) -> String {
    let mut in_string = Inside::default();
    let mut spaced = String::with_capacity(compact.len() * 2);
    for c in compact.chars() {
        spaced.push(c);
        let inside = u8::try_from(c).map_or(in_string.0, |byte| in_string.after(byte));
        if !inside && matches!(c, ',' | ':') {
            spaced.push(' ');
        }
    }
    spaced
}

/// JSON with more characters escaped than need be; these only ever stand in strings.
fn escaped(text: &str, is_escaped: fn(char) -> bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            _ if !is_escaped(c) => escaped.push(c),
            '/' => escaped.push_str("\\/"),
            _ => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = write!(escaped, "\\u{unit:04x}");
                }
            }
        }
    }
    escaped
}

/// Indented JSON with the double indent; no string in it holds a line break.
fn indented_twice(pretty: &str) -> String {
    let line = |line: &str| " ".repeat(line.len() - line.trim_start().len()) + line;
    pretty.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// The state of a walk through JSON: whether it is within a string, and whether a backslash came last.
#[derive(Default)]
struct Inside(bool, bool);

impl Inside {
    /// Takes the next byte; whether it is part of a string, quotes included.
    fn after(&mut self, byte: u8) -> bool {
        let was_inside = self.0;
        match byte {
            _ if self.1 => self.1 = false,
            b'\\' if self.0 => self.1 = true,
            b'"' => self.0 = !self.0,
            _ => {}
        }
        was_inside || self.0
    }
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut members: Vec<_> = map.iter().map(|(k, v)| (k.clone(), sorted(v))).collect();
            members.sort_by(|(one, _), (other, _)| one.cmp(other));
            Value::Object(members.into_iter().collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}
