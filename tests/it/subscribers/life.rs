//! A webhook's life as its owner sees it: paused and resumed, failing and switched off, its secret
//! rotated, its deliveries replayed.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use waypost::clock::Clock;
use waypost_compat::signature::verify;
use waypost_compat::{Dialect, Provider, Secret};

use super::{DOMAIN, PATIENCE, Stage, Subscriber};
use crate::support::provider;
use crate::support::receiver::{Answer, Received};

const ROWS: [Dialect; 4] =
    [Dialect::Posthawk, Dialect::MailStack, Dialect::Wistfare, Dialect::MailingApi];

impl Stage {
    async fn subscribe_all(&self, dialects: &[Dialect]) -> Vec<Subscriber> {
        let mut subscribers = Vec::new();
        for dialect in dialects {
            subscribers.push(self.subscribe(*dialect).await);
        }
        subscribers
    }

    /// Posts a `delivered` event, and returns its id.
    async fn post(&self, id: &str) -> String {
        let feed = self.api.create_source(DOMAIN, Provider::MailStack).await;
        let payload = provider::delivered(Provider::MailStack, id).to_string();
        let now = Clock::system().now().seconds();
        let posted = self.api.ingest(&feed, payload.as_bytes(), now, "").await.unwrap().ok();
        posted["id"].as_str().unwrap().to_owned()
    }

    /// How many requests have come for a dialect.
    fn seen(&self, dialect: Dialect) -> usize {
        count(&self.receiver.received(), dialect)
    }

    /// Waits until so many have come.
    async fn until_seen(&self, dialect: Dialect, wanted: usize) {
        let coming = async {
            loop {
                let received = self.receiver.received();
                if count(&received, dialect) >= wanted {
                    return;
                }
                self.receiver.at_least(received.len() + 1).await;
            }
        };
        tokio::time::timeout(PATIENCE, coming).await.expect("they come");
    }

    /// Waits until a webhook's own API says that its state is this.
    async fn until_state(&self, subscriber: &Subscriber, expected: &Value) {
        let asking = async {
            while self.state(subscriber).await != *expected {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let came = tokio::time::timeout(PATIENCE, asking).await;
        assert!(came.is_ok(), "{} is not {expected}", subscriber.dialect);
    }
}

/// How many of these requests are for a dialect.
fn count(received: &[Received], dialect: Dialect) -> usize {
    let path = format!("/{dialect}");
    received.iter().filter(|request| request.path == path).count()
}

/// How a dialect's API shows a webhook that is switched off: only `MailingAPI` has a word for it.
fn switched_off(dialect: Dialect) -> Value {
    if dialect == Dialect::MailingApi { json!("disabled") } else { json!(false) }
}

#[tokio::test]
async fn a_paused_webhook_gets_nothing_and_loses_nothing_that_was_queued() {
    let schedule = vec!["200ms"; 40].join(",");
    let stage = Stage::start(&["--retry-schedule", &schedule]).await;
    let subscribers = stage.subscribe_all(&ROWS).await;
    // Mailgun's webhook is not paused: what comes there shows how time passes.
    let witness = stage.subscribe(Dialect::Mailgun).await.dialect;
    stage.receiver.otherwise(Answer::Status(500));
    let queued = stage.post("queued").await;
    for dialect in ROWS {
        stage.until_seen(dialect, 1).await;
    }
    for subscriber in &subscribers {
        stage.set_active(subscriber, false).await.ok();
        let paused =
            if subscriber.dialect == Dialect::MailingApi { json!("paused") } else { json!(false) };
        assert_eq!(stage.state(subscriber).await, paused);
    }
    // Two more rounds for what was under way, three in which nothing may come.
    stage.until_seen(witness, stage.seen(witness) + 2).await;
    let before = ROWS.map(|dialect| stage.seen(dialect));
    stage.until_seen(witness, stage.seen(witness) + 3).await;
    assert_eq!(ROWS.map(|dialect| stage.seen(dialect)), before);

    stage.receiver.otherwise(Answer::Status(200));
    let while_paused = stage.post("while paused").await;
    let enqueued = stage.deliveries(&while_paused, |_| true).await;
    let dialects: Vec<&Value> = enqueued.iter().map(|delivery| &delivery["dialect"]).collect();
    assert_eq!(dialects, ["mailgun"], "nothing is enqueued for a paused webhook");
    assert_eq!(ROWS.map(|dialect| stage.seen(dialect)), before);

    for subscriber in &subscribers {
        stage.set_active(subscriber, true).await.ok();
    }
    let delivered = stage.deliveries(&queued, |delivery| delivery["state"] == "delivered").await;
    assert_eq!(delivered.len(), 5);
    for (dialect, before) in ROWS.into_iter().zip(before) {
        assert_eq!(stage.seen(dialect), before + 1, "{dialect}");
    }
}

#[tokio::test]
async fn a_webhook_that_only_fails_is_seen_failing_and_then_switched_off() {
    let schedule = vec!["400ms"; 40].join(",");
    let stage = Stage::start(&["--retry-schedule", &schedule, "--disable-after", "3s"]).await;
    let subscribers = stage.subscribe_all(&ROWS).await;
    let mailgun = stage.subscribe(Dialect::Mailgun).await.dialect;
    stage.receiver.otherwise(Answer::Status(500));
    let event = stage.post("1").await;
    stage.until_state(&subscribers[3], &json!("failing")).await;
    for subscriber in &subscribers {
        stage.until_state(subscriber, &switched_off(subscriber.dialect)).await;
    }
    let row = |delivery: &Value| delivery["dialect"] != "mailgun";
    let ended = |delivery: &Value| !row(delivery) || delivery["state"] == "dead";
    stage.deliveries(&event, ended).await;
    let listed = stage.api.get(&format!("/v3/domains/{DOMAIN}/webhooks/delivered")).await;
    assert_eq!(listed["webhook"]["urls"], json!([stage.url(mailgun)]));
    let said = stage.gateway.log();
    assert_eq!(said.matches("failed for too long; webhook switched off").count(), 4, "{said}");

    let refused = stage.set_active(&subscribers[3], true).await;
    assert_eq!(refused.status, 409);
    let refused: Value = serde_json::from_slice(&refused.body).unwrap();
    assert_eq!(refused["error"]["code"], "webhook_disabled");
}

#[tokio::test]
async fn a_410_switches_a_webhook_off_at_once_in_every_dialect_but_mailguns() {
    let stage = Stage::start(&[]).await;
    let subscribers = stage.subscribe_all(&ROWS).await;
    let mailgun = stage.subscribe(Dialect::Mailgun).await.dialect;
    stage.receiver.otherwise(Answer::Status(410));
    let event = stage.post("1").await;
    let row = |delivery: &Value| delivery["dialect"] != "mailgun";
    let ended = |delivery: &Value| !row(delivery) || delivery["state"] == "dead";
    stage.deliveries(&event, ended).await;
    for subscriber in &subscribers {
        assert_eq!(stage.state(subscriber).await, switched_off(subscriber.dialect));
    }
    let listed = stage.api.get(&format!("/v3/domains/{DOMAIN}/webhooks/delivered")).await;
    assert_eq!(listed["webhook"]["urls"], json!([stage.url(mailgun)]));
    let said = stage.gateway.log();
    assert_eq!(said.matches("answered 410; webhook switched off").count(), 4, "{said}");
}

#[tokio::test]
async fn a_replay_is_a_new_delivery_of_the_same_event_to_the_same_webhook() {
    let stage = Stage::start(&[]).await;
    let mailstack = stage.subscribe(Dialect::MailStack).await;
    let event = stage.post("1").await;
    stage.deliveries(&event, |delivery| delivery["state"] == "delivered").await;
    let below = format!("/{}/deliveries", mailstack.id);
    let log = stage.call(&mailstack, Method::GET, &below, &Value::Null).await.ok();
    let first = &log[0];
    assert_eq!((&first["statusCode"], &first["succeeded"]), (&json!(200), &json!(true)));

    let replay = format!("/deliveries/{}/replay", first["id"].as_str().unwrap());
    let answer = stage.call(&mailstack, Method::POST, &replay, &Value::Null).await.ok();
    assert_eq!(answer, json!({ "status": "ok" }));
    let (one, two) = (stage.receiver.nth(0).await, stage.receiver.nth(1).await);
    assert_eq!(one.body, two.body);
    assert_eq!(one.headers["webhook-id"], two.headers["webhook-id"], "the event's id");

    let both = stage.deliveries(&event, |delivery| delivery["state"] == "delivered").await;
    assert_eq!(both.len(), 2);
    let log = stage.call(&mailstack, Method::GET, &below, &Value::Null).await.ok();
    let [newer, older] = &log.as_array().unwrap()[..] else { panic!("{log}") };
    assert_eq!(older, first, "history stands");
    assert_ne!(newer["id"], older["id"]);
    for same in ["webhookId", "messageEventId", "attempt"] {
        assert_eq!(newer[same], older[same], "{same}");
    }
}

#[tokio::test]
async fn after_a_rotation_the_old_secret_still_verifies_beside_the_new_one() {
    let stage = Stage::start(&[]).await;
    let mailstack = stage.subscribe(Dialect::MailStack).await;
    let below = format!("/{}/rotate-secret", mailstack.id);
    let rotated = stage.call(&mailstack, Method::POST, &below, &Value::Null).await.ok();
    let new = rotated["signingSecret"].as_str().unwrap();
    assert_ne!(new, mailstack.secret);
    stage.post("1").await;
    let request = stage.receiver.nth(0).await;
    for secret in [new, &mailstack.secret] {
        for hidden in ["x-mailstack-signature", "webhook-signature"] {
            let header = |name: &str| {
                let value = request.headers.get(name).filter(|_| name != hidden);
                value.map(|value| value.to_str().unwrap())
            };
            let (secret, now) = (Secret::new(secret), Clock::system().now().seconds());
            verify(Dialect::MailStack.provider(), &[&secret], header, &request.body, now, 60)
                .unwrap();
        }
    }
}
