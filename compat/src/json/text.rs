//! From a body's bytes to as much of its JSON as is wanted.

use std::fmt;

use serde::Deserializer as _;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::part::{Key, Part, Wanted};
use super::value::{found, name_of};
use crate::event::ParseError;

/// The deepest nesting read. No provider comes near it, and the parser underneath stops at 128.
const DEPTH_MAX: usize = 100;

fn body_error(expected: &'static str, found: impl Into<String>) -> ParseError {
    ParseError { field: "body".to_owned(), expected, found: found.into() }
}

/// The body as text that is safe to parse: UTF-8, and not nested without end.
pub(crate) fn text(body: &[u8]) -> Result<&str, ParseError> {
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    let text = std::str::from_utf8(body)
        .map_err(|error| body_error("UTF-8", format!("a stray byte at {}", error.valid_up_to())))?;
    if too_deep(text.as_bytes()) {
        return Err(body_error("at most 100 levels of nesting", "more"));
    }
    Ok(text.trim_ascii())
}

/// Counts brackets outside strings, before anything recursive looks at the body.
fn too_deep(text: &[u8]) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for &byte in text {
        if escaped {
            escaped = false;
        } else if in_string {
            match byte {
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
        } else {
            match byte {
                b'"' => in_string = true,
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth > DEPTH_MAX {
                return true;
            }
        }
    }
    false
}

/// The body as a JSON object.
pub(crate) fn object(body: &[u8]) -> Result<Map<String, Value>, ParseError> {
    read_object(body, |text| serde_json::from_str(text))
}

/// The body as a JSON object, less what is not wanted. It is an error where [`object`] is one.
pub(crate) fn part_of_object(
    body: &[u8],
    wanted: &'static [Wanted],
) -> Result<Map<String, Value>, ParseError> {
    read_object(body, |text| Part(wanted).read(text))
}

fn read_object(
    body: &[u8],
    read: impl Fn(&str) -> serde_json::Result<Value>,
) -> Result<Map<String, Value>, ParseError> {
    let text = text(body)?;
    let value = read(text).or_else(|error| match mend_surrogates(text) {
        Some(mended) => read(&mended),
        None => Err(error),
    });
    match value {
        Ok(Value::Object(map)) => Ok(map),
        Ok(other) => Err(body_error("a JSON object", found(Some(&other)))),
        Err(error) => Err(body_error("a JSON object", error.to_string())),
    }
}

/// JavaScript writes half of a character that was cut in two as a lone `\ud83d`, which is not
/// text; it becomes `\ufffd` here, rather than making the whole event unreadable.
pub(crate) fn mend_surrogates(text: &str) -> Option<String> {
    let unit = |at: usize| -> Option<u16> {
        let hex = text.get(at..)?.strip_prefix("\\u")?.get(..4)?;
        u16::from_str_radix(hex, 16).ok()
    };
    let mut mended = String::with_capacity(text.len());
    let (mut from, mut at, mut changed) = (0, 0, false);
    while let Some(next) = text[at..].find('\\').map(|offset| at + offset) {
        at = next + 2;
        match (unit(next), unit(next + 6)) {
            (Some(0xD800..0xDC00), Some(0xDC00..0xE000)) => at = next + 12,
            (Some(0xD800..0xE000), _) => {
                mended.push_str(&text[from..next]);
                mended.push_str("\\ufffd");
                (from, at, changed) = (next + 6, next + 6, true);
            }
            _ => {}
        }
        // The character after a backslash may be longer than a byte; such text is no JSON.
        if !text.is_char_boundary(at) {
            return None;
        }
    }
    mended.push_str(&text[from..]);
    changed.then_some(mended)
}

/// The raw texts of some members of the object in `text`, in one pass that builds nothing. As in
/// every JSON reader that builds maps, the last of two equal keys counts.
pub(crate) fn raw_members<'a, const N: usize>(
    text: &'a str,
    keys: [&str; N],
) -> Result<[Option<&'a str>; N], ParseError> {
    struct Members<'k, const N: usize>([&'k str; N]);
    impl<'de, const N: usize> Visitor<'de> for Members<'_, N> {
        type Value = [Option<&'de str>; N];

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a JSON object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut members = [None; N];
            while let Some(Key(key)) = map.next_key()? {
                match self.0.iter().position(|wanted| *wanted == key) {
                    Some(at) => members[at] = Some(map.next_value::<&RawValue>()?.get()),
                    None => drop(map.next_value::<serde::de::IgnoredAny>()?),
                }
            }
            Ok(members)
        }
    }

    let mut reader = serde_json::Deserializer::from_str(text);
    let members = reader
        .deserialize_map(Members(keys))
        .map_err(|error| body_error("a JSON object", error.to_string()))?;
    reader.end().map_err(|error| body_error("one JSON object", error.to_string()))?;
    Ok(members)
}

/// The name that stands under `key`, without building anything.
pub(crate) fn name_at(text: &str, key: &str) -> Result<Option<String>, ParseError> {
    Ok(raw_members(text, [key])?[0].and_then(raw_name))
}

/// A raw member as text: a string's content, or a number's digits.
pub(crate) fn raw_name(raw: &str) -> Option<String> {
    let value: Value = serde_json::from_str(raw).ok()?;
    name_of(&value)
}
