//! Endpoints: what their owners set holds at once and survives a restart; what they have been
//! through is remembered.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use waypost::clock::Clock;
use waypost::model::*;
use waypost::store::{Configuration, Decision, Page};
use waypost_compat::Dialect;

use super::T0;
use super::bench::*;

/// Sets the limits of the endpoint that a webhook leads to.
async fn limit(
    bench: &Bench,
    webhook: &Webhook,
    mut change: impl FnMut(&mut EndpointLimits) + Send,
) {
    let change = |limits: &mut EndpointLimits| {
        change(limits);
        Decision::Keep
    };
    let id = webhook.endpoint();
    let changed = bench.store.change_endpoint(bench.account, id, Box::new(change)).await.unwrap();
    assert!(changed.is_some());
}

async fn pause(bench: &Bench, webhook: &Webhook, paused: bool) {
    limit(bench, webhook, |limits| limits.paused = paused).await;
}

async fn endpoint(bench: &Bench, webhook: &Webhook) -> Endpoint {
    bench.store.endpoint(bench.account, webhook.endpoint()).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_pause_holds_at_once_and_survives_a_restart() {
    let bench = Bench::new().await;
    let mut receiver = Receiver::answering(200).await;
    let mut other = Receiver::answering(200).await;
    let webhook = bench.subscribe(Dialect::Posthawk, &receiver.url()).await;
    let neighbour = bench.subscribe(Dialect::Posthawk, &other.url()).await;
    let running = bench.start(quick());
    bench.event(&[&webhook]).await;
    receiver.next().await;
    pause(&bench, &webhook, true).await;
    let held = bench.event(&[&webhook, &neighbour]).await;
    other.next().await;
    assert_eq!(bench.ended(held[1]).await.state, DeliveryState::Delivered);
    running.drained().await;

    let bench = bench.reopen().await;
    let running = bench.start(quick());
    let passed = bench.event(&[&neighbour]).await[0];
    assert_eq!(bench.ended(passed).await.state, DeliveryState::Delivered);
    assert_eq!(receiver.seen(), 1, "nothing went to the paused endpoint");
    assert_eq!(bench.delivery(held[0]).await.state, DeliveryState::Waiting);
    assert!(endpoint(&bench, &webhook).await.limits.paused);

    pause(&bench, &webhook, false).await;
    let delivered = bench.ended(held[0]).await;
    assert_eq!((delivered.state, delivered.attempt_count), (DeliveryState::Delivered, 1));
    running.drained().await;
}

#[tokio::test]
async fn a_paused_webhook_on_a_shared_endpoint_holds_up_nobody_else() {
    let bench = Bench::new().await;
    let receiver = Receiver::answering(200).await;
    let paused = bench.subscribe(Dialect::Mailgun, &receiver.url()).await;
    let active = bench.subscribe(Dialect::Mailgun, &receiver.url()).await;
    assert_eq!(paused.endpoint(), active.endpoint(), "one URL is one receiver");
    let mut held = Vec::new();
    for _ in 0..50 {
        held.extend(bench.event(&[&paused]).await);
    }
    bench.set_state(&paused, WebhookState::Paused).await;
    let running = bench.start(quick());
    let passed = bench.event(&[&active]).await[0];
    assert_eq!(bench.ended(passed).await.state, DeliveryState::Delivered);
    assert_eq!(receiver.seen(), 1);
    bench.set_state(&paused, WebhookState::Active).await;
    for id in held {
        assert_eq!(bench.ended(id).await.state, DeliveryState::Delivered);
    }
    running.drained().await;
    assert_eq!(receiver.seen(), 51);
}

#[tokio::test]
async fn what_a_paused_webhook_was_owed_is_cancelled_when_it_goes() {
    let bench = Bench::new().await;
    let receiver = Receiver::answering(200).await;
    let webhook = bench.subscribe(Dialect::Mailgun, &receiver.url()).await;
    bench.set_state(&webhook, WebhookState::Paused).await;
    let id = bench.event(&[&webhook]).await[0];
    let running = bench.start(quick());
    let id_of = webhook.id;
    bench.change(&webhook.scope, move |list| list.retain(|found| found.id != id_of)).await;
    assert_eq!(bench.ended(id).await.state, DeliveryState::Cancelled);
    running.drained().await;
    assert_eq!(receiver.seen(), 0);
}

#[tokio::test]
async fn a_rate_holds_at_once_for_its_endpoint_alone() {
    let bench = Bench::at(Clock::manual(T0)).await;
    let receiver = Receiver::answering(200).await;
    let other = Receiver::answering(200).await;
    let limited = bench.subscribe(Dialect::Wistfare, &receiver.url()).await;
    let free = bench.subscribe(Dialect::Wistfare, &other.url()).await;
    let running = bench.start(quick());
    limit(&bench, &limited, |limits| limits.rate = Rate::per_second(0.5)).await;
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.push(bench.event(&[&limited, &free]).await);
    }
    for pair in &ids {
        assert_eq!(bench.ended(pair[1]).await.state, DeliveryState::Delivered);
    }
    until(|| async { (receiver.seen() == 1).then_some(()) }).await;
    for seen in 2..=3 {
        bench.clock.advance(Duration::from_secs(2));
        until(|| async { (receiver.seen() == seen).then_some(()) }).await;
    }
    limit(&bench, &limited, |limits| limits.rate = None).await;
    until(|| async { (receiver.seen() == 4).then_some(()) }).await;
    running.drained().await;
}

#[tokio::test]
async fn an_owners_concurrency_is_kept() {
    let bench = Bench::new().await;
    let receiver = Receiver::start(|_| Reply::Late(200, Duration::from_millis(20))).await;
    let webhook = bench.subscribe(Dialect::Posthawk, &receiver.url()).await;
    limit(&bench, &webhook, |limits| limits.concurrency = NonZeroU32::new(2)).await;
    let mut ids = Vec::new();
    for _ in 0..12 {
        ids.extend(bench.event(&[&webhook]).await);
    }
    let running = bench.start(quick());
    let most = AtomicU64::new(0);
    for id in ids {
        until(|| async {
            most.fetch_max(running.stats.in_flight(), Ordering::SeqCst);
            (bench.delivery(id).await.state == DeliveryState::Delivered).then_some(())
        })
        .await;
    }
    let most = most.into_inner();
    assert!(most <= 2, "{most} attempts at once");
    running.drained().await;
}

#[tokio::test]
async fn an_open_breaker_and_the_failures_before_it_survive_a_restart() {
    let bench = Bench::at(Clock::manual(T0)).await;
    let receiver = Receiver::answering(503).await;
    let webhook = bench.subscribe(Dialect::MailStack, &receiver.url()).await;
    let mut ids = Vec::new();
    for _ in 0..10 {
        ids.extend(bench.event(&[&webhook]).await);
    }
    let running = bench.start(with_schedule("1h"));
    until(|| async { (running.stats.breakers_open() == 1).then_some(()) }).await;
    running.drained().await;

    let bench = bench.reopen().await;
    let health = endpoint(&bench, &webhook).await.health;
    let breaker = health.breaker.unwrap();
    assert_eq!((health.failures, health.first_failure_at), (10, Some(T0)));
    assert_eq!((breaker.since, breaker.probe_at), (T0, T0.plus(Duration::from_secs(5))));
    let last = health.last_failure.unwrap();
    assert!(ids.contains(&last.delivery));
    assert_eq!(last.outcome, Outcome::Answered { status: 503, retry_after: None });

    let running = bench.start(with_schedule("1h"));
    bench.event(&[&webhook]).await;
    until(|| async { (running.stats.breakers_open() == 1).then_some(()) }).await;
    assert_eq!(receiver.seen(), 10, "it is left alone after the restart too");
    bench.clock.advance(Duration::from_secs(5));
    until(|| async { (receiver.seen() == 11).then_some(()) }).await;
    running.drained().await;
    let rest = endpoint(&bench, &webhook).await.health.breaker.unwrap().rest;
    assert_eq!(rest, Duration::from_secs(10), "the probe failed");
}

#[tokio::test]
async fn a_receiver_that_is_back_is_well_again_and_its_last_failure_is_kept() {
    let bench = Bench::new().await;
    let receiver =
        Receiver::start(|before| Reply::Status(if before == 0 { 500 } else { 204 })).await;
    let webhook = bench.subscribe(Dialect::MailingApi, &receiver.url()).await;
    let id = bench.event(&[&webhook]).await[0];
    let running = bench.start(quick());
    assert_eq!(bench.ended(id).await.attempt_count, 2);
    running.drained().await;
    let health = endpoint(&bench, &webhook).await.health;
    assert_eq!((health.failures, health.first_failure_at, health.breaker), (0, None, None));
    assert_eq!(health.last_failure.map(|last| last.delivery), Some(id));
}

#[tokio::test]
async fn an_endpoint_is_there_as_long_as_a_webhook_leads_to_it() {
    let bench = Bench::new().await;
    let page = Page { after: None, limit: 10 };
    let list = async || bench.store.endpoints(bench.account, None, &page).await.unwrap().items;
    assert_eq!(list().await.len(), 0);
    let one = bench.subscribe(Dialect::Mailgun, "https://a.example/hook").await;
    let two = bench.subscribe(Dialect::Mailgun, "https://a.example/hook").await;
    let row = bench.subscribe(Dialect::Posthawk, "https://a.example/hook").await;
    let found = list().await;
    assert_eq!(found.len(), 2, "Mailgun's two share one");
    let shared = found.iter().find(|found| found.id == one.endpoint()).unwrap();
    assert_eq!(shared.webhooks, [one.id, two.id]);
    pause(&bench, &one, true).await;

    let stranger = AccountId::from_bytes([9; 16]);
    assert!(bench.store.endpoint(stranger, one.endpoint()).await.unwrap().is_none());
    assert_eq!(bench.store.endpoints(stranger, None, &page).await.unwrap().items.len(), 0);
    let pause_it = Box::new(|limits: &mut EndpointLimits| {
        limits.paused = false;
        Decision::Keep
    });
    let changed = bench.store.change_endpoint(stranger, one.endpoint(), pause_it).await.unwrap();
    assert!(changed.is_none());

    bench
        .change(&row.scope, |webhooks| webhooks[0].url = "https://b.example/".parse().unwrap())
        .await;
    let edited = endpoint(&bench, &row).await;
    assert_eq!((edited.url.as_str(), edited.webhooks), ("https://b.example/", vec![row.id]));
    bench.change(&one.scope, |webhooks| webhooks.truncate(1)).await;
    assert!(endpoint(&bench, &one).await.limits.paused, "one webhook still leads to it");
    bench.change(&one.scope, Vec::clear).await;
    assert_eq!(list().await.len(), 1);
    let again = bench.subscribe(Dialect::Mailgun, "https://a.example/hook").await;
    assert!(!endpoint(&bench, &again).await.limits.paused, "nothing is left of the one before");
}

#[tokio::test]
async fn removing_the_last_webhook_of_a_paused_endpoint_cancels_what_waits() {
    let bench = Bench::new().await;
    let receiver = Receiver::answering(200).await;
    let webhook = bench.subscribe(Dialect::Posthawk, &receiver.url()).await;
    let running = bench.start(quick());
    pause(&bench, &webhook, true).await;
    let id = bench.event(&[&webhook]).await[0];
    let removed = webhook.id;
    bench.change(&webhook.scope, move |list| list.retain(|found| found.id != removed)).await;
    assert_eq!(bench.ended(id).await.state, DeliveryState::Cancelled);
    running.drained().await;
    assert_eq!(receiver.seen(), 0);
}

#[tokio::test]
async fn what_was_held_for_a_paused_webhook_goes_out_although_its_url_changed_meanwhile() {
    let bench = Bench::new().await;
    let old = Receiver::answering(200).await;
    let new = Receiver::answering(200).await;
    let webhook = bench.subscribe(Dialect::Mailgun, &old.url()).await;
    let running = bench.start(quick());
    bench.set_state(&webhook, WebhookState::Paused).await;
    let held = bench.event(&[&webhook]).await[0];
    // The worker has looked at the queue and passed it over once this one is out.
    let other = bench.subscribe(Dialect::Mailgun, &old.url()).await;
    let passed = bench.event(&[&other]).await[0];
    assert_eq!(bench.ended(passed).await.state, DeliveryState::Delivered);

    let (id, url) = (webhook.id, new.url());
    let edit = move |list: &mut Vec<Webhook>| {
        let found = list.iter_mut().find(|found| found.id == id).unwrap();
        found.url = url.parse().unwrap();
    };
    bench.change(&webhook.scope, edit).await;
    bench.set_state(&webhook, WebhookState::Active).await;
    assert_eq!(bench.ended(held).await.state, DeliveryState::Delivered);
    running.drained().await;
    assert_eq!(old.seen() + new.seen(), 2);
}

#[tokio::test]
async fn a_pause_outlives_an_import_that_changes_nothing_else_of_the_endpoint() {
    let bench = Bench::new().await;
    let receiver = Receiver::answering(200).await;
    let webhook = bench.subscribe(Dialect::Mailgun, &receiver.url()).await;
    pause(&bench, &webhook, true).await;
    let id = webhook.id;
    let edit = move |whole: &mut Configuration| {
        let all = whole.webhooks.values_mut().flatten();
        all.filter(|found| found.id == id).for_each(|found| found.state = WebhookState::Disabled);
        Decision::Keep
    };
    bench.store.change_configuration(bench.account, Box::new(edit)).await.unwrap();
    assert_eq!(bench.state(&webhook).await, WebhookState::Disabled);
    assert!(endpoint(&bench, &webhook).await.limits.paused);
    let bench = bench.reopen().await;
    assert!(endpoint(&bench, &webhook).await.limits.paused, "on disk too");
}
