//! Every form of a record that was ever released reads back, from the bytes it was released with.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use waypost_compat::signature::Scheme;
use waypost_compat::{Dialect, Kind, Provider, Secret};

use super::*;
use crate::model::*;

const AT: Timestamp = Timestamp::from_millis(1_770_146_798_372);
const ACCOUNT: AccountId = AccountId::from_bytes([0xa1; 16]);
const EVENT: EventId = EventId::from_bytes([0xe1; 16]);
const DELIVERY: DeliveryId = DeliveryId::from_bytes([0xd1; 16]);
const HASH: KeyHash = KeyHash::from_bytes([0x5a; 32]);

fn folder(version: u8) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("fixtures/records/v{version}"))
}

fn name() -> DomainName {
    "mg.example.com".parse().unwrap()
}

fn scope() -> WebhookScope {
    WebhookScope { account: ACCOUNT, domain: Some(name()), dialect: Dialect::MailStack }
}

/// A record's name, its bytes as written today, and what reading bytes back and writing them again
/// gives.
type Sample = (&'static str, Vec<u8>, fn(&[u8]) -> Vec<u8>);

/// One of each record with every field set, one with as few as can be.
fn samples() -> Vec<Sample> {
    vec![
        ("account", encode_account(&account()), |b| encode_account(&decode_account(b).unwrap())),
        ("key", encode_key(&key(true)), |b| encode_key(&decode_key(HASH, b).unwrap())),
        ("key-bare", encode_key(&key(false)), |b| encode_key(&decode_key(HASH, b).unwrap())),
        ("domain", encode_domain(&domain()), |b| encode_domain(&decode_domain(b).unwrap())),
        ("source", encode_source(&source()), |b| encode_source(&decode_source(b).unwrap())),
        ("source-of-one-place", encode_source(&place()), |b| {
            encode_source(&decode_source(b).unwrap())
        }),
        ("webhooks", encode_webhooks(&webhooks()), |b| {
            encode_webhooks(&decode_webhooks(&scope(), b).unwrap())
        }),
        ("event", encode_event(&event(true), ids(2)), read_event),
        ("event-bare", encode_event(&event(false), ids(0)), read_event),
        ("event-of-no-domain", encode_event(&nowhere(), ids(1)), read_event),
        ("delivery", encode_delivery(&delivery(true)), read_delivery),
        ("delivery-bare", encode_delivery(&delivery(false)), read_delivery),
        ("delivery-of-no-domain", encode_delivery(&delivered_nowhere()), read_delivery),
        ("endpoint", encode_endpoint(&endpoint()), |b| {
            encode_endpoint(&decode_endpoint(b).unwrap())
        }),
        ("endpoint-bare", encode_endpoint(&EndpointState::default()), |b| {
            encode_endpoint(&decode_endpoint(b).unwrap())
        }),
        ("stats", encode_stats(&stats()), |b| encode_stats(&decode_stats(b).unwrap())),
        ("stats-bare", encode_stats(&WebhookStats::default()), |b| {
            encode_stats(&decode_stats(b).unwrap())
        }),
    ]
}

fn read_event(bytes: &[u8]) -> Vec<u8> {
    let row = decode_event(ACCOUNT, EVENT, bytes.to_vec()).unwrap();
    encode_event(&row.event, row.deliveries.into_iter())
}

fn read_delivery(bytes: &[u8]) -> Vec<u8> {
    encode_delivery(&decode_delivery(ACCOUNT, DELIVERY, bytes).unwrap())
}

fn endpoint() -> EndpointState {
    EndpointState {
        limits: EndpointLimits {
            rate: Rate::per_second(2.5),
            concurrency: std::num::NonZeroU32::new(4),
            paused: true,
        },
        health: EndpointHealth {
            failures: 12,
            first_failure_at: Some(AT),
            last_failure: Some(LastFailure {
                at: AT,
                delivery: DELIVERY,
                outcome: Outcome::Answered {
                    status: 503,
                    retry_after: Some(Duration::from_secs(60)),
                },
                excerpt: "busy".to_owned(),
            }),
            breaker: Some(OpenBreaker {
                since: AT,
                rest: Duration::from_secs(5),
                probe_at: AT.plus(Duration::from_secs(5)),
            }),
        },
    }
}

fn stats() -> WebhookStats {
    WebhookStats {
        successful: 15_380,
        failed: 40,
        last_success: Some(AT),
        last_failure: Some(AT),
        consecutive_failures: 7,
        failing_since: Some(AT),
    }
}

fn ids(count: u8) -> impl ExactSizeIterator<Item = DeliveryId> {
    (0..count).map(|number| DeliveryId::from_bytes([number; 16])).collect::<Vec<_>>().into_iter()
}

fn account() -> Account {
    let signing_key = Secret::new("key-in-the-clear");
    Account { id: ACCOUNT, name: "main".to_owned(), signing_key, created_at: AT }
}

fn key(full: bool) -> Key {
    Key {
        id: KeyId::from_bytes([0xc1; 16]),
        hash: HASH,
        account: ACCOUNT,
        dialect: Dialect::Wistfare,
        domain: full.then(name),
        scope: if full { Scope::Manage } else { Scope::Read },
        description: full.then(|| "for the shop".to_owned()),
        mailgun_role: full.then(|| ("user".to_owned(), "admin".to_owned())),
        created_at: AT,
        expires_at: full.then_some(AT),
    }
}

fn domain() -> Domain {
    let settings = serde_json::json!({"spam_action": "tag", "web_scheme": "https"});
    let settings = settings.as_object().unwrap().clone();
    let mailgun_id = "0123456789abcdef01234567".to_owned();
    Domain { name: name(), account: ACCOUNT, created_at: AT, mailgun_id, settings }
}

fn source() -> Source {
    Source {
        id: SourceId::from_bytes([0xb1; 16]),
        account: ACCOUNT,
        domain: Some(name()),
        provider: Provider::Posthawk,
        serves: Serves::All,
        secrets: vec![Secret::new("whsec_new"), Secret::new("whsec_old")],
        enabled: true,
        created_at: AT,
    }
}

fn place() -> Source {
    let serves = Serves::Webhook(WebhookId::random([7; 16]));
    Source { domain: None, serves, ..source() }
}

fn nowhere() -> StoredEvent {
    StoredEvent { domain: None, ..event(false) }
}

fn delivered_nowhere() -> Delivery {
    Delivery { domain: None, ..delivery(false) }
}

fn webhooks() -> Vec<Webhook> {
    let schemes = [
        None,
        Some(Scheme::Mailgun),
        Some(Scheme::Posthawk),
        Some(Scheme::PosthawkTimestamped),
        Some(Scheme::MailStack),
        Some(Scheme::MailStackRaw),
        Some(Scheme::Wistfare),
        Some(Scheme::MailingApi),
    ];
    let states = [WebhookState::Active, WebhookState::Paused, WebhookState::Disabled];
    let webhook = |(number, scheme): (u8, Option<Scheme>)| Webhook {
        id: WebhookId::random([number; 16]),
        scope: scope(),
        url: format!("https://user:pass@receiver.example/{number}?q=%20").parse().unwrap(),
        events: vec!["Delivered".to_owned(), "*".to_owned()],
        kinds: vec![Kind::Delivered, Kind::Complained],
        state: states[usize::from(number) % 3],
        secret: (number > 0).then(|| Secret::new("whsec_new")),
        previous_secret: (number > 1).then(|| (Secret::new("whsec_old"), AT)),
        scheme,
        description: (number > 2).then(|| "a label".to_owned()),
        created_at: AT,
        updated_at: AT,
    };
    (0..).zip(schemes).map(webhook).collect()
}

fn event(full: bool) -> StoredEvent {
    StoredEvent {
        id: EVENT,
        account: ACCOUNT,
        domain: Some(name()),
        source: full.then(|| SourceId::from_bytes([0xb1; 16])),
        provider: Provider::MailingApi,
        kind: full.then_some(Kind::Bounced),
        name: "email.bounced".to_owned(),
        provider_id: full.then(|| "evt-1".to_owned()),
        recipient: full.then(|| "alice@example.org".to_owned()),
        message_id: full.then(|| "<m1@mg.example.com>".to_owned()),
        occurred_at: full.then_some(AT),
        received_at: AT,
        also_by: Vec::new(),
        duplicates: 0,
        body: Bytes::from_static(if full { b"{\"type\": \"email.bounced\"}\n" } else { b"" }),
    }
}

fn delivery(full: bool) -> Delivery {
    let attempt = |outcome, address: Option<&str>| Attempt {
        at: AT,
        duration: Duration::from_millis(15),
        outcome,
        address: address.map(|address| address.parse().unwrap()),
        excerpt: "busy".to_owned(),
        lost: vec!["tags".to_owned()],
    };
    let retry_after = Some(Duration::from_secs(30));
    let answered = Outcome::Answered { status: 503, retry_after };
    let failures = [
        Failure::Blocked,
        Failure::Dns,
        Failure::Connect,
        Failure::Tls,
        Failure::Timeout,
        Failure::Broken,
        Failure::Untranslatable,
    ];
    let failed = failures.map(|failure| attempt(Outcome::Failed(failure), None));
    let attempts = [&[attempt(answered, Some("[2001:db8::1]:443"))], failed.as_slice()].concat();
    Delivery {
        id: DELIVERY,
        account: ACCOUNT,
        domain: Some(name()),
        event: EVENT,
        kind: full.then_some(Kind::Bounced),
        webhook: WebhookId::random([7; 16]),
        dialect: Dialect::Mailgun,
        endpoint: EndpointId::from_bytes([0x77; 16]),
        url: "https://receiver.example/hook".parse().unwrap(),
        state: if full { DeliveryState::Waiting } else { DeliveryState::Delivered },
        next_attempt_at: full.then_some(AT),
        attempt_count: u32::try_from(attempts.len()).unwrap(),
        attempts: if full { attempts } else { Vec::new() },
        replay_of: full.then(|| DeliveryId::from_bytes([0xd2; 16])),
    }
}

/// The bytes that a record was released with. `UPDATE=1` adds those of the form of today where
/// there are none yet, and never changes any.
fn released(version: u8, name: &str, written: &[u8]) -> Vec<u8> {
    let path = folder(version).join(name);
    if version == VERSION && std::env::var_os("UPDATE").is_some() && !path.exists() {
        fs::create_dir_all(folder(version)).unwrap();
        fs::write(&path, written).unwrap();
    }
    fs::read(&path).unwrap_or_else(|error| panic!("v{version}/{name}: {error}; try UPDATE=1"))
}

#[test]
fn every_released_form_reads_back() {
    for (name, written, reread) in samples() {
        for version in OLDEST..=VERSION {
            let released = released(version, name, &written);
            assert!(reread(&released) == written, "v{version}/{name} lost something");
        }
    }
}

#[test]
fn a_form_does_not_change_without_a_new_version() {
    for (name, written, _) in samples() {
        let released = released(VERSION, name, &written);
        let (text, now) = (String::from_utf8_lossy(&released), String::from_utf8_lossy(&written));
        assert_eq!(text, now, "{name}: a stored form changed; give it a new version");
    }
}

#[test]
fn a_version_from_the_future_is_refused_by_its_number() {
    for (name, mut bytes, _) in samples() {
        bytes[0] = VERSION + 1;
        let refused = match name {
            "account" => decode_account(&bytes).unwrap_err(),
            "key" | "key-bare" => decode_key(HASH, &bytes).unwrap_err(),
            "domain" => decode_domain(&bytes).unwrap_err(),
            "source" | "source-of-one-place" => decode_source(&bytes).unwrap_err(),
            "webhooks" => decode_webhooks(&scope(), &bytes).unwrap_err(),
            "event" | "event-bare" | "event-of-no-domain" => {
                decode_event(ACCOUNT, EVENT, bytes).unwrap_err()
            }
            "endpoint" | "endpoint-bare" => decode_endpoint(&bytes).unwrap_err(),
            _ => decode_delivery(ACCOUNT, DELIVERY, &bytes).unwrap_err(),
        };
        assert!(refused.to_string().ends_with("expected version 2, found version 3"), "{refused}");
    }
}

#[test]
fn an_error_never_shows_what_a_record_holds() {
    let mut bytes = encode_account(&account());
    bytes.pop();
    let refused = decode_account(&bytes).unwrap_err().to_string();
    assert!(!refused.contains("key-in-the-clear"), "{refused}");
}
