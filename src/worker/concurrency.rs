//! Concurrency: the attempts that may be under way, and how endpoints share them.
//!
//! A sick receiver keeps its permits until its time runs out, so it must never get them all.

/// The speed at which a receiver was last seen to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Standing {
    /// Nothing is known yet.
    #[default]
    New,
    /// The last answer came quickly.
    Quick,
    /// The last answer took long, or did not come.
    Slow,
}

/// The permits of a worker.
#[derive(Debug)]
pub(super) struct Concurrency {
    total: usize,
    per_endpoint: usize,
    taken: usize,
    taken_by_slow: usize,
}

/// The permission to make one attempt; to be given back.
#[derive(Debug)]
#[must_use]
pub(super) struct Permit {
    slow: bool,
}

impl Concurrency {
    pub(super) fn new(total: usize, per_endpoint: usize) -> Self {
        Self { total: total.max(1), per_endpoint: per_endpoint.max(1), taken: 0, taken_by_slow: 0 }
    }

    /// The number of attempts more that an endpoint may begin which has `in_flight` under way. Its
    /// owner's limit, where there is one, stands in the place of the worker's own for each endpoint.
    ///
    /// No endpoint holds more than an eighth of what is free, so that dozens of receivers which all
    /// hang at the same moment leave room for the next. The last eighth of all permits is for those
    /// that are known to be quick; those known to be slow have half of all between them. The first
    /// permit is had as long as there is any.
    pub(super) fn room(
        &self,
        in_flight: usize,
        standing: Standing,
        owners_limit: Option<usize>,
    ) -> usize {
        let free = self.total - self.taken;
        let free = match standing {
            Standing::Quick => free,
            Standing::New => free.saturating_sub(self.total / 8),
            Standing::Slow => {
                let slow = self.total.div_ceil(2).saturating_sub(self.taken_by_slow);
                free.saturating_sub(self.total / 8).min(slow)
            }
        };
        // With n more, in_flight + n is an eighth of free - n.
        let share = free.saturating_sub(in_flight * 8) / 9;
        let first = usize::from(in_flight == 0).min(free);
        let limit = owners_limit.unwrap_or(self.per_endpoint);
        share.max(first).min(limit.saturating_sub(in_flight))
    }

    pub(super) fn take(&mut self, standing: Standing) -> Permit {
        let slow = standing == Standing::Slow;
        self.taken += 1;
        self.taken_by_slow += usize::from(slow);
        Permit { slow }
    }

    #[allow(clippy::needless_pass_by_value, reason = "a permit is given back once")]
    pub(super) fn give_back(&mut self, permit: Permit) {
        self.taken -= 1;
        self.taken_by_slow -= usize::from(permit.slow);
    }

    pub(super) const fn taken(&self) -> usize {
        self.taken
    }

    /// True while half of the permits or more are free.
    pub(super) const fn is_half_free(&self) -> bool {
        self.taken * 2 <= self.total
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Fills up as a receiver would that never gives anything back.
    fn fill(concurrency: &mut Concurrency, standing: Standing) -> usize {
        let mut in_flight = 0;
        while concurrency.room(in_flight, standing, None) > 0 {
            let _ = concurrency.take(standing);
            in_flight += 1;
        }
        in_flight
    }

    #[test]
    fn one_receiver_alone_gets_about_its_cap() {
        assert_eq!(fill(&mut Concurrency::new(512, 64), Standing::Quick), 56);
        assert_eq!(fill(&mut Concurrency::new(1024, 64), Standing::Quick), 64);
        assert_eq!(fill(&mut Concurrency::new(1, 64), Standing::New), 1);
        assert_eq!(fill(&mut Concurrency::new(0, 0), Standing::Slow), 1);
    }

    #[test]
    fn an_owners_limit_holds_whatever_else_is_free() {
        let concurrency = Concurrency::new(512, 64);
        assert_eq!(concurrency.room(0, Standing::Quick, Some(3)), 3);
        assert_eq!(concurrency.room(2, Standing::Quick, Some(3)), 1);
        assert_eq!(concurrency.room(3, Standing::Quick, Some(3)), 0);
        assert_eq!(concurrency.room(0, Standing::Quick, Some(1000)), 56, "no more than its share");
    }

    #[test]
    fn dozens_that_were_quick_and_hang_at_once_leave_room_for_the_next() {
        let mut concurrency = Concurrency::new(512, 64);
        for hung in 1..=40 {
            assert!(fill(&mut concurrency, Standing::Quick) > 0, "{hung}");
            assert!(concurrency.room(0, Standing::Quick, None) > 0, "{hung}");
        }
    }

    #[test]
    fn any_number_that_never_answered_leave_an_eighth_to_the_quick() {
        for standing in [Standing::New, Standing::Slow] {
            let mut concurrency = Concurrency::new(512, 64);
            for _ in 0..1000 {
                fill(&mut concurrency, standing);
            }
            assert!(512 - concurrency.taken() >= 64);
            assert!(concurrency.room(0, Standing::Quick, None) > 0);
        }
    }

    #[test]
    fn all_the_slow_together_leave_half() {
        let mut concurrency = Concurrency::new(512, 64);
        for _ in 0..1000 {
            fill(&mut concurrency, Standing::Slow);
        }
        assert_eq!(concurrency.taken(), 256);
    }

    proptest! {
        #[test]
        fn room_is_never_more_than_there_is(
            total in 1..600_usize,
            per_endpoint in 1..100_usize,
            receivers in prop::collection::vec(0..3_usize, 0..200),
        ) {
            let mut concurrency = Concurrency::new(total, per_endpoint);
            for standing in receivers {
                let standing = [Standing::New, Standing::Quick, Standing::Slow][standing];
                let room = concurrency.room(0, standing, None);
                prop_assert!(room <= per_endpoint);
                for _ in 0..room {
                    let _ = concurrency.take(standing);
                }
                prop_assert!(concurrency.taken() <= total);
            }
        }
    }
}
