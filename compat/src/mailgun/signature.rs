//! Mailgun's signature: in the body, over a timestamp and a token, beside what it vouches for
//! (`spec/mailgun-events.md` §2).

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Visitor};

use crate::sign::check::{Request, seconds};
use crate::sign::mac::{Code, Tag};
use crate::sign::make::{Headers, USER_AGENT, Unsigned};
use crate::sign::{Secret, Signed, Verified, VerifyError};

/// The longest token taken; Mailgun's own have 50 characters. Tokens are kept for as long as the
/// freshness window is open, so they must be bounded.
const TOKEN_BYTES_MAX: usize = 255;

/// Signs with the first of the secrets.
pub(crate) fn sign(unsigned: &Unsigned<'_>) -> Signed {
    let secret = unsigned.secrets.first().copied();
    let body = envelope(secret, unsigned.payload, &unsigned.time(), unsigned.stamp.token);
    Signed { headers: Headers::new(USER_AGENT).into_list(), body }
}

/// The body to send: an envelope spliced around the bytes of `event-data` as they stand.
fn envelope(secret: Option<&Secret>, event_data: &[u8], time: &str, token: &str) -> Vec<u8> {
    let code = secret.map(|secret| Code::of(secret, &[time.as_bytes(), token.as_bytes()]));
    let signature = code.map(Code::hex).unwrap_or_default();
    let token = serde_json::Value::from(token);
    let parts = format!(r#""token":{token},"timestamp":"{time}","signature":"{signature}""#);
    let head = format!(r#"{{"signature":{{{parts}}},"event-data":"#);
    [head.as_bytes(), event_data, b"}"].concat()
}

/// Checks the signature in a body, whatever else the body holds. Either of `signature` and
/// `parent-signature` may be under any of the secrets: a subaccount signs with its own key and its
/// parent's.
///
/// One pair of timestamp and token is signed in every way of cutting it in two, but a timestamp
/// with a digit more or less is centuries away from fresh.
pub(super) fn verify(request: &Request<'_>) -> Result<Verified, VerifyError> {
    let malformed = |expected| VerifyError::Malformed { place: "signature", expected };
    let envelope: Envelope<'_> = serde_json::from_slice(request.body).map_err(|_| {
        malformed("an object with `timestamp`, `token` and `signature` in a JSON body")
    })?;
    let parts = envelope.signature.ok_or(VerifyError::Missing("`signature` in the body"))?;
    let timestamp =
        seconds(&parts.timestamp.0).ok_or_else(|| malformed("`timestamp` in unix seconds"))?;
    if parts.token.is_empty() || parts.token.len() > TOKEN_BYTES_MAX {
        return Err(malformed("a `token` of 1 to 255 bytes"));
    }
    let written = [Some(&parts.signature), parts.parent_signature.as_ref()];
    let tags: Vec<Tag> =
        written.into_iter().flatten().filter_map(|text| Tag::from_hex(text)).collect();
    if tags.is_empty() {
        return Err(malformed("a `signature` of 64 hex digits"));
    }
    request.any_match(&[parts.timestamp.0.as_bytes(), parts.token.as_bytes()], &tags)?;
    Ok(Verified { timestamp: Some(timestamp), token: Some(parts.token.into_owned()) })
}

/// Two forms: `key-…`, and the newer one of three groups of hex digits.
pub(super) fn is_api_key(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let is_hex = |part: &&str| part.bytes().all(|byte| byte.is_ascii_hexdigit());
    let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    lengths == [32, 8, 8] && parts.iter().all(is_hex) || text.starts_with("key-")
}

/// The part of a body that proves where it comes from. The rest is skipped without recursion and
/// without being kept.
#[derive(serde::Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    signature: Option<Parts<'a>>,
}

#[derive(serde::Deserialize)]
struct Parts<'a> {
    #[serde(borrow)]
    timestamp: Digits<'a>,
    #[serde(borrow)]
    token: Cow<'a, str>,
    #[serde(borrow)]
    signature: Cow<'a, str>,
    #[serde(borrow, rename = "parent-signature")]
    parent_signature: Option<Cow<'a, str>>,
}

/// Digits as a string, as Mailgun writes them, or as an integer, as look-alikes do
/// (`spec/mailgun-events.md` §1.6).
struct Digits<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Digits<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DigitsVisitor)
    }
}

struct DigitsVisitor;

impl<'de> Visitor<'de> for DigitsVisitor {
    type Value = Digits<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string of digits or an integer")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Digits(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Digits(Cow::Owned(text.to_owned())))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Digits(Cow::Owned(number.to_string())))
    }
}
