//! Recorded payloads of real Mailgun accounts: in as events of a Mailgun source, out again to a
//! Mailgun webhook, byte for byte.
//!
//! The recordings belong to other projects and are not in this repository. `WAYPOST_CORPUS` names
//! the folder that has them: a folder for each project, JSON files within.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::value::RawValue;
use tempfile::TempDir;
use waypost::clock::Clock;
use waypost_compat::Provider;

use crate::support::api::Api;
use crate::support::process::Process;
use crate::support::receiver::Receiver;
use crate::support::say;

/// The eight names that Mailgun's webhooks can have (`spec/mailgun-events.md` §1.2).
const NAMES: [&str; 8] = [
    "accepted",
    "delivered",
    "temporary_fail",
    "permanent_fail",
    "opened",
    "clicked",
    "unsubscribed",
    "complained",
];

/// A webhook's body, or the part of it that is the event.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, rename = "event-data")]
    event_data: Option<&'a RawValue>,
    event: Option<String>,
}

#[tokio::test]
async fn a_recorded_payload_comes_out_as_it_went_in() {
    let Some(corpus) = std::env::var_os("WAYPOST_CORPUS") else {
        return say("WAYPOST_CORPUS is not set: recorded payloads were not tested with");
    };
    let data = TempDir::new().unwrap();
    let gateway = Process::start(data.path());
    let receiver = Receiver::start().await;
    let api = Api::new(&gateway.url);
    api.create_domain("corpus.example.com").await;
    api.create_webhooks("corpus.example.com", &NAMES, &receiver.url).await;

    let now = Clock::system().now().millis() / 1000;
    let mut delivered = 0;
    for (number, path) in recordings(Path::new(&corpus)).into_iter().enumerate() {
        let text = fs::read_to_string(&path).unwrap();
        let (event, event_data) = parts(&text);
        // A source each: some projects recorded the same event, and a repeat is rightly dropped.
        let feed = api.create_source("corpus.example.com", Provider::Mailgun).await;
        let answer = api.ingest(&feed, event_data.as_bytes(), now, &format!("{number:050x}")).await;
        let answer = answer.unwrap().ok();
        assert_eq!(answer["status"], "accepted", "{}: {answer}", path.display());
        if !has_a_webhook(&event) {
            continue;
        }
        let received = receiver.nth(delivered).await;
        let body = std::str::from_utf8(&received.body).unwrap();
        assert_eq!(parts(body).1, event_data, "{}", path.display());
        delivered += 1;
    }
    assert!(delivered >= 8, "only {delivered} recordings of events that webhooks get");
    assert_eq!(receiver.received().len(), delivered, "something was delivered twice");
    say(&format!("{delivered} recorded payloads came out as they went in"));
}

/// The event's name and the text of its `event-data`.
fn parts(text: &str) -> (String, &str) {
    let envelope: Envelope<'_> = serde_json::from_str(text).unwrap();
    let event_data = envelope.event_data.map_or_else(|| text.trim(), RawValue::get);
    let event: Envelope<'_> = serde_json::from_str(event_data).unwrap();
    (event.event.unwrap(), event_data)
}

/// Whether some webhook gets this event: others are kept and shown, and go nowhere.
fn has_a_webhook(event: &str) -> bool {
    event == "failed" || NAMES.contains(&event)
}

/// The recorded events, in the order of their paths. The forms that Mailgun posted before 2018 are
/// left out: they are no events of today's.
fn recordings(corpus: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for set in fs::read_dir(corpus).unwrap().map(|entry| entry.unwrap().path()) {
        let name = set.file_name().unwrap().to_str().unwrap().to_owned();
        if set.is_dir() && name.starts_with("mailgun-") && name != "mailgun-legacy-form" {
            files.extend(fs::read_dir(set).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
    files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    files
}
