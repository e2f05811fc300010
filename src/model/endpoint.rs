//! Endpoints: the receivers behind webhooks, their limits, health and breaker.

use std::num::NonZeroU32;
use std::time::Duration;

use super::{
    AccountId, DeliveryId, EndpointId, Outcome, Timestamp, WebhookId, WebhookScope, WebhookUrl,
};

/// The receiver behind one or more webhooks.
///
/// It is there as long as a webhook leads to it. Mailgun's webhooks on one URL of one scope share
/// one, since the eight event names on a URL are one receiver; every other webhook has its own,
/// which keeps its identity when the URL is edited, so that what waits follows the corrected URL.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// The id.
    pub id: EndpointId,
    /// The place of its webhooks' registration.
    pub scope: WebhookScope,
    /// The URL that they name.
    pub url: WebhookUrl,
    /// The webhooks that lead to it.
    pub webhooks: Vec<WebhookId>,
    /// The limits that its owner set.
    pub limits: EndpointLimits,
    /// The experience made with it.
    pub health: EndpointHealth,
}

/// The limits that an owner sets on an endpoint. They hold from the moment they are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EndpointLimits {
    /// Attempts per second; `None` for as many as there are.
    pub rate: Option<Rate>,
    /// Attempts in flight; `None` for the server's own limit.
    pub concurrency: Option<NonZeroU32>,
    /// True while deliveries are held. They go on being queued, and go out once this is lifted.
    pub paused: bool,
}

/// A rate of attempts, exact to a thousandth per second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Attempts per thousand seconds.
    per_1000_s: NonZeroU32,
}

impl Rate {
    /// The bounds of a rate, in attempts per second.
    pub const RANGE: std::ops::RangeInclusive<f64> = 0.001..=10_000.0;

    /// A rate of so many attempts per second; `None` outside [`RANGE`](Self::RANGE).
    #[must_use]
    pub fn per_second(rate: f64) -> Option<Self> {
        if !Self::RANGE.contains(&rate) {
            return None;
        }
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a number of the range fits"
        )]
        let thousandths = (rate * 1000.0).round() as u32;
        NonZeroU32::new(thousandths).map(|per_1000_s| Self { per_1000_s })
    }

    /// The attempts per second.
    #[must_use]
    pub fn as_per_second(self) -> f64 {
        f64::from(self.per_1000_s.get()) / 1000.0
    }

    /// The most attempts that may begin within any span of this length. Neither is zero.
    #[must_use]
    pub fn window(self) -> (usize, Duration) {
        let thousandths = u64::from(self.per_1000_s.get());
        let attempts = (thousandths / 1000).max(1);
        // A clock of milliseconds: a span a little too long keeps the rate, one too short does not.
        let millis = (attempts * 1_000_000).div_ceil(thousandths);
        (usize::try_from(attempts).unwrap_or(usize::MAX), Duration::from_millis(millis))
    }
}

/// The experience made with an endpoint. It outlives the process.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EndpointHealth {
    /// Failures in a row: no answer, or one that says the receiver is in trouble.
    pub failures: u32,
    /// The time of the first of those in a row.
    pub first_failure_at: Option<Timestamp>,
    /// The last failure; kept when the endpoint is well again.
    pub last_failure: Option<LastFailure>,
    /// The breaker, while it is open.
    pub breaker: Option<OpenBreaker>,
}

/// An attempt that failed, as it is remembered of an endpoint: no answer, a 429 or a 5xx.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastFailure {
    /// The beginning.
    pub at: Timestamp,
    /// The delivery that it was made for.
    pub delivery: DeliveryId,
    /// The outcome.
    pub outcome: Outcome,
    /// The beginning of the receiver's answer, or the error in words.
    pub excerpt: String,
}

/// A breaker that is open: the endpoint is left alone but for a probe now and then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenBreaker {
    /// The time of its opening.
    pub since: Timestamp,
    /// The rest before the next probe; it grows with every probe that fails.
    pub rest: Duration,
    /// The time from which the next probe may be made.
    pub probe_at: Timestamp,
}

/// The deliveries that wait for an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Backlog {
    /// The number that wait.
    pub waiting: u64,
    /// The time of enqueueing of the one that has waited longest.
    pub oldest: Option<Timestamp>,
    /// True if there are more, which were not counted: the work for it is bounded.
    pub more: bool,
}

impl Endpoint {
    /// The account that it belongs to.
    #[must_use]
    pub const fn account(&self) -> AccountId {
        self.scope.account
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(per_second: f64, attempts: usize, millis: u64) {
        let rate = Rate::per_second(per_second).unwrap();
        assert_eq!(rate.window(), (attempts, Duration::from_millis(millis)), "{per_second}");
        assert!((rate.as_per_second() - per_second).abs() < f64::EPSILON);
    }

    #[test]
    fn a_rate_is_a_number_of_attempts_in_a_span() {
        check(1.0, 1, 1000);
        check(50.0, 50, 1000);
        check(2.5, 2, 800);
        check(0.1, 1, 10_000);
        check(0.001, 1, 1_000_000);
        check(10_000.0, 10_000, 1000);
        check(3.007, 3, 998);
    }

    #[test]
    fn a_rate_has_bounds() {
        for refused in [0.0, -1.0, 0.0004, 10_001.0, f64::NAN, f64::INFINITY] {
            assert_eq!(Rate::per_second(refused), None, "{refused}");
        }
    }
}
