//! The forms in which a secret gets between a provider's page and a program.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::provider::Provider;
use crate::sign::Secret;

/// The way in which the key is made of the text that was given as the secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyForm {
    /// The text's bytes.
    AsGiven,
    /// Without the white space around it.
    Trimmed,
    /// Without the quotes around it.
    Unquoted,
    /// Without this prefix.
    Without(&'static str),
    /// With this prefix.
    With(&'static str),
    /// With the newline that `echo` adds.
    WithNewline,
    /// The bytes that it is the base64 of, a prefix aside.
    Base64,
    /// The bytes that its hex digits spell, a prefix aside.
    Hex,
}

/// The quotes that shells and files put around a text.
const QUOTES: [char; 3] = ['"', '\'', '`'];

/// The prefixes that providers put in front of a secret.
const PREFIXES: [&str; 2] = ["whsec_", "key-"];

/// The keys that may be meant by a secret, no two of them equal.
pub(super) fn forms(secret: &Secret) -> Vec<(KeyForm, Vec<u8>)> {
    let given = secret.expose();
    let trimmed = given.trim();
    let plain = trimmed.trim_matches(QUOTES);
    let mut forms = vec![
        (KeyForm::AsGiven, given.into()),
        (KeyForm::Trimmed, trimmed.into()),
        (KeyForm::Unquoted, plain.into()),
    ];
    let mut bare = plain;
    for prefix in PREFIXES {
        match plain.strip_prefix(prefix) {
            Some(rest) => {
                bare = rest;
                forms.push((KeyForm::Without(prefix), rest.into()));
            }
            None => forms.push((KeyForm::With(prefix), format!("{prefix}{plain}").into())),
        }
    }
    forms.push((KeyForm::WithNewline, format!("{plain}\n").into()));
    forms.extend(STANDARD.decode(bare).ok().map(|key| (KeyForm::Base64, key)));
    forms.extend(from_hex(bare).map(|key| (KeyForm::Hex, key)));
    let mut seen: Vec<Vec<u8>> = Vec::new();
    forms.retain(|(_, key)| {
        let new = !key.is_empty() && !seen.contains(key);
        if new {
            seen.push(key.clone());
        }
        new
    });
    forms
}

/// The form of whatever stands around a secret that is to be decoded, where anything does.
pub(super) fn spoilt(secret: &Secret) -> Option<KeyForm> {
    let given = secret.expose();
    let quoted = given.trim().starts_with(QUOTES);
    match (quoted, given.trim() == given) {
        (true, _) => Some(KeyForm::Unquoted),
        (false, false) => Some(KeyForm::Trimmed),
        (false, true) => None,
    }
}

/// The provider whose API a secret opens, where it has the form of one of its keys.
pub(super) fn api_key(secret: &Secret) -> Option<Provider> {
    let text = secret.expose().trim();
    Provider::ALL.into_iter().find(|provider| (provider.reading().proof.is_api_key)(text))
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|d| u8::try_from(d).ok());
    let digits = text.as_bytes();
    let pairs = digits.chunks_exact(2);
    if digits.is_empty() || !pairs.remainder().is_empty() {
        return None;
    }
    pairs.map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}
