//! Signatures, whoever makes them: what goes in, what comes out, and the pieces that the
//! providers' own forms are made of.

pub(crate) mod check;
pub(crate) mod mac;
pub(crate) mod make;

use std::fmt;

/// A signing secret. It has no `Display`, no `Serialize`, and a `Debug` that says nothing.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret as the provider writes it, prefix and all.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret in the clear: for signing, for storing, and for the one answer that shows it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The last four characters, by which a person tells one secret from another (MailStack's
    /// `secretHint`, `spec/providers.md` §1.2). Nothing of a secret too short to spare them.
    #[must_use]
    pub fn hint(&self) -> &str {
        let last_four = self.0.char_indices().rev().nth(3).map_or(0, |(at, _)| at);
        if self.0.chars().count() < 12 { "" } else { &self.0[last_four..] }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// The way in which a webhook's requests are signed (`spec/providers.md` §3.3).
///
/// Each dialect has a default; some have a second form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// In the body: hex HMAC of timestamp and token (`spec/mailgun-events.md` §2).
    Mailgun,
    /// `X-Posthawk-Signature: sha256=…` over the body (seed).
    Posthawk,
    /// `X-Posthawk-Signature: t=…,v1=…` over `{t}.{body}` (later documentation).
    PosthawkTimestamped,
    /// `X-MailStack-Signature: t=…,v1=…` over `{t}.{body}`, with the Standard Webhooks headers.
    MailStack,
    /// `X-MailStack-Signature: <hex>` over the body.
    MailStackRaw,
    /// `Wistmail-Signature: <hex>` and `X-Webhook-Signature: sha256=<hex>` over the body.
    Wistfare,
    /// `X-MailingAPI-Signature: t=…,v1=…` over `{t}.{body}`.
    MailingApi,
}

/// The parts made anew for each attempt, and the names that travel in headers.
#[derive(Debug, Clone, Copy)]
pub struct Stamp<'a> {
    /// The time of the attempt, in Unix seconds.
    pub timestamp: i64,
    /// 50 lower-case hex digits, never used before (Mailgun).
    pub token: &'a str,
    /// The event's id, which stays the same across attempts (Standard Webhooks `webhook-id`,
    /// `X-Webhook-Id`, `X-MailStack-Delivery`).
    pub event_id: &'a str,
    /// The event's name in the dialect's vocabulary (`X-Posthawk-Event`, `X-Webhook-Event`).
    pub event_name: &'a str,
}

/// A request ready to be sent: the dialect's headers, `Content-Type` and `User-Agent` included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// Header names in the provider's spelling, and their values.
    pub headers: Vec<(&'static str, String)>,
    /// The bytes to send: for Mailgun the envelope around `event-data`, otherwise the body signed.
    pub body: Vec<u8>,
}

/// The facts that a good signature vouches for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The time of signing, in Unix seconds, where the scheme says so.
    pub timestamp: Option<i64>,
    /// Mailgun's single-use token.
    pub token: Option<String>,
}

/// The reason for which a signature was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// The request carries no signature.
    #[error("expected a signature in {0}, found none")]
    Missing(&'static str),
    /// The signature is not of the expected form.
    #[error("{place}: expected {expected}")]
    Malformed {
        /// The header or field.
        place: &'static str,
        /// The form it should have.
        expected: &'static str,
    },
    /// No secret we hold makes this signature.
    #[error("the signature does not match: the body was changed, or the secret is another one")]
    Mismatch,
    /// The signature is good but too old, or from the future.
    #[error("signed {age_s} seconds ago, expected at most {tolerance_s}")]
    Stale {
        /// Age in seconds; negative for the future.
        age_s: i64,
        /// The window in seconds.
        tolerance_s: i64,
    },
}
