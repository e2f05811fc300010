//! The plain facts about JSON values.

use serde_json::Value;

/// The largest integer that JavaScript holds exactly.
pub(crate) const SAFE_INTEGER: i64 = 9_007_199_254_740_991;

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

/// An identifier as text: a string's content, or a number's digits.
pub(crate) fn name_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
            None
        }
    }
}
