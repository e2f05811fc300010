//! The next step after an attempt: outcome × attempts made × policy × now → next step.
//!
//! Policies are data (`DESIGN.md` §6): each dialect has one, and configuration may put another
//! schedule or timeout in its place.

use std::ops::RangeInclusive;
use std::time::Duration;

use waypost_compat::Dialect;

use crate::behaviour::Behaviour;
use crate::model::{Failure, NextStep, Outcome, Timestamp};

/// The longest that a receiver's `Retry-After` is obeyed for, unless the schedule waits longer
/// anyway. A receiver that asks for a week has made a mistake, or means to be forgotten.
pub const RETRY_AFTER_MAX: Duration = Duration::from_hours(1);

/// The time that a webhook may fail before it is switched off: no provider says
/// (`spec/providers.md` §3.4); five days outlast a long weekend.
pub const DISABLE_AFTER: Duration = Duration::from_hours(5 * 24);

/// The part of itself by which a wait may be shorter or longer.
// Spreads out what failed together, and stays inside every description of Mailgun's schedule
// (`spec/mailgun-events.md` §3).
const JITTER: f64 = 0.1;

/// A retry schedule: the wait after each failed attempt; when it is used up, the delivery is given
/// up.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Schedule(Vec<Duration>);

impl Schedule {
    /// A schedule of these waits.
    pub fn new(steps: impl Into<Vec<Duration>>) -> Self {
        Self(steps.into())
    }

    /// The waits.
    #[must_use]
    pub fn steps(&self) -> &[Duration] {
        &self.0
    }
}

/// The retry policy of a dialect: what counts as success, what is final, when to try again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// The waits before further attempts.
    pub schedule: Schedule,
    /// The statuses by which a receiver says that it took the event.
    pub success: RangeInclusive<u16>,
    /// The statuses by which it says that it never will.
    pub final_statuses: Vec<u16>,
    /// True if other statuses from 400 to 499 are tried again; 429 is in any case.
    pub retry_4xx: bool,
    /// True if 410 switches the webhook off.
    pub disable_on_410: bool,
    /// The time without one success after which a failing webhook is switched off; `None` for never.
    pub disable_after: Option<Duration>,
    /// The longest that one attempt may take.
    pub timeout: Duration,
}

impl Policy {
    /// A dialect's policy where nothing else is configured.
    #[must_use]
    pub fn of(dialect: Dialect) -> Self {
        let Behaviour { retry, can_be_off, .. } = Behaviour::of(dialect);
        Self {
            schedule: Schedule::new(retry.schedule),
            // Any 2xx is success whatever a page says: receivers answer 202 and 204
            // (`spec/mailgun-events.md` §3).
            success: 200..=299,
            final_statuses: retry.final_statuses.to_vec(),
            retry_4xx: retry.retry_4xx,
            disable_on_410: *can_be_off,
            disable_after: can_be_off.then_some(DISABLE_AFTER),
            timeout: Duration::from_secs(10),
        }
    }

    fn retries(&self, status: u16) -> bool {
        let refused = (400..500).contains(&status) && status != 429 && !self.retry_4xx;
        !refused && !self.final_statuses.contains(&status)
    }
}

/// The policy of each dialect.
#[derive(Debug, Clone)]
pub struct Policies([Policy; 5]);

impl Policies {
    /// A dialect's policy.
    #[must_use]
    pub const fn of(&self, dialect: Dialect) -> &Policy {
        &self.0[dialect as usize]
    }

    /// A dialect's policy, to be changed.
    pub const fn of_mut(&mut self, dialect: Dialect) -> &mut Policy {
        &mut self.0[dialect as usize]
    }

    /// Puts one schedule in the place of every dialect's own.
    #[must_use]
    pub fn with_schedule(mut self, schedule: &Schedule) -> Self {
        for policy in &mut self.0 {
            policy.schedule = schedule.clone();
        }
        self
    }

    /// Puts one patience with failing webhooks in the place of every dialect's own, where webhooks
    /// can be off.
    #[must_use]
    pub fn with_disable_after(mut self, disable_after: Option<Duration>) -> Self {
        let can_be_off = |dialect: &Dialect| Behaviour::of(*dialect).can_be_off;
        for dialect in Dialect::ALL.into_iter().filter(can_be_off) {
            self.of_mut(dialect).disable_after = disable_after;
        }
        self
    }
}

impl Default for Policies {
    fn default() -> Self {
        Self(Dialect::ALL.map(Policy::of))
    }
}

/// The consequence of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// The next step of the delivery.
    pub next: NextStep,
    /// True if the receiver wants nothing more, ever: its webhook is switched off.
    pub disable: bool,
}

impl From<NextStep> for Step {
    fn from(next: NextStep) -> Self {
        Self { next, disable: false }
    }
}

/// Judges an attempt. `attempts_made` counts this one; `fraction`, in `0.0..1.0`, is the jitter's
/// luck.
#[must_use]
pub fn next(
    outcome: &Outcome,
    attempts_made: u32,
    policy: &Policy,
    now: Timestamp,
    fraction: f64,
) -> Step {
    let asked = match outcome {
        Outcome::Answered { status, .. } if policy.success.contains(status) => {
            return NextStep::Delivered.into();
        }
        Outcome::Answered { status: 410, .. } if policy.disable_on_410 => {
            return Step { next: NextStep::Dead, disable: true };
        }
        Outcome::Answered { status, .. } if !policy.retries(*status) => {
            return NextStep::Dead.into();
        }
        // The same event would be untranslatable again.
        Outcome::Failed(Failure::Untranslatable) => return NextStep::Dead.into(),
        Outcome::Answered { retry_after, .. } => *retry_after,
        // An address may become public, a name may resolve, a certificate may be renewed.
        Outcome::Failed(
            Failure::Blocked
            | Failure::Dns
            | Failure::Connect
            | Failure::Tls
            | Failure::Timeout
            | Failure::Broken,
        ) => None,
    };
    let made = usize::try_from(attempts_made.max(1)).unwrap_or(usize::MAX);
    match policy.schedule.0.get(made - 1) {
        Some(step) => NextStep::RetryAt(now.plus(wait(*step, asked, fraction))).into(),
        None => NextStep::Dead.into(),
    }
}

/// The step, a little more or less; and no sooner than was asked for, within bounds.
fn wait(step: Duration, asked: Option<Duration>, fraction: f64) -> Duration {
    let fraction = fraction.clamp(0.0, 1.0);
    let step = step.mul_f64(1.0 - JITTER + 2.0 * JITTER * fraction);
    let asked = asked.unwrap_or_default().min(RETRY_AFTER_MAX).mul_f64(1.0 + JITTER * fraction);
    step.max(asked)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_770_146_798_372);

    fn schedule(text: &str) -> Schedule {
        let steps: Result<Vec<Duration>, _> =
            text.split(',').map(crate::config::duration).collect();
        Schedule::new(steps.unwrap())
    }

    fn answered(status: u16) -> Outcome {
        Outcome::Answered { status, retry_after: None }
    }

    fn after(outcome: &Outcome, attempts_made: u32, dialect: Dialect) -> Step {
        next(outcome, attempts_made, &Policy::of(dialect), NOW, 0.5)
    }

    #[test]
    fn each_dialect_goes_down_its_own_ladder() {
        for (dialect, ladder) in [
            (Dialect::Mailgun, "10m,10m,15m,30m,1h,2h,4h"),
            (Dialect::Posthawk, "5m,10m,15m,1h,2h,4h"),
            (Dialect::MailStack, "5m,10m,15m,1h,2h,4h"),
            (Dialect::MailingApi, "5m,10m,15m,1h,2h,4h"),
            (Dialect::Wistfare, "1s,5s,30s"),
        ] {
            let ladder = schedule(ladder);
            assert_eq!(Policy::of(dialect).schedule, ladder, "{dialect}");
            let mut attempts = 0;
            for step in ladder.steps() {
                attempts += 1;
                let made = after(&answered(500), attempts, dialect);
                assert_eq!(made.next, NextStep::RetryAt(NOW.plus(*step)), "{dialect} {attempts}");
            }
            assert_eq!(
                after(&answered(500), attempts + 1, dialect).next,
                NextStep::Dead,
                "{dialect}"
            );
        }
    }

    #[test]
    fn the_table_holds_each_dialects_policy_until_it_is_changed() {
        let mut policies = Policies::default();
        for dialect in Dialect::ALL {
            assert_eq!(policies.of(dialect), &Policy::of(dialect));
        }
        policies.of_mut(Dialect::MailStack).timeout = Duration::from_secs(3);
        assert_eq!(policies.of(Dialect::MailStack).timeout, Duration::from_secs(3));
        let policies = policies.with_schedule(&Schedule::new([Duration::from_secs(1)]));
        assert!(Dialect::ALL.iter().all(|d| policies.of(*d).schedule == schedule("1s")));
    }

    #[test]
    fn mailguns_webhooks_are_never_switched_off_whatever_is_configured() {
        let hour = Some(Duration::from_hours(1));
        for (policies, others) in [
            (Policies::default(), Some(Duration::from_hours(120))),
            (Policies::default().with_disable_after(hour), hour),
            (Policies::default().with_disable_after(None), None),
        ] {
            for dialect in Dialect::ALL {
                let expected = others.filter(|_| dialect != Dialect::Mailgun);
                assert_eq!(policies.of(dialect).disable_after, expected, "{dialect}");
            }
        }
    }

    #[test]
    fn statuses_mean_what_the_dialect_says() {
        use Dialect::{Mailgun, Posthawk, Wistfare};
        let retry = NextStep::RetryAt(Timestamp::default());
        for (dialect, status, expected) in [
            (Mailgun, 200, NextStep::Delivered),
            (Mailgun, 202, NextStep::Delivered),
            (Mailgun, 204, NextStep::Delivered),
            (Mailgun, 199, retry),
            (Mailgun, 301, retry),
            (Mailgun, 307, retry),
            (Mailgun, 401, retry),
            (Mailgun, 403, retry),
            (Mailgun, 404, retry),
            (Mailgun, 406, NextStep::Dead),
            (Mailgun, 410, retry),
            (Mailgun, 429, retry),
            (Mailgun, 500, retry),
            (Posthawk, 299, NextStep::Delivered),
            (Posthawk, 302, retry),
            (Posthawk, 400, retry),
            (Posthawk, 406, retry),
            (Posthawk, 410, NextStep::Dead),
            (Wistfare, 302, retry),
            (Wistfare, 400, NextStep::Dead),
            (Wistfare, 408, NextStep::Dead),
            (Wistfare, 410, NextStep::Dead),
            (Wistfare, 429, retry),
            (Wistfare, 503, retry),
        ] {
            let Step { next, disable } = after(&answered(status), 1, dialect);
            let same_kind = std::mem::discriminant(&next) == std::mem::discriminant(&expected);
            assert!(same_kind, "{dialect} {status}: {next:?}");
            assert_eq!(disable, status == 410 && dialect != Mailgun, "{dialect} {status}");
        }
    }

    #[test]
    fn no_answer_is_tried_again_unless_there_was_nothing_to_send() {
        for failure in [Failure::Blocked, Failure::Dns, Failure::Connect, Failure::Tls] {
            let step = after(&Outcome::Failed(failure), 1, Dialect::Wistfare);
            assert_eq!(step.next, NextStep::RetryAt(NOW.plus(Duration::from_secs(1))));
        }
        let step = after(&Outcome::Failed(Failure::Untranslatable), 1, Dialect::Mailgun);
        assert_eq!(step, NextStep::Dead.into());
    }

    #[test]
    fn retry_after_delays_but_never_hastens_and_has_a_limit() {
        let wait = |asked, fraction| wait(Duration::from_mins(10), Some(asked), fraction);
        assert_eq!(wait(Duration::from_secs(1), 0.5), Duration::from_mins(10));
        assert_eq!(wait(Duration::from_mins(30), 0.0), Duration::from_mins(30));
        assert_eq!(wait(Duration::from_hours(99), 0.0), RETRY_AFTER_MAX);
        let long = super::wait(Duration::from_hours(4), Some(Duration::from_hours(99)), 0.5);
        assert_eq!(long, Duration::from_hours(4));
    }

    fn outcomes() -> impl Strategy<Value = Outcome> {
        let asked = prop::option::of((0..1_000_000_u64).prop_map(Duration::from_secs));
        prop_oneof![
            (100..1000_u16, asked)
                .prop_map(|(status, retry_after)| Outcome::Answered { status, retry_after }),
            prop::sample::select(vec![
                Failure::Blocked,
                Failure::Dns,
                Failure::Connect,
                Failure::Tls,
                Failure::Timeout,
                Failure::Broken,
                Failure::Untranslatable,
            ])
            .prop_map(Outcome::Failed),
        ]
    }

    proptest! {
        #[test]
        fn a_retry_comes_within_its_bounds(
            outcome in outcomes(),
            attempts in 0..20_u32,
            dialect in prop::sample::select(&Dialect::ALL[..]),
            fraction in 0.0..1.0_f64,
        ) {
            let policy = Policy::of(dialect);
            let made = next(&outcome, attempts, &policy, NOW, fraction);
            if let NextStep::RetryAt(due) = made.next {
                let step = policy.schedule.steps()[attempts.max(1) as usize - 1];
                let asked = match outcome {
                    Outcome::Answered { retry_after, .. } => retry_after.unwrap_or_default(),
                    Outcome::Failed(_) => Duration::ZERO,
                };
                let wait = due.since(NOW);
                let rounding = Duration::from_millis(1);
                prop_assert!(wait + rounding >= step.mul_f64(0.9));
                prop_assert!(wait + rounding >= asked.min(RETRY_AFTER_MAX));
                prop_assert!(wait <= step.max(asked.min(RETRY_AFTER_MAX)).mul_f64(1.1) + rounding);
            }
        }

        #[test]
        fn every_delivery_ends(
            outcomes in prop::collection::vec(outcomes(), 8),
            dialect in prop::sample::select(&Dialect::ALL[..]),
        ) {
            let policy = Policy::of(dialect);
            let mut steps = (1..).zip(&outcomes).map(|(n, o)| next(o, n, &policy, NOW, 0.5));
            prop_assert!(steps.any(|step| !matches!(step.next, NextStep::RetryAt(_))));
        }

        #[test]
        fn only_a_success_is_done(
            outcome in outcomes(),
            attempts in 0..20_u32,
            dialect in prop::sample::select(&Dialect::ALL[..]),
        ) {
            let step = next(&outcome, attempts, &Policy::of(dialect), NOW, 0.5);
            let done = step.next == NextStep::Delivered;
            let success = matches!(outcome, Outcome::Answered { status: 200..=299, .. });
            prop_assert_eq!(done, success);
        }
    }
}
