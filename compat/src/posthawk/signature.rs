//! Posthawk's signature, in the two forms that it sends and the three that it is known to have sent
//! (`spec/providers.md` §3.3).

use crate::sign::check::{Request, seconds};
use crate::sign::mac::Tag;
use crate::sign::make::{Headers, Unsigned};
use crate::sign::{Signed, Verified, VerifyError};

pub(super) const PLACE: &str = "X-Posthawk-Signature";

/// Signs the body (seed).
pub(crate) fn sign(unsigned: &Unsigned<'_>) -> Signed {
    signed(unsigned, unsigned.prefixed())
}

/// Signs time and body (later documentation).
pub(crate) fn sign_timed(unsigned: &Unsigned<'_>) -> Signed {
    signed(unsigned, unsigned.timed())
}

fn signed(unsigned: &Unsigned<'_>, signature: Option<String>) -> Signed {
    let mut headers = Headers::new("Posthawk-Webhook/1.0");
    headers.add(PLACE, signature);
    headers.add_text("X-Posthawk-Event", unsigned.stamp.event_name);
    headers.add("X-Posthawk-Timestamp", Some(unsigned.time()));
    unsigned.with(headers)
}

/// `sha256=` over the body (seed), the same over `{t}.{body}` with `t` in a header of its own (a
/// drift that the later documentation owns up to), and `t=,v1=`.
pub(super) fn verify(request: &Request<'_>) -> Result<Verified, VerifyError> {
    let value = request.header("x-posthawk-signature").ok_or(VerifyError::Missing(PLACE))?;
    let Some(hex) = value.trim().strip_prefix("sha256=") else {
        return request.timed(PLACE, value);
    };
    let plain = request.plain(PLACE, hex);
    let time = request.header("x-posthawk-timestamp").map(str::trim);
    let drifted =
        time.and_then(|time| Some((seconds(time)?, [time.as_bytes(), b".", request.body])));
    match (&plain, drifted) {
        (Err(VerifyError::Mismatch), Some((timestamp, signed))) => {
            let tags = [Tag::from_hex(hex).ok_or(VerifyError::Mismatch)?];
            request.any_match(&signed, &tags)?;
            Ok(Verified { timestamp: Some(timestamp), token: None })
        }
        _ => plain,
    }
}
