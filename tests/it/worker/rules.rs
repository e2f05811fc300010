//! The rules of webhooks that have a state and a secret: rotation, pause, being switched off.

use std::time::Duration;

use waypost::clock::Clock;
use waypost::model::*;
use waypost::retry::{Policies, Schedule};
use waypost::store::Retention;
use waypost::worker::WorkerOptions;
use waypost_compat::signature::{Scheme, verify};
use waypost_compat::{Dialect, Provider, Secret};

use super::T0;
use super::bench::*;
use crate::clients::recipes::{self, Signed};

const BEFORE: &str = "whsec_ffeeddccbbaa99887766554433221100ffeeddccbbaa9988";
const HOUR: Duration = Duration::from_hours(1);

/// Every way of signing, by the name it has in the recipes.
const SCHEMES: [(&str, Dialect, Scheme); 7] = [
    ("mailgun", Dialect::Mailgun, Scheme::Mailgun),
    ("posthawk", Dialect::Posthawk, Scheme::Posthawk),
    ("posthawk-timestamped", Dialect::Posthawk, Scheme::PosthawkTimestamped),
    ("mailstack", Dialect::MailStack, Scheme::MailStack),
    ("mailstack-raw", Dialect::MailStack, Scheme::MailStackRaw),
    ("wistfare", Dialect::Wistfare, Scheme::Wistfare),
    ("mailingapi", Dialect::MailingApi, Scheme::MailingApi),
];

impl Bench {
    async fn subscribe_by(&self, dialect: Dialect, scheme: Scheme, url: &str) -> Webhook {
        let webhook = self.subscribe(dialect, url).await;
        let set = |webhooks: &mut Vec<Webhook>| {
            let webhook = webhooks.iter_mut().find(|other| other.id == webhook.id).unwrap();
            webhook.scheme = Some(scheme);
        };
        self.change(&webhook.scope, set).await;
        webhook
    }
}

/// Each event is attempted once; a webhook is switched off after `patience`.
fn once_with(patience: Option<Duration>) -> WorkerOptions {
    let policies =
        Policies::default().with_schedule(&Schedule::default()).with_disable_after(patience);
    WorkerOptions { policies, ..WorkerOptions::default() }
}

#[tokio::test]
async fn every_way_of_signing_passes_its_recipes() {
    let bench = Bench::new().await;
    let _running = bench.start(quick());
    let mut requests = Vec::new();
    for (name, dialect, scheme) in SCHEMES {
        let mut receiver = Receiver::answering(200).await;
        let webhook = bench.subscribe_by(dialect, scheme, &receiver.url()).await;
        bench.event(&[&webhook]).await;
        let request = receiver.next().await;
        let lines = request.head.lines().filter_map(|line| line.split_once(": "));
        let secret = if dialect == Dialect::Mailgun { KEY } else { SECRET };
        requests.push(Signed {
            scheme: name,
            secret: secret.to_owned(),
            headers: lines.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect(),
            body: request.body,
        });
    }
    tokio::task::spawn_blocking(move || recipes::judge(&requests)).await.unwrap();
}

/// Which of the two secrets a request is signed with; `hidden` is a header that is not looked at.
fn signers(
    request: &Received,
    dialect: Dialect,
    hidden: &str,
    now: Timestamp,
) -> Vec<&'static str> {
    let header = |name: &str| request.header(name).filter(|_| name != hidden);
    let signs = |secret: &&str| {
        let secret = Secret::new(*secret);
        verify(dialect.provider(), &[&secret], header, request.body.as_bytes(), now.seconds(), 1)
            .is_ok()
    };
    [SECRET, BEFORE].into_iter().filter(signs).collect()
}

#[tokio::test]
async fn while_a_rotation_overlaps_both_secrets_sign_where_there_is_room_for_two() {
    let bench = Bench::at(Clock::manual(T0)).await;
    let _running = bench.start(quick());
    let both: &[&str] = &[SECRET, BEFORE];
    let new: &[&str] = &[SECRET];
    for (dialect, scheme, hidden, overlap) in [
        (Dialect::Posthawk, Scheme::Posthawk, "", new),
        (Dialect::Posthawk, Scheme::PosthawkTimestamped, "", both),
        (Dialect::MailStack, Scheme::MailStack, "", both),
        // Without MailStack's own header the Standard Webhooks list is judged.
        (Dialect::MailStack, Scheme::MailStack, "x-mailstack-signature", both),
        (Dialect::MailStack, Scheme::MailStackRaw, "", new),
        (Dialect::Wistfare, Scheme::Wistfare, "", new),
        (Dialect::MailingApi, Scheme::MailingApi, "", both),
    ] {
        let mut receiver = Receiver::answering(200).await;
        let webhook = bench.subscribe_by(dialect, scheme, &receiver.url()).await;
        let end = bench.clock.now().plus(HOUR);
        let rotate = |webhooks: &mut Vec<Webhook>| {
            let webhook = webhooks.iter_mut().find(|other| other.id == webhook.id).unwrap();
            webhook.previous_secret = Some((Secret::new(BEFORE), end));
        };
        bench.change(&webhook.scope, rotate).await;
        for expected in [overlap, new] {
            bench.event(&[&webhook]).await;
            let request = receiver.next().await;
            let found = signers(&request, dialect, hidden, bench.clock.now());
            assert_eq!(found, expected, "{scheme:?}\n{}", request.head);
            bench.clock.advance(HOUR);
        }
    }
}

/// Makes `count` events with an attempt each, `every` so long.
async fn attempts(bench: &Bench, webhooks: &[&Webhook], count: usize, every: Duration) {
    for _ in 0..count {
        for id in bench.event(webhooks).await {
            bench.ended(id).await;
        }
        bench.clock.advance(every);
    }
}

#[tokio::test]
async fn a_webhook_that_only_fails_is_switched_off_after_its_time_but_never_mailguns() {
    let bench = Bench::at(Clock::manual(T0)).await;
    let receiver = Receiver::answering(500).await;
    let mut webhooks = Vec::new();
    for dialect in Dialect::ALL {
        webhooks.push(bench.subscribe(dialect, &format!("{}/{dialect}", receiver.url())).await);
    }
    let hooks: Vec<&Webhook> = webhooks.iter().collect();
    let _running = bench.start(once_with(Some(HOUR)));
    // The fifth attempt, an hour after the first, is the first to find the webhook failing.
    attempts(&bench, &hooks, 5, Duration::from_mins(15)).await;
    for webhook in &webhooks {
        assert_eq!(bench.state(webhook).await, WebhookState::Active, "{:?}", webhook.scope);
    }
    attempts(&bench, &hooks, 1, Duration::from_mins(15)).await;
    for webhook in &webhooks {
        let mailgun = webhook.scope.dialect == Dialect::Mailgun;
        let expected = if mailgun { WebhookState::Active } else { WebhookState::Disabled };
        assert_eq!(bench.state(webhook).await, expected, "{:?}", webhook.scope);
    }
    let later = bench.event(&[hooks[1]]).await[0];
    let delivery = bench.ended(later).await;
    assert_eq!((delivery.state, delivery.attempt_count), (DeliveryState::Dead, 0));
}

#[tokio::test]
async fn events_that_have_no_words_in_its_dialect_switch_no_webhook_off() {
    let bench = Bench::at(Clock::manual(T0)).await;
    let receiver = Receiver::answering(200).await;
    let webhook = bench.subscribe(Dialect::Posthawk, &receiver.url()).await;
    let _running = bench.start(once_with(Some(HOUR)));
    let body = r#"{"event-data":{"event":"list_uploaded","id":"x","timestamp":1.5}}"#;
    for _ in 0..8 {
        let id = bench.event_with(Provider::Mailgun, body, &[&webhook]).await[0];
        assert_eq!(bench.ended(id).await.state, DeliveryState::Dead);
        bench.clock.advance(Duration::from_mins(15));
    }
    assert_eq!(bench.state(&webhook).await, WebhookState::Active, "nobody was asked");
}

#[tokio::test]
async fn one_success_or_its_owners_correction_gives_a_webhook_its_full_time_again() {
    let bench = Bench::at(Clock::manual(T0)).await;
    let receiver =
        Receiver::start(|before| Reply::Status(if before == 5 { 204 } else { 500 })).await;
    let webhook = bench.subscribe(Dialect::Posthawk, &receiver.url()).await;
    let _running = bench.start(once_with(Some(HOUR)));
    // Nine attempts over two hours and more, of which the sixth succeeds.
    attempts(&bench, &[&webhook], 5, Duration::from_mins(10)).await;
    attempts(&bench, &[&webhook], 5, Duration::from_mins(14)).await;
    assert_eq!(bench.state(&webhook).await, WebhookState::Active);

    let now = bench.clock.now();
    let correct = |webhooks: &mut Vec<Webhook>| webhooks[0].updated_at = now;
    bench.change(&webhook.scope, correct).await;
    attempts(&bench, &[&webhook], 2, Duration::from_mins(30)).await;
    assert_eq!(bench.state(&webhook).await, WebhookState::Active, "corrected 30 minutes ago");
    attempts(&bench, &[&webhook], 1, Duration::ZERO).await;
    assert_eq!(bench.state(&webhook).await, WebhookState::Disabled);
}

#[tokio::test]
async fn no_webhook_is_switched_off_where_that_is_not_wanted() {
    let bench = Bench::at(Clock::manual(T0)).await;
    let receiver = Receiver::answering(500).await;
    let webhook = bench.subscribe(Dialect::MailingApi, &receiver.url()).await;
    let _running = bench.start(once_with(None));
    attempts(&bench, &[&webhook], 8, Duration::from_hours(24)).await;
    assert_eq!(bench.state(&webhook).await, WebhookState::Active);
}

#[tokio::test]
async fn what_is_held_for_a_paused_webhook_outlives_retention() {
    let bench = Bench::at(Clock::manual(T0)).await;
    let mut receiver = Receiver::answering(200).await;
    let webhook = bench.subscribe(Dialect::Wistfare, &receiver.url()).await;
    let id = bench.event(&[&webhook]).await[0];
    bench.set_state(&webhook, WebhookState::Paused).await;
    let _running = bench.start(quick());
    bench.clock.advance(Duration::from_hours(24 * 30));
    let retention = Retention { age: HOUR, bytes: 0 };
    let gone = bench.store.trim(bench.clock.now(), &retention, 100).await.unwrap();
    assert_eq!((gone, receiver.seen()), (0, 0));
    bench.set_state(&webhook, WebhookState::Active).await;
    bench.clock.advance(Duration::from_secs(2));
    receiver.next().await;
    assert_eq!(bench.ended(id).await.state, DeliveryState::Delivered);
    let gone = bench.store.trim(bench.clock.now(), &retention, 100).await.unwrap();
    assert_eq!(gone, 1, "delivered, it is kept no longer than others");
}

#[tokio::test]
async fn what_a_paused_webhook_is_owed_waits_until_it_is_not() {
    let bench = Bench::at(Clock::manual(T0)).await;
    let receiver = Receiver::answering(200).await;
    let webhook = bench.subscribe(Dialect::Posthawk, &receiver.url()).await;
    bench.set_state(&webhook, WebhookState::Paused).await;
    let mut ids = Vec::new();
    for _ in 0..20 {
        ids.extend(bench.event(&[&webhook]).await);
    }
    let other = Receiver::answering(200).await;
    let active = bench.subscribe(Dialect::Posthawk, &other.url()).await;
    let running = bench.start(quick());
    // The worker has been past the paused one when what came later is delivered.
    for _ in 0..3 {
        let id = bench.event(&[&active]).await[0];
        bench.ended(id).await;
        bench.clock.advance(Duration::from_secs(2));
    }
    assert_eq!(receiver.seen(), 0);
    assert_eq!(bench.delivery(ids[0]).await.attempt_count, 0);
    bench.set_state(&webhook, WebhookState::Active).await;
    bench.clock.advance(Duration::from_secs(2));
    for id in ids {
        assert_eq!(bench.ended(id).await.state, DeliveryState::Delivered);
    }
    running.drained().await;
}

#[tokio::test]
async fn a_410_switches_a_webhook_off_but_never_mailguns() {
    let bench = Bench::new().await;
    let receiver = Receiver::answering(410).await;
    let posthawk = bench.subscribe(Dialect::Posthawk, &receiver.url()).await;
    let mailgun = bench.subscribe(Dialect::Mailgun, &receiver.url()).await;
    let _running = bench.start(quick());
    let ids = bench.event(&[&posthawk, &mailgun]).await;
    assert_eq!(bench.ended(ids[0]).await.attempt_count, 1);
    assert_eq!(bench.state(&posthawk).await, WebhookState::Disabled);
    assert_eq!(bench.ended(ids[1]).await.attempt_count, 4);
    assert_eq!(bench.state(&mailgun).await, WebhookState::Active);

    let later = bench.event(&[&posthawk]).await[0];
    let delivery = bench.ended(later).await;
    assert_eq!((delivery.state, delivery.attempt_count), (DeliveryState::Dead, 0));
}
