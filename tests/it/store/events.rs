//! Events: taken once, with all their deliveries.

use std::time::Duration;

use bytes::Bytes;
use waypost::model::*;
use waypost::store::{DeliveryFilter, Enqueued, EventFilter, Page};
use waypost_compat::Kind;

use super::bench::*;
use super::contract;

contract! {
    an_event_is_durable_with_all_its_deliveries,
    a_repeat_is_told_apart_and_counted,
    two_arrivals_at_the_same_moment_are_told_apart,
    a_token_is_taken_once,
    the_same_provider_id_on_another_day_is_another_event,
    a_body_of_any_length_is_kept_byte_for_byte,
    events_are_listed_newest_first_in_pages,
    a_page_with_a_filter_is_bounded_and_goes_on,
    an_id_is_given_once,
    usage_counts_what_there_is,
}

fn dedupe(arrival: &mut Arrival, provider_id: &str, day: i64) {
    let source = "src".to_owned();
    arrival.dedupe = Some(DedupeKey { source, day, provider_id: provider_id.to_owned() });
}

async fn an_event_is_durable_with_all_its_deliveries(mut bench: Bench) {
    let taken = arrival(account_id(1), T0, &[endpoint(1), endpoint(2), endpoint(3)]);
    accept(&*bench.store(), &taken).await;
    for store in [bench.after_a_crash(), bench.reopen()] {
        let event = store.event(account_id(1), taken.event.id).await.unwrap();
        assert_eq!(event.as_ref(), Some(&taken.event));
        for delivery in taken.delivery_rows() {
            let read = store.delivery(account_id(1), delivery.id).await.unwrap();
            assert_eq!(read.as_ref(), Some(&delivery));
            assert_eq!(ids(&claim(&*store, delivery.endpoint, T0).await), [delivery.id]);
        }
    }
}

async fn a_repeat_is_told_apart_and_counted(mut bench: Bench) {
    let mut first = arrival(account_id(1), T0, &[endpoint(1)]);
    dedupe(&mut first, "p-1", 7);
    accept(&*bench.store(), &first).await;
    let mut again = arrival(account_id(1), T0, &[endpoint(1)]);
    dedupe(&mut again, "p-1", 7);
    let duplicate = Enqueued::Duplicate(first.event.id);
    assert_eq!(bench.store().enqueue(again.clone()).await.unwrap(), duplicate);
    for store in [bench.after_a_crash(), bench.reopen()] {
        assert_eq!(store.enqueue(again.clone()).await.unwrap(), duplicate);
        let event = store.event(account_id(1), first.event.id).await.unwrap().unwrap();
        assert_eq!(event.duplicates, 2);
        assert!(store.event(account_id(1), again.event.id).await.unwrap().is_none());
        assert_eq!(store.usage().await.unwrap().waiting, 1);
        // The same key in another account is another event.
        let mut theirs = arrival(account_id(2), T0, &[]);
        theirs.dedupe.clone_from(&again.dedupe);
        accept(&*store, &theirs).await;
    }
}

async fn two_arrivals_at_the_same_moment_are_told_apart(bench: Bench) {
    let store = bench.store();
    for round in 0..20 {
        let (mut one, mut other) =
            (arrival(account_id(1), T0, &[]), arrival(account_id(1), T0, &[]));
        dedupe(&mut one, &format!("p-{round}"), 7);
        dedupe(&mut other, &format!("p-{round}"), 7);
        let (ours, theirs) = (one.event.id, other.event.id);
        let outcome = tokio::join!(store.enqueue(one), store.enqueue(other));
        let outcome = (outcome.0.unwrap(), outcome.1.unwrap());
        let first = (Enqueued::Accepted(ours), Enqueued::Duplicate(ours));
        let second = (Enqueued::Duplicate(theirs), Enqueued::Accepted(theirs));
        assert!(outcome == first || outcome == second, "{outcome:?}");
    }
    assert_eq!(store.usage().await.unwrap().events, 20);
}

async fn a_token_is_taken_once(mut bench: Bench) {
    let with_token = |token: &str| {
        let source = SourceId::from_bytes([5; 16]);
        let token = TokenKey { source, token: token.to_owned(), signed_at: T0.seconds() };
        Arrival { token: Some(token), ..arrival(account_id(1), T0, &[]) }
    };
    let first = with_token("abc");
    accept(&*bench.store(), &first).await;
    for store in [bench.after_a_crash(), bench.reopen()] {
        let again = store.enqueue(with_token("abc")).await.unwrap();
        assert_eq!(again, Enqueued::Duplicate(first.event.id));
        accept(&*store, &with_token("abd")).await;
    }
}

async fn the_same_provider_id_on_another_day_is_another_event(bench: Bench) {
    for day in [-1, 7, 8] {
        let mut new = arrival(account_id(1), T0, &[]);
        dedupe(&mut new, "p-1", day);
        accept(&*bench.store(), &new).await;
    }
}

async fn a_body_of_any_length_is_kept_byte_for_byte(mut bench: Bench) {
    let mut written = Vec::new();
    for length in [0, 1, 3000, 4096, 8192, 100_000, 3_000_000] {
        let mut new = arrival(account_id(1), T0, &[endpoint(1)]);
        new.event.body = (0..length).map(|i| (i * 31 % 251) as u8).collect::<Vec<_>>().into();
        accept(&*bench.store(), &new).await;
        written.push(new.event);
    }
    for store in [bench.after_a_crash(), bench.reopen()] {
        for event in &written {
            let read = store.event(account_id(1), event.id).await.unwrap().unwrap();
            assert!(read == *event, "a body of {} bytes came back changed", event.body.len());
        }
    }
}

async fn events_are_listed_newest_first_in_pages(bench: Bench) {
    let store = bench.store();
    let mut written = Vec::new();
    for second in 0..25 {
        let at = T0.plus(Duration::from_secs(second));
        let new = arrival(account_id(1), at, &[]);
        accept(&*store, &new).await;
        accept(&*store, &arrival(account_id(2), at, &[])).await;
        written.push(new.event.id);
    }
    written.reverse();
    for limit in [1, 7, 25, 26] {
        let mut listed = Vec::new();
        let mut page = Page { after: None, limit };
        loop {
            let listing =
                store.events(account_id(1), &EventFilter::default(), &page).await.unwrap();
            assert!(listing.items.len() <= limit);
            listed.extend(listing.items.iter().map(|event| event.id));
            let Some(next) = listing.next else { break };
            page.after = Some(next);
        }
        assert_eq!(listed, written, "in pages of {limit}");
    }
}

async fn a_page_with_a_filter_is_bounded_and_goes_on(bench: Bench) {
    let store = bench.store();
    let mut rare = arrival(account_id(1), T0, &[]);
    rare.event.kind = None;
    rare.event.domain = Some(name("rare.example"));
    rare.event.recipient = Some("bob@example.org".to_owned());
    accept(&*store, &rare).await;
    let later = T0.plus(Duration::from_secs(1));
    let many = (0..2500).map(|_| store.enqueue(arrival(account_id(1), later, &[])));
    futures_util::future::try_join_all(many).await.unwrap();
    let filters = [
        EventFilter { unknown: true, ..EventFilter::default() },
        EventFilter { domain: Some(name("rare.example")), ..EventFilter::default() },
        EventFilter { recipient: Some("bob@example.org".to_owned()), ..EventFilter::default() },
    ];
    for filter in filters {
        let mut page = Page { after: None, limit: 10 };
        let first = store.events(account_id(1), &filter, &page).await.unwrap();
        assert!(first.items.is_empty(), "one page looked at everything");
        page.after = first.next;
        let second = store.events(account_id(1), &filter, &page).await.unwrap();
        assert_eq!(second.items, [rare.event.clone()]);
        assert_eq!(second.next, None);
    }
    let bounced = EventFilter { kind: Some(Kind::Bounced), ..EventFilter::default() };
    let page = Page { after: Some(later_than_all()), limit: 10 };
    assert!(store.events(account_id(1), &bounced, &page).await.unwrap().items.is_empty());
}

const fn later_than_all() -> EventId {
    EventId::from_bytes([0xff; 16])
}

async fn an_id_is_given_once(mut bench: Bench) {
    let store = bench.store();
    let first = arrival(account_id(1), T0, &[endpoint(1)]);
    accept(&*store, &first).await;
    assert!(store.enqueue(first.clone()).await.is_err());
    let mut other = arrival(account_id(1), T0, &[endpoint(1), endpoint(2)]);
    other.deliveries[1].id = first.deliveries[0].id;
    assert!(store.enqueue(other.clone()).await.is_err());
    drop(store);
    for store in [bench.after_a_crash(), bench.reopen()] {
        let event = store.event(account_id(1), first.event.id).await.unwrap();
        assert_eq!(event.as_ref(), Some(&first.event));
        // Nothing of the one that failed is there.
        assert!(store.event(account_id(1), other.event.id).await.unwrap().is_none());
        assert!(store.delivery(account_id(1), other.deliveries[0].id).await.unwrap().is_none());
        assert_eq!(ids(&claim(&*store, endpoint(1), T0).await), [first.deliveries[0].id]);
        assert_eq!(store.usage().await.unwrap().waiting, 1);
    }
}

async fn usage_counts_what_there_is(mut bench: Bench) {
    let mut bytes = 0;
    for number in 0..5 {
        let mut new = arrival(account_id(1), T0, &[endpoint(1), endpoint(2)]);
        new.event.body = Bytes::from(vec![b'x'; 1000 * (number + 1)]);
        bytes += new.event.body.len() as u64;
        accept(&*bench.store(), &new).await;
    }
    for store in [bench.after_a_crash(), bench.reopen()] {
        let usage = store.usage().await.unwrap();
        assert_eq!((usage.events, usage.event_bytes, usage.waiting), (5, bytes, 10));
        assert!(usage.disk_bytes > bytes);
        assert_eq!(
            all_deliveries(&*store, account_id(1), &DeliveryFilter::default()).await.len(),
            10
        );
    }
}
