//! Slots: how many attempts may be under way, and how targets share them.
//!
//! A sick receiver keeps its slots until its time runs out, so it must never get them all.

/// What is known of a target's receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Standing {
    /// Nothing yet.
    #[default]
    New,
    /// Its last answer came quickly.
    Quick,
    /// Its last answer took long, or did not come.
    Slow,
}

/// The slots of a worker.
#[derive(Debug)]
pub(super) struct Slots {
    total: usize,
    per_target: usize,
    taken: usize,
    taken_by_slow: usize,
}

/// One attempt's slot; to be given back.
#[derive(Debug)]
#[must_use]
pub(super) struct Slot {
    slow: bool,
}

impl Slots {
    pub(super) fn new(total: usize, per_target: usize) -> Self {
        Self { total: total.max(1), per_target: per_target.max(1), taken: 0, taken_by_slow: 0 }
    }

    /// How many more attempts a target may begin that has `in_flight` under way.
    ///
    /// No target holds more than an eighth of what is free, so that dozens of receivers which all
    /// hang at the same moment leave room for the next. The last eighth of all slots is for those
    /// that are known to be quick; those known to be slow have half of all between them. The first
    /// slot is had as long as there is any.
    pub(super) fn room(&self, in_flight: usize, standing: Standing) -> usize {
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
        share.max(first).min(self.per_target.saturating_sub(in_flight))
    }

    pub(super) fn take(&mut self, standing: Standing) -> Slot {
        let slow = standing == Standing::Slow;
        self.taken += 1;
        self.taken_by_slow += usize::from(slow);
        Slot { slow }
    }

    #[allow(clippy::needless_pass_by_value, reason = "a slot is given back once")]
    pub(super) fn give_back(&mut self, slot: Slot) {
        self.taken -= 1;
        self.taken_by_slow -= usize::from(slot.slow);
    }

    pub(super) const fn taken(&self) -> usize {
        self.taken
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Fills up as a target would that never gives anything back.
    fn fill(slots: &mut Slots, standing: Standing) -> usize {
        let mut in_flight = 0;
        while slots.room(in_flight, standing) > 0 {
            let _ = slots.take(standing);
            in_flight += 1;
        }
        in_flight
    }

    #[test]
    fn one_target_alone_gets_about_its_cap() {
        assert_eq!(fill(&mut Slots::new(512, 64), Standing::Quick), 56);
        assert_eq!(fill(&mut Slots::new(1024, 64), Standing::Quick), 64);
        assert_eq!(fill(&mut Slots::new(1, 64), Standing::New), 1);
        assert_eq!(fill(&mut Slots::new(0, 0), Standing::Slow), 1);
    }

    #[test]
    fn dozens_that_were_quick_and_hang_at_once_leave_room_for_the_next() {
        let mut slots = Slots::new(512, 64);
        for hung in 1..=40 {
            assert!(fill(&mut slots, Standing::Quick) > 0, "{hung}");
            assert!(slots.room(0, Standing::Quick) > 0, "{hung}");
        }
    }

    #[test]
    fn any_number_that_never_answered_leave_an_eighth_to_the_quick() {
        for standing in [Standing::New, Standing::Slow] {
            let mut slots = Slots::new(512, 64);
            for _ in 0..1000 {
                fill(&mut slots, standing);
            }
            assert!(512 - slots.taken() >= 64);
            assert!(slots.room(0, Standing::Quick) > 0);
        }
    }

    #[test]
    fn all_the_slow_together_leave_half() {
        let mut slots = Slots::new(512, 64);
        for _ in 0..1000 {
            fill(&mut slots, Standing::Slow);
        }
        assert_eq!(slots.taken(), 256);
    }

    proptest! {
        #[test]
        fn room_is_never_more_than_there_is(
            total in 1..600_usize,
            per_target in 1..100_usize,
            targets in prop::collection::vec(0..3_usize, 0..200),
        ) {
            let mut slots = Slots::new(total, per_target);
            for standing in targets {
                let standing = [Standing::New, Standing::Quick, Standing::Slow][standing];
                let room = slots.room(0, standing);
                prop_assert!(room <= per_target);
                for _ in 0..room {
                    let _ = slots.take(standing);
                }
                prop_assert!(slots.taken() <= total);
            }
        }
    }
}
