//! The floors: what the parts do alone, on this machine, in the same minute.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tempfile::TempDir;
use waypost::client::{Client, ClientOptions};
use waypost::clock::Clock;
use waypost::model::{
    AccountId, Arrival, DeliveryId, DomainName, EndpointId, EventId, NewDelivery, Outcome,
    StoredEvent, WebhookId, WebhookUrl,
};
use waypost::store::{Embedded, EmbeddedOptions, Enqueued, Store};
use waypost_compat::{Dialect, Kind, Provider};

use super::load::{Connection, closed_loop, sink};
use super::pipeline::event;
use super::stats::Measured;

/// How many of a thing are under way at once, as in the gateway.
const IN_FLIGHT: usize = 64;

/// Bare hyper, answering `hello` to the same bodies.
pub(crate) async fn hyper(window: Duration) -> Measured {
    let url = sink(None).await;
    let body = Bytes::from(event(0, 0));
    let mut connections = Vec::new();
    for _ in 0..IN_FLIGHT {
        connections.push((Connection::open(&url).await, body.clone()));
    }
    let latencies = closed_loop(connections, window, |(mut connection, body)| async {
        assert!(connection.post("/", &[], body.clone()).await.is_success());
        (connection, body)
    });
    Measured::new(latencies.await, window)
}

/// The gateway's own client, calling a receiver that answers at once.
pub(crate) async fn client(window: Duration) -> Measured {
    let url: WebhookUrl = sink(None).await.parse().expect("a URL");
    let allow_targets = vec!["127.0.0.0/8".parse().expect("a range")];
    let client = Client::new(ClientOptions { allow_targets, ..ClientOptions::default() });
    let states = vec![(client, url, Bytes::from(event(0, 0))); IN_FLIGHT];
    let latencies = closed_loop(states, window, |(client, url, body)| async {
        let sent = client.post(&url, &[], body.clone(), Duration::from_secs(10)).await;
        assert!(
            matches!(sent.outcome, Outcome::Answered { status: 200, .. }),
            "{:?}",
            sent.outcome
        );
        (client, url, body)
    });
    Measured::new(latencies.await, window)
}

/// The store: an event and its delivery in one synced commit, shared by whoever writes just then.
pub(crate) async fn store(window: Duration) -> Measured {
    let data = TempDir::new().expect("a temporary directory");
    let options = EmbeddedOptions { path: data.path().join("data"), ..EmbeddedOptions::default() };
    let store: Arc<dyn Store> = Arc::new(Embedded::open(options).expect("an empty directory"));
    let writers = vec![Arc::clone(&store); IN_FLIGHT];
    let latencies = closed_loop(writers, window, |store| async {
        let enqueued = store.enqueue(arrival(&Clock::system())).await.expect("a commit");
        assert!(matches!(enqueued, Enqueued::Accepted(_)));
        store
    });
    Measured::new(latencies.await, window)
}

/// A Mailgun event for one webhook, as ingest hands it to the store.
fn arrival(clock: &Clock) -> Arrival {
    let now = clock.now();
    let account = AccountId::from_bytes([1; 16]);
    let domain: DomainName = "bench.example.com".parse().expect("a domain name");
    let webhook = WebhookId::from_bytes([2; 16]);
    let event = StoredEvent {
        id: EventId::timed(now, clock.random()),
        account,
        domain: Some(domain),
        source: None,
        provider: Provider::Mailgun,
        kind: Some(Kind::Delivered),
        name: "delivered".to_owned(),
        provider_id: None,
        recipient: Some("user@example.com".to_owned()),
        message_id: None,
        occurred_at: Some(now),
        received_at: now,
        also_by: Vec::new(),
        duplicates: 0,
        body: Bytes::from(event(0, now.millis())),
    };
    let delivery = NewDelivery {
        id: DeliveryId::new(now, clock.random()),
        webhook,
        dialect: Dialect::Mailgun,
        endpoint: EndpointId::of_webhook(webhook),
        url: "http://127.0.0.1/".parse().expect("a URL"),
    };
    Arrival { event, deliveries: vec![delivery], dedupe: None, shared: None, token: None }
}
