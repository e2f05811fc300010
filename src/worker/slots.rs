//! Slots: how many attempts may be under way, and how targets share them.
//!
//! A sick receiver keeps its slots until its time runs out, so it must never get them all.

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
    /// No target gets more than are left for all the others, so that a handful of receivers which
    /// hang at the same moment leave room; and those known to be slow get half of all slots
    /// between them. The first slot is had as long as there is any.
    pub(super) fn room(&self, in_flight: usize, slow: bool) -> usize {
        let free = if slow {
            self.total.div_ceil(2).saturating_sub(self.taken_by_slow).min(self.free())
        } else {
            self.free()
        };
        let share = free.saturating_sub(in_flight) / 2;
        let first = usize::from(in_flight == 0).min(free);
        share.max(first).min(self.per_target.saturating_sub(in_flight))
    }

    pub(super) fn take(&mut self, slow: bool) -> Slot {
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

    const fn free(&self) -> usize {
        self.total.saturating_sub(self.taken)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Fills up as a target would that never gives anything back.
    fn fill(slots: &mut Slots, slow: bool) -> usize {
        let mut in_flight = 0;
        while slots.room(in_flight, slow) > 0 {
            let _ = slots.take(slow);
            in_flight += 1;
        }
        in_flight
    }

    #[test]
    fn one_target_gets_its_cap_and_no_more() {
        assert_eq!(fill(&mut Slots::new(512, 64), false), 64);
        assert_eq!(fill(&mut Slots::new(1, 64), false), 1);
        assert_eq!(fill(&mut Slots::new(0, 0), false), 1);
    }

    #[test]
    fn many_that_hang_at_once_leave_room_for_one_more() {
        let mut slots = Slots::new(512, 64);
        for hung in 1..=100 {
            assert!(fill(&mut slots, false) > 0, "{hung}");
            let room = slots.room(0, false);
            assert!(room > 0, "after {hung} there is room for {room}");
        }
    }

    #[test]
    fn all_the_slow_together_leave_half() {
        let mut slots = Slots::new(512, 64);
        for _ in 0..1000 {
            fill(&mut slots, true);
        }
        assert_eq!(slots.taken(), 256);
        assert_eq!(slots.room(0, false), 64);
    }

    proptest! {
        #[test]
        fn room_is_never_more_than_there_is(
            total in 1..600_usize,
            per_target in 1..100_usize,
            targets in prop::collection::vec(any::<bool>(), 0..200),
        ) {
            let mut slots = Slots::new(total, per_target);
            for slow in targets {
                let room = slots.room(0, slow);
                prop_assert!(room <= per_target);
                for _ in 0..room {
                    let _ = slots.take(slow);
                }
                prop_assert!(slots.taken() <= total);
            }
        }
    }
}
