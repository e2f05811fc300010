//! One event that comes by several places of its provider: one event, one delivery per webhook.

use std::time::Duration;

use waypost::model::*;
use waypost::store::{DeliveryFilter, Enqueued, EventFilter, Page, Retention, Store};
use waypost_compat::Kind;

use super::bench::*;
use super::contract;

contract! {
    an_event_that_another_place_brings_is_the_same_event,
    a_webhook_gets_an_event_once_however_many_places_bring_it,
    a_repeat_by_a_place_adds_nothing,
    places_that_bring_an_event_at_the_same_moment_bring_one,
    an_event_that_went_is_taken_anew_from_another_place,
    what_a_further_place_added_goes_with_the_event,
    an_event_that_another_place_brings_is_not_trimmed_under_its_hands,
    an_event_is_found_by_every_source_that_posted_it,
    what_names_another_domain_or_kind_is_another_event,
    an_event_of_no_domain_takes_the_one_that_another_place_knows,
    what_a_further_place_cannot_add_is_left_out_whole,
}

const DAY: Duration = Duration::from_hours(24);

/// One event as a place brings it, with a delivery for each of `endpoints`.
fn brought(place: u8, event: &str, endpoints: &[u8]) -> Arrival {
    let endpoints: Vec<EndpointId> = endpoints.iter().map(|number| endpoint(*number)).collect();
    let mut new = arrival(account_id(1), T0, &endpoints);
    let key = |source: String| DedupeKey { source, day: 7, provider_id: event.to_owned() };
    new.event.source = Some(SourceId::from_bytes([place; 16]));
    new.event.body = format!("the body of {event}").into();
    new.dedupe = Some(key(format!("place {place}")));
    new.shared = Some(key("places".to_owned()));
    new
}

/// The webhooks that have a delivery of an event, in the order of their numbers.
async fn served(store: &dyn Store, event: EventId) -> Vec<u8> {
    let filter = DeliveryFilter { event: Some(event), ..DeliveryFilter::default() };
    let deliveries = all_deliveries(store, account_id(1), &filter).await;
    let mut webhooks: Vec<u8> = deliveries.iter().map(|d| d.webhook.as_bytes()[0]).collect();
    webhooks.sort_unstable();
    webhooks
}

async fn an_event_that_another_place_brings_is_the_same_event(mut bench: Bench) {
    let store = bench.store();
    let (first, other) = (brought(1, "e", &[1]), brought(2, "e", &[2, 3]));
    accept(&*store, &first).await;
    let joined = store.enqueue(other.clone()).await.unwrap();
    assert_eq!(joined, Enqueued::Accepted(first.event.id));
    drop(store);
    for store in [bench.after_a_crash(), bench.reopen()] {
        assert_eq!(all_events(&*store, account_id(1)).await.len(), 1);
        assert_eq!(served(&*store, first.event.id).await, [1, 2, 3]);
        let usage = store.usage().await.unwrap();
        let bytes = first.event.body.len() as u64;
        assert_eq!((usage.events, usage.event_bytes, usage.waiting), (1, bytes, 3));
        for number in 1..=3 {
            let claims = claim(&*store, endpoint(number), T0).await;
            assert_eq!(claims.deliveries.len(), 1, "{number} is due");
            assert_eq!(claims.deliveries[0].delivery.event, first.event.id);
        }
        // Another account's event is another event.
        let mut theirs = brought(2, "e", &[]);
        theirs.event.account = account_id(2);
        accept(&*store, &theirs).await;
    }
}

async fn a_webhook_gets_an_event_once_however_many_places_bring_it(bench: Bench) {
    let store = bench.store();
    let first = brought(1, "e", &[1, 2]);
    accept(&*store, &first).await;
    // At the same moment, so that some of them meet in one group.
    let others = (2..30).map(|place| store.enqueue(brought(place, "e", &[2, 3])));
    for joined in futures_util::future::join_all(others).await {
        assert_eq!(joined.unwrap(), Enqueued::Accepted(first.event.id));
    }
    assert_eq!(served(&*store, first.event.id).await, [1, 2, 3]);
    // A replay is one more, but no reason to send it once more from another place.
    let old = first.deliveries[0].id;
    store.replay(account_id(1), old, DeliveryId::new(T0, random())).await.unwrap();
    store.enqueue(brought(30, "e", &[1])).await.unwrap();
    assert_eq!(served(&*store, first.event.id).await, [1, 1, 2, 3]);
}

async fn a_repeat_by_a_place_adds_nothing(mut bench: Bench) {
    let first = brought(1, "e", &[1]);
    accept(&*bench.store(), &first).await;
    bench.store().enqueue(brought(2, "e", &[2])).await.unwrap();
    for store in [bench.after_a_crash(), bench.reopen()] {
        for place in [1, 2] {
            // Somebody has subscribed since.
            let again = store.enqueue(brought(place, "e", &[1, 2, 9])).await.unwrap();
            assert_eq!(again, Enqueued::Duplicate(first.event.id));
        }
        assert_eq!(served(&*store, first.event.id).await, [1, 2]);
        let event = store.event(account_id(1), first.event.id).await.unwrap().unwrap();
        assert_eq!((event.duplicates, event.also_by.len()), (2, 1));
    }
}

async fn places_that_bring_an_event_at_the_same_moment_bring_one(bench: Bench) {
    let store = bench.store();
    for round in 0..20 {
        let event = format!("e-{round}");
        let (one, other) = (brought(1, &event, &[1]), brought(2, &event, &[2]));
        let (one, other) = tokio::join!(store.enqueue(one), store.enqueue(other));
        let (Enqueued::Accepted(one), Enqueued::Accepted(other)) = (one.unwrap(), other.unwrap())
        else {
            panic!("one place took the other for itself");
        };
        assert_eq!(one, other);
        assert_eq!(served(&*store, one).await, [1, 2]);
    }
    assert_eq!(store.usage().await.unwrap().events, 20);
}

/// Ends everything that waits for a receiver.
async fn deliver(store: &dyn Store, number: u8) {
    for delivery in claim(store, endpoint(number), T0).await.deliveries {
        settle(store, &delivery, T0, NextStep::Delivered).await;
    }
    store.sync().await.unwrap();
}

async fn trim_all(store: &dyn Store) -> usize {
    let retention = Retention { age: DAY, bytes: u64::MAX };
    store.trim(T0.plus(DAY * 2), &retention, 100).await.unwrap()
}

async fn an_event_that_went_is_taken_anew_from_another_place(bench: Bench) {
    let store = bench.store();
    let first = brought(1, "e", &[1]);
    accept(&*store, &first).await;
    deliver(&*store, 1).await;
    assert_eq!(trim_all(&*store).await, 1);
    let late = brought(2, "e", &[2]);
    accept(&*store, &late).await;
    assert_eq!(served(&*store, late.event.id).await, [2]);
    // From now on it is that one.
    let later = store.enqueue(brought(3, "e", &[3])).await.unwrap();
    assert_eq!(later, Enqueued::Accepted(late.event.id));
    // And the first place has brought it all the same.
    let again = store.enqueue(brought(1, "e", &[1])).await.unwrap();
    assert_eq!(again, Enqueued::Duplicate(first.event.id));
}

async fn what_a_further_place_added_goes_with_the_event(bench: Bench) {
    let mut bench = bench;
    let store = bench.store();
    let first = brought(1, "e", &[1]);
    accept(&*store, &first).await;
    store.enqueue(brought(2, "e", &[2])).await.unwrap();
    deliver(&*store, 1).await;
    assert_eq!(trim_all(&*store).await, 0, "the second still waits");
    deliver(&*store, 2).await;
    assert_eq!(trim_all(&*store).await, 1);
    drop(store);
    for store in [bench.after_a_crash(), bench.reopen()] {
        assert_eq!(all_deliveries(&*store, account_id(1), &DeliveryFilter::default()).await, []);
        assert_eq!(store.event(account_id(1), first.event.id).await.unwrap(), None);
        let usage = store.usage().await.unwrap();
        assert_eq!((usage.events, usage.event_bytes, usage.waiting), (0, 0, 0));
    }
}

async fn an_event_that_another_place_brings_is_not_trimmed_under_its_hands(bench: Bench) {
    let store = bench.store();
    for round in 0..20 {
        let name = format!("e-{round}");
        accept(&*store, &brought(1, &name, &[1])).await;
        deliver(&*store, 1).await;
        let (joined, _trimmed) =
            tokio::join!(store.enqueue(brought(2, &name, &[2])), trim_all(&*store));
        // Whichever came first, the event that was told is there, and so is what it owes.
        let Enqueued::Accepted(event) = joined.unwrap() else { panic!("it was no repeat") };
        assert!(store.event(account_id(1), event).await.unwrap().is_some(), "round {round}");
        assert_eq!(claim(&*store, endpoint(2), T0).await.deliveries.len(), 1, "round {round}");
    }
}

async fn an_event_is_found_by_every_source_that_posted_it(bench: Bench) {
    let store = bench.store();
    let first = brought(1, "e", &[1]);
    accept(&*store, &first).await;
    for place in [2, 3, 3] {
        store.enqueue(brought(place, "e", &[])).await.unwrap();
    }
    accept(&*store, &brought(4, "f", &[])).await;
    for place in 1..=3 {
        let source = Some(SourceId::from_bytes([place; 16]));
        let filter = EventFilter { source, ..EventFilter::default() };
        let page = Page { after: None, limit: 10 };
        let found = store.events(account_id(1), &filter, &page).await.unwrap().items;
        assert_eq!(found.len(), 1, "by {place}");
        assert_eq!(found[0].id, first.event.id);
        assert_eq!(found[0].source, first.event.source);
        assert_eq!(found[0].also_by, [2, 3].map(|place| SourceId::from_bytes([place; 16])));
    }
}

async fn what_names_another_domain_or_kind_is_another_event(bench: Bench) {
    let store = bench.store();
    let first = brought(1, "e", &[1]);
    accept(&*store, &first).await;
    let mut elsewhere = brought(2, "e", &[2]);
    elsewhere.event.domain = Some(name("other.example"));
    accept(&*store, &elsewhere).await;
    let mut otherwise = brought(3, "e", &[3]);
    otherwise.event.domain.clone_from(&elsewhere.event.domain);
    otherwise.event.kind = Some(Kind::Opened);
    accept(&*store, &otherwise).await;
    for (number, arrival) in [(1, first), (2, elsewhere), (3, otherwise)] {
        assert_eq!(served(&*store, arrival.event.id).await, [number]);
    }
}

async fn an_event_of_no_domain_takes_the_one_that_another_place_knows(mut bench: Bench) {
    let mut first = brought(1, "e", &[1]);
    first.event.domain = None;
    first.event.body = vec![b'x'; 100_000].into();
    accept(&*bench.store(), &first).await;
    bench.store().enqueue(brought(2, "e", &[2])).await.unwrap();
    let mut wide = brought(3, "e", &[3]);
    wide.event.domain = None;
    bench.store().enqueue(wide).await.unwrap();
    for store in [bench.after_a_crash(), bench.reopen()] {
        let event = store.event(account_id(1), first.event.id).await.unwrap().unwrap();
        assert_eq!(event.domain, Some(name("example.com")));
        assert!(event.body == first.event.body, "its body stays");
        assert_eq!(served(&*store, event.id).await, [1, 2, 3]);
        let domain = event.domain.clone();
        let filter = DeliveryFilter { domain, ..DeliveryFilter::default() };
        let of_domain = all_deliveries(&*store, account_id(1), &filter).await;
        assert_eq!(of_domain.len(), 2, "all but the one made before anybody knew");
    }
}

async fn what_a_further_place_cannot_add_is_left_out_whole(bench: Bench) {
    let store = bench.store();
    let first = brought(1, "e", &[1]);
    accept(&*store, &first).await;
    let mut clash = brought(2, "e", &[2, 3]);
    clash.deliveries[1].id = first.deliveries[0].id;
    let good = brought(3, "e", &[2]);
    let (failed, joined) = tokio::join!(store.enqueue(clash), store.enqueue(good));
    assert!(failed.is_err());
    assert_eq!(joined.unwrap(), Enqueued::Accepted(first.event.id));
    assert_eq!(served(&*store, first.event.id).await, [1, 2]);
    // It may try again.
    let again = store.enqueue(brought(2, "e", &[3])).await.unwrap();
    assert_eq!(again, Enqueued::Accepted(first.event.id));
    assert_eq!(served(&*store, first.event.id).await, [1, 2, 3]);
}
