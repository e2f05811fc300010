//! When to look at which target again. One entry per target, however much waits for it.

use std::collections::{BTreeSet, HashMap};

use crate::model::{TargetId, Timestamp};

/// Targets by the time something may be due for them.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    by_time: BTreeSet<(Timestamp, TargetId)>,
    by_target: HashMap<TargetId, Timestamp>,
}

impl Agenda {
    /// Has the target looked at by `due`; sooner if that was planned already.
    pub(super) fn put(&mut self, target: TargetId, due: Timestamp) {
        if let Some(planned) = self.by_target.get(&target) {
            if *planned <= due {
                return;
            }
            self.by_time.remove(&(*planned, target));
        }
        self.by_target.insert(target, due);
        self.by_time.insert((due, target));
    }

    /// Takes the target that has been due longest, if any is.
    pub(super) fn take_due(&mut self, now: Timestamp) -> Option<TargetId> {
        let (due, target) = *self.by_time.first()?;
        if due > now {
            return None;
        }
        self.by_time.remove(&(due, target));
        self.by_target.remove(&target);
        Some(target)
    }

    /// When the next target is to be looked at.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.by_time.first().map(|(due, _)| *due)
    }

    /// Whether the target is to be looked at, ever.
    pub(super) fn has(&self, target: TargetId) -> bool {
        self.by_target.contains_key(&target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn target(n: u8) -> TargetId {
        TargetId::from_bytes([n; 16])
    }

    const fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn the_earliest_of_several_times_counts() {
        let mut agenda = Agenda::default();
        agenda.put(target(1), at(30));
        agenda.put(target(1), at(10));
        agenda.put(target(1), at(20));
        assert_eq!(agenda.next(), Some(at(10)));
        assert_eq!(agenda.take_due(at(9)), None);
        assert_eq!(agenda.take_due(at(10)), Some(target(1)));
        assert_eq!(agenda.take_due(at(99)), None);
        assert!(!agenda.has(target(1)));
    }

    #[test]
    fn targets_come_in_the_order_in_which_they_fell_due() {
        let mut agenda = Agenda::default();
        for (n, due) in [(1, 30), (2, 10), (3, 20), (4, 40)] {
            agenda.put(target(n), at(due));
        }
        let taken: Vec<_> = std::iter::from_fn(|| agenda.take_due(at(35))).collect();
        assert_eq!(taken, [target(2), target(3), target(1)]);
        assert!(agenda.has(target(4)));
    }
}
