//! Settings that are given whole, as a file of the configuration brings them: checked, since what
//! reads and changes them later relies on their shapes.

use serde_json::{Map, Value};

use super::credentials::LOGINS_MAX;
use super::settings::{SETTINGS, Shape, TEXT_BYTES_MAX};

/// Checks settings as they are stored; says which one is not as it should be, and why.
pub(in crate::http) fn check(settings: &Map<String, Value>) -> Result<(), (String, String)> {
    for (name, value) in settings {
        let reason = match name.as_str() {
            "dkim_authority" => flag(value),
            "tracking" => tracking(value),
            "credentials" => logins(value),
            _ => match SETTINGS.iter().find(|(known, _)| known == name) {
                Some((_, shape)) => of_shape(shape, value),
                None => Err("expected only settings of Mailgun's, found another".to_owned()),
            },
        };
        reason.map_err(|reason| (name.chars().take(64).collect(), reason))?;
    }
    Ok(())
}

fn of_shape(shape: &Shape, value: &Value) -> Result<(), String> {
    match shape {
        Shape::Flag => flag(value),
        Shape::Number if value.is_u64() => Ok(()),
        Shape::Number => Err("expected a whole number".to_owned()),
        Shape::Text => text(value),
        Shape::Word(words) if value.as_str().is_some_and(|word| words.contains(&word)) => Ok(()),
        Shape::Word(words) => Err(format!("expected one of {}", words.join(", "))),
    }
}

fn flag(value: &Value) -> Result<(), String> {
    if value.is_boolean() { Ok(()) } else { Err("expected true or false".to_owned()) }
}

fn text(value: &Value) -> Result<(), String> {
    match value.as_str() {
        Some(text) if text.len() <= TEXT_BYTES_MAX => Ok(()),
        _ => Err(format!("expected a text of at most {TEXT_BYTES_MAX} bytes")),
    }
}

/// Checks what is tracked, each part with its own few fields.
fn tracking(value: &Value) -> Result<(), String> {
    let parts = members(value)?;
    for (name, part) in parts {
        if !["open", "click", "unsubscribe"].contains(&name.as_str()) {
            return Err("expected only open, click and unsubscribe".to_owned());
        }
        for (field, value) in members(part)? {
            match field.as_str() {
                "active" if *value == "htmlonly" => Ok(()),
                "active" | "place_at_the_top" => flag(value),
                "html_footer" | "text_footer" => text(value),
                _ => Err("expected only active, place_at_the_top and footers".to_owned()),
            }
            .map_err(|reason| format!("{name}: {reason}"))?;
        }
    }
    Ok(())
}

/// Logins by name, each with the time when it was made, in milliseconds.
fn logins(value: &Value) -> Result<(), String> {
    let logins = members(value)?;
    if logins.len() > LOGINS_MAX {
        return Err(format!("expected at most {LOGINS_MAX} logins"));
    }
    let sound = |(login, at): (&String, &Value)| login.len() <= 512 && at.is_i64();
    if logins.iter().all(sound) {
        Ok(())
    } else {
        Err("expected logins, each with a time in milliseconds".to_owned())
    }
}

fn members(value: &Value) -> Result<&Map<String, Value>, String> {
    value.as_object().ok_or_else(|| "expected an object".to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn refused(settings: &Value) -> (String, String) {
        check(settings.as_object().unwrap()).unwrap_err()
    }

    #[test]
    fn settings_that_mailguns_clients_write_are_taken() {
        let settings = json!({
            "spam_action": "tag",
            "message_ttl": 3600,
            "wildcard": true,
            "web_prefix": "click",
            "dkim_authority": true,
            "tracking": { "click": { "active": "htmlonly" }, "open": { "active": true } },
            "credentials": { "ada@mg.example.com": 1_770_146_798_372_i64 },
        });
        assert_eq!(check(settings.as_object().unwrap()), Ok(()));
    }

    #[test]
    fn settings_of_another_shape_are_refused_by_name() {
        for (settings, name, reason) in [
            (json!({ "spam_action": "eat" }), "spam_action", "block"),
            (json!({ "message_ttl": -1 }), "message_ttl", "whole number"),
            (json!({ "wildcard": "yes" }), "wildcard", "true or false"),
            (json!({ "tracking": 5 }), "tracking", "an object"),
            (json!({ "tracking": { "open": [] } }), "tracking", "an object"),
            (json!({ "tracking": { "open": { "active": 1 } } }), "tracking", "open: expected"),
            (json!({ "credentials": { "a": "b" } }), "credentials", "milliseconds"),
            (json!({ "colour": "blue" }), "colour", "only settings of Mailgun's"),
        ] {
            let (found, why) = refused(&settings);
            assert_eq!(found, name);
            assert!(why.contains(reason), "{why}");
        }
    }
}
