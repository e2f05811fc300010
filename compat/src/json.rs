//! Reading JSON so that nothing is overlooked, and writing it so that JavaScript would write the
//! same.

use std::borrow::Cow;
use std::fmt;

use serde::Deserializer as _;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Number, Value};

use crate::dialect::ParseError;
use crate::event::Rest;
use crate::time::Moment;

/// The deepest nesting read. No provider comes near it, and the parser underneath stops at 128.
const DEPTH_MAX: usize = 100;

/// The largest integer that JavaScript holds exactly.
const SAFE_INTEGER: i64 = 9_007_199_254_740_991;

/// Says what stood where something else was expected, in few words.
pub(crate) fn found(value: Option<&Value>) -> String {
    let Some(value) = value else { return "nothing".to_owned() };
    match value {
        Value::Null => "null".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        Value::Array(_) => "an array".to_owned(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => shorten(&value.to_string()),
    }
}

fn shorten(text: &str) -> String {
    let mut short: String = text.chars().take(40).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

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
    let text = text(body)?;
    let value = serde_json::from_str(text).or_else(|error| match mend_surrogates(text) {
        Some(mended) => serde_json::from_str(&mended),
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
fn mend_surrogates(text: &str) -> Option<String> {
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

/// A key, borrowed where it has no escapes.
#[derive(serde::Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

/// A raw member as text: a string's content, or a number's digits.
pub(crate) fn raw_name(raw: &str) -> Option<String> {
    let value: Value = serde_json::from_str(raw).ok()?;
    name_of(&value)
}

fn name_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
            None
        }
    }
}

/// An object that is being read. What is understood is taken out; what is left at the end was not
/// understood, and [`finish`](Fields::finish) keeps it under its path.
#[derive(Debug)]
pub(crate) struct Fields {
    path: Vec<&'static str>,
    map: Map<String, Value>,
}

impl Fields {
    pub(crate) fn new(map: Map<String, Value>) -> Self {
        Self { path: Vec::new(), map }
    }

    /// The sub-object at `key`; an empty one where there is none. Anything else that stands there
    /// stays, as not understood.
    pub(crate) fn object(&mut self, key: &'static str) -> Self {
        let mut path = self.path.clone();
        path.push(key);
        let map = match self.map.get_mut(key) {
            Some(Value::Object(map)) => std::mem::take(map),
            Some(_) | None => Map::new(),
        };
        Self { path, map }
    }

    pub(crate) fn peek(&self, key: &str) -> Option<&Value> {
        self.map.get(key)
    }

    /// Takes what `read` understands of the value at `key`; what it does not stays.
    pub(crate) fn take<T>(
        &mut self,
        key: &str,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Option<T> {
        let taken = read(self.map.get(key)?)?;
        // Order matters to nobody here: what is left is reported under sorted paths.
        self.map.swap_remove(key);
        Some(taken)
    }

    /// A string that is not empty.
    pub(crate) fn text(&mut self, key: &str) -> Option<String> {
        self.take(key, |value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned))
    }

    /// An identifier: a string that is not empty, or a number.
    pub(crate) fn name(&mut self, key: &str) -> Option<String> {
        self.take(key, name_of)
    }

    /// The first string of a list, or a single string; the list stays where it has more.
    pub(crate) fn only_text(&mut self, key: &str) -> Option<String> {
        self.take(key, |value| match value {
            Value::String(text) if !text.is_empty() => Some(text.clone()),
            Value::Array(items) => match items.as_slice() {
                [Value::String(text)] if !text.is_empty() => Some(text.clone()),
                _ => None,
            },
            Value::String(_)
            | Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::Object(_) => None,
        })
    }

    /// A whole number that is not negative, whether written `3`, `3.0` or `"3"`.
    pub(crate) fn count(&mut self, key: &str) -> Option<u64> {
        self.take(key, |value| match value {
            Value::Number(number) => number.as_u64().or_else(|| {
                let float = number.as_f64()?;
                let whole = float.fract() == 0.0 && (0.0..=SAFE_INTEGER as f64).contains(&float);
                whole.then_some(float as u64)
            }),
            Value::String(text) => text.parse().ok(),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        })
    }

    pub(crate) fn moment(&mut self, key: &str) -> Option<Moment> {
        self.take(key, Moment::read)
    }

    /// Drops the value at `key` where it says nothing that is not already known.
    pub(crate) fn drop_if(&mut self, key: &str, known: impl FnOnce(&Value) -> bool) {
        self.take(key, |value| known(value).then_some(()));
    }

    /// Drops the string at `key` where it is this one.
    pub(crate) fn drop_text(&mut self, key: &str, known: Option<&str>) {
        self.drop_if(key, |value| known.is_some() && value.as_str() == known);
    }

    /// Everything that is left, as user data.
    pub(crate) fn take_all(&mut self) -> Map<String, Value> {
        std::mem::take(&mut self.map)
    }

    /// Keeps what was not understood. A null, and an empty text, list or object, says nothing.
    pub(crate) fn finish(self, rest: &mut Vec<Rest>) {
        let Self { path, map } = self;
        for (key, value) in map {
            if !is_vacant(&value) {
                rest.push(Rest { path: path_to(&path, key), value });
            }
        }
    }

    /// The path of a member.
    pub(crate) fn path_to(&self, key: &str) -> Vec<String> {
        path_to(&self.path, key.to_owned())
    }
}

fn path_to(path: &[&str], key: String) -> Vec<String> {
    path.iter().map(|&part| part.to_owned()).chain([key]).collect()
}

fn is_vacant(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// An object that is being written. What is absent is left out, never `null`
/// (`spec/mailgun-events.md` §1.6).
#[derive(Debug, Default)]
pub(crate) struct Object(Map<String, Value>);

impl Object {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn set(&mut self, key: &str, value: impl Into<Value>) -> &mut Self {
        self.0.insert(key.to_owned(), value.into());
        self
    }

    /// Writes what is there.
    pub(crate) fn set_some(&mut self, key: &str, value: Option<impl Into<Value>>) -> &mut Self {
        if let Some(value) = value {
            self.set(key, value);
        }
        self
    }

    /// Writes an object even where it is empty.
    pub(crate) fn put(&mut self, key: &str, object: Self) -> &mut Self {
        self.set(key, Value::Object(object.0))
    }

    pub(crate) fn into_map(self) -> Map<String, Value> {
        self.0
    }
}

/// Puts `value` at `path`, making objects on the way; other things in the way stay as they are.
pub(crate) fn put_at(map: &mut Map<String, Value>, path: &[String], value: &Value) {
    match path {
        [] => {}
        [last] => {
            map.insert(last.clone(), value.clone());
        }
        [first, more @ ..] => {
            let entry = map.entry(first.as_str()).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(inner) = entry {
                put_at(inner, more, value);
            }
        }
    }
}

/// User data as `JSON.stringify` would write it after `JSON.parse`: Posthawk's published verifier
/// does that before it computes the signature (`spec/providers.md` §3.3 note 5). Numbers that
/// JavaScript would write otherwise become texts.
pub(crate) fn stable(value: &Value) -> Value {
    match value {
        Value::Null | Value::Bool(_) | Value::String(_) => value.clone(),
        Value::Number(number) => stable_number(number),
        Value::Array(items) => Value::Array(items.iter().map(stable).collect()),
        Value::Object(map) => Value::Object(stable_map(map)),
    }
}

/// The same for an object: keys that look like array indexes come first there, ascending.
pub(crate) fn stable_map(map: &Map<String, Value>) -> Map<String, Value> {
    let mut members: Vec<_> = map.iter().map(|(key, value)| (key.clone(), stable(value))).collect();
    members.sort_by_key(|(key, _)| array_index(key).map_or((true, 0), |index| (false, index)));
    members.into_iter().collect()
}

/// The array index that JavaScript takes a key for.
fn array_index(key: &str) -> Option<u32> {
    let index: u32 = key.parse().ok()?;
    (index != u32::MAX && index.to_string() == key).then_some(index)
}

fn stable_number(number: &Number) -> Value {
    if let Some(integer) = number.as_i64()
        && integer.unsigned_abs() <= SAFE_INTEGER.unsigned_abs()
    {
        return integer.into();
    }
    match number.as_f64() {
        Some(float)
            if number.is_f64() && float.fract() == 0.0 && float.abs() <= SAFE_INTEGER as f64 =>
        {
            (float as i64).into()
        }
        // Smaller ones get an exponent here and none there.
        Some(float) if number.is_f64() && float.fract() != 0.0 && float.abs() >= 1e-5 => {
            Value::Number(number.clone())
        }
        Some(float) if number.is_f64() => Value::String(float.to_string()),
        Some(_) | None => Value::String(number.to_string()),
    }
}

/// User data as text, for places that hold nothing else: strings as they are, the rest as JSON.
pub(crate) fn flat_text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            stable(value).to_string()
        }
    }
}
