//! A point in time, to the millisecond.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Milliseconds since the Unix epoch.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From milliseconds since the Unix epoch.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// The number of the UTC day, 0 for 1970-01-01.
    #[must_use]
    pub const fn day(self) -> i64 {
        self.0.div_euclid(86_400_000)
    }

    /// Adds a while; stays at the end of time rather than wrap.
    #[must_use]
    pub fn plus(self, by: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)))
    }

    /// Subtracts a while; stays at the beginning of time rather than wrap.
    #[must_use]
    pub fn minus(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)))
    }

    /// The time since `earlier`; zero if this is not after it.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// `2026-01-15T10:00:00Z`, with three digits of milliseconds where there are any: parsers of
    /// fixed formats know these two widths and no other.
    #[must_use]
    pub fn rfc3339(self) -> String {
        let whole = self.0.rem_euclid(1000) == 0;
        let format = if whole { "%Y-%m-%dT%H:%M:%SZ" } else { "%Y-%m-%dT%H:%M:%S%.3fZ" };
        self.civil().strftime(format).to_string()
    }

    /// The time that a text of RFC 3339 says, in any offset, to the millisecond.
    #[must_use]
    pub fn from_rfc3339(text: &str) -> Option<Self> {
        let at: jiff::Timestamp = text.parse().ok()?;
        Some(Self::from_millis(at.as_millisecond()))
    }

    /// `Mon, 24 Feb 2025 22:44:03 GMT`, as Mailgun writes `created_at` of a domain.
    #[must_use]
    pub fn rfc1123(self) -> String {
        self.civil().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
    }

    /// `Mon, 24 Feb 2025 22:44:03 +0000`, as Mailgun writes `created_at` of an SMTP login.
    #[must_use]
    pub fn rfc2822(self) -> String {
        self.civil().strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()
    }

    fn civil(self) -> jiff::Timestamp {
        let (first, last) = (jiff::Timestamp::MIN, jiff::Timestamp::MAX);
        jiff::Timestamp::from_millisecond(self.0).unwrap_or(if self.0 < 0 { first } else { last })
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rfc3339())
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_form_is_in_utc() {
        let at = Timestamp::from_millis(1_740_437_043_000);
        assert_eq!(at.rfc3339(), "2025-02-24T22:44:03Z");
        assert_eq!(at.rfc1123(), "Mon, 24 Feb 2025 22:44:03 GMT");
        assert_eq!(at.rfc2822(), "Mon, 24 Feb 2025 22:44:03 +0000");
    }

    #[test]
    fn a_text_reads_back_as_it_was_written() {
        for millis in [0, 1_740_437_043_000, 1_740_437_043_330] {
            let at = Timestamp::from_millis(millis);
            assert_eq!(Timestamp::from_rfc3339(&at.rfc3339()), Some(at));
        }
        assert_eq!(Timestamp::from_rfc3339("2026-01-15"), None);
    }

    #[test]
    fn milliseconds_are_three_digits_or_none() {
        let text = |millis: i64| Timestamp::from_millis(1_740_437_043_000 + millis).rfc3339();
        assert_eq!(text(330), "2025-02-24T22:44:03.330Z");
        assert_eq!(text(7), "2025-02-24T22:44:03.007Z");
        assert_eq!(Timestamp::from_millis(-1).rfc3339(), "1969-12-31T23:59:59.999Z");
    }
}
