//! A source of each provider, five subscribers, every kind: real events in, real deliveries out, and a table
//! of what came of each pair, on file for people to review (`fixtures/tables/deliveries.md`).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use http::Method;
use serde_json::Value;
use waypost::clock::Clock;
use waypost_compat::matrix::{Fit, Mode, map, why_impossible};
use waypost_compat::{Dialect, Kind, Provider, Secret, signature};

use super::{DOMAIN, Stage, Subscriber};
use crate::clients::recipes::{self, Signed};
use crate::javascript;
use crate::support::api::Feed;
use crate::support::provider::{self, Post};
use crate::support::receiver::Received;

const HEAD: &str = "# What gets from each source to each subscriber

Written by a test from real deliveries: every file of `fixtures/events` is posted to the real server as its provider would post it, and what the subscribers of the five dialects receive is looked at and its signature checked. A cell has the name under which the event was delivered; `less` names what was lost in that cell, the last column what was lost in every translation of the row; ✗ says why such an event cannot be subscribed to there.
";

/// One event as one subscriber got it.
struct Cell {
    name: &'static str,
    lost: BTreeSet<String>,
}

/// A row: what came of one event.
struct Row {
    folder: String,
    cells: BTreeMap<Dialect, Result<Cell, &'static str>>,
}

#[tokio::test]
async fn every_provider_and_dialect_deliver_what_the_table_says() {
    let stage = Stage::start(&[]).await;
    let mut subscribers = Vec::new();
    for dialect in Dialect::ALL {
        subscribers.push(stage.subscribe(dialect).await);
    }
    let (mut table, mut requests) = (HEAD.to_owned(), Vec::new());
    for from in Provider::ALL {
        let mut rows = Vec::new();
        for (folder, kind, payload) in samples(from) {
            let cells = cells(&stage, &subscribers, (from, kind, &payload), &mut requests).await;
            rows.push(Row { folder, cells });
        }
        write_rows(&mut table, from, &rows);
    }
    assert!(requests.len() > 150, "only {} deliveries", requests.len());
    check_golden(&table);
    tokio::task::spawn_blocking(move || recipes::judge(&requests)).await.unwrap();
}

/// Posts one event, and looks at what each subscriber got of it.
async fn cells(
    stage: &Stage,
    subscribers: &[Subscriber],
    (from, kind, payload): (Provider, Kind, &[u8]),
    requests: &mut Vec<Signed>,
) -> BTreeMap<Dialect, Result<Cell, &'static str>> {
    let before = stage.receiver.received().len();
    let feed = stage.api.create_source(DOMAIN, from).await;
    let request = request(&feed, payload);
    let posted = stage.api.send(Method::POST, &feed.path, &request.headers, request.body).await;
    let answer = posted.unwrap().ok();
    assert_eq!(answer["status"], "accepted", "{from} {kind}: {answer}");
    let event = answer["id"].as_str().unwrap();
    let deliveries = stage.deliveries(event, |delivery| delivery["state"] != "waiting").await;
    stage.receiver.at_least(before + deliveries.len()).await;
    let received = stage.receiver.received_since(before);
    assert_eq!(received.len(), deliveries.len(), "{from} {kind}");

    let mut cells = BTreeMap::new();
    for subscriber in subscribers {
        let to = subscriber.dialect;
        let own = |delivery: &&Value| delivery["dialect"] == to.as_str();
        let delivered: Vec<&Value> = deliveries.iter().filter(own).collect();
        let Some(name) = to.delivered_as(kind) else {
            assert!(delivered.is_empty(), "{from} {kind} to {to}: {delivered:?}");
            cells.insert(to, Err(why_impossible(kind, to)));
            continue;
        };
        let [delivery] = delivered[..] else { panic!("{from} {kind} to {to}: {delivered:?}") };
        assert_eq!(delivery["state"], "delivered", "{delivery}");
        let path = format!("/{to}");
        let request = received.iter().find(|request| request.path == path).unwrap();
        requests.push(checked(request, subscriber, name));
        let id = delivery["id"].as_str().unwrap();
        let shown = stage.api.get(&format!("/waypost/v1/deliveries/{id}")).await;
        let lost = serde_json::from_value(shown["attempts"][0]["lost"].clone()).unwrap();
        cells.insert(to, Ok(Cell { name, lost }));
    }
    check_matrix(from, kind, &cells);
    cells
}

/// A payload as its provider posts it: signed by the library where it can, else by hand.
fn request(feed: &Feed, payload: &[u8]) -> signature::Signed {
    let clock = Clock::system();
    let now = clock.now().seconds();
    if feed.provider.dialect().is_some() {
        return feed.sign(payload, now, &clock.random_hex::<25>());
    }
    let body = String::from_utf8(payload.to_vec()).unwrap();
    let Post { headers, body } = provider::raw(feed.provider, feed.secret.expose(), body, now);
    signature::Signed { headers, body: body.into_bytes() }
}

/// Checks a delivery: its signature, its name, and that JavaScript would write its body the same.
fn checked(request: &Received, subscriber: &Subscriber, name: &str) -> Signed {
    let to = subscriber.dialect;
    let header = |name: &str| request.headers.get(name).map(|value| value.to_str().unwrap());
    let secret = Secret::new(&*subscriber.secret);
    let now = Clock::system().now().seconds();
    signature::verify(to.provider(), &[&secret], header, &request.body, now, 60).unwrap();
    let body = request.json();
    let named = match to {
        Dialect::Mailgun => {
            let event = &body["event-data"];
            let (word, severity) = (event["event"].as_str().unwrap(), event["severity"].as_str());
            let kind = to.provider().kind_of(word, severity).unwrap();
            to.name(kind).unwrap().to_owned()
        }
        Dialect::Posthawk => header("x-posthawk-event").unwrap().to_owned(),
        Dialect::MailStack => header("x-mailstack-event").unwrap().to_owned(),
        Dialect::Wistfare => header("x-webhook-event").unwrap().to_owned(),
        Dialect::MailingApi => body["type"].as_str().unwrap().to_owned(),
    };
    assert_eq!(named, name, "{to}: {body}");
    let text = String::from_utf8(request.body.to_vec()).unwrap();
    if to != Dialect::Mailgun {
        assert_eq!(javascript::stringify(&body), text, "{to} {name}");
    }
    let headers = request.headers.iter();
    Signed {
        scheme: to.as_str(),
        secret: subscriber.secret.clone(),
        headers: headers
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect(),
        body: text,
    }
}

/// What was delivered is what the matrix of subscriptions promises for the source's own name.
fn check_matrix(from: Provider, kind: Kind, cells: &BTreeMap<Dialect, Result<Cell, &'static str>>) {
    let Some(from) = from.dialect() else { return };
    let Some(own) = from.delivered_as(kind) else { return };
    for (&to, cell) in cells.iter().filter(|(to, _)| **to != from) {
        let promised = map(from, own, to, Mode::Strict).unwrap();
        match (cell, promised.fit) {
            (Ok(cell), fit) => {
                assert!(promised.names.contains(&cell.name), "{from} {kind} to {to}: {fit}");
            }
            (Err(why), Fit::Impossible { why: there }) => assert_eq!(*why, there),
            (Err(_), Fit::Narrowed { lost } | Fit::WidenedAndNarrowed { lost, .. }) => {
                assert!(lost.contains(&kind), "{from} {kind} to {to}");
            }
            (Err(why), fit) => panic!("{from} {kind} to {to}: {why}, but the matrix says {fit}"),
        }
    }
    assert!(
        cells[&from].as_ref().is_ok_and(|cell| cell.lost.is_empty()),
        "{from} {kind} to itself"
    );
}

/// What a provider may post: folder, kind and body, in the order of a message's life. Of
/// a Mailgun webhook's body, the event alone: it is signed anew.
fn samples(from: Provider) -> Vec<(String, Kind, Vec<u8>)> {
    let mut samples = Vec::new();
    for folder in fixtures().join("events").read_dir().unwrap().map(|entry| entry.unwrap().path()) {
        let Ok(body) = fs::read(folder.join(format!("{from}.json"))) else { continue };
        let payload: Value = serde_json::from_slice(&body).unwrap();
        let event = payload.get("event-data").map(|event| serde_json::to_vec(event).unwrap());
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        let kind: Kind = name.split('_').next().unwrap().parse().unwrap();
        samples.push((name, kind, event.unwrap_or(body)));
    }
    samples.sort_by_key(|(name, kind, _)| (*kind, name.clone()));
    samples
}

fn write_rows(table: &mut String, from: Provider, rows: &[Row]) {
    let heads: Vec<&str> = Dialect::ALL.iter().map(|to| to.as_str()).collect();
    let heads = heads.join(" | ");
    write!(table, "\n## From {from}\n\n| event | {heads} | lost in every translation |\n").unwrap();
    writeln!(table, "|{}", "---|".repeat(7)).unwrap();
    for Row { folder, cells } in rows {
        let others = cells.iter().filter(|(to, _)| to.provider() != from);
        let lost: Vec<&BTreeSet<String>> =
            others.filter_map(|(_, cell)| Some(&cell.as_ref().ok()?.lost)).collect();
        let common: BTreeSet<String> = match &lost[..] {
            [] | [_] => BTreeSet::new(),
            [first, rest @ ..] => {
                let everywhere = |name: &&String| rest.iter().all(|lost| lost.contains(*name));
                first.iter().filter(everywhere).cloned().collect()
            }
        };
        write!(table, "| {folder} |").unwrap();
        for (to, cell) in cells {
            write!(table, " {} |", show(cell, to.provider() == from, &common)).unwrap();
        }
        let nothing = if lost.len() > 1 { "nothing" } else { "—" };
        writeln!(table, " {} |", if common.is_empty() { nothing.into() } else { list(&common) })
            .unwrap();
    }
}

fn show(cell: &Result<Cell, &str>, own: bool, common: &BTreeSet<String>) -> String {
    match cell {
        Err(why) => format!("✗ {why}"),
        Ok(Cell { name, .. }) if own => format!("`{name}`, as it came"),
        Ok(Cell { name, lost }) => {
            let lost: BTreeSet<String> = lost.difference(common).cloned().collect();
            if lost.is_empty() {
                format!("`{name}`")
            } else {
                format!("`{name}` less {}", list(&lost))
            }
        }
    }
}

fn list(names: &BTreeSet<String>) -> String {
    names.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

/// Compares with the file, or rewrites it when `UPDATE=1`.
fn check_golden(table: &str) {
    let path = fixtures().join("tables/deliveries.md");
    if std::env::var_os("UPDATE").is_some_and(|value| value == "1") {
        return fs::write(path, table).unwrap();
    }
    let on_file = fs::read_to_string(&path).unwrap_or_default();
    assert!(on_file == table, "{} is out of date; look at what UPDATE=1 changes", path.display());
}
