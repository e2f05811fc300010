//! Compaction bounds the disk, whatever stays behind, and nobody notices it.

use std::collections::HashMap;
use std::time::Duration;

use waypost::model::*;
use waypost::store::{EmbeddedOptions, Retention, Store};

use super::bench::*;

/// So low that one compaction follows upon the other.
const FLOOR: u64 = 1 << 20;
const SECOND: Duration = Duration::from_secs(1);

/// How long a retry waits here, in rounds of a second.
const RETRY_AFTER: u32 = 20;

/// Queue churn in a steady state: in each round fifty events come in and are delivered, but for
/// one in so many, which is delivered twenty rounds later. What is done is trimmed at once.
#[derive(Default)]
struct Churn {
    round: u32,
    waiting: HashMap<DeliveryId, (Arrival, Timestamp)>,
}

impl Churn {
    async fn round(&mut self, store: &dyn Store, one_in: usize) {
        let now = T0.plus(SECOND * self.round);
        self.round += 1;
        let arrivals: Vec<_> = (0..50).map(|_| sizeable(now)).collect();
        let enqueued = arrivals.iter().map(|new| store.enqueue(new.clone()));
        futures_util::future::try_join_all(enqueued).await.unwrap();
        let claims = claim_up_to(store, endpoint(1), now, 1000).await;
        let retries =
            claims.deliveries.iter().filter(|d| self.waiting.remove(&d.delivery.id).is_some());
        let firsts = claims.deliveries.len() - retries.count();
        assert_eq!(firsts, 50, "delivery paused in round {}", self.round);
        for (number, claimed) in claims.deliveries.iter().enumerate() {
            let delivery = &claimed.delivery;
            if delivery.attempt_count == 0 && number % one_in == 0 {
                let due = now.plus(SECOND * RETRY_AFTER);
                let of = |new: &&Arrival| new.deliveries[0].id == claimed.delivery.id;
                let new = arrivals.iter().find(of).unwrap().clone();
                self.waiting.insert(delivery.id, (new, due));
                settle(store, claimed, now, NextStep::RetryAt(due)).await;
            } else {
                settle(store, claimed, now, NextStep::Delivered).await;
            }
        }
        store.sync().await.unwrap();
        let retention = Retention { age: Duration::ZERO, bytes: 0 };
        let later = now.plus(Duration::from_millis(1));
        store.trim(later, &retention, 1000).await.unwrap();
    }

    /// Whether all that waits is there, and nothing else.
    async fn check(&self, store: &dyn Store) {
        for (id, (new, due)) in &self.waiting {
            let event = store.event(account_id(1), new.event.id).await.unwrap();
            assert_eq!(event.as_ref(), Some(&new.event));
            let delivery = store.delivery(account_id(1), *id).await.unwrap().unwrap();
            assert_eq!(delivery.next_attempt_at, Some(*due));
        }
        let usage = store.usage().await.unwrap();
        assert_eq!(usage.waiting, self.waiting.len() as u64);
        let end = T0.plus(SECOND * (self.round + RETRY_AFTER));
        let claims = claim_up_to(store, endpoint(1), end, 1000).await;
        assert_eq!(claims.deliveries.len(), self.waiting.len());
    }
}

/// An event of the usual size.
fn sizeable(at: Timestamp) -> Arrival {
    let mut new = arrival(account_id(1), at, &[endpoint(1)]);
    new.event.body = vec![b'x'; 1500].into();
    new
}

/// How many generations there have been.
fn generation(bench: &Bench) -> u32 {
    let current = std::fs::read_to_string(bench.path().join("CURRENT")).unwrap();
    current.trim_end().rsplit(' ').next().unwrap().parse().unwrap()
}

async fn the_disk_is_bounded_with_one_in(one_in: usize) {
    let options = EmbeddedOptions { compact_floor: FLOOR, ..EmbeddedOptions::default() };
    let mut bench = Bench::with(&options);
    let store = bench.store();
    let key = key(account_id(1), "kept");
    store.create_account(account(1), Some(key.clone())).await.unwrap();
    let mut churn = Churn::default();
    let mut most = 0;
    for _ in 0..100 {
        churn.round(&*store, one_in).await;
        most = most.max(store.usage().await.unwrap().disk_bytes);
    }
    assert!(most < 4 * FLOOR, "{most} bytes on disk");
    assert!(generation(&bench) > 3, "only {} generations", generation(&bench));
    drop(store);
    let store = bench.reopen();
    churn.check(&*store).await;
    assert!(store.key_by_hash(&key.hash).await.unwrap().is_some());
    drop(store);
    let entries = std::fs::read_dir(bench.path()).unwrap();
    let generations = entries.filter(|entry| entry.as_ref().unwrap().path().is_dir()).count();
    assert_eq!(generations, 1, "generations of the past were left behind");
}

/// The size on disk after a burst of events has come and gone.
async fn left_by_a_burst(compact_floor: u64) -> u64 {
    let bench = Bench::with(&EmbeddedOptions { compact_floor, ..EmbeddedOptions::default() });
    let store = bench.store();
    let arrivals: Vec<_> = (0..2000).map(|_| sizeable(T0)).collect();
    let enqueued = arrivals.into_iter().map(|new| store.enqueue(new));
    futures_util::future::try_join_all(enqueued).await.unwrap();
    for claimed in claim_up_to(&*store, endpoint(1), T0, 2000).await.deliveries {
        settle(&*store, &claimed, T0, NextStep::Delivered).await;
    }
    store.sync().await.unwrap();
    let retention = Retention { age: Duration::ZERO, bytes: 0 };
    assert_eq!(store.trim(T0.plus(SECOND), &retention, 5000).await.unwrap(), 2000);
    // A little work, as there always is, lets it notice.
    let mut churn = Churn { round: 1, ..Churn::default() };
    for _ in 0..20 {
        churn.round(&*store, 10).await;
    }
    churn.check(&*store).await;
    store.usage().await.unwrap().disk_bytes
}

#[tokio::test]
async fn the_space_of_a_burst_is_given_back() {
    let (without, with) = tokio::join!(left_by_a_burst(u64::MAX), left_by_a_burst(FLOOR));
    assert!(with * 2 < without, "{with} bytes on disk, and {without} without compaction");
}

#[tokio::test]
async fn the_disk_is_bounded_with_one_in_ten_staying_behind() {
    the_disk_is_bounded_with_one_in(10).await;
}

#[tokio::test]
async fn the_disk_is_bounded_with_one_in_a_hundred_staying_behind() {
    the_disk_is_bounded_with_one_in(100).await;
}
