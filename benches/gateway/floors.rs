//! The floors: what the parts do alone, on this machine, in the same minute.

use std::time::Duration;

use bytes::Bytes;

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
