//! Answers: their bodies, read up to a cap and a deadline, and `Retry-After`.

use std::time::{Duration, UNIX_EPOCH};

use http::HeaderValue;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::{Instant, timeout_at};

use super::in_words;
use crate::model::Timestamp;

/// The end of reading a body.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// Read to its end, or to the cap.
    Whole,
    /// Cut off at the deadline.
    Late,
    /// Cut off by a broken connection, in words.
    Broken(String),
}

/// Reads a body, `bytes_max` of it at most, and says how that ended. A body that was read to its
/// end leaves the connection to the next request.
pub(super) async fn read(
    mut body: Incoming,
    bytes_max: usize,
    deadline: Instant,
) -> (Vec<u8>, Reading) {
    let mut read = Vec::new();
    loop {
        let frame = match timeout_at(deadline, body.frame()).await {
            Ok(Some(Ok(frame))) => frame,
            Ok(Some(Err(error))) => return (read, Reading::Broken(in_words(&error))),
            Ok(None) => return (read, Reading::Whole),
            Err(_) => return (read, Reading::Late),
        };
        if let Some(data) = frame.data_ref() {
            let room = bytes_max - read.len();
            read.extend_from_slice(&data[..data.len().min(room)]);
            if data.len() >= room {
                return (read, Reading::Whole);
            }
        }
    }
}

/// The stand-in for a number of seconds that does not fit: more than any policy grants.
const TOO_LONG_S: u64 = u32::MAX as u64;

/// The wait that `Retry-After` asks for: seconds, or a date, which in the past means at once.
pub(super) fn retry_after(value: &HeaderValue, now: Timestamp) -> Option<Duration> {
    let text = value.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(text.parse().unwrap_or(TOO_LONG_S)));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    let since_epoch = date.duration_since(UNIX_EPOCH).unwrap_or_default();
    Some(Timestamp::default().plus(since_epoch).since(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = Timestamp::from_millis(784_111_777_000);
        for (text, expected) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("99999999999999999999999", Some(u64::from(u32::MAX))),
            ("Sun, 06 Nov 1994 08:49:47 GMT", Some(10)),
            ("Sun, 06 Nov 1994 08:40:00 GMT", Some(0)),
            ("", None),
            ("-5", None),
            ("1.5", None),
            ("soon", None),
        ] {
            let value = HeaderValue::from_str(text).unwrap();
            let expected = expected.map(Duration::from_secs);
            assert_eq!(retry_after(&value, now), expected, "{text:?}");
        }
        assert_eq!(retry_after(&HeaderValue::from_bytes(b"\xff").unwrap(), now), None);
    }
}
