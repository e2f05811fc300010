//! Writing objects, so that JavaScript would write the same.

use serde_json::{Map, Number, Value};

use super::value::SAFE_INTEGER;

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

    /// Writes what is there. An empty text is not.
    pub(crate) fn set_some(&mut self, key: &str, value: Option<impl Into<Value>>) -> &mut Self {
        match value.map(Into::into) {
            Some(value) if value != "" => self.set(key, value),
            _ => self,
        }
    }

    /// Writes a number that JavaScript can hold.
    pub(crate) fn set_count(&mut self, key: &str, count: Option<u64>) -> &mut Self {
        self.set_some(key, count.filter(|&count| count <= SAFE_INTEGER.unsigned_abs()))
    }

    /// Writes an object even where it is empty.
    pub(crate) fn put(&mut self, key: &str, object: Self) -> &mut Self {
        self.set(key, Value::Object(object.0))
    }

    pub(crate) fn into_map(self) -> Map<String, Value> {
        self.0
    }
}

/// Puts `value` at `path`, making objects on the way and adding to one that is there. Other things in
/// the way stay as they are.
pub(crate) fn put_at(map: &mut Map<String, Value>, path: &[String], value: Value) {
    match path {
        [] => {}
        [last] => match (map.get_mut(last), value) {
            (Some(Value::Object(there)), Value::Object(more)) => there.extend(more),
            (_, value) => drop(map.insert(last.clone(), value)),
        },
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
