//! A take-over and its way back under traffic: every subscription gets every event exactly once,
//! signed with the key that its receiver always knew.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use waypost::client::api::Api;
use waypost_compat::{Dialect, Kind, Secret, signature};

use super::into::until_nothing_waits;
use super::{Server, Shell};
use crate::support::mailgun::{Emitter, StandIn};
use crate::support::process::API_KEY;
use crate::support::receiver::Receiver;

/// What the receivers check with.
const SIGNING_KEY: &str = "key-2b9c64cd1ab1fbd1a4a8a8ff0cb9a5d3";

/// Events a second.
const RATE: u32 = 200;

/// How long they come: a minute where all checks of the repository run, less for whoever works.
fn duration() -> Duration {
    let seconds = std::env::var("WAYPOST_TEST_TRAFFIC_SECONDS").ok();
    Duration::from_secs(seconds.map_or(6, |text| text.parse().unwrap()))
}

/// The event with this number: where it happens, what, and whose subscriptions it is owed to.
fn event(number: usize) -> (&'static str, Kind, &'static [&'static str]) {
    match number % 3 {
        0 => ("one.example", Kind::Delivered, &["/a", "/both", "/e2"]),
        1 => ("one.example", Kind::Opened, &["/b", "/both"]),
        _ => ("two.example", Kind::Delivered, &["/two", "/both", "/e2"]),
    }
}

async fn send(events: Emitter, stop: Arc<AtomicBool>) -> usize {
    let mut clock = tokio::time::interval(Duration::from_secs(1) / RATE);
    let events = Arc::new(events);
    let mut under_way = tokio::task::JoinSet::new();
    let mut sent = 0;
    while !stop.load(Ordering::Relaxed) {
        clock.tick().await;
        let (domain, kind, _) = event(sent);
        let (events, number) = (Arc::clone(&events), sent);
        under_way.spawn(async move { events.happens(number, domain, kind).await });
        sent += 1;
    }
    under_way.join_all().await;
    sent
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_account_is_taken_over_and_given_back_while_events_come() {
    let receiver = Receiver::start().await;
    let url = |path: &str| format!("{}{path}", receiver.url);
    let mailgun = StandIn::start("key-outside", SIGNING_KEY, &["one.example", "two.example"]).await;
    mailgun.list("one.example", "delivered", &[url("/a"), url("/both")]);
    mailgun.list("one.example", "opened", &[url("/b")]);
    mailgun.list("two.example", "delivered", &[url("/two")]);
    mailgun.entry(&url("/both"), &["delivered", "opened"]);
    mailgun.entry(&url("/e2"), &["delivered"]);
    let before = mailgun.webhooks();
    let gateway = Server::start();
    let shell = Shell::new(&[("WAYPOST_FROM_KEY", "key-outside"), ("WAYPOST_INTO_KEY", API_KEY)]);
    let from = ["--from-url", &mailgun.url];
    let into = ["--into", &gateway.process.url, "--allow-private", "--out", "in.plan"];
    shell.run(&[&["plan", "--from", "mailgun"], &from[..], &into[..]].concat()).await.ok();

    let stop = Arc::new(AtomicBool::new(false));
    let sending = tokio::spawn(send(mailgun.events(), Arc::clone(&stop)));
    let third = duration() / 3;
    tokio::time::sleep(third).await;
    shell.run(&[&["apply", "in.plan"], &from[..]].concat()).await.ok();
    assert!(!mailgun.webhooks().contains(&receiver.url), "every place leads to the gateway");
    tokio::time::sleep(third).await;
    let back = ["rollback", "in.plan.journal", "--settle", "1s"];
    shell.run(&[&back[..], &from[..]].concat()).await.ok();
    assert_eq!(mailgun.webhooks(), before);
    tokio::time::sleep(third).await;
    stop.store(true, Ordering::Relaxed);
    let sent = sending.await.unwrap();

    let inside = Api::basic(&gateway.process.url, API_KEY).unwrap();
    let through = inside.get("/waypost/v1/events?limit=1").await.unwrap();
    assert!(!through["items"].as_array().unwrap().is_empty(), "events came by the gateway");
    until_nothing_waits(&inside).await;
    assert_every_event_came_once(&receiver, sent);
}

fn assert_every_event_came_once(receiver: &Receiver, sent: usize) {
    let secret = Secret::new(SIGNING_KEY);
    let mut came: BTreeMap<(String, String), usize> = BTreeMap::new();
    for request in receiver.received() {
        let header = |name: &str| request.headers.get(name).and_then(|value| value.to_str().ok());
        signature::verify(
            Dialect::Mailgun.provider(),
            &[&secret],
            header,
            &request.body,
            0,
            i64::MAX,
        )
        .unwrap_or_else(|error| panic!("{}: {error}", request.path));
        let id = request.json()["event-data"]["id"].as_str().unwrap().to_owned();
        *came.entry((request.path, id)).or_default() += 1;
    }
    let mut wrong = Vec::new();
    for number in 0..sent {
        for path in event(number).2 {
            let key = ((*path).to_owned(), format!("event-number-{number:09}"));
            let count = came.remove(&key).unwrap_or(0);
            if count != 1 {
                wrong.push(format!("{path} got event {number} {count} times"));
            }
        }
    }
    let unknown = came.keys().next();
    assert!(unknown.is_none(), "{} calls of no event, such as {unknown:?}", came.len());
    let some: Vec<&String> = wrong.iter().take(10).collect();
    assert!(wrong.is_empty(), "{} of {sent} events went wrong: {some:?}", wrong.len());
}
