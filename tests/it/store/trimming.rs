//! Retention: what goes, what stays, and how little at a time.

use std::time::Duration;

use waypost::model::*;
use waypost::store::{DeliveryFilter, Enqueued, Retention, Store};

use super::bench::*;
use super::contract;

contract! {
    events_past_their_age_go_oldest_first_with_their_deliveries,
    events_beyond_the_bytes_go_oldest_first,
    events_with_deliveries_waiting_are_kept_and_hold_up_none_behind,
    an_event_that_is_replayed_is_kept,
    the_replay_of_an_event_that_went_is_none,
    a_dedupe_key_outlives_its_event_and_is_forgotten_in_the_end,
    tokens_are_forgotten_after_a_day,
    trimming_goes_over_all_accounts_in_order_of_age,
}

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

const fn by_age(age: Duration) -> Retention {
    Retention { age, bytes: u64::MAX }
}

/// Writes one settled event for each hour from `T0` on.
async fn settled_events(store: &dyn Store, account: AccountId, count: u32) -> Vec<Arrival> {
    let mut written = Vec::new();
    for hour in 0..count {
        let at = T0.plus(HOUR * hour);
        let new = arrival(account, at, &[endpoint(1)]);
        accept(store, &new).await;
        let claims = claim(store, endpoint(1), at).await;
        settle(store, &claims.deliveries[0], at, NextStep::Delivered).await;
        written.push(new);
    }
    store.sync().await.unwrap();
    written
}

async fn left(store: &dyn Store, account: AccountId) -> Vec<EventId> {
    let mut ids: Vec<_> = all_events(store, account).await.iter().map(|event| event.id).collect();
    ids.reverse();
    ids
}

fn event_ids(written: &[Arrival]) -> Vec<EventId> {
    written.iter().map(|arrival| arrival.event.id).collect()
}

async fn events_past_their_age_go_oldest_first_with_their_deliveries(mut bench: Bench) {
    let store = bench.store();
    let written = settled_events(&*store, account_id(1), 10).await;
    let now = T0.plus(HOUR * 10);
    assert_eq!(store.trim(now, &by_age(HOUR * 4), 2).await.unwrap(), 2);
    assert_eq!(left(&*store, account_id(1)).await, event_ids(&written[2..]));
    assert_eq!(store.trim(now, &by_age(HOUR * 4), 100).await.unwrap(), 4);
    assert_eq!(store.trim(now, &by_age(HOUR * 4), 100).await.unwrap(), 0);
    drop(store);
    for store in [bench.after_a_crash(), bench.reopen()] {
        assert_eq!(left(&*store, account_id(1)).await, event_ids(&written[6..]));
        let deliveries = all_deliveries(&*store, account_id(1), &DeliveryFilter::default()).await;
        assert_eq!(deliveries.len(), 4);
        let usage = store.usage().await.unwrap();
        let bytes: usize = written[6..].iter().map(|arrival| arrival.event.body.len()).sum();
        assert_eq!((usage.events, usage.event_bytes), (4, bytes as u64));
    }
}

async fn events_beyond_the_bytes_go_oldest_first(bench: Bench) {
    let store = bench.store();
    let written = settled_events(&*store, account_id(1), 10).await;
    let bytes: usize = written[7..].iter().map(|arrival| arrival.event.body.len()).sum();
    let retention = Retention { age: DAY * 30, bytes: bytes as u64 };
    assert_eq!(store.trim(T0.plus(HOUR * 10), &retention, 100).await.unwrap(), 7);
    assert_eq!(left(&*store, account_id(1)).await, event_ids(&written[7..]));
}

async fn events_with_deliveries_waiting_are_kept_and_hold_up_none_behind(bench: Bench) {
    let store = bench.store();
    let mut waiting = Vec::new();
    for _ in 0..600 {
        let new = arrival(account_id(1), T0, &[endpoint(2)]);
        waiting.push(new.event.id);
        accept(&*store, &new).await;
    }
    let done = settled_events(&*store, account_id(1), 5).await;
    let now = T0.plus(DAY * 60);
    let mut gone = 0;
    for _ in 0..6 {
        gone += store.trim(now, &by_age(DAY), 10).await.unwrap();
    }
    assert_eq!(gone, done.len(), "those that wait stand in the way");
    waiting.sort_unstable();
    assert_eq!(left(&*store, account_id(1)).await, waiting);
}

async fn an_event_that_is_replayed_is_kept(bench: Bench) {
    let store = bench.store();
    let written = settled_events(&*store, account_id(1), 40).await;
    let now = T0.plus(DAY * 60);
    let old = written[3].deliveries[0].id;
    let new = DeliveryId::new(now, random());
    // At the same moment, so that they meet in one group whichever comes first.
    let retention = by_age(DAY);
    let (replayed, trimmed) =
        tokio::join!(store.replay(account_id(1), old, new), store.trim(now, &retention, 100));
    let kept = store.event(account_id(1), written[3].event.id).await.unwrap();
    assert_eq!(replayed.unwrap().is_some(), kept.is_some());
    assert!(trimmed.unwrap() >= 39);
    let replays = claim(&*store, endpoint(1), now).await;
    assert_eq!(ids(&replays).len(), usize::from(kept.is_some()));

    // With the replay settled it goes, and the replay with it.
    if let Some(claimed) = replays.deliveries.first() {
        settle(&*store, claimed, now, NextStep::Dead).await;
        store.sync().await.unwrap();
        assert_eq!(store.trim(now, &by_age(DAY), 100).await.unwrap(), 1);
    }
    assert_eq!(all_deliveries(&*store, account_id(1), &DeliveryFilter::default()).await, []);
}

async fn the_replay_of_an_event_that_went_is_none(bench: Bench) {
    let store = bench.store();
    let written = settled_events(&*store, account_id(1), 1).await;
    store.trim(T0.plus(DAY * 60), &by_age(DAY), 100).await.unwrap();
    let new = DeliveryId::new(T0, random());
    let replay = store.replay(account_id(1), written[0].deliveries[0].id, new).await.unwrap();
    assert!(replay.is_none());
}

async fn a_dedupe_key_outlives_its_event_and_is_forgotten_in_the_end(bench: Bench) {
    let store = bench.store();
    let with_key = |at: Timestamp, day: i64, provider_id: &str| {
        let (source, provider_id) = ("src".to_owned(), provider_id.to_owned());
        let dedupe = Some(DedupeKey { source, day, provider_id });
        Arrival { dedupe, ..arrival(account_id(1), at, &[]) }
    };
    let first = with_key(T0, T0.day(), "p-1");
    accept(&*store, &first).await;
    // An old event that came in today is still young.
    let backlog = with_key(T0, T0.day() - 400, "p-2");
    accept(&*store, &backlog).await;
    let duplicates = [Enqueued::Duplicate(first.event.id), Enqueued::Duplicate(backlog.event.id)];

    let soon = T0.plus(DAY * 2);
    assert_eq!(store.trim(soon, &by_age(DAY), 100).await.unwrap(), 2);
    for (day, id, duplicate) in
        [(T0.day(), "p-1", duplicates[0]), (T0.day() - 400, "p-2", duplicates[1])]
    {
        assert_eq!(store.enqueue(with_key(soon, day, id)).await.unwrap(), duplicate);
    }
    let late = T0.plus(DAY * 5);
    store.trim(late, &by_age(DAY), 100).await.unwrap();
    accept(&*store, &with_key(late, T0.day(), "p-1")).await;
    accept(&*store, &with_key(late, T0.day() - 400, "p-2")).await;
}

async fn tokens_are_forgotten_after_a_day(bench: Bench) {
    let store = bench.store();
    let with_token = |at: Timestamp| {
        let source = SourceId::from_bytes([5; 16]);
        let token = TokenKey { source, token: "abc".to_owned(), signed_at: T0.seconds() };
        Arrival { token: Some(token), ..arrival(account_id(1), at, &[]) }
    };
    accept(&*store, &with_token(T0)).await;
    let (hour, days) = (T0.plus(HOUR), T0.plus(DAY * 2));
    store.trim(hour, &by_age(DAY * 30), 100).await.unwrap();
    assert!(matches!(store.enqueue(with_token(hour)).await.unwrap(), Enqueued::Duplicate(_)));
    store.trim(days, &by_age(DAY * 30), 100).await.unwrap();
    accept(&*store, &with_token(days)).await;
}

async fn trimming_goes_over_all_accounts_in_order_of_age(bench: Bench) {
    let store = bench.store();
    let mut written = Vec::new();
    for hour in 0..9_u8 {
        let new = arrival(account_id(hour % 3), T0.plus(HOUR * hour.into()), &[]);
        accept(&*store, &new).await;
        written.push((new.event.account, new.event.id));
    }
    for gone in 1..=9 {
        assert_eq!(store.trim(T0.plus(DAY * 60), &by_age(DAY), 1).await.unwrap(), 1);
        for (number, (account, id)) in written.iter().enumerate() {
            let there = store.event(*account, *id).await.unwrap().is_some();
            assert_eq!(there, number >= gone, "event {number} after {gone} went");
        }
    }
}
