//! Signatures: making and checking what each provider puts on its webhooks.
//!
//! Times come in as arguments, tokens too; comparison is constant-time; a [`Secret`] cannot be
//! printed. Why one is refused is what [`diagnose`] finds out.
//!
//! ```
//! use waypost_compat::signature::{Scheme, Secret, Stamp, sign, verify};
//! use waypost_compat::Provider;
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
//! let verified = verify(Provider::MailingApi, &[&secret], header, &signed.body, now, 300).unwrap();
//! assert_eq!(verified.timestamp, Some(1705315800));
//! ```

pub mod diagnose;
#[cfg(test)]
mod tests;

use crate::provider::Provider;
use crate::sign::check::Request;
use crate::sign::make::Unsigned;
pub use crate::sign::{Scheme, Secret, Signed, Stamp, Verified, VerifyError};
use crate::{mailgun, mailingapi, mailstack, posthawk, wistfare};

/// Signs a rendered payload for one attempt. Every one of `secrets` signs where the scheme can
/// carry several signatures (a rotation's overlap); otherwise the first does. Without any secret
/// the request carries no signature (Mailgun: an empty one) and no verifier will take it.
///
/// Header values are printable ASCII whatever the stamp holds.
#[must_use]
pub fn sign(scheme: Scheme, secrets: &[&Secret], payload: &[u8], stamp: &Stamp<'_>) -> Signed {
    let unsigned = &Unsigned { secrets, payload, stamp };
    match scheme {
        Scheme::Mailgun => mailgun::sign(unsigned),
        Scheme::Posthawk => posthawk::sign(unsigned),
        Scheme::PosthawkTimestamped => posthawk::sign_timed(unsigned),
        Scheme::MailStack => mailstack::sign(unsigned),
        Scheme::MailStackRaw => mailstack::sign_raw(unsigned),
        Scheme::Wistfare => wistfare::sign(unsigned),
        Scheme::MailingApi => mailingapi::sign(unsigned),
    }
}

/// Checks a provider's request against the secrets of a source, in every form that the provider is
/// known to have used. Constant time; any one of `secrets` will do, but an empty one never does.
///
/// `header` looks a request header up by its lower-case name; `now` is in Unix seconds.
///
/// A timed signature shown as a plain one over `{t}.{body}` would be good, and harmless: those
/// bytes are no JSON.
#[allow(clippy::too_many_arguments, reason = "a request, whose it is, and when: nothing to join")]
pub fn verify<'h>(
    provider: Provider,
    secrets: &[&Secret],
    header: impl Fn(&str) -> Option<&'h str>,
    body: &[u8],
    now: i64,
    tolerance_s: i64,
) -> Result<Verified, VerifyError> {
    let secrets: Vec<&Secret> =
        secrets.iter().copied().filter(|secret| !secret.expose().is_empty()).collect();
    let request = Request { secrets: &secrets, headers: &|name| header(name), body };
    let verified = (provider.reading().proof.verify)(&request)?;
    let age_s = verified.timestamp.map_or(0, |signed_at| now.saturating_sub(signed_at));
    if age_s.unsigned_abs() > tolerance_s.unsigned_abs() {
        return Err(VerifyError::Stale { age_s, tolerance_s });
    }
    Ok(verified)
}
