//! Checking: the forms of signature that more than one provider uses.

use super::mac::{Code, Tag};
use super::{Secret, Verified, VerifyError};

/// A request as it came, and the secrets that may have signed it.
pub(crate) struct Request<'r> {
    /// The secrets of the source; none of them is empty.
    pub(crate) secrets: &'r [&'r Secret],
    /// A look-up of headers by their lower-case names.
    pub(crate) headers: &'r dyn Fn(&str) -> Option<&'r str>,
    pub(crate) body: &'r [u8],
}

impl<'r> Request<'r> {
    pub(crate) fn header(&self, name: &str) -> Option<&'r str> {
        (self.headers)(name)
    }

    /// Hex over the body: says nothing of when.
    pub(crate) fn plain(&self, place: &'static str, hex: &str) -> Result<Verified, VerifyError> {
        let expected = "64 hex digits";
        let tag = Tag::from_hex(hex).ok_or(VerifyError::Malformed { place, expected })?;
        self.any_match(&[self.body], &[tag])?;
        Ok(Verified { timestamp: None, token: None })
    }

    /// `t=…,v1=…` over `{t}.{body}`: one `t`, one or more `v1`, whatever else is passed over
    /// (`spec/mailgun-events.md` §6).
    pub(crate) fn timed(&self, place: &'static str, value: &str) -> Result<Verified, VerifyError> {
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
        self.any_match(&[time.as_bytes(), b".", self.body], &tags)?;
        Ok(Verified { timestamp: Some(timestamp), token: None })
    }

    /// The three `webhook-` headers of Standard Webhooks.
    pub(crate) fn standard(&self, value: &str) -> Result<Verified, VerifyError> {
        let named = |name| self.header(name).ok_or(VerifyError::Missing(name));
        let (id, time) = (named("webhook-id")?, named("webhook-timestamp")?);
        let malformed = |place, expected| VerifyError::Malformed { place, expected };
        let timestamp =
            seconds(time).ok_or_else(|| malformed("webhook-timestamp", "unix seconds"))?;
        let written = value.split(' ').filter_map(|one| one.strip_prefix("v1,"));
        let tags: Vec<Tag> = written.filter_map(Tag::from_base64).collect();
        if tags.is_empty() {
            return Err(malformed("webhook-signature", "`v1,<base64>`"));
        }
        let signed: [&[u8]; 5] = [id.as_bytes(), b".", time.as_bytes(), b".", self.body];
        let codes = self.secrets.iter().filter_map(|secret| Code::standard(secret, &signed));
        any_match(codes, &tags)?;
        Ok(Verified { timestamp: Some(timestamp), token: None })
    }

    /// Tries every secret on what was signed, and every tag.
    pub(crate) fn any_match(&self, signed: &[&[u8]], tags: &[Tag]) -> Result<(), VerifyError> {
        any_match(self.secrets.iter().map(|secret| Code::of(secret, signed)), tags)
    }
}

/// Tries every code on every tag, however early one fits.
fn any_match(codes: impl Iterator<Item = Code>, tags: &[Tag]) -> Result<(), VerifyError> {
    let mut found = false;
    for code in codes {
        for tag in tags {
            found |= code.equals(tag);
        }
    }
    if found { Ok(()) } else { Err(VerifyError::Mismatch) }
}

/// Unix seconds in plain digits.
pub(crate) fn seconds(text: &str) -> Option<i64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}
