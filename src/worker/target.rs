//! One receiver's standing: its breaker, its rate, and whether it is slow or paused.
//!
//! Pure: what happened and when come in as arguments.

use std::collections::VecDeque;
use std::time::Duration;

use super::slots::Standing;
use crate::model::{AccountId, Timestamp, WebhookId};

/// How many failures in a row open the breaker.
const FAILURES_MAX: u32 = 10;

/// How long the breaker stays open at first; it doubles with every probe that fails.
const COOL_OFF_MIN: Duration = Duration::from_secs(5);

/// How long it stays open at most: a receiver that comes back is noticed within that.
const COOL_OFF_MAX: Duration = Duration::from_mins(5);

/// A receiver that takes longer than this to answer is slow.
const SLOW: Duration = Duration::from_secs(1);

/// How often a paused webhook is asked whether it still is.
const PAUSE_CHECK: Duration = Duration::from_secs(2);

/// For how long a receiver that failed is remembered when nothing waits for it.
const MEMORY: Duration = Duration::from_mins(10);

/// What a delivery tells about its receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Health {
    /// It answered, after this long.
    Well(Duration),
    /// It did not answer, or answered that it is in trouble.
    Sick,
    /// Its owner paused it.
    Paused(AccountId, WebhookId),
    /// Nothing: it was not asked.
    Unknown,
}

/// How the breaker stands after something happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// As before.
    None,
    /// It opened: the receiver is left alone.
    Opened,
    /// It closed: the receiver is back.
    Closed,
}

/// A receiver's standing.
#[derive(Debug, Default)]
pub(super) struct Target {
    /// Attempts under way.
    pub(super) in_flight: usize,
    /// Deliveries are due that had to be left for want of room.
    pub(super) hungry: bool,
    /// It stands in the line of those that found no slot free.
    pub(super) parked: bool,
    /// What its last answer said of it.
    pub(super) standing: Standing,
    /// The webhook to ask before anything else is claimed.
    pub(super) paused: Option<(AccountId, WebhookId)>,
    /// Until when a delivery is hidden that came to nothing and could not be given back.
    pub(super) hidden_until: Option<Timestamp>,
    not_before: Timestamp,
    failures: u32,
    /// How long the breaker was opened for; `None` while it is closed.
    cool_off: Option<Duration>,
    /// When attempts began within the last second, where a rate is set.
    recent: VecDeque<Timestamp>,
}

impl Target {
    /// Until when the target is to be left alone, if it is.
    pub(super) fn closed_until(
        &mut self,
        now: Timestamp,
        per_second: Option<u32>,
    ) -> Option<Timestamp> {
        if self.not_before > now {
            return Some(self.not_before);
        }
        let rate = usize::try_from(per_second?.max(1)).unwrap_or(usize::MAX);
        self.forget_past_second(now);
        let first = self.recent.front()?;
        (self.recent.len() >= rate).then(|| first.plus(Duration::from_secs(1)))
    }

    /// How many of `room` attempts may begin now; one, if it is a probe.
    pub(super) fn limit(&self, room: usize, per_second: Option<u32>) -> usize {
        if self.is_open() || self.paused.is_some() {
            return room.min(1_usize.saturating_sub(self.in_flight));
        }
        let rate = per_second
            .map_or(usize::MAX, |rate| usize::try_from(rate.max(1)).unwrap_or(usize::MAX));
        room.min(rate.saturating_sub(self.recent.len()))
    }

    /// An attempt begins; says whether it is the probe of an open breaker.
    pub(super) fn began(&mut self, now: Timestamp, per_second: Option<u32>) -> bool {
        self.in_flight += 1;
        if per_second.is_some() {
            self.recent.push_back(now);
        }
        self.is_open()
    }

    /// An attempt ended.
    pub(super) fn ended(&mut self, health: Health, probe: bool, now: Timestamp) -> Change {
        self.in_flight -= 1;
        match health {
            Health::Well(took) => {
                self.standing = if took < SLOW { Standing::Quick } else { Standing::Slow };
                self.failures = 0;
                self.paused = None;
                if self.cool_off.take().is_some() {
                    self.not_before = now;
                    return Change::Closed;
                }
            }
            Health::Sick => {
                self.standing = Standing::Slow;
                self.failures = self.failures.saturating_add(1);
                match self.cool_off {
                    // Attempts that began before the breaker opened say nothing new.
                    Some(last) if probe => self.open(now, (last * 2).min(COOL_OFF_MAX)),
                    Some(_) => {}
                    None if self.failures >= FAILURES_MAX => {
                        self.open(now, COOL_OFF_MIN);
                        return Change::Opened;
                    }
                    None => {}
                }
            }
            Health::Paused(account, webhook) => self.pause(account, webhook, now),
            Health::Unknown => {}
        }
        Change::None
    }

    /// Leaves the target alone for as long as its webhook is paused, but asks now and then.
    pub(super) fn pause(&mut self, account: AccountId, webhook: WebhookId, now: Timestamp) {
        self.paused = Some((account, webhook));
        self.not_before = self.not_before.max(now.plus(PAUSE_CHECK));
    }

    /// Whether the breaker is open.
    pub(super) const fn is_open(&self) -> bool {
        self.cool_off.is_some()
    }

    /// Whether little is lost if it is forgotten: it is well, or nothing was due for it in a long
    /// time.
    pub(super) fn may_be_forgotten(&self, now: Timestamp) -> bool {
        let well = self.failures == 0 && self.paused.is_none() && self.recent.is_empty();
        let long_ago = self.not_before.plus(MEMORY) < now;
        let waits = self.hungry || self.parked || self.hidden_until.is_some();
        self.in_flight == 0 && !waits && (well || long_ago)
    }

    fn open(&mut self, now: Timestamp, cool_off: Duration) {
        self.cool_off = Some(cool_off);
        self.not_before = now.plus(cool_off);
    }

    fn forget_past_second(&mut self, now: Timestamp) {
        let limit = now.minus(Duration::from_secs(1));
        while self.recent.front().is_some_and(|began| *began <= limit) {
            self.recent.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    const QUICK: Health = Health::Well(Duration::from_millis(5));

    fn attempt(target: &mut Target, now: Timestamp, health: Health) -> Change {
        let probe = target.began(now, None);
        target.ended(health, probe, now)
    }

    fn broken(now: Timestamp) -> Target {
        let mut target = Target::default();
        for n in 1..FAILURES_MAX {
            assert_eq!(attempt(&mut target, now, Health::Sick), Change::None, "{n}");
        }
        assert_eq!(attempt(&mut target, now, Health::Sick), Change::Opened);
        target
    }

    #[test]
    fn the_breaker_opens_after_ten_failures_in_a_row() {
        let mut target = broken(at(0));
        assert_eq!(target.closed_until(at(4999), None), Some(at(5000)));
        assert_eq!(target.closed_until(at(5000), None), None);
    }

    #[test]
    fn one_good_answer_begins_the_count_anew() {
        let mut target = Target::default();
        for _ in 0..100 {
            for _ in 1..FAILURES_MAX {
                assert_eq!(attempt(&mut target, at(0), Health::Sick), Change::None);
            }
            assert_eq!(attempt(&mut target, at(0), QUICK), Change::None);
        }
    }

    #[test]
    fn an_open_breaker_lets_one_probe_through_and_doubles_up_to_five_minutes() {
        let mut target = broken(at(0));
        let mut now = at(5000);
        for cool_off_s in [10, 20, 40, 80, 160, 300, 300] {
            assert_eq!(target.limit(64, None), 1);
            let probe = target.began(now, None);
            assert_eq!(target.limit(64, None), 0, "one at a time");
            target.ended(Health::Sick, probe, now);
            let until = now.plus(Duration::from_secs(cool_off_s));
            assert_eq!(target.closed_until(now, None), Some(until));
            now = until;
        }
        assert_eq!(attempt(&mut target, now, QUICK), Change::Closed);
        assert_eq!(target.closed_until(now, None), None);
        assert_eq!(target.limit(64, None), 64);
    }

    #[test]
    fn stragglers_do_not_lengthen_the_cool_off() {
        let mut target = Target::default();
        for _ in 0..64 {
            target.began(at(0), None);
        }
        for _ in 0..64 {
            target.ended(Health::Sick, false, at(0));
        }
        assert_eq!(target.closed_until(at(0), None), Some(at(5000)));
    }

    #[test]
    fn a_probe_that_came_to_nothing_leaves_the_breaker_as_it_is() {
        let mut target = broken(at(0));
        attempt(&mut target, at(5000), Health::Unknown);
        assert!(target.is_open());
        assert_eq!(target.closed_until(at(5000), None), None, "the next may probe at once");
    }

    #[test]
    fn slow_is_who_answered_late_or_not_at_all() {
        let mut target = Target::default();
        for (health, standing) in [
            (Health::Unknown, Standing::New),
            (Health::Well(SLOW), Standing::Slow),
            (QUICK, Standing::Quick),
            (Health::Sick, Standing::Slow),
            (Health::Unknown, Standing::Slow),
            (QUICK, Standing::Quick),
        ] {
            attempt(&mut target, at(0), health);
            assert_eq!(target.standing, standing, "{health:?}");
        }
    }

    #[test]
    fn a_paused_target_is_asked_about_every_two_seconds() {
        let (account, webhook) = (AccountId::from_bytes([1; 16]), WebhookId::from_bytes([2; 16]));
        let mut target = Target::default();
        attempt(&mut target, at(0), Health::Paused(account, webhook));
        assert_eq!(target.paused, Some((account, webhook)));
        assert_eq!(target.closed_until(at(0), None), Some(at(2000)));
        assert!(!target.may_be_forgotten(at(1000)));
        assert!(target.may_be_forgotten(at(1_000_000)));
    }

    proptest! {
        #[test]
        fn no_second_sees_more_attempts_than_the_rate(
            rate in 1..50_u32,
            waits in prop::collection::vec(0..400_i64, 1..300),
            wanted in 1..80_usize,
        ) {
            let mut target = Target::default();
            let mut began = Vec::new();
            let mut now = 0;
            for wait in waits {
                now += wait;
                if target.closed_until(at(now), Some(rate)).is_none() {
                    for _ in 0..target.limit(wanted, Some(rate)) {
                        let probe = target.began(at(now), Some(rate));
                        target.ended(QUICK, probe, at(now));
                        began.push(now);
                    }
                }
            }
            for (index, first) in began.iter().enumerate() {
                let within = began[index..].iter().filter(|time| **time < first + 1000).count();
                prop_assert!(within <= rate as usize, "{within} within a second of {first}");
            }
        }
    }
}
