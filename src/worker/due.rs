//! The queue of due times: one entry per endpoint, however much waits for it.

use std::collections::{BTreeSet, HashMap};

use crate::model::{EndpointId, Timestamp};

/// Endpoints by the time something may be due for them.
#[derive(Debug, Default)]
pub(super) struct DueQueue {
    by_time: BTreeSet<(Timestamp, EndpointId)>,
    by_endpoint: HashMap<EndpointId, Timestamp>,
}

impl DueQueue {
    /// Plans to look at the endpoint by `due`; sooner if that was planned already.
    pub(super) fn put(&mut self, endpoint: EndpointId, due: Timestamp) {
        if let Some(planned) = self.by_endpoint.get(&endpoint) {
            if *planned <= due {
                return;
            }
            self.by_time.remove(&(*planned, endpoint));
        }
        self.by_endpoint.insert(endpoint, due);
        self.by_time.insert((due, endpoint));
    }

    /// Takes the endpoint that has been due longest, if any is.
    pub(super) fn take_due(&mut self, now: Timestamp) -> Option<EndpointId> {
        let (due, endpoint) = *self.by_time.first()?;
        if due > now {
            return None;
        }
        self.by_time.remove(&(due, endpoint));
        self.by_endpoint.remove(&endpoint);
        Some(endpoint)
    }

    /// The time at which the next endpoint is to be looked at.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.by_time.first().map(|(due, _)| *due)
    }

    /// True if the endpoint is to be looked at, ever.
    pub(super) fn has(&self, endpoint: EndpointId) -> bool {
        self.by_endpoint.contains_key(&endpoint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn endpoint(n: u8) -> EndpointId {
        EndpointId::from_bytes([n; 16])
    }

    const fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn the_earliest_of_several_times_counts() {
        let mut queue = DueQueue::default();
        queue.put(endpoint(1), at(30));
        queue.put(endpoint(1), at(10));
        queue.put(endpoint(1), at(20));
        assert_eq!(queue.next(), Some(at(10)));
        assert_eq!(queue.take_due(at(9)), None);
        assert_eq!(queue.take_due(at(10)), Some(endpoint(1)));
        assert_eq!(queue.take_due(at(99)), None);
        assert!(!queue.has(endpoint(1)));
    }

    #[test]
    fn targets_come_in_the_order_in_which_they_fell_due() {
        let mut queue = DueQueue::default();
        for (n, due) in [(1, 30), (2, 10), (3, 20), (4, 40)] {
            queue.put(endpoint(n), at(due));
        }
        let taken: Vec<_> = std::iter::from_fn(|| queue.take_due(at(35))).collect();
        assert_eq!(taken, [endpoint(2), endpoint(3), endpoint(1)]);
        assert!(queue.has(endpoint(4)));
    }
}
