//! The health of one receiver: its breaker, its limits, and how quickly it answers.
//!
//! Pure: what happened and when come in as arguments.

use std::time::Duration;

use super::concurrency::Standing;
use super::rate::RateLimit;
use crate::model::{EndpointHealth, EndpointLimits, LastFailure, OpenBreaker, Rate, Timestamp};

/// The failures in a row that open the breaker.
const FAILURES_MAX: u32 = 10;

/// The rest that an open breaker begins with; it doubles with every probe that fails.
const REST_MIN: Duration = Duration::from_secs(5);

/// The longest rest: a receiver that comes back is noticed within that.
const REST_MAX: Duration = Duration::from_mins(5);

/// A receiver that takes longer than this to answer is slow.
const SLOW: Duration = Duration::from_secs(1);

/// The time for which a receiver that failed is remembered here when nothing waits for it.
const MEMORY: Duration = Duration::from_mins(10);

/// The signal that an attempt gives of its receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Signal {
    /// An answer, after this long.
    Well(Duration),
    /// No answer, or one that says that the receiver is not well.
    Sick(Box<LastFailure>),
    /// Nothing: the receiver was not asked.
    None,
}

/// The change of a breaker after something happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BreakerChange {
    /// As before.
    None,
    /// Opened: the receiver is left alone.
    Opened,
    /// Closed: the receiver is back.
    Closed,
}

/// A receiver, as the worker knows it.
#[derive(Debug, Default)]
pub(super) struct Receiver {
    /// Attempts under way.
    pub(super) in_flight: usize,
    /// Deliveries are due that had to be left for want of room.
    pub(super) backlogged: bool,
    /// Waiting in line for a permit, since none was free.
    pub(super) parked: bool,
    /// The speed of its last answer.
    pub(super) standing: Standing,
    /// The time until which a delivery is hidden that came to nothing and could not be given back.
    pub(super) hidden_until: Option<Timestamp>,
    limits: EndpointLimits,
    rate: RateLimit,
    health: EndpointHealth,
}

impl Receiver {
    /// A receiver with the experience that is stored of it.
    pub(super) fn new(health: EndpointHealth) -> Self {
        Self { health, ..Self::default() }
    }

    /// Takes over the limits that its owner has set; `otherwise` is the rate of those who set none.
    pub(super) fn set_limits(&mut self, limits: EndpointLimits, otherwise: Option<Rate>) {
        self.limits = limits;
        self.rate.set(limits.rate.or(otherwise));
    }

    /// The limits that its owner has set.
    pub(super) const fn limits(&self) -> EndpointLimits {
        self.limits
    }

    /// True while its owner holds what is owed to it.
    pub(super) const fn is_paused(&self) -> bool {
        self.limits.paused
    }

    /// The number of attempts in flight that its owner allows, where that was set.
    pub(super) fn concurrency(&self) -> Option<usize> {
        let limit = self.limits.concurrency?;
        Some(usize::try_from(limit.get()).unwrap_or(usize::MAX))
    }

    /// The experience made with it.
    pub(super) const fn health(&self) -> &EndpointHealth {
        &self.health
    }

    /// The time until which it is to be left alone, if it is.
    pub(super) fn closed_until(&mut self, now: Timestamp) -> Option<Timestamp> {
        match self.health.breaker {
            // Further away than it ever rests, it was told by a clock that was set back since.
            Some(OpenBreaker { probe_at, rest, .. })
                if probe_at > now && probe_at.since(now) <= rest =>
            {
                Some(probe_at)
            }
            Some(_) | None => self.rate.closed_until(now),
        }
    }

    /// The number of attempts, of `room`, that may begin now; one, if it is a probe.
    pub(super) fn limit(&self, room: usize) -> usize {
        if self.is_open() {
            return room.min(1_usize.saturating_sub(self.in_flight)).min(self.rate.room());
        }
        room.min(self.rate.room())
    }

    /// Notes that an attempt begins; true if it is the probe of an open breaker.
    pub(super) fn began(&mut self, now: Timestamp) -> bool {
        self.in_flight += 1;
        self.rate.began(now);
        self.is_open()
    }

    /// Notes that an attempt ended. The health is other than before if the signal was a failure, or
    /// the first good one after some.
    pub(super) fn ended(&mut self, signal: Signal, probe: bool, now: Timestamp) -> BreakerChange {
        self.in_flight -= 1;
        match signal {
            Signal::Well(took) => {
                self.standing = if took < SLOW { Standing::Quick } else { Standing::Slow };
                self.health.failures = 0;
                self.health.first_failure_at = None;
                match self.health.breaker.take() {
                    Some(_) => BreakerChange::Closed,
                    None => BreakerChange::None,
                }
            }
            Signal::Sick(failure) => {
                self.standing = Standing::Slow;
                self.health.failures = self.health.failures.saturating_add(1);
                self.health.first_failure_at.get_or_insert(failure.at);
                self.health.last_failure = Some(*failure);
                self.failed(probe, now)
            }
            Signal::None => BreakerChange::None,
        }
    }

    fn failed(&mut self, probe: bool, now: Timestamp) -> BreakerChange {
        match self.health.breaker {
            Some(open) if probe => {
                self.open(open.since, (open.rest * 2).min(REST_MAX), now);
                BreakerChange::None
            }
            // Attempts that began before the breaker opened say nothing new.
            Some(_) => BreakerChange::None,
            None if self.health.failures >= FAILURES_MAX => {
                self.open(now, REST_MIN, now);
                BreakerChange::Opened
            }
            None => BreakerChange::None,
        }
    }

    fn open(&mut self, since: Timestamp, rest: Duration, now: Timestamp) {
        self.health.breaker = Some(OpenBreaker { since, rest, probe_at: now.plus(rest) });
    }

    /// True while the breaker is open.
    pub(super) const fn is_open(&self) -> bool {
        self.health.breaker.is_some()
    }

    /// True if nothing is lost when it is forgotten here: what it has been through is stored.
    pub(super) fn may_be_forgotten(&self, now: Timestamp) -> bool {
        let last_failure = self.health.last_failure.as_ref().map(|failure| failure.at);
        let long_ago = last_failure.is_none_or(|at| at.plus(MEMORY) < now);
        let well = self.health.failures == 0 || long_ago;
        let waits = self.backlogged || self.parked || self.hidden_until.is_some();
        self.in_flight == 0 && !waits && well && self.rate.is_idle(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{DeliveryId, Failure, Outcome};

    const fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn sick() -> Signal {
        Signal::Sick(Box::new(LastFailure {
            at: at(0),
            delivery: DeliveryId::from_bytes([1; 16]),
            outcome: Outcome::Failed(Failure::Connect),
            excerpt: "refused".to_owned(),
        }))
    }

    const QUICK: Signal = Signal::Well(Duration::from_millis(5));

    fn attempt(receiver: &mut Receiver, now: Timestamp, signal: Signal) -> BreakerChange {
        let probe = receiver.began(now);
        receiver.ended(signal, probe, now)
    }

    fn broken(now: Timestamp) -> Receiver {
        let mut receiver = Receiver::default();
        for n in 1..FAILURES_MAX {
            assert_eq!(attempt(&mut receiver, now, sick()), BreakerChange::None, "{n}");
        }
        assert_eq!(attempt(&mut receiver, now, sick()), BreakerChange::Opened);
        receiver
    }

    #[test]
    fn the_breaker_opens_after_ten_failures_in_a_row() {
        let mut receiver = broken(at(0));
        assert_eq!(receiver.closed_until(at(4999)), Some(at(5000)));
        assert_eq!(receiver.closed_until(at(5000)), None);
    }

    #[test]
    fn one_good_answer_begins_the_count_anew() {
        let mut receiver = Receiver::default();
        for _ in 0..100 {
            for _ in 1..FAILURES_MAX {
                assert_eq!(attempt(&mut receiver, at(0), sick()), BreakerChange::None);
            }
            assert_eq!(attempt(&mut receiver, at(0), QUICK), BreakerChange::None);
        }
    }

    #[test]
    fn an_open_breaker_lets_one_probe_through_and_doubles_up_to_five_minutes() {
        let mut receiver = broken(at(0));
        let mut now = at(5000);
        for cool_off_s in [10, 20, 40, 80, 160, 300, 300] {
            assert_eq!(receiver.limit(64), 1);
            let probe = receiver.began(now);
            assert_eq!(receiver.limit(64), 0, "one at a time");
            receiver.ended(sick(), probe, now);
            let until = now.plus(Duration::from_secs(cool_off_s));
            assert_eq!(receiver.closed_until(now), Some(until));
            now = until;
        }
        assert_eq!(attempt(&mut receiver, now, QUICK), BreakerChange::Closed);
        assert_eq!(receiver.closed_until(now), None);
        assert_eq!(receiver.limit(64), 64);
    }

    #[test]
    fn stragglers_do_not_lengthen_the_cool_off() {
        let mut receiver = Receiver::default();
        for _ in 0..64 {
            receiver.began(at(0));
        }
        for _ in 0..64 {
            receiver.ended(sick(), false, at(0));
        }
        assert_eq!(receiver.closed_until(at(0)), Some(at(5000)));
    }

    #[test]
    fn a_probe_that_came_to_nothing_leaves_the_breaker_as_it_is() {
        let mut receiver = broken(at(0));
        attempt(&mut receiver, at(5000), Signal::None);
        assert!(receiver.is_open());
        assert_eq!(receiver.closed_until(at(5000)), None, "the next may probe at once");
    }

    #[test]
    fn slow_is_who_answered_late_or_not_at_all() {
        let mut receiver = Receiver::default();
        for (signal, standing) in [
            (Signal::None, Standing::New),
            (Signal::Well(SLOW), Standing::Slow),
            (QUICK, Standing::Quick),
            (sick(), Standing::Slow),
            (Signal::None, Standing::Slow),
            (QUICK, Standing::Quick),
        ] {
            attempt(&mut receiver, at(0), signal.clone());
            assert_eq!(receiver.standing, standing, "{signal:?}");
        }
    }

    #[test]
    fn an_open_breaker_outlives_the_worker() {
        let stored = broken(at(0)).health().clone();
        let mut receiver = Receiver::new(stored);
        assert_eq!(receiver.closed_until(at(4999)), Some(at(5000)));
        assert_eq!(receiver.limit(64), 1);
        assert_eq!(attempt(&mut receiver, at(5000), QUICK), BreakerChange::Closed);
        let health = receiver.health();
        assert_eq!((health.failures, health.first_failure_at), (0, None));
        assert!(health.last_failure.is_some(), "the last failure is kept");
    }

    #[test]
    fn a_clock_that_was_set_back_leaves_no_breaker_open_for_long() {
        let mut receiver = broken(at(1_000_000));
        assert_eq!(receiver.closed_until(at(0)), None, "it may be probed");
    }

    #[test]
    fn a_probe_too_keeps_to_the_rate() {
        let mut receiver = broken(at(0));
        receiver.set_limits(EndpointLimits::default(), Rate::per_second(1.0));
        receiver.began(at(5000));
        receiver.ended(Signal::None, true, at(5000));
        assert_eq!(receiver.closed_until(at(5500)), Some(at(6000)));
    }
}
