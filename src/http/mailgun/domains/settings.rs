//! The settings of a domain that Mailgun's clients write and expect to read back
//! (`spec/mailgun-api.md` §3.2). None of them means anything here.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::http::mailgun::answer::MailgunError;
use crate::http::mailgun::form::Form;
use crate::model::{Domain, DomainName};

/// The longest text kept as a setting, in bytes.
pub(super) const TEXT_BYTES_MAX: usize = 16 << 10;

/// The values that a setting takes.
pub(super) enum Shape {
    Flag,
    Word(&'static [&'static str]),
    Text,
    Number,
}

/// The settings that a domain can be created and updated with.
pub(super) const SETTINGS: [(&str, Shape); 10] = [
    ("encrypt_incoming_message", Shape::Flag),
    ("message_ttl", Shape::Number),
    ("require_tls", Shape::Flag),
    ("skip_verification", Shape::Flag),
    ("spam_action", Shape::Word(&["disabled", "block", "tag", "delete"])),
    ("use_automatic_sender_security", Shape::Flag),
    ("web_prefix", Shape::Text),
    ("web_scheme", Shape::Word(&["http", "https"])),
    ("wildcard", Shape::Flag),
    ("dkim_selector", Shape::Text),
];

/// Copies what a form says of the settings above.
pub(super) fn read(form: &Form, settings: &mut Map<String, Value>) -> Result<(), MailgunError> {
    for (name, shape) in &SETTINGS {
        let value = match shape {
            Shape::Flag => form.flag(name)?.map(Value::Bool),
            Shape::Number => form.number(name)?.map(Value::from),
            Shape::Text => text(form, name)?,
            Shape::Word(words) => match form.one(name) {
                Some(word) if !words.contains(&word) => {
                    return Err(MailgunError::invalid(name, word));
                }
                word => word.map(Value::from),
            },
        };
        if let Some(value) = value {
            settings.insert((*name).to_owned(), value);
        }
    }
    Ok(())
}

/// A setting that is any text of bearable length.
pub(super) fn text(form: &Form, name: &str) -> Result<Option<Value>, MailgunError> {
    match form.one(name) {
        Some(text) if text.len() > TEXT_BYTES_MAX => Err(MailgunError::malformed(name, text)),
        text => Ok(text.map(Value::from)),
    }
}

/// A setting, or Mailgun's default for it.
pub(super) fn of(domain: &Domain, name: &str) -> Value {
    let default = || match name {
        "message_ttl" => Value::from(259_200),
        "spam_action" => Value::from("disabled"),
        "web_prefix" => Value::from("email"),
        "web_scheme" => Value::from("http"),
        _ => Value::from(false),
    };
    domain.settings.get(name).cloned().unwrap_or_else(default)
}

/// A domain as Mailgun shows it.
#[derive(Serialize)]
pub(super) struct ShownDomain<'a> {
    created_at: String,
    encrypt_incoming_message: Value,
    id: &'a str,
    is_disabled: bool,
    message_ttl: Value,
    name: &'a DomainName,
    require_tls: Value,
    skip_verification: Value,
    smtp_login: String,
    spam_action: Value,
    state: &'static str,
    r#type: &'static str,
    use_automatic_sender_security: Value,
    web_prefix: Value,
    web_scheme: Value,
    wildcard: Value,
}

impl<'a> ShownDomain<'a> {
    pub(super) fn of(domain: &'a Domain) -> Self {
        let setting = |name: &str| of(domain, name);
        Self {
            created_at: domain.created_at.rfc1123(),
            encrypt_incoming_message: setting("encrypt_incoming_message"),
            id: &domain.mailgun_id,
            is_disabled: false,
            message_ttl: setting("message_ttl"),
            name: &domain.name,
            require_tls: setting("require_tls"),
            skip_verification: setting("skip_verification"),
            smtp_login: format!("postmaster@{}", domain.name),
            spam_action: setting("spam_action"),
            state: "active",
            r#type: "custom",
            use_automatic_sender_security: setting("use_automatic_sender_security"),
            web_prefix: setting("web_prefix"),
            web_scheme: setting("web_scheme"),
            wildcard: setting("wildcard"),
        }
    }
}
