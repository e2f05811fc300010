//! The rate limit of an endpoint, exact: no span of its length sees more attempts than the rate.

use std::collections::VecDeque;
use std::time::Duration;

use crate::model::{Rate, Timestamp};

/// The attempts begun lately, where a rate is set.
#[derive(Debug, Default)]
pub(super) struct RateLimit {
    rate: Option<Rate>,
    /// The times at which attempts began within the last span.
    recent: VecDeque<Timestamp>,
}

impl RateLimit {
    /// Sets the rate. Attempts begun while there was none are not counted.
    pub(super) fn set(&mut self, rate: Option<Rate>) {
        self.rate = rate;
        if rate.is_none() {
            self.recent.clear();
        }
    }

    /// The time until which nothing may begin, if there is one.
    pub(super) fn closed_until(&mut self, now: Timestamp) -> Option<Timestamp> {
        let (attempts, span) = self.rate?.window();
        let past = now.minus(span);
        // A time to come is one that a clock which was set back since has told.
        self.recent.retain(|began| past < *began && *began <= now);
        // The oldest that still counts once there is room for one more.
        let surplus = self.recent.len().checked_sub(attempts)?;
        self.recent.get(surplus).map(|began| began.plus(span))
    }

    /// The attempts that may begin now; ask [`closed_until`](Self::closed_until) first.
    pub(super) fn room(&self) -> usize {
        let attempts = |rate: Rate| rate.window().0;
        self.rate.map_or(usize::MAX, attempts).saturating_sub(self.recent.len())
    }

    /// Counts an attempt that begins.
    pub(super) fn began(&mut self, now: Timestamp) {
        if self.rate.is_some() {
            self.recent.push_back(now);
        }
    }

    /// True if nothing counts any more.
    pub(super) fn is_idle(&self, now: Timestamp) -> bool {
        let span = self.rate.map_or(Duration::ZERO, |rate| rate.window().1);
        self.recent.back().is_none_or(|last| last.plus(span) <= now)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn limit(per_second: f64) -> RateLimit {
        RateLimit { rate: Rate::per_second(per_second), recent: VecDeque::new() }
    }

    #[test]
    fn a_slow_rate_spaces_attempts() {
        let mut limit = limit(0.5);
        assert_eq!((limit.closed_until(at(0)), limit.room()), (None, 1));
        limit.began(at(0));
        assert_eq!(limit.closed_until(at(1999)), Some(at(2000)));
        assert_eq!((limit.closed_until(at(2000)), limit.room()), (None, 1));
    }

    #[test]
    fn a_rate_that_is_lowered_holds_from_the_next_attempt_on() {
        let mut limit = limit(5.0);
        for _ in 0..5 {
            limit.began(at(0));
        }
        limit.began(at(900));
        limit.set(Rate::per_second(1.0));
        assert_eq!(limit.closed_until(at(950)), Some(at(1900)));
        limit.set(None);
        assert_eq!((limit.closed_until(at(950)), limit.room()), (None, usize::MAX));
    }

    #[test]
    fn a_clock_that_was_set_back_closes_nothing() {
        let mut limit = limit(2.0);
        limit.began(at(10_000));
        limit.began(at(10_000));
        assert_eq!(limit.closed_until(at(10_500)), Some(at(11_000)));
        assert_eq!((limit.closed_until(at(5000)), limit.room()), (None, 2));
        for millis in [9000, 9000, 5000, 5000, 5000] {
            limit.recent.push_back(at(millis));
        }
        limit.set(Rate::per_second(1.0));
        let until = limit.closed_until(at(5500));
        assert_eq!(until, Some(at(6000)), "a time to come, or the worker would not get on");
    }

    proptest! {
        #[test]
        fn no_span_sees_more_attempts_than_the_rate(
            thousandths in 100..50_000_u32,
            waits in prop::collection::vec(0..400_i64, 1..300),
            wanted in 1..80_usize,
        ) {
            let per_second = f64::from(thousandths) / 1000.0;
            let (attempts, span) = Rate::per_second(per_second).unwrap().window();
            let mut limit = limit(per_second);
            let (mut began, mut now) = (Vec::new(), at(0));
            for wait in waits {
                now = at(now.millis() + wait);
                if limit.closed_until(now).is_none() {
                    for _ in 0..limit.room().min(wanted) {
                        limit.began(now);
                        began.push(now);
                    }
                }
            }
            for (index, first) in began.iter().enumerate() {
                let within = began[index..].iter().filter(|time| **time < first.plus(span)).count();
                prop_assert!(within <= attempts, "{within} within {span:?} of {first}");
            }
        }
    }
}
