//! Deliveries: claimed, settled, released, listed, replayed.

use std::time::Duration;

use tokio::time::timeout;
use waypost::model::*;
use waypost::store::{Ask, Claimed, Claims, DeliveryFilter, Page, Wakeup};

use super::bench::*;
use super::contract;

contract! {
    claims_come_earliest_due_first_and_only_when_due,
    a_claimed_delivery_is_hidden_until_its_lease_ends,
    a_claim_names_the_end_of_the_earliest_lease_as_a_time_to_look_again,
    a_delivery_that_was_not_settled_is_due_again_after_a_crash,
    a_settled_delivery_is_done_for_good,
    a_failed_attempt_is_tried_again_when_it_is_due,
    what_was_settled_is_durable_after_sync,
    a_settlement_that_comes_too_late_changes_nothing,
    the_latest_attempts_are_kept_and_all_are_counted,
    a_released_delivery_is_due_again_with_no_attempt_counted,
    wakeups_name_every_waiting_endpoint_first_and_then_what_changed,
    a_claim_by_other_limits_takes_nothing_and_has_the_endpoint_looked_at,
    a_clock_set_back_hides_nothing_for_ever,
    deliveries_are_listed_whatever_their_state,
    deliveries_are_found_by_event_webhook_domain_and_state,
    a_replay_is_a_new_delivery_of_the_same_event,
    an_endpoint_with_many_waiting_does_not_hide_another,
}

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_hours(1);

/// A wakeup for an endpoint that nothing is known of.
fn wakeup(endpoint: EndpointId, due: Timestamp) -> Wakeup {
    Wakeup { endpoint, due, limits: EndpointLimits::default(), health: EndpointHealth::default() }
}

/// The deliveries claimed.
fn deliveries(claims: &Claims) -> Vec<Delivery> {
    claims.deliveries.iter().map(|claimed| claimed.delivery.clone()).collect()
}

async fn claims_come_earliest_due_first_and_only_when_due(bench: Bench) {
    let store = bench.store();
    let mut due = Vec::new();
    for second in [3, 1, 2] {
        let new = arrival(account_id(1), T0.plus(SECOND * second), &[endpoint(1)]);
        accept(&*store, &new).await;
        due.push((second, new.deliveries[0].id));
    }
    due.sort_unstable();
    let nothing = claim(&*store, endpoint(1), T0).await;
    assert_eq!((ids(&nothing), nothing.next_due), (vec![], Some(T0.plus(SECOND))));
    let two = claim(&*store, endpoint(1), T0.plus(SECOND * 2)).await;
    assert_eq!((ids(&two), two.next_due), (vec![due[0].1, due[1].1], Some(T0.plus(SECOND * 3))));
    let last = claim(&*store, endpoint(1), T0.plus(SECOND * 3)).await;
    let lease_end = T0.plus(SECOND * 2).plus(LEASE);
    assert_eq!((ids(&last), last.next_due), (vec![due[2].1], Some(lease_end)));
}

async fn a_claimed_delivery_is_hidden_until_its_lease_ends(bench: Bench) {
    let store = bench.store();
    let new = arrival(account_id(1), T0, &[endpoint(1)]);
    accept(&*store, &new).await;
    let id = new.deliveries[0].id;
    assert_eq!(ids(&claim(&*store, endpoint(1), T0).await), [id]);
    let just_before = T0.plus(LEASE).minus(Duration::from_millis(1));
    assert!(ids(&claim(&*store, endpoint(1), just_before).await).is_empty());
    assert_eq!(ids(&claim(&*store, endpoint(1), T0.plus(LEASE)).await), [id]);
    assert!(ids(&claim(&*store, endpoint(1), T0.plus(LEASE)).await).is_empty());
}

async fn a_claim_names_the_end_of_the_earliest_lease_as_a_time_to_look_again(bench: Bench) {
    let store = bench.store();
    let first = arrival(account_id(1), T0, &[endpoint(1)]);
    let second = arrival(account_id(1), T0.plus(SECOND), &[endpoint(1)]);
    for new in [&first, &second] {
        accept(&*store, new).await;
    }
    let claims = claim(&*store, endpoint(1), T0).await;
    assert_eq!(claims.next_due, Some(T0.plus(SECOND)), "what waits is due before the lease ends");
    let claims = claim(&*store, endpoint(1), T0.plus(SECOND)).await;
    assert_eq!(claims.next_due, Some(T0.plus(LEASE)));
    let meanwhile = claim(&*store, endpoint(1), T0.plus(SECOND * 2)).await;
    assert_eq!((ids(&meanwhile), meanwhile.next_due), (vec![], Some(T0.plus(LEASE))));

    // Nobody settled the first; whoever looks again when they were told to gets it.
    let again = claim(&*store, endpoint(1), T0.plus(LEASE)).await;
    assert_eq!(ids(&again), [first.deliveries[0].id]);
    assert_eq!(again.next_due, Some(T0.plus(SECOND).plus(LEASE)));

    // A lease that was settled is over.
    settle(&*store, &claims.deliveries[0], T0, NextStep::Delivered).await;
    store.sync().await.unwrap();
    let settled = claim(&*store, endpoint(1), T0.plus(LEASE)).await;
    assert_eq!((ids(&settled), settled.next_due), (vec![], Some(T0.plus(LEASE * 2))));
}

async fn a_delivery_that_was_not_settled_is_due_again_after_a_crash(mut bench: Bench) {
    let new = arrival(account_id(1), T0, &[endpoint(1)]);
    accept(&*bench.store(), &new).await;
    claim(&*bench.store(), endpoint(1), T0).await;
    for store in [bench.after_a_crash(), bench.reopen()] {
        assert_eq!(ids(&claim(&*store, endpoint(1), T0).await), [new.deliveries[0].id]);
    }
}

async fn a_settled_delivery_is_done_for_good(mut bench: Bench) {
    let ends = [
        (NextStep::Delivered, DeliveryState::Delivered),
        (NextStep::Dead, DeliveryState::Dead),
        (NextStep::Cancelled, DeliveryState::Cancelled),
    ];
    let endpoints = [endpoint(1), endpoint(2), endpoint(3)];
    let new = arrival(account_id(1), T0, &endpoints);
    let store = bench.store();
    accept(&*store, &new).await;
    for (endpoint, (next, _)) in endpoints.iter().zip(ends) {
        let claims = claim(&*store, *endpoint, T0).await;
        settle(&*store, &claims.deliveries[0], T0, next).await;
    }
    store.sync().await.unwrap();
    drop(store);
    for store in [bench.after_a_crash(), bench.reopen()] {
        let long_after = T0.plus(LEASE * 1000);
        for (new, (_, state)) in new.deliveries.iter().zip(ends) {
            let claims = claim(&*store, new.endpoint, long_after).await;
            assert_eq!((ids(&claims), claims.next_due), (vec![], None));
            let read = store.delivery(account_id(1), new.id).await.unwrap().unwrap();
            assert_eq!((read.state, read.next_attempt_at), (state, None));
            assert_eq!(read.attempts.len(), 1);
        }
        assert_eq!(store.usage().await.unwrap().waiting, 0);
    }
}

async fn a_failed_attempt_is_tried_again_when_it_is_due(mut bench: Bench) {
    let store = bench.store();
    let new = arrival(account_id(1), T0, &[endpoint(1)]);
    accept(&*store, &new).await;
    let claims = claim(&*store, endpoint(1), T0).await;
    let due = T0.plus(HOUR);
    settle(&*store, &claims.deliveries[0], T0, NextStep::RetryAt(due)).await;
    store.sync().await.unwrap();
    drop(store);
    for store in [bench.after_a_crash(), bench.reopen()] {
        let early = claim(&*store, endpoint(1), due.minus(SECOND)).await;
        assert_eq!((ids(&early), early.next_due), (vec![], Some(due)));
        let claims = claim(&*store, endpoint(1), due).await;
        let again = &claims.deliveries[0].delivery;
        assert_eq!(again.attempts, [attempt(T0, 500)]);
        assert_eq!((again.attempt_count, again.next_attempt_at), (1, Some(due)));
        assert_eq!(store.usage().await.unwrap().waiting, 1);
    }
}

async fn what_was_settled_is_durable_after_sync(bench: Bench) {
    let store = bench.store();
    for round in 0..50 {
        let new = arrival(account_id(1), T0, &[endpoint(1)]);
        accept(&*store, &new).await;
        let claims = claim(&*store, endpoint(1), T0).await;
        settle(&*store, &claims.deliveries[0], T0, NextStep::Delivered).await;
        // Another write is under way, so that the sync has a group to join too early.
        let (synced, _) =
            tokio::join!(store.sync(), store.enqueue(arrival(account_id(1), T0, &[])));
        synced.unwrap();
        if round % 10 == 0 {
            let crashed = bench.after_a_crash();
            let read = crashed.delivery(account_id(1), new.deliveries[0].id).await.unwrap();
            assert_eq!(read.unwrap().state, DeliveryState::Delivered);
        }
    }
}

async fn a_settlement_that_comes_too_late_changes_nothing(bench: Bench) {
    let store = bench.store();
    let new = arrival(account_id(1), T0, &[endpoint(1)]);
    accept(&*store, &new).await;
    let slow = claim(&*store, endpoint(1), T0).await;
    let later = T0.plus(LEASE);
    let quick = claim(&*store, endpoint(1), later).await;
    settle(&*store, &quick.deliveries[0], later, NextStep::Delivered).await;
    settle(&*store, &slow.deliveries[0], T0, NextStep::RetryAt(later)).await;
    store.sync().await.unwrap();
    let read = store.delivery(account_id(1), new.deliveries[0].id).await.unwrap().unwrap();
    assert_eq!((read.state, read.attempt_count), (DeliveryState::Delivered, 1));
    assert!(ids(&claim(&*store, endpoint(1), later.plus(LEASE * 9)).await).is_empty());
    assert_eq!(store.usage().await.unwrap().waiting, 0);
}

async fn the_latest_attempts_are_kept_and_all_are_counted(mut bench: Bench) {
    let store = bench.store();
    let new = arrival(account_id(1), T0, &[endpoint(1)]);
    accept(&*store, &new).await;
    for hour in 0..30 {
        let now = T0.plus(HOUR * hour);
        let claims = claim(&*store, endpoint(1), now).await;
        let mut attempt = attempt(now, 500);
        // Long answers, so that the record grows past one row and stays whole.
        attempt.excerpt = "e".repeat(900);
        let claimed = claims.deliveries[0].clone();
        let settlement = claimed.settled(Some(attempt), NextStep::RetryAt(now.plus(HOUR)));
        store.settle(settlement).await.unwrap();
        store.sync().await.unwrap();
    }
    drop(store);
    for store in [bench.after_a_crash(), bench.reopen()] {
        let read = store.delivery(account_id(1), new.deliveries[0].id).await.unwrap().unwrap();
        assert_eq!((read.attempt_count, read.attempts.len()), (30, 20));
        assert_eq!(read.attempts[0].at, T0.plus(HOUR * 10));
        assert_eq!(read.attempts[19].at, T0.plus(HOUR * 29));
    }
}

async fn a_released_delivery_is_due_again_with_no_attempt_counted(bench: Bench) {
    let store = bench.store();
    let new = arrival(account_id(1), T0, &[endpoint(1)]);
    accept(&*store, &new).await;
    let first = claim(&*store, endpoint(1), T0).await;
    store.release(&first.deliveries[0], T0).await.unwrap();
    let again = claim(&*store, endpoint(1), T0).await;
    assert_eq!(deliveries(&again), deliveries(&first));

    let later = T0.plus(HOUR);
    store.release(&again.deliveries[0], later).await.unwrap();
    store.sync().await.unwrap();
    let early = claim(&*store, endpoint(1), T0).await;
    assert_eq!((ids(&early), early.next_due), (vec![], Some(later)));
    let claims = claim(&*store, endpoint(1), later).await;
    assert_eq!((ids(&claims), claims.deliveries[0].delivery.attempt_count), (ids(&first), 0));
    assert_eq!(store.usage().await.unwrap().waiting, 1);
}

async fn wakeups_name_every_waiting_endpoint_first_and_then_what_changed(mut bench: Bench) {
    let store = bench.store();
    for (number, second) in [(1, 5), (1, 3), (2, 4)] {
        let at = T0.plus(SECOND * second);
        accept(&*store, &arrival(account_id(1), at, &[endpoint(number)])).await;
    }
    let waiting =
        [wakeup(endpoint(1), T0.plus(SECOND * 3)), wakeup(endpoint(2), T0.plus(SECOND * 4))];
    let sorted = |mut wakeups: Vec<Wakeup>| {
        wakeups.sort_by_key(|wakeups| wakeups.endpoint);
        wakeups
    };
    assert_eq!(sorted(store.wakeups().await), waiting);
    drop(store);
    let store = bench.reopen();
    assert_eq!(sorted(store.wakeups().await), waiting);

    let other = bench.store();
    let at = T0.plus(SECOND * 9);
    let waiter = tokio::spawn(async move { other.wakeups().await });
    accept(&*store, &arrival(account_id(1), at, &[endpoint(3)])).await;
    assert_eq!(waiter.await.unwrap(), [wakeup(endpoint(3), at)]);

    let claims = claim(&*store, endpoint(3), at).await;
    settle(&*store, &claims.deliveries[0], at, NextStep::RetryAt(at.plus(HOUR))).await;
    assert_eq!(store.wakeups().await, [wakeup(endpoint(3), at.plus(HOUR))]);
    let claims = claim(&*store, endpoint(3), at.plus(HOUR)).await;
    store.release(&claims.deliveries[0], at.plus(HOUR)).await.unwrap();
    assert_eq!(store.wakeups().await, [wakeup(endpoint(3), at.plus(HOUR))]);
}

async fn a_claim_by_other_limits_takes_nothing_and_has_the_endpoint_looked_at(bench: Bench) {
    let store = bench.store();
    accept(&*store, &arrival(account_id(1), T0, &[endpoint(1)])).await;
    assert_eq!(store.wakeups().await, [wakeup(endpoint(1), T0)]);
    let other = bench.store();
    let waiter = tokio::spawn(async move { other.wakeups().await });
    tokio::task::yield_now().await;
    let limits = EndpointLimits { rate: Rate::per_second(1.0), ..EndpointLimits::default() };
    let ask = Ask { endpoint: endpoint(1), limit: 1, limits };
    let claims = store.claim(&[ask], T0, LEASE).await.unwrap();
    assert_eq!(ids(&claims[0]), []);
    let woken = timeout(SECOND * 20, waiter).await.expect("the endpoint is named").unwrap();
    assert_eq!(woken, [wakeup(endpoint(1), T0)]);
    assert_eq!(claim(&*store, endpoint(1), T0).await.deliveries.len(), 1);
}

async fn a_clock_set_back_hides_nothing_for_ever(mut bench: Bench) {
    let store = bench.store();
    let wrong = T0.plus(HOUR * 24 * 365);
    // Leased, scheduled again, and not tried yet: all by a clock that was a year ahead.
    let new = arrival(account_id(1), wrong, &[endpoint(1), endpoint(2), endpoint(3)]);
    accept(&*store, &new).await;
    claim(&*store, endpoint(1), wrong).await;
    let claims = claim(&*store, endpoint(2), wrong).await;
    settle(&*store, &claims.deliveries[0], wrong, NextStep::RetryAt(wrong.plus(HOUR))).await;
    store.sync().await.unwrap();
    // A delivery of today that is not due yet stands before it in its queue.
    let today = arrival(account_id(1), T0, &[endpoint(2)]);
    accept(&*store, &today).await;
    let claims = claim(&*store, endpoint(2), T0).await;
    let retried =
        claims.deliveries.iter().find(|d| d.delivery.id == today.deliveries[0].id).unwrap();
    settle(&*store, retried, T0, NextStep::RetryAt(T0.plus(HOUR))).await;
    let others = |claimed: &&Claimed| claimed.delivery.id != retried.delivery.id;
    for claimed in claims.deliveries.iter().filter(others) {
        store.release(claimed, claimed.delivery.next_attempt_at.unwrap()).await.unwrap();
    }
    store.sync().await.unwrap();

    assert!(ids(&claim(&*store, endpoint(1), T0).await).is_empty());
    assert_eq!(ids(&claim(&*store, endpoint(1), T0.plus(LEASE)).await), [new.deliveries[0].id]);
    assert_eq!(ids(&claim(&*store, endpoint(2), T0).await), [new.deliveries[1].id]);
    assert_eq!(ids(&claim(&*store, endpoint(3), T0).await), [new.deliveries[2].id]);
    drop(store);
    let store = bench.reopen();
    for new in &new.deliveries {
        assert_eq!(ids(&claim(&*store, new.endpoint, T0).await), [new.id]);
    }
}

async fn deliveries_are_listed_whatever_their_state(mut bench: Bench) {
    let store = bench.store();
    let mut written = Vec::new();
    for second in 0..30 {
        let at = T0.plus(SECOND * second);
        let new = arrival(account_id(1), at, &[endpoint(1)]);
        accept(&*store, &new).await;
        written.push(new.deliveries[0].id);
    }
    written.reverse();
    let claims = claim_up_to(&*store, endpoint(1), T0.plus(HOUR), 20).await;
    for (number, claimed) in claims.deliveries.iter().enumerate() {
        let next = if number % 2 == 0 {
            NextStep::Delivered
        } else {
            NextStep::RetryAt(T0.plus(HOUR * 2))
        };
        settle(&*store, claimed, T0, next).await;
    }
    store.sync().await.unwrap();
    drop(store);
    for store in [bench.after_a_crash(), bench.reopen()] {
        for limit in [1, 7, 30, 31] {
            let mut listed = Vec::new();
            let mut page = Page { after: None, limit };
            loop {
                let filter = DeliveryFilter::default();
                let listing = store.deliveries(account_id(1), &filter, &page).await.unwrap();
                listed.extend(listing.items.iter().map(|delivery| delivery.id));
                let Some(next) = listing.next else { break };
                page.after = Some(next);
            }
            assert_eq!(listed, written, "in pages of {limit}");
        }
    }
}

async fn deliveries_are_found_by_event_webhook_domain_and_state(bench: Bench) {
    let store = bench.store();
    let mut one = arrival(account_id(1), T0, &[endpoint(1), endpoint(2)]);
    one.event.domain = Some(name("one.example"));
    let other = arrival(account_id(1), T0.plus(SECOND), &[endpoint(1)]);
    for new in [&one, &other] {
        accept(&*store, new).await;
    }
    let claims = claim(&*store, endpoint(2), T0).await;
    settle(&*store, &claims.deliveries[0], T0, NextStep::Delivered).await;
    store.sync().await.unwrap();
    let (first, second) = (one.deliveries[0].id, one.deliveries[1].id);
    let last = other.deliveries[0].id;
    let any = DeliveryFilter::default;
    let webhook = WebhookId::from_bytes([1; 16]);
    let cases = [
        (DeliveryFilter { event: Some(one.event.id), ..any() }, vec![first, second]),
        (DeliveryFilter { webhook: Some(webhook), ..any() }, vec![first, last]),
        (DeliveryFilter { domain: Some(name("one.example")), ..any() }, vec![first, second]),
        (DeliveryFilter { state: Some(DeliveryState::Delivered), ..any() }, vec![second]),
        (DeliveryFilter { event: Some(EventId::from_bytes([9; 16])), ..any() }, vec![]),
    ];
    for (filter, mut expected) in cases {
        expected.sort_unstable_by(|a, b| b.cmp(a));
        let found = all_deliveries(&*store, account_id(1), &filter).await;
        let found: Vec<_> = found.iter().map(|delivery| delivery.id).collect();
        assert_eq!(found, expected, "{filter:?}");
    }
}

async fn a_replay_is_a_new_delivery_of_the_same_event(mut bench: Bench) {
    let store = bench.store();
    let new = arrival(account_id(1), T0, &[endpoint(1)]);
    accept(&*store, &new).await;
    let claims = claim(&*store, endpoint(1), T0).await;
    settle(&*store, &claims.deliveries[0], T0, NextStep::Dead).await;
    store.sync().await.unwrap();
    let later = T0.plus(HOUR);
    let (old, id) = (new.deliveries[0].id, DeliveryId::new(later, random()));
    assert!(store.replay(account_id(2), old, id).await.unwrap().is_none());
    let replay = store.replay(account_id(1), old, id).await.unwrap().unwrap();
    assert_eq!((replay.event, replay.replay_of), (new.event.id, Some(old)));
    drop(store);
    for store in [bench.after_a_crash(), bench.reopen()] {
        let claims = claim(&*store, endpoint(1), later).await;
        assert_eq!(deliveries(&claims), std::slice::from_ref(&replay));
        let filter = DeliveryFilter { event: Some(new.event.id), ..DeliveryFilter::default() };
        let of_event = all_deliveries(&*store, account_id(1), &filter).await;
        assert_eq!(of_event.iter().map(|d| d.id).collect::<Vec<_>>(), [id, old]);
        assert_eq!(of_event[1].state, DeliveryState::Dead);
    }
}

async fn an_endpoint_with_many_waiting_does_not_hide_another(bench: Bench) {
    let store = bench.store();
    let many = (0..3000).map(|_| store.enqueue(arrival(account_id(1), T0, &[endpoint(1)])));
    futures_util::future::try_join_all(many).await.unwrap();
    let late = arrival(account_id(1), T0.plus(HOUR), &[endpoint(2)]);
    accept(&*store, &late).await;
    assert_eq!(ids(&claim(&*store, endpoint(2), T0.plus(HOUR)).await), [late.deliveries[0].id]);
    // All of the sick one's can still be had, each once.
    let mut seen = std::collections::HashSet::new();
    loop {
        let claims = claim_up_to(&*store, endpoint(1), T0, 700).await;
        if claims.deliveries.is_empty() {
            break;
        }
        assert!(ids(&claims).into_iter().all(|id| seen.insert(id)));
    }
    assert_eq!(seen.len(), 3000);
}
