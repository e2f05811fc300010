//! Moments as the payloads write them: Mailgun's float seconds, everybody else's ISO 8601.

use std::fmt;

use serde_json::{Number, Value};

/// The last microsecond of the year 9999, beyond which ISO 8601 needs signs.
const LAST_US: i64 = 253_402_300_799_999_999;

/// A moment between 1970 and 9999, to the microsecond: the finest step that a float of seconds, as
/// Mailgun writes them, carries exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(i64);

impl Moment {
    /// So many microseconds after the Unix epoch; `None` outside the years 1970 to 9999.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Option<Self> {
        if micros < 0 || micros > LAST_US { None } else { Some(Self(micros)) }
    }

    /// So many milliseconds after the Unix epoch, brought into the years 1970 to 9999.
    #[must_use]
    pub fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1000).clamp(0, LAST_US))
    }

    /// Microseconds since the Unix epoch.
    #[must_use]
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Whole milliseconds since the Unix epoch.
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.0 / 1000
    }

    /// The moment so many seconds later.
    #[must_use]
    pub fn plus_seconds(self, seconds: u64) -> Option<Self> {
        let micros = i64::try_from(seconds).ok()?.checked_mul(1_000_000)?;
        Self::from_micros(self.0.checked_add(micros)?)
    }

    /// Whole seconds from `earlier` to this moment, if it is later.
    #[must_use]
    pub fn seconds_since(self, earlier: Self) -> Option<u64> {
        u64::try_from((self.0 - earlier.0) / 1_000_000).ok().filter(|_| self.0 >= earlier.0)
    }

    /// Float seconds, always with a decimal point: Mailgun's `timestamp`
    /// (`spec/mailgun-events.md` §1.3).
    pub(crate) fn to_number(self) -> Value {
        let text = format!("{}.{:06}", self.0 / 1_000_000, self.0 % 1_000_000);
        let seconds: f64 = text.parse().expect("digits, a point and digits are a float");
        Value::Number(Number::from_f64(seconds).expect("the years up to 9999 are finite"))
    }

    /// Reads what a payload gives as a time: ISO 8601, or seconds as a number or its text.
    pub(crate) fn read(value: &Value) -> Option<Self> {
        if let Some(text) = value.as_str() {
            return Self::read_iso(text).or_else(|| Self::read_seconds(text));
        }
        value.as_number().and_then(|number| Self::read_seconds(&number.to_string()))
    }

    fn read_iso(text: &str) -> Option<Self> {
        let instant: Option<jiff::Timestamp> = text.parse().ok();
        // A time without a zone is taken as UTC: every provider means that.
        let instant = instant.or_else(|| {
            let civil: jiff::civil::DateTime = text.parse().ok()?;
            civil.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
        })?;
        Self::from_micros(instant.as_microsecond())
    }

    /// Works on the decimal text, since a float of seconds times a million is not exact.
    fn read_seconds(text: &str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !digits(whole) || !digits(fraction) {
            return None;
        }
        let padded: String = fraction.chars().chain("0000000".chars()).take(7).collect();
        // Seven digits read, six kept: rounded, as Mailgun writes up to seven.
        let fraction_us = (padded.parse::<i64>().ok()? + 5) / 10;
        let whole_us = whole.parse::<i64>().ok()?.checked_mul(1_000_000)?;
        Self::from_micros(whole_us.checked_add(fraction_us)?)
    }
}

/// ISO 8601 in UTC, with as many decimals as it needs: none, three or six, which every standard
/// library reads.
impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let instant =
            jiff::Timestamp::from_microsecond(self.0).expect("1970 to 9999 is within its range");
        let civil = jiff::tz::TimeZone::UTC.to_datetime(instant);
        write!(
            f,
            "{}T{:02}:{:02}:{:02}",
            civil.date(),
            civil.hour(),
            civil.minute(),
            civil.second()
        )?;
        match self.0 % 1_000_000 {
            0 => f.write_str("Z"),
            us if us % 1000 == 0 => write!(f, ".{:03}Z", us / 1000),
            us => write!(f, ".{us:06}Z"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Moment;

    #[track_caller]
    fn check(written: &serde_json::Value, micros: i64, iso: &str) {
        let moment = Moment::read(written).expect("it is a time");
        assert_eq!((moment.micros(), moment.to_string().as_str()), (micros, iso));
        assert_eq!(Moment::read(&json!(iso)), Some(moment));
        assert_eq!(Moment::read(&moment.to_number()), Some(moment));
    }

    #[test]
    fn every_way_of_writing_a_time_is_read_and_written_back() {
        check(&json!("2024-01-15T10:30:00Z"), 1_705_314_600_000_000, "2024-01-15T10:30:00Z");
        check(
            &json!("2024-01-15T12:30:00.5+02:00"),
            1_705_314_600_500_000,
            "2024-01-15T10:30:00.500Z",
        );
        check(&json!("2024-01-15 10:30:00"), 1_705_314_600_000_000, "2024-01-15T10:30:00Z");
        check(
            &json!(1_770_146_431.658_528_3),
            1_770_146_431_658_528,
            "2026-02-03T19:20:31.658528Z",
        );
        check(&json!("1770146431.0000019"), 1_770_146_431_000_002, "2026-02-03T19:20:31.000002Z");
        check(&json!(1_705_314_600), 1_705_314_600_000_000, "2024-01-15T10:30:00Z");
    }

    #[test]
    fn a_whole_second_stays_a_float_for_mailgun() {
        let moment = Moment::from_millis(1_705_314_600_000);
        assert_eq!(moment.to_number().to_string(), "1705314600.0");
    }

    #[test]
    fn what_is_no_time_between_1970_and_9999_is_none() {
        for odd in [
            json!(-1),
            json!("soon"),
            json!(""),
            json!(1e300),
            json!("-1.5"),
            json!(null),
            json!("9e9"),
        ] {
            assert_eq!(Moment::read(&odd), None, "{odd}");
        }
        assert_eq!(Moment::read(&json!("10000-01-01T00:00:00Z")), None);
    }
}
