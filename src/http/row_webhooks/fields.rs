//! A JSON object's fields, read by name and type.

use serde_json::{Map, Value};

use super::Problem;
use crate::http::Body;

/// A request body that is a JSON object. Fields that nobody asks for are ignored, as providers do;
/// `null` counts as absent.
#[derive(Debug)]
pub(in crate::http) struct RowFields(Map<String, Value>);

impl RowFields {
    /// Reads a body. A missing `Content-Type` is taken for JSON; another one is refused, since a
    /// form that happens to parse would not mean what its sender thinks.
    pub(in crate::http) fn read(body: &Body) -> Result<Self, Problem> {
        if let Some(found) = &body.content_type
            && !is_json(found)
        {
            return Err(Problem::ContentType { found: shorten(found) });
        }
        match serde_json::from_slice(&body.bytes) {
            Ok(Value::Object(fields)) => Ok(Self(fields)),
            Ok(other) => Err(Problem::MalformedBody { detail: format!("found {}", name(&other)) }),
            Err(error) => Err(Problem::MalformedBody { detail: error.to_string() }),
        }
    }

    /// A text.
    pub(in crate::http) fn text(&self, field: &'static str) -> Result<Option<String>, Problem> {
        self.typed(field, "a string", |value| value.as_str().map(str::to_owned))
    }

    /// A text that must be there.
    pub(in crate::http) fn required_text(&self, field: &'static str) -> Result<String, Problem> {
        self.text(field)?.ok_or(Problem::MissingField { field })
    }

    /// A text that may be taken away by `null`; the outer `None` leaves it as it is.
    pub(in crate::http) fn optional_text(
        &self,
        field: &'static str,
    ) -> Result<Option<Option<String>>, Problem> {
        let text = self.text(field)?;
        Ok(self.0.contains_key(field).then_some(text))
    }

    /// A truth value.
    pub(in crate::http) fn truth(&self, field: &'static str) -> Result<Option<bool>, Problem> {
        self.typed(field, "true or false", Value::as_bool)
    }

    /// A list of texts.
    pub(in crate::http) fn texts(
        &self,
        field: &'static str,
    ) -> Result<Option<Vec<String>>, Problem> {
        self.typed(field, "an array of strings", |value| {
            value.as_array()?.iter().map(|item| item.as_str().map(str::to_owned)).collect()
        })
    }

    /// A list of texts that must be there.
    pub(in crate::http) fn required_texts(
        &self,
        field: &'static str,
    ) -> Result<Vec<String>, Problem> {
        self.texts(field)?.ok_or(Problem::MissingField { field })
    }

    fn typed<T>(
        &self,
        field: &'static str,
        expected: &'static str,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Result<Option<T>, Problem> {
        match self.0.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => read(value).map(Some).ok_or_else(|| Problem::InvalidField {
                field,
                expected,
                found: describe(value),
            }),
        }
    }
}

fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
        || essence.to_ascii_lowercase().ends_with("+json")
}

fn name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

fn describe(value: &Value) -> String {
    match value {
        Value::Array(items) => match items.iter().find(|item| !item.is_string()) {
            Some(other) => format!("an array with {} in it", name(other)),
            None => name(value).to_owned(),
        },
        Value::Null | Value::Object(_) => name(value).to_owned(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => shorten(&value.to_string()),
    }
}

/// The beginning of a text, for an error message.
pub(in crate::http) fn shorten(text: &str) -> String {
    const CHARS_MAX: usize = 80;
    match text.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(content_type: Option<&str>, text: &'static str) -> Result<RowFields, Problem> {
        let bytes = text.as_bytes().into();
        RowFields::read(&Body { content_type: content_type.map(str::to_owned), bytes })
    }

    #[test]
    fn a_form_is_refused_even_if_it_looks_like_json() {
        let refused = read(Some("application/x-www-form-urlencoded"), "{}").unwrap_err();
        assert_eq!(
            refused.to_string(),
            "expected a JSON body, found Content-Type application/x-www-form-urlencoded"
        );
    }

    #[test]
    fn a_wrong_type_names_field_expectation_and_find() {
        let fields =
            read(None, r#"{"url":7,"events":["a",1],"enabled":"yes","secret":null}"#).unwrap();
        let text = |problem: Problem| problem.to_string();
        assert_eq!(text(fields.text("url").unwrap_err()), "`url`: expected a string, found 7");
        assert_eq!(
            text(fields.texts("events").unwrap_err()),
            "`events`: expected an array of strings, found an array with a number in it"
        );
        assert_eq!(
            text(fields.truth("enabled").unwrap_err()),
            "`enabled`: expected true or false, found \"yes\""
        );
        assert_eq!(fields.text("secret"), Ok(None));
    }
}
