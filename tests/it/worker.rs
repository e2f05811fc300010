//! The worker on a real store, against real receivers.

mod bench;
mod endpoints;
mod recovery;
mod rules;
mod trouble;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use waypost::clock::Clock;
use waypost::model::*;
use waypost::worker::WorkerOptions;
use waypost_compat::signature::verify;
use waypost_compat::{Dialect, Provider, Secret};

use bench::*;

const T0: Timestamp = Timestamp::from_millis(1_770_146_798_000);

fn verified(key: &str, request: &Received, now: Timestamp) -> String {
    let key = Secret::new(key);
    let body = request.body.as_bytes();
    let verified = verify(Provider::Mailgun, &[&key], |_| None, body, now.seconds(), 30).unwrap();
    verified.token.unwrap()
}

/// The bytes of `event-data` as they stand in the body.
fn event_data_bytes(request: &Received) -> &str {
    let at = request.body.find(r#""event-data":"#).unwrap() + r#""event-data":"#.len();
    &request.body[at..request.body.len() - 1]
}

#[tokio::test]
async fn an_event_arrives_signed_and_is_recorded() {
    let bench = Bench::new().await;
    let mut receiver = Receiver::answering(200).await;
    let webhook = bench.subscribe(Dialect::Mailgun, &receiver.url()).await;
    let body = format!(r#"{{"signature":{{}},"event-data":{}}}"#, event_data(1));
    let running = bench.start(quick());
    let id = bench.event_with(Provider::Mailgun, &body, &[&webhook]).await[0];

    let request = receiver.next().await;
    assert_eq!(verified(KEY, &request, bench.clock.now()).len(), 50);
    assert_eq!(event_data_bytes(&request), event_data(1), "byte for byte");
    assert_eq!(request.header("content-type"), Some("application/json"));

    let delivery = bench.ended(id).await;
    assert_eq!(delivery.state, DeliveryState::Delivered);
    let attempt = &delivery.attempts[0];
    assert_eq!(attempt.outcome, Outcome::Answered { status: 200, retry_after: None });
    assert_eq!(attempt.excerpt, "answer");
    assert_eq!(format!("http://{}/hook", attempt.address.unwrap()), receiver.url());
    running.drained().await;
}

#[tokio::test]
async fn every_retry_is_signed_anew_around_the_same_bytes() {
    let bench = Bench::new().await;
    let mut receiver =
        Receiver::start(|before| Reply::Status(if before < 2 { 500 } else { 202 })).await;
    let webhook = bench.subscribe(Dialect::Mailgun, &receiver.url()).await;
    let _running = bench.start(quick());
    let id = bench.event(&[&webhook]).await[0];

    let requests = [receiver.next().await, receiver.next().await, receiver.next().await];
    let tokens: HashSet<String> =
        requests.iter().map(|request| verified(KEY, request, bench.clock.now())).collect();
    assert_eq!(tokens.len(), 3);
    for request in &requests[1..] {
        assert_eq!(event_data_bytes(request), event_data_bytes(&requests[0]));
    }
    let delivery = bench.ended(id).await;
    assert_eq!(delivery.state, DeliveryState::Delivered);
    assert_eq!(delivery.attempts.len(), 3);
}

#[tokio::test]
async fn two_urls_of_one_event_never_share_a_signature() {
    let bench = Bench::new().await;
    let mut receivers = [Receiver::answering(200).await, Receiver::answering(200).await];
    let webhooks = [
        bench.subscribe(Dialect::Mailgun, &receivers[0].url()).await,
        bench.subscribe(Dialect::Mailgun, &receivers[1].url()).await,
    ];
    let _running = bench.start(quick());
    bench.event(&[&webhooks[0], &webhooks[1]]).await;
    let first = receivers[0].next().await;
    let second = receivers[1].next().await;
    let now = bench.clock.now();
    assert_ne!(verified(KEY, &first, now), verified(KEY, &second, now));
    assert_eq!(event_data_bytes(&first), event_data_bytes(&second));
}

#[tokio::test]
async fn a_replaced_signing_key_signs_the_next_attempt() {
    let bench = Bench::new().await;
    let mut receiver =
        Receiver::start(|before| Reply::Status(if before == 0 { 401 } else { 200 })).await;
    let webhook = bench.subscribe(Dialect::Mailgun, &receiver.url()).await;
    let _running = bench.start(with_schedule("300ms"));
    bench.event(&[&webhook]).await;
    verified(KEY, &receiver.next().await, bench.clock.now());
    bench.sign_with("another").await;
    verified("another", &receiver.next().await, bench.clock.now());
}

#[tokio::test]
async fn a_406_is_final_and_recorded_with_its_body() {
    let bench = Bench::new().await;
    let receiver = Receiver::answering(406).await;
    let webhook = bench.subscribe(Dialect::Mailgun, &receiver.url()).await;
    let running = bench.start(quick());
    let id = bench.event(&[&webhook]).await[0];
    let delivery = bench.ended(id).await;
    assert_eq!(delivery.state, DeliveryState::Dead);
    assert_eq!(delivery.attempts.len(), 1);
    assert_eq!(delivery.attempts[0].excerpt, "answer");
    running.drained().await;
    assert_eq!(receiver.seen(), 1);
}

#[tokio::test]
async fn a_delivery_is_given_up_when_its_schedule_is_used_up() {
    let bench = Bench::new().await;
    let receiver = Receiver::answering(503).await;
    let webhook = bench.subscribe(Dialect::Mailgun, &receiver.url()).await;
    let running = bench.start(quick());
    let id = bench.event(&[&webhook]).await[0];
    let delivery = bench.ended(id).await;
    assert_eq!(delivery.state, DeliveryState::Dead);
    assert_eq!(delivery.attempt_count, 4, "one and three retries");
    assert_eq!(running.stats.ended(DeliveryState::Dead), 1);
    assert_eq!(running.stats.retried(), 3);
    assert_eq!(running.stats.attempts(), 4);
}

#[tokio::test]
async fn a_replay_delivers_the_same_event_again() {
    let bench = Bench::new().await;
    let mut receiver =
        Receiver::start(|before| Reply::Status(if before == 0 { 406 } else { 200 })).await;
    let webhook = bench.subscribe(Dialect::Mailgun, &receiver.url()).await;
    let _running = bench.start(quick());
    let id = bench.event(&[&webhook]).await[0];
    let first = receiver.next().await;
    bench.ended(id).await;
    let new = DeliveryId::new(bench.clock.now(), bench.clock.random());
    let replay = bench.store.replay(bench.account, id, new).await.unwrap().unwrap();
    let again = receiver.next().await;
    assert_eq!(event_data_bytes(&again), event_data_bytes(&first));
    let delivery = bench.ended(replay.id).await;
    assert_eq!(delivery.state, DeliveryState::Delivered);
    assert_eq!(delivery.replay_of, Some(id));
    assert_eq!(bench.delivery(id).await.state, DeliveryState::Dead, "history stands");
}

#[tokio::test]
async fn receivers_that_hang_do_not_hold_up_one_that_does_not() {
    let bench = Bench::new().await;
    let hung = [
        Receiver::start(|_| Reply::Hang).await,
        Receiver::start(|_| Reply::Hang).await,
        Receiver::start(|_| Reply::Hang).await,
    ];
    let mut healthy = Receiver::answering(200).await;
    let mut webhooks = Vec::new();
    for receiver in &hung {
        webhooks.push(bench.subscribe(Dialect::Mailgun, &receiver.url()).await);
    }
    webhooks.push(bench.subscribe(Dialect::Mailgun, &healthy.url()).await);
    let webhooks: Vec<&Webhook> = webhooks.iter().collect();
    for _ in 0..100 {
        bench.event(&webhooks).await;
    }
    // Attempts to the hung receivers take ten seconds; all the slots together are sixty.
    let options = WorkerOptions { attempts_max: 60, ..quick() };
    let running = bench.start(options);
    let all = tokio::time::timeout(Duration::from_secs(9), healthy.ids(100)).await;
    assert_eq!(all.expect("they arrive before any hung attempt ends").len(), 100);
    assert_eq!(running.stats.retried(), 0, "no hung attempt ended meanwhile");
    assert!(hung.iter().all(|receiver| receiver.seen() > 0), "all of them were tried");
}

#[tokio::test]
async fn more_targets_than_slots_all_have_their_turn() {
    all_have_their_turn(3).await;
}

#[tokio::test]
async fn many_targets_share_a_single_slot() {
    all_have_their_turn(1).await;
}

async fn all_have_their_turn(attempts_max: usize) {
    let bench = Bench::new().await;
    let mut receiver = Receiver::answering(200).await;
    let mut webhooks = Vec::new();
    for number in 0..40 {
        let url = format!("{}/{number}", receiver.url());
        webhooks.push(bench.subscribe(Dialect::Mailgun, &url).await);
    }
    let webhooks: Vec<&Webhook> = webhooks.iter().collect();
    let running = bench.start(WorkerOptions { attempts_max, ..quick() });
    for _ in 0..5 {
        bench.event(&webhooks).await;
    }
    for _ in 0..200 {
        receiver.next().await;
    }
    let stats = running.stats.clone();
    until(|| async { (stats.ended(DeliveryState::Delivered) == 200).then_some(()) }).await;
    running.drained().await;
    assert_eq!(receiver.seen(), 200);
}

#[tokio::test]
async fn the_breaker_leaves_a_failing_receiver_alone_and_probes_it() {
    let bench = Bench::at(Clock::manual(T0)).await;
    let well = Arc::new(AtomicBool::new(false));
    let answer = well.clone();
    let receiver = Receiver::start(move |_| {
        Reply::Status(if answer.load(Ordering::SeqCst) { 200 } else { 500 })
    })
    .await;
    let webhook = bench.subscribe(Dialect::Mailgun, &receiver.url()).await;
    let mut ids = Vec::new();
    for _ in 0..30 {
        ids.extend(bench.event(&[&webhook]).await);
        bench.clock.advance(Duration::from_millis(1));
    }
    let running = bench.start(WorkerOptions { endpoint_concurrency: 1, ..with_schedule("1h") });
    let stats = &running.stats;
    until(|| async { (stats.breakers_open() == 1).then_some(()) }).await;
    assert_eq!(stats.attempts(), 10);

    bench.clock.advance(Duration::from_secs(5));
    until(|| async { (stats.attempts() == 11).then_some(()) }).await;
    let waiting = bench.delivery(ids[29]).await;
    assert_eq!((waiting.state, waiting.attempt_count), (DeliveryState::Waiting, 0));

    well.store(true, Ordering::SeqCst);
    bench.clock.advance(Duration::from_secs(10));
    for id in &ids[11..] {
        assert_eq!(bench.ended(*id).await.attempt_count, 1, "it was not attempted before");
    }
    assert_eq!(stats.breakers_open(), 0);
    assert_eq!(receiver.seen(), 30, "ten, one probe, nineteen");
}

#[tokio::test]
async fn no_second_sees_more_requests_than_the_rate_allows() {
    let bench = Bench::at(Clock::manual(T0)).await;
    let mut receiver = Receiver::answering(200).await;
    let webhook = bench.subscribe(Dialect::Mailgun, &receiver.url()).await;
    for _ in 0..12 {
        bench.event(&[&webhook]).await;
    }
    let running = bench.start(WorkerOptions { endpoint_rate: Rate::per_second(5.0), ..quick() });
    for expected in [5, 10, 12] {
        let stats = &running.stats;
        until(|| async { (stats.ended(DeliveryState::Delivered) == expected).then_some(()) }).await;
        assert_eq!(receiver.seen() as u64, expected);
        bench.clock.advance(Duration::from_secs(1));
    }
    assert_eq!(receiver.ids(12).await.len(), 12);
}

#[tokio::test]
async fn a_webhook_that_is_gone_cancels_what_waited_for_it() {
    let bench = Bench::new().await;
    let receiver = Receiver::answering(200).await;
    let webhook = bench.subscribe(Dialect::Mailgun, &receiver.url()).await;
    let id = bench.event(&[&webhook]).await[0];
    bench.change(&webhook.scope, Vec::clear).await;
    let _running = bench.start(quick());
    let delivery = bench.ended(id).await;
    assert_eq!(delivery.state, DeliveryState::Cancelled);
    assert!(delivery.attempts.is_empty());
    assert_eq!(receiver.seen(), 0);
}

#[tokio::test]
async fn a_corrected_url_gets_what_the_wrong_one_refused() {
    let bench = Bench::new().await;
    let wrong = Receiver::answering(404).await;
    let mut right = Receiver::answering(200).await;
    let webhook = bench.subscribe(Dialect::MailStack, &wrong.url()).await;
    let _running = bench.start(with_schedule("100ms,100ms,100ms,100ms"));
    let id = bench.event(&[&webhook]).await[0];
    bench.once(id, |delivery| delivery.attempt_count > 0).await;
    let url: WebhookUrl = right.url().parse().unwrap();
    bench.change(&webhook.scope, |webhooks| webhooks[0].url = url.clone()).await;
    let request = right.next().await;
    assert_eq!(request.header("x-mailstack-event"), Some("Delivered"));
    assert_eq!(bench.ended(id).await.state, DeliveryState::Delivered);
}

#[tokio::test]
async fn an_event_without_a_name_in_the_webhooks_dialect_is_dead_with_the_reason() {
    let bench = Bench::new().await;
    let receiver = Receiver::answering(200).await;
    let webhook = bench.subscribe(Dialect::Posthawk, &receiver.url()).await;
    let _running = bench.start(quick());
    let body = r#"{"event-data":{"event":"list_uploaded","id":"x","timestamp":1.5}}"#;
    let id = bench.event_with(Provider::Mailgun, body, &[&webhook]).await[0];
    let delivery = bench.ended(id).await;
    assert_eq!(delivery.state, DeliveryState::Dead);
    assert_eq!(delivery.attempts[0].outcome, Outcome::Failed(Failure::Untranslatable));
    assert!(delivery.attempts[0].excerpt.contains("list_uploaded"), "{delivery:?}");
    assert_eq!(receiver.seen(), 0);
}

#[tokio::test]
async fn stopping_waits_for_what_is_under_way() {
    let bench = Bench::new().await;
    let mut receiver = Receiver::start(|_| Reply::Late(200, Duration::from_millis(300))).await;
    let webhook = bench.subscribe(Dialect::Mailgun, &receiver.url()).await;
    let mut running = bench.start(quick());
    let id = bench.event(&[&webhook]).await[0];
    receiver.next().await;
    running.tell_to_stop();
    running.drained().await;
    let bench = bench.reopen().await;
    assert_eq!(bench.delivery(id).await.state, DeliveryState::Delivered);
}

#[tokio::test]
async fn stopping_gives_up_on_a_receiver_that_hangs_and_keeps_its_delivery() {
    let bench = Bench::new().await;
    let mut hung = Receiver::start(|_| Reply::Hang).await;
    let webhook = bench.subscribe(Dialect::Mailgun, &hung.url()).await;
    let drain_timeout = Duration::from_millis(50);
    let running = bench.start(WorkerOptions { drain_timeout, ..quick() });
    let id = bench.event(&[&webhook]).await[0];
    hung.next().await;
    running.drained().await;
    let bench = bench.reopen().await;
    let _running = bench.start(quick());
    let again = hung.next().await;
    assert!(again.body.contains("ev-"), "it is due again after the restart");
    assert_eq!(bench.delivery(id).await.state, DeliveryState::Waiting);
}

#[tokio::test]
async fn a_worker_that_is_killed_loses_nothing() {
    let mut bench = Bench::new().await;
    let mut receiver = Receiver::start(|_| Reply::Late(200, Duration::from_millis(2))).await;
    let webhook = bench.subscribe(Dialect::Mailgun, &receiver.url()).await;
    let mut ids = Vec::new();
    for _ in 0..60 {
        ids.extend(bench.event(&[&webhook]).await);
    }
    for _ in 0..3 {
        let running = bench.start(WorkerOptions { endpoint_concurrency: 4, ..quick() });
        receiver.next().await;
        running.kill().await;
        bench = bench.reopen().await;
    }
    let running = bench.start(quick());
    for id in ids {
        assert_eq!(bench.ended(id).await.state, DeliveryState::Delivered);
    }
    running.drained().await;
}
