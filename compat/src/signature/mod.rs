//! Signatures: making and checking what each provider puts on its webhooks.
//!
//! Times come in as arguments, tokens too; comparison is constant-time; a [`Secret`] cannot be
//! printed. Why one is refused is what [`diagnose`] finds out.
//!
//! ```
//! use waypost_compat::signature::{Scheme, Secret, Stamp, sign, verify};
//! use waypost_compat::Dialect;
//!
//! let secret = Secret::new("whsec_00112233445566778899aabbccddeeff0011223344556677");
//! let body = br#"{"id":"evt_1","type":"delivered"}"#;
//! let stamp = Stamp { timestamp: 1705315800, token: "", event_id: "evt_1", event_name: "delivered" };
//! let signed = sign(Scheme::MailingApi, &[&secret], body, &stamp);
//!
//! let header = |name: &str| {
//!     let found = signed.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
//!     found.map(|(_, value)| value.as_str())
//! };
//! let now = 1705315860;
//! let verified = verify(Dialect::MailingApi, &[&secret], header, &signed.body, now, 300).unwrap();
//! assert_eq!(verified.timestamp, Some(1705315800));
//! ```

pub mod diagnose;
mod mac;
mod mailgun;
mod sign;
#[cfg(test)]
mod tests;
mod verify;

use std::fmt;

pub use sign::sign;
pub use verify::verify;

use crate::dialect::Dialect;

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

/// How a webhook's requests are signed (`spec/providers.md` §3.3). Each dialect has a default; some have a second form.
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

impl Dialect {
    /// The scheme a dialect's webhooks use unless they were told otherwise.
    #[must_use]
    pub const fn scheme(self) -> Scheme {
        match self {
            Self::Mailgun => Scheme::Mailgun,
            Self::Posthawk => Scheme::Posthawk,
            Self::MailStack => Scheme::MailStack,
            Self::Wistfare => Scheme::Wistfare,
            Self::MailingApi => Scheme::MailingApi,
        }
    }

    /// The ways in which a dialect's webhooks can be signed, by what is signed; the default first.
    /// Those of one dialect share a header, so a webhook has one of them
    /// (`spec/providers.md` §3.3, notes 3 and 4).
    #[must_use]
    pub const fn schemes(self) -> &'static [(&'static str, Scheme)] {
        match self {
            Self::Mailgun => &[("token", Scheme::Mailgun)],
            Self::Posthawk => {
                &[("body", Scheme::Posthawk), ("timestamped", Scheme::PosthawkTimestamped)]
            }
            Self::MailStack => {
                &[("timestamped", Scheme::MailStack), ("body", Scheme::MailStackRaw)]
            }
            Self::Wistfare => &[("body", Scheme::Wistfare)],
            Self::MailingApi => &[("timestamped", Scheme::MailingApi)],
        }
    }
}

/// What is made anew for each attempt, and the names that travel in headers.
#[derive(Debug, Clone, Copy)]
pub struct Stamp<'a> {
    /// When the attempt is made, in Unix seconds.
    pub timestamp: i64,
    /// 50 lower-case hex digits, never used before (Mailgun).
    pub token: &'a str,
    /// Identifies the event and stays the same across attempts (Standard Webhooks `webhook-id`,
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

/// What a good signature also told us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// When the request was signed, in Unix seconds, where the scheme says so.
    pub timestamp: Option<i64>,
    /// Mailgun's single-use token.
    pub token: Option<String>,
}

/// Why a signature was refused.
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
