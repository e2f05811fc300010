//! Reading an object by taking out of it what is understood.

use serde_json::{Map, Value};

use super::value::{SAFE_INTEGER, found, name_of};
use crate::event::{ParseError, Rest};
use crate::text;
use crate::time::Moment;

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
        self.map.shift_remove(key);
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

    /// The name that makes it an event: a text, or a number.
    pub(crate) fn event_name(&mut self, key: &str) -> Result<String, ParseError> {
        self.name(key).ok_or_else(|| ParseError {
            field: path_to(&self.path, key.to_owned()).join("."),
            expected: "the event's name",
            found: found(self.peek(key)),
        })
    }

    /// A list of strings.
    pub(crate) fn texts(&mut self, key: &str) -> Vec<String> {
        let strings = |value: &Value| -> Option<Vec<String>> {
            value.as_array()?.iter().map(|item| item.as_str().map(str::to_owned)).collect()
        };
        self.take(key, strings).unwrap_or_default()
    }

    /// The bare address in a string or in a list of one.
    pub(crate) fn address(&mut self, key: &str) -> Option<String> {
        let address = self.only_text(key)?;
        Some(text::bare_address(&address).to_owned()).filter(|address| !address.is_empty())
    }

    /// A message id without its brackets.
    pub(crate) fn message_id(&mut self, key: &str) -> Option<String> {
        let id = self.name(key)?;
        Some(text::bare_message_id(&id).to_owned()).filter(|id| !id.is_empty())
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
        self.take(key, |value| {
            let count = match value {
                Value::Number(number) => number.as_u64().or_else(|| {
                    let float = number.as_f64()?;
                    let whole =
                        float.fract() == 0.0 && (0.0..=SAFE_INTEGER as f64).contains(&float);
                    whole.then_some(float as u64)
                }),
                Value::String(text) => text.parse().ok(),
                Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
            };
            // JavaScript must be able to write it again.
            count.filter(|&count| count <= SAFE_INTEGER.unsigned_abs())
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

    /// The keys that lead to this object.
    pub(crate) fn path(&self) -> Vec<String> {
        self.path.iter().map(|&part| part.to_owned()).collect()
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
