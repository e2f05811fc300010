//! The whole way: POST in, synced commit, 200, POST out, settled; the gateway in a process of its
//! own, load and receiver in this one, all of them on the same cores.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tempfile::TempDir;
use tokio::time::Instant;
use waypost::clock::Clock;
use waypost_compat::Provider;

use super::api::{Api, Feed};
use super::load::{Connection, ID_PREFIX, Ledger, closed_loop, sink};
use super::process::Process;
use super::stats::{Measured, rate};

/// Connections that providers post over.
const CONNECTIONS: usize = 128;

/// How long a run may take to deliver what it has accepted.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a run under full load came to.
pub(crate) struct Saturated {
    /// Acknowledgements, and how long each took.
    pub(crate) accepted: Measured,
    /// Deliveries while the load lasted, and how long after its acknowledgement each came.
    pub(crate) delivered: Measured,
    /// Deliveries a second until the last.
    pub(crate) drained_per_second: f64,
}

/// Every connection posts its next event as soon as its last is acknowledged.
pub(crate) async fn saturated(window: Duration) -> Saturated {
    let run = Run::start().await;
    let begun = Instant::now();
    let states = run.posters().await;
    let accepted = closed_loop(states, window, |mut poster: Poster| async {
        poster.post().await;
        poster
    });
    let accepted = accepted.await;
    let window = begun.elapsed();
    let in_window = run.ledger.delivered_count();
    run.drain().await;
    let total = begun.elapsed();
    let mut delivered = Measured::new(run.ledger.latencies(), window);
    delivered.per_second = rate(in_window, window);
    Saturated {
        accepted: Measured::new(accepted, window),
        delivered,
        drained_per_second: rate(run.ledger.delivered_count(), total),
    }
}

/// Events come at a fixed rate, whatever becomes of them.
pub(crate) async fn steady(per_second: u32, window: Duration) -> Measured {
    let run = Run::start().await;
    let posters = run.posters().await;
    let total = usize::try_from(per_second).expect("32 bits fit") * secs(window);
    let turn = Arc::new(AtomicUsize::new(0));
    let begun = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for mut poster in posters {
        let turn = Arc::clone(&turn);
        tasks.spawn(async move {
            loop {
                let number = turn.fetch_add(1, Ordering::Relaxed);
                if number >= total {
                    return;
                }
                let due = u32::try_from(number).expect("fewer than four thousand million");
                tokio::time::sleep_until(begun + Duration::from_secs(1) * due / per_second).await;
                poster.post().await;
            }
        });
    }
    tasks.join_all().await;
    let window = begun.elapsed();
    run.drain().await;
    Measured::new(run.ledger.latencies(), window)
}

fn secs(window: Duration) -> usize {
    usize::try_from(window.as_secs()).expect("a few seconds")
}

/// A gateway with a Mailgun source, and a Mailgun webhook on the sink.
struct Run {
    gateway: Process,
    feed: Feed,
    ledger: Arc<Ledger>,
    _data: TempDir,
}

impl Run {
    async fn start() -> Self {
        let data = TempDir::new().expect("a temporary directory");
        let arguments = ["--log", "warn", "--max-connections", "512"];
        let gateway = Process::start_with(data.path(), &arguments);
        let ledger = Arc::new(Ledger::new());
        let receiver = sink(Some(Arc::clone(&ledger))).await;
        let api = Api::new(&gateway.url);
        api.create_domain("bench.example.com").await;
        api.create_webhooks("bench.example.com", &["delivered"], &receiver).await;
        let feed = api.create_source("bench.example.com", Provider::Mailgun).await;
        Self { gateway, feed, ledger, _data: data }
    }

    async fn posters(&self) -> Vec<Poster> {
        let mut posters = Vec::new();
        for _ in 0..CONNECTIONS {
            let connection = Connection::open(&self.gateway.url).await;
            let (feed, ledger) = (self.feed.clone(), Arc::clone(&self.ledger));
            posters.push(Poster { connection, feed, ledger, clock: Clock::system() });
        }
        posters
    }

    async fn drain(&self) {
        let (accepted, delivered) = (self.ledger.accepted_count(), self.ledger.delivered_count());
        let drained = self.ledger.drained(PATIENCE).await;
        assert!(
            drained,
            "{delivered} of {accepted} delivered when the load ended, and not the rest"
        );
    }
}

/// One of the provider's connections.
struct Poster {
    connection: Connection,
    feed: Feed,
    ledger: Arc<Ledger>,
    clock: Clock,
}

impl Poster {
    /// Posts the next event as the provider would, and waits for its acknowledgement.
    async fn post(&mut self) {
        let number = self.ledger.next();
        let now = self.clock.now().millis();
        let token = self.clock.random_hex::<25>();
        let signed = self.feed.sign(&event(number, now), now / 1000, &token);
        let body = Bytes::from(signed.body);
        let status = self.connection.post(&self.feed.path, &signed.headers, body).await;
        assert!(status.is_success(), "the gateway answered {status}");
        self.ledger.accept(number);
    }
}

/// An event of about 1.5 KB, as most of Mailgun's are.
pub(crate) fn event(number: usize, now_ms: i64) -> Vec<u8> {
    let seconds = now_ms / 1000;
    let padding = "x".repeat(850);
    format!(
        r#"{{"id":"{ID_PREFIX}{number:08}","event":"delivered","timestamp":{seconds}.25,"log-level":"info","account":{{"id":"6234a5b6c7d8e9f001122334"}},"domain":{{"name":"bench.example.com"}},"recipient":"user@example.com","recipient-domain":"example.com","tags":["welcome"],"campaigns":[],"user-variables":{{"padding":"{padding}"}},"message":{{"headers":{{"to":"user@example.com","message-id":"{number}@bench.example.com","from":"sender@bench.example.com","subject":"Welcome"}},"attachments":[],"size":2048}},"envelope":{{"sender":"sender@bench.example.com","targets":"user@example.com","transport":"smtp"}},"flags":{{"is-authenticated":true,"is-test-mode":false}},"delivery-status":{{"attempt-no":1,"code":250,"message":"OK","session-seconds":0.43}}}}"#
    )
    .into_bytes()
}
