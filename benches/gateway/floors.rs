//! The floors: what the parts do alone, on this machine, in the same minute.

use std::time::Duration;

use bytes::Bytes;
use waypost::client::{Client, ClientOptions};
use waypost::model::{Outcome, WebhookUrl};

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
        assert!(matches!(sent.outcome, Outcome::Answered { status: 200, .. }), "{:?}", sent.outcome);
        (client, url, body)
    });
    Measured::new(latencies.await, window)
}
