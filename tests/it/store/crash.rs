//! `kill -9` at moments nobody chose: nothing that was acknowledged is missing.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use waypost::clock::Clock;
use waypost::model::*;
use waypost::store::{
    Directory, Embedded, EmbeddedOptions, Enqueued, History, Intake, Retention, Store,
};

use super::bench::*;

/// Names the directory that a child works in.
const CHILD: &str = "WAYPOST_TEST_STORE_CRASH";
const ROUNDS: u64 = 20;

fn options(dir: &Path) -> EmbeddedOptions {
    // Compacts all the time, so that many a kill falls into one.
    let (compact_floor, compact_factor) = (1 << 20, 2);
    let path = dir.join("data");
    EmbeddedOptions { path, compact_floor, compact_factor, ..EmbeddedOptions::default() }
}

/// Writes until it is killed, and notes down what was acknowledged.
#[test]
fn child() {
    let Some(dir) = std::env::var_os(CHILD) else { return };
    let dir = Path::new(&dir);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let store: Arc<dyn Store> = Arc::new(Embedded::open(options(dir)).unwrap());
    let ledger = File::options().create(true).append(true).open(dir.join("ledger")).unwrap();
    let ledger = Arc::new(ledger);
    runtime.block_on(async {
        for number in 0..8 {
            tokio::spawn(enqueue_for_ever(Arc::clone(&store), Arc::clone(&ledger), number));
        }
        tokio::spawn(share_for_ever(Arc::clone(&store), Arc::clone(&ledger)));
        tokio::spawn(configure_for_ever(Arc::clone(&store), Arc::clone(&ledger)));
        tokio::spawn(trim_for_ever(Arc::clone(&store)));
        settle_for_ever(store, ledger).await;
    });
}

fn note(mut ledger: &File, line: &str) {
    ledger.write_all(format!("{line}\n").as_bytes()).unwrap();
}

/// An arrival with ids that no earlier process made.
fn fresh(clock: &Clock, endpoint: EndpointId) -> Arrival {
    let mut new = arrival(account_id(1), T0, &[endpoint]);
    new.event.id = EventId::timed(clock.now(), clock.random());
    new.deliveries[0].id = DeliveryId::new(clock.now(), clock.random());
    new.dedupe = Some(dedupe(new.event.id));
    new
}

fn dedupe(id: EventId) -> DedupeKey {
    DedupeKey { source: "src".to_owned(), day: T0.day(), provider_id: id.to_string() }
}

/// One in ten goes to a receiver that never answers, so that it must stay.
async fn enqueue_for_ever(store: Arc<dyn Store>, ledger: Arc<File>, number: usize) {
    let clock = Clock::system();
    for round in number.. {
        let kept = round % 10 == 0;
        let new = fresh(&clock, endpoint(if kept { 2 } else { 1 }));
        let (event, delivery) = (new.event.id, new.deliveries[0].id);
        store.enqueue(new).await.unwrap();
        let word = if kept { "kept" } else { "passed" };
        note(&ledger, &format!("{word} {event} {delivery}"));
    }
}

/// One event by two places, each with a delivery to a receiver that never answers.
async fn share_for_ever(store: Arc<dyn Store>, ledger: Arc<File>) {
    let clock = Clock::system();
    loop {
        let (mut first, mut other) = (fresh(&clock, endpoint(2)), fresh(&clock, endpoint(2)));
        for (place, new) in [(3, &mut first), (4, &mut other)] {
            new.deliveries[0].webhook = WebhookId::from_bytes([place; 16]);
        }
        let (event, delivery) = (first.event.id, first.deliveries[0].id);
        first.shared = Some(DedupeKey { source: "places".to_owned(), ..dedupe(event) });
        other.shared.clone_from(&first.shared);
        let second = other.deliveries[0].id;
        store.enqueue(first).await.unwrap();
        note(&ledger, &format!("kept {event} {delivery}"));
        assert_eq!(store.enqueue(other).await.unwrap(), Enqueued::Accepted(event));
        note(&ledger, &format!("kept {event} {second}"));
    }
}

async fn settle_for_ever(store: Arc<dyn Store>, ledger: Arc<File>) {
    let clock = Clock::system();
    loop {
        let now = clock.now();
        let claims = claim_up_to(&*store, endpoint(1), now, 100).await;
        let ids = ids(&claims);
        for claimed in claims.deliveries {
            let settlement = claimed.settled(Some(attempt(now, 200)), NextStep::Delivered);
            store.settle(settlement).await.unwrap();
        }
        store.sync().await.unwrap();
        ids.iter().for_each(|id| note(&ledger, &format!("settled {id}")));
    }
}

async fn configure_for_ever(store: Arc<dyn Store>, ledger: Arc<File>) {
    let clock = Clock::system();
    loop {
        let text = clock.random_hex::<8>();
        store.add_key(key(account_id(1), &text)).await.unwrap();
        note(&ledger, &format!("key {text}"));
    }
}

async fn trim_for_ever(store: Arc<dyn Store>) {
    let clock = Clock::system();
    let retention = Retention { age: Duration::ZERO, bytes: 0 };
    loop {
        store.trim(clock.now(), &retention, 100).await.unwrap();
    }
}

#[test]
fn nothing_acknowledged_is_lost_by_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    for round in 0..ROUNDS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "store::crash::child", "--nocapture"])
            .env(CHILD, dir.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        // Some are killed while they open the store, some in full flight.
        std::thread::sleep(Duration::from_millis(20 + round * 37 % 400));
        child.kill().unwrap();
        let status = child.wait().unwrap();
        assert!(status.code().is_none(), "the child ended by itself: {status}");
    }
    let noted = fs::read_to_string(dir.path().join("ledger")).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(check(dir.path(), &noted));
}

async fn check(dir: &Path, noted: &str) {
    let store = Embedded::open(options(dir)).unwrap();
    let mut due = HashSet::new();
    loop {
        let claims = claim_up_to(&store, endpoint(2), Clock::system().now(), 1000).await;
        if claims.deliveries.is_empty() {
            break;
        }
        due.extend(ids(&claims));
    }
    let (mut kept, mut passed, mut settled, mut keys) = (0, 0, 0, 0);
    // A line cut short was not yet an acknowledgement.
    let complete = noted.rsplit_once('\n').map_or("", |(complete, _)| complete);
    for line in complete.lines() {
        let words: Vec<_> = line.split(' ').collect();
        match words[..] {
            ["kept", event, delivery] => {
                let (event, delivery) = (event.parse().unwrap(), delivery.parse().unwrap());
                assert!(store.event(account_id(1), event).await.unwrap().is_some(), "{line}");
                assert!(due.contains(&delivery), "no longer due: {line}");
                let repeat =
                    Arrival { dedupe: Some(dedupe(event)), ..arrival(account_id(1), T0, &[]) };
                let known = store.enqueue(repeat).await.unwrap();
                assert_eq!(known, Enqueued::Duplicate(event), "{line}");
                kept += 1;
            }
            ["passed", _, _] => passed += 1,
            ["settled", delivery] => {
                let read = store.delivery(account_id(1), delivery.parse().unwrap()).await.unwrap();
                let waits = read.is_some_and(|d| d.state == DeliveryState::Waiting);
                assert!(!waits, "undone: {line}");
                settled += 1;
            }
            ["key", text] => {
                let found = store.key_by_hash(&KeyHash::of(text)).await.unwrap();
                assert!(found.is_some(), "{line}");
                keys += 1;
            }
            _ => panic!("a line that nobody wrote: {line}"),
        }
    }
    let usage = store.usage().await.unwrap();
    let waiting = all_deliveries(&store, account_id(1), &Default::default()).await;
    let waiting = waiting.iter().filter(|d| d.state == DeliveryState::Waiting).count();
    assert_eq!(usage.waiting, waiting as u64, "the counters are off");
    let counts = format!("{kept} kept, {passed} passed, {settled} settled, {keys} keys");
    assert!(kept > 10 && passed > 100 && settled > 100 && keys > 10, "too few: {counts}");
    let current = fs::read_to_string(dir.join("data/CURRENT")).unwrap();
    assert!(!current.contains("generation 1\n"), "it was never compacted: {counts}");
}
