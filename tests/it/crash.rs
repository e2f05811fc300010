//! Kill -9, fifty times, at random moments, under load: nothing acknowledged is lost, and what is
//! delivered twice was on its way when the gateway died.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio::time::Instant;
use waypost::clock::Clock;
use waypost_compat::Provider;

use crate::support::api::{Api, Feed};
use crate::support::process::Process;
use crate::support::receiver::{Received, Receiver};
use crate::support::say;

const KILLS: usize = 50;

/// Connections that post, each the next event as soon as its last is answered.
const SENDERS: usize = 8;

/// How long before a kill a delivery may have reached the receiver without the gateway's having
/// noted it for good: its answer on the way, and the marks of success that are written together.
const IN_FLIGHT: Duration = Duration::from_millis(500);

/// How many deliveries that can be: as many attempts as one target may have under way, and as many
/// again whose marks of success wait to be written.
const IN_FLIGHT_MAX: usize = 2 * 64;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_kills_under_load_lose_nothing_that_was_acknowledged() {
    let seed = std::env::var("WAYPOST_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| u64::from_le_bytes(Clock::system().random()));
    let mut random = Random(seed);
    let data = TempDir::new().unwrap();
    let receiver = Receiver::start().await;
    let mut gateway = Process::start(data.path());
    let api = Api::new(&gateway.url);
    api.create_domain("crash.example.com").await;
    api.create_webhooks("crash.example.com", &["delivered"], &receiver.url).await;
    let feed = api.create_source("crash.example.com", Provider::Mailgun).await;

    let ledger = Arc::new(Ledger::default());
    let mut deaths = Vec::new();
    for _ in 0..KILLS {
        let load = Load::start(&gateway, &feed, &ledger);
        tokio::time::sleep(Duration::from_millis(random.below(500))).await;
        let killed = Instant::now();
        gateway.kill();
        load.stop().await;
        gateway = Process::start(data.path());
        deaths.push(Death { killed, risen: Instant::now() });
    }
    let acknowledged = ledger.acknowledged.lock().unwrap().clone();
    let arrivals = all_arrivals(&receiver, &acknowledged, seed).await;

    let mut repeats = [0; KILLS];
    for (event, times) in &arrivals {
        for pair in times.windows(2) {
            let death = deaths.iter().position(|death| death.explains(pair[0], pair[1]));
            let gap = pair[1] - pair[0];
            let death = death.unwrap_or_else(|| {
                panic!("seed {seed}: {event} came again after {gap:?}, and not for a kill")
            });
            repeats[death] += 1;
        }
    }
    assert!(repeats.iter().all(|count| *count <= IN_FLIGHT_MAX), "seed {seed}: {repeats:?}");
    assert!(acknowledged.len() > KILLS, "seed {seed}: hardly any load: {}", acknowledged.len());
    say(&format!(
        "{KILLS} kills: {} events acknowledged, 0 lost, {} delivered again",
        acknowledged.len(),
        repeats.iter().sum::<usize>()
    ));
}

/// A kill, and the start that followed it.
struct Death {
    killed: Instant,
    risen: Instant,
}

impl Death {
    /// Whether a delivery was on its way when the gateway died, and made again afterwards. What had
    /// reached the receiver's socket by then is read a little later.
    fn explains(&self, first: Instant, second: Instant) -> bool {
        let in_flight = self.killed.saturating_duration_since(first) <= IN_FLIGHT;
        in_flight && first <= self.risen && second >= self.killed
    }
}

/// When each event came, once everything in `acknowledged` has.
async fn all_arrivals(
    receiver: &Receiver,
    acknowledged: &HashSet<String>,
    seed: u64,
) -> HashMap<String, Vec<Instant>> {
    let mut arrivals: HashMap<String, Vec<Instant>> = HashMap::new();
    let mut read = 0;
    loop {
        let received = receiver.received_since(read);
        read += received.len();
        for request in &received {
            arrivals.entry(event_id(request)).or_default().push(request.at);
        }
        let missing = acknowledged.iter().filter(|id| !arrivals.contains_key(*id)).count();
        if missing == 0 {
            return arrivals;
        }
        if !receiver.more_than(read).await {
            panic!(
                "seed {seed}: {missing} of {} acknowledged events were lost",
                acknowledged.len()
            );
        }
    }
}

fn event_id(request: &Received) -> String {
    request.json()["event-data"]["id"].as_str().unwrap().to_owned()
}

/// What the provider knows.
#[derive(Default)]
struct Ledger {
    /// Events answered with success: these must arrive.
    acknowledged: Mutex<HashSet<String>>,
    /// Events posted and not answered: a provider posts them again, and so do we.
    unanswered: Mutex<Vec<String>>,
    posted: AtomicUsize,
}

impl Ledger {
    fn next(&self) -> String {
        let again = self.unanswered.lock().unwrap().pop();
        again.unwrap_or_else(|| format!("event-{}", self.posted.fetch_add(1, Ordering::Relaxed)))
    }
}

/// Senders at work on one life of the gateway.
struct Load {
    stopped: Arc<AtomicBool>,
    senders: JoinSet<()>,
}

impl Load {
    fn start(gateway: &Process, feed: &Feed, ledger: &Arc<Ledger>) -> Self {
        let stopped = Arc::new(AtomicBool::new(false));
        let mut senders = JoinSet::new();
        for _ in 0..SENDERS {
            let (api, feed) = (Api::new(&gateway.url), feed.clone());
            let (ledger, stopped) = (Arc::clone(ledger), Arc::clone(&stopped));
            senders.spawn(async move {
                while !stopped.load(Ordering::Relaxed) {
                    let id = ledger.next();
                    if post(&api, &feed, &id).await {
                        ledger.acknowledged.lock().unwrap().insert(id);
                    } else {
                        // The gateway is dead: another try in this life would only spin.
                        ledger.unanswered.lock().unwrap().push(id);
                        return;
                    }
                }
            });
        }
        Self { stopped, senders }
    }

    async fn stop(self) {
        self.stopped.store(true, Ordering::Relaxed);
        self.senders.join_all().await;
    }
}

/// Posts one event; whether it was acknowledged.
async fn post(api: &Api, feed: &Feed, id: &str) -> bool {
    let clock = Clock::system();
    let now = clock.now().millis();
    let event = json!({
        "event": "delivered",
        "id": id,
        "timestamp": 1_795_000_000.5,
        "recipient": "user@example.com",
        "message": { "headers": { "message-id": format!("{id}@crash.example.com") } },
    });
    let event = serde_json::to_vec(&event).unwrap();
    let token = clock.random_hex::<25>();
    match api.ingest(feed, &event, now / 1000, &token).await {
        Ok(answer) => answer.status.is_success(),
        Err(_) => false,
    }
}

/// `SplitMix64`: a seed that is printed makes the same moments again.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }
}
