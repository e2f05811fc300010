//! Verifying: whether a request was signed by somebody who holds the secret, and when.

use super::mac::{Code, Tag};
use super::{Secret, Verified, VerifyError, mailgun};
use crate::dialect::Dialect;

/// Checks a provider's request against the secrets of a source, in every form that the provider is
/// known to have used. Constant time; any one of `secrets` will do, but an empty one never does.
///
/// `header` looks a request header up by its lower-case name; `now` is in Unix seconds.
///
/// A timed signature shown as a plain one over `{t}.{body}` would be good, and harmless: those
/// bytes are no JSON.
#[allow(clippy::too_many_arguments, reason = "a request, whose it is, and when: nothing to join")]
pub fn verify<'h>(
    dialect: Dialect,
    secrets: &[&Secret],
    header: impl Fn(&str) -> Option<&'h str>,
    body: &[u8],
    now: i64,
    tolerance_s: i64,
) -> Result<Verified, VerifyError> {
    let secrets: Vec<&Secret> =
        secrets.iter().copied().filter(|secret| !secret.expose().is_empty()).collect();
    let verified = match dialect {
        Dialect::Mailgun => mailgun::verify(&secrets, body),
        Dialect::Posthawk => posthawk(&secrets, header, body),
        Dialect::MailStack => mailstack(&secrets, header, body),
        Dialect::Wistfare => wistfare(&secrets, header, body),
        Dialect::MailingApi => {
            let place = "X-MailingAPI-Signature";
            let value = header("x-mailingapi-signature").ok_or(VerifyError::Missing(place))?;
            timed(&secrets, place, value, body)
        }
    }?;
    let age_s = verified.timestamp.map_or(0, |signed_at| now.saturating_sub(signed_at));
    if age_s.unsigned_abs() > tolerance_s.unsigned_abs() {
        return Err(VerifyError::Stale { age_s, tolerance_s });
    }
    Ok(verified)
}

/// `sha256=` over the body (seed), the same over `{t}.{body}` with `t` in a header of its own (a
/// drift that the later documentation owns up to), and `t=,v1=` (`spec/providers.md` §3.3).
fn posthawk<'h>(
    secrets: &[&Secret],
    header: impl Fn(&str) -> Option<&'h str>,
    body: &[u8],
) -> Result<Verified, VerifyError> {
    let place = "X-Posthawk-Signature";
    let value = header("x-posthawk-signature").ok_or(VerifyError::Missing(place))?;
    let Some(hex) = value.trim().strip_prefix("sha256=") else {
        return timed(secrets, place, value, body);
    };
    let plain = plain(secrets, place, hex, body);
    let time = header("x-posthawk-timestamp").map(str::trim);
    let drifted = time.and_then(|time| Some((seconds(time)?, [time.as_bytes(), b".", body])));
    match (&plain, drifted) {
        (Err(VerifyError::Mismatch), Some((timestamp, signed))) => {
            let tags = [Tag::from_hex(hex).ok_or(VerifyError::Mismatch)?];
            any_match(secrets.iter().map(|secret| Code::of(secret, &signed)), &tags)?;
            Ok(Verified { timestamp: Some(timestamp), token: None })
        }
        _ => plain,
    }
}

/// `t=,v1=` or bare hex over the body; failing both headers, Standard Webhooks.
fn mailstack<'h>(
    secrets: &[&Secret],
    header: impl Fn(&str) -> Option<&'h str>,
    body: &[u8],
) -> Result<Verified, VerifyError> {
    let place = "X-MailStack-Signature";
    match (header("x-mailstack-signature"), header("webhook-signature")) {
        (Some(value), _) if value.contains('=') => timed(secrets, place, value, body),
        (Some(value), _) => plain(secrets, place, value.trim(), body),
        (None, Some(value)) => standard(secrets, header, value, body),
        (None, None) => Err(VerifyError::Missing(place)),
    }
}

/// Two headers with one digest; either will do.
fn wistfare<'h>(
    secrets: &[&Secret],
    header: impl Fn(&str) -> Option<&'h str>,
    body: &[u8],
) -> Result<Verified, VerifyError> {
    let (seed, code) = ("Wistmail-Signature", "X-Webhook-Signature");
    let prefixed = |value: &'h str| value.trim().strip_prefix("sha256=").unwrap_or(value);
    let by_seed = header("wistmail-signature").map(|hex| plain(secrets, seed, hex.trim(), body));
    let by_code =
        || header("x-webhook-signature").map(|value| plain(secrets, code, prefixed(value), body));
    match by_seed {
        Some(Ok(verified)) => Ok(verified),
        Some(Err(error)) => by_code().and_then(Result::ok).ok_or(error),
        None => by_code().unwrap_or(Err(VerifyError::Missing(seed))),
    }
}

/// Hex over the body: says nothing of when.
fn plain(
    secrets: &[&Secret],
    place: &'static str,
    hex: &str,
    body: &[u8],
) -> Result<Verified, VerifyError> {
    let expected = "64 hex digits";
    let tag = Tag::from_hex(hex).ok_or(VerifyError::Malformed { place, expected })?;
    any_match(secrets.iter().map(|secret| Code::of(secret, &[body])), &[tag])?;
    Ok(Verified { timestamp: None, token: None })
}

/// `t=…,v1=…` over `{t}.{body}`: one `t`, one or more `v1`, whatever else is passed over
/// (`spec/mailgun-events.md` §6).
fn timed(
    secrets: &[&Secret],
    place: &'static str,
    value: &str,
    body: &[u8],
) -> Result<Verified, VerifyError> {
    let malformed = VerifyError::Malformed { place, expected: "`t=<unix seconds>,v1=<hex>`" };
    let mut time = None;
    let mut tags = Vec::new();
    for part in value.split(',') {
        match part.trim().split_once('=') {
            Some(("t", _)) if time.is_some() => return Err(malformed),
            Some(("t", text)) => time = Some(text),
            Some(("v1", hex)) => tags.extend(Tag::from_hex(hex)),
            _ => {}
        }
    }
    let Some((time, timestamp)) = time.and_then(|time| Some((time, seconds(time)?))) else {
        return Err(malformed);
    };
    if tags.is_empty() {
        return Err(malformed);
    }
    let signed = [time.as_bytes(), b".", body];
    any_match(secrets.iter().map(|secret| Code::of(secret, &signed)), &tags)?;
    Ok(Verified { timestamp: Some(timestamp), token: None })
}

/// The three `webhook-` headers of Standard Webhooks.
fn standard<'h>(
    secrets: &[&Secret],
    header: impl Fn(&str) -> Option<&'h str>,
    value: &str,
    body: &[u8],
) -> Result<Verified, VerifyError> {
    let id = header("webhook-id").ok_or(VerifyError::Missing("webhook-id"))?;
    let time = header("webhook-timestamp").ok_or(VerifyError::Missing("webhook-timestamp"))?;
    let malformed = |place, expected| VerifyError::Malformed { place, expected };
    let timestamp = seconds(time).ok_or_else(|| malformed("webhook-timestamp", "unix seconds"))?;
    let written = value.split(' ').filter_map(|one| one.strip_prefix("v1,"));
    let tags: Vec<Tag> = written.filter_map(Tag::from_base64).collect();
    if tags.is_empty() {
        return Err(malformed("webhook-signature", "`v1,<base64>`"));
    }
    let signed: [&[u8]; 5] = [id.as_bytes(), b".", time.as_bytes(), b".", body];
    any_match(secrets.iter().filter_map(|secret| Code::standard(secret, &signed)), &tags)?;
    Ok(Verified { timestamp: Some(timestamp), token: None })
}

/// Tries every code on every tag, however early one fits.
pub(super) fn any_match(
    codes: impl Iterator<Item = Code>,
    tags: &[Tag],
) -> Result<(), VerifyError> {
    let mut found = false;
    for code in codes {
        for tag in tags {
            found |= code.equals(tag);
        }
    }
    if found { Ok(()) } else { Err(VerifyError::Mismatch) }
}

/// Unix seconds in plain digits.
pub(super) fn seconds(text: &str) -> Option<i64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}
