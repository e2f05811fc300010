//! JSON as the native API's clients send it.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use waypost_compat::{Dialect, Provider, Secret};

use crate::http::Body;
use crate::http::native_error::NativeError;

/// The members of a JSON object that a client sent.
#[derive(Debug)]
pub(super) struct JsonObject(Map<String, Value>);

impl JsonObject {
    /// Reads a body. Anything but an object is refused, and so is every field that is not `known`:
    /// a misspelt option must not look as if it had been taken.
    pub(super) fn read(body: &Body, known: &[&'static str]) -> Result<Self, NativeError> {
        let value: Value = serde_json::from_slice(&body.bytes)
            .map_err(|error| NativeError::malformed(format!("expected a JSON object: {error}")))?;
        Self::of(value, known)
    }

    /// The members of a value that stands somewhere in a body, under the same rules.
    pub(super) fn of(value: Value, known: &[&'static str]) -> Result<Self, NativeError> {
        let Value::Object(fields) = value else {
            return Err(NativeError::malformed(format!(
                "expected a JSON object, found {}",
                kind_of(&value)
            )));
        };
        let unknown: Vec<&str> =
            fields.keys().map(String::as_str).filter(|name| !known.contains(name)).collect();
        match unknown.first() {
            None => Ok(Self(fields)),
            Some(first) => Err(NativeError::invalid(
                first,
                format!("expected only {}, found {}", list(known), list(&unknown)),
            )),
        }
    }

    /// Takes a field out, whatever it is; nothing where it is absent or `null`.
    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        self.0.swap_remove(name).filter(|value| !value.is_null())
    }

    /// Says whether the field is there, `null` included.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// A field that may be left out or `null`. `expected` says in words what it should be.
    pub(super) fn optional<T: DeserializeOwned>(
        &self,
        name: &str,
        expected: &str,
    ) -> Result<Option<T>, NativeError> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => T::deserialize(value).map(Some).map_err(|_| {
                NativeError::invalid(name, format!("expected {expected}, found {}", kind_of(value)))
            }),
        }
    }

    /// A field that must be there.
    pub(super) fn required<T: DeserializeOwned>(
        &self,
        name: &str,
        expected: &str,
    ) -> Result<T, NativeError> {
        self.optional(name, expected)?.ok_or_else(|| {
            NativeError::invalid(name, format!("expected {expected}, found nothing"))
        })
    }

    /// The name of a dialect.
    pub(super) fn dialect(&self) -> Result<Dialect, NativeError> {
        let text: String = self.required("dialect", "the name of a dialect")?;
        Ok(text.parse::<Dialect>()?)
    }

    /// The name of a provider, which stands under the same word.
    pub(super) fn provider(&self) -> Result<Provider, NativeError> {
        let text: String = self.required("dialect", "the name of a provider")?;
        Ok(text.parse::<Provider>()?)
    }

    /// A secret as its provider shows it, byte for byte.
    pub(super) fn secret(&self, name: &str) -> Result<Option<Secret>, NativeError> {
        let text: Option<String> = self.optional(name, "the provider's secret as a text")?;
        match text {
            Some(text) if text.is_empty() || text.len() > SECRET_BYTES_MAX => {
                Err(NativeError::invalid(
                    name,
                    format!("expected 1 to {SECRET_BYTES_MAX} bytes, found {}", text.len()),
                ))
            }
            text => Ok(text.map(Secret::new)),
        }
    }

    /// A text for people, of a bounded length.
    pub(super) fn label(&self, name: &str) -> Result<Option<String>, NativeError> {
        let label: Option<String> = self.optional(name, "a text")?;
        match label {
            Some(label) if label.chars().count() > LABEL_CHARS_MAX => Err(NativeError::invalid(
                name,
                format!("expected at most {LABEL_CHARS_MAX} characters"),
            )),
            label => Ok(label),
        }
    }
}

/// The longest secret taken, in bytes. The longest that a provider is known to issue has 54.
const SECRET_BYTES_MAX: usize = 512;

/// The longest name or description, in characters.
const LABEL_CHARS_MAX: usize = 500;

/// A JSON value's type in words; strings are not repeated, they may be secrets.
const fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "another text",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// The first few of some names, each short enough to be repeated.
fn list(names: &[&str]) -> String {
    let quoted: Vec<String> = names
        .iter()
        .take(10)
        .map(|name| format!("`{}`", name.chars().take(64).collect::<String>()))
        .collect();
    quoted.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<JsonObject, NativeError> {
        let body = Body { content_type: None, bytes: text.to_owned().into() };
        JsonObject::read(&body, &["dialect", "enabled"])
    }

    #[track_caller]
    fn check(refused: &NativeError, expected: &str) {
        assert_eq!(serde_json::to_string(&refused.body()).unwrap(), expected);
    }

    #[test]
    fn unknown_fields_are_named_all_of_them() {
        let refused = read(r#"{"dialect":"x","enable":true,"secrets":[]}"#).unwrap_err();
        check(
            &refused,
            r#"{"code":"invalid","message":"expected only `dialect`, `enabled`, found `enable`, `secrets`","field":"enable"}"#,
        );
    }

    #[test]
    fn a_body_that_is_no_object_is_refused() {
        check(
            &read("[]").unwrap_err(),
            r#"{"code":"malformed","message":"expected a JSON object, found an array"}"#,
        );
        assert!(read("").unwrap_err().body().message.contains("EOF"));
    }

    #[test]
    fn a_field_of_another_type_is_refused_without_repeating_it() {
        let fields = read(r#"{"enabled":"s3cret"}"#).unwrap();
        check(
            &fields.optional::<bool>("enabled", "`true` or `false`").unwrap_err(),
            r#"{"code":"invalid","message":"expected `true` or `false`, found another text","field":"enabled"}"#,
        );
    }

    #[test]
    fn null_is_as_good_as_absent_but_can_be_told_apart() {
        let fields = read(r#"{"enabled":null}"#).unwrap();
        assert_eq!(fields.optional::<bool>("enabled", "").unwrap(), None);
        assert!(fields.has("enabled") && !fields.has("dialect"));
        assert!(fields.required::<String>("dialect", "a dialect").is_err());
    }
}
