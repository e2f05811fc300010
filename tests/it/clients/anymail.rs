//! django-anymail as the receiver: every kind that a Mailgun webhook can have, from every source.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;
use waypost::clock::Clock;
use waypost_compat::Dialect;

use super::install;
use crate::support::api::Api;
use crate::support::process::Process;
use crate::support::skip;

const DOMAIN: &str = "anymail.example.com";

/// How long a delivery may take, on a machine that is busy with everything else.
const PATIENCE: Duration = Duration::from_secs(30);

/// Folders of `fixtures/events`, the Mailgun webhook that gets such an event, and what anymail
/// calls it.
const KINDS: [(&str, &str, &str); 11] = [
    ("accepted", "accepted", "queued"),
    ("delivered", "delivered", "delivered"),
    ("deferred", "temporary_fail", "deferred"),
    ("bounced", "permanent_fail", "bounced"),
    ("bounced_soft", "permanent_fail", "bounced"),
    ("bounced_suppressed", "permanent_fail", "bounced"),
    ("failed", "permanent_fail", "bounced"),
    ("opened", "opened", "opened"),
    ("clicked", "clicked", "clicked"),
    ("unsubscribed", "unsubscribed", "unsubscribed"),
    ("complained", "complained", "complained"),
];

/// How many of these each source can report.
const COUNTS: [(Dialect, usize); 5] = [
    (Dialect::Mailgun, 9),
    (Dialect::Posthawk, 9),
    (Dialect::MailStack, 8),
    (Dialect::Wistfare, 8),
    (Dialect::MailingApi, 8),
];

#[tokio::test]
async fn anymail_understands_every_kind_from_every_source() {
    let receiver = match install::python("receiver.py") {
        Ok(receiver) => receiver,
        Err(missing) => return skip(&missing),
    };
    let data = TempDir::new().unwrap();
    let gateway = Process::start(data.path());
    let api = Api::new(&gateway.url);
    let signing_key = api.signing_key().await;
    let anymail = Anymail::start(receiver, &signing_key);
    api.create_domain(DOMAIN).await;
    let webhooks: BTreeSet<&str> = KINDS.iter().map(|(_, webhook, _)| *webhook).collect();
    api.create_webhooks(DOMAIN, &Vec::from_iter(webhooks), &anymail.url).await;

    let clock = Clock::system();
    let mut signatures = String::new();
    let mut count = BTreeMap::new();
    for dialect in Dialect::ALL {
        for (kind, _, event_type) in KINDS {
            let Some((path, payload)) = fixture(kind, dialect) else { continue };
            // A source each: some fixtures are variants of one event, under one id.
            let feed = api.create_source(DOMAIN, dialect.provider()).await;
            let now = clock.now().millis() / 1000;
            let token = clock.random_hex::<25>();
            let answer = api.ingest(&feed, &payload, now, &token).await.unwrap().ok();
            assert_eq!(answer["status"], "accepted", "{}: {answer}", path.display());

            let witness = anymail.next();
            assert_eq!(witness.status, 200, "{}: {}", path.display(), witness.body);
            assert!(witness.genuine, "{}: the vendor refuses the signature", path.display());
            let [event] = &witness.events[..] else {
                panic!("{}: {} events", path.display(), witness.events.len());
            };
            assert_eq!(event.event_type, event_type, "{}", path.display());
            check(event, dialect, &serde_json::from_slice(&payload).unwrap(), &path);
            writeln!(signatures, "{}", witness.body["signature"]).unwrap();
            *count.entry(dialect).or_insert(0) += 1;
        }
    }
    assert_eq!(count, BTreeMap::from(COUNTS), "how many kinds each source reported");

    let file = data.path().join("signatures");
    fs::write(&file, signatures).unwrap();
    match install::node("mailgun-js.cjs") {
        Ok(mut node) => {
            let node = node.arg("verify").arg(file).env("WAYPOST_SIGNING_KEY", signing_key);
            install::run(node).unwrap_or_else(|told| panic!("{told}"));
        }
        Err(missing) => skip(&missing),
    }
}

/// The fixture of a kind in a dialect, if the dialect has the kind. Of a Mailgun webhook's body,
/// the event alone: it is signed anew.
fn fixture(kind: &str, dialect: Dialect) -> Option<(PathBuf, Vec<u8>)> {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/events");
    let path = fixtures.join(kind).join(format!("{dialect}.json"));
    let body = fs::read(&path).ok()?;
    let payload: Value = serde_json::from_slice(&body).unwrap();
    let event_data = payload.get("event-data").map(|event| serde_json::to_vec(event).unwrap());
    Some((path, event_data.unwrap_or(body)))
}

/// Checks what anymail read against the provider's own payload, read without our parser
/// (`spec/providers.md` §3.2). All fixtures tell of one message.
fn check(event: &Tracked, dialect: Dialect, payload: &Value, path: &Path) {
    let message_id = match dialect {
        Dialect::Mailgun => "/message/headers/message-id",
        Dialect::Posthawk => "/event_data/mail/messageId",
        Dialect::MailStack => "/data/id",
        Dialect::Wistfare => "/data/emailId",
        Dialect::MailingApi => "/data/message_id",
    };
    let message_id = payload.pointer(message_id).and_then(Value::as_str).unwrap();
    assert_eq!(event.recipient, "ada@example.net", "{}", path.display());
    assert_eq!(event.message_id, format!("<{message_id}>"), "{}", path.display());
    let (tags, metadata) = (&event.tags, &event.metadata);
    match dialect {
        Dialect::Mailgun => {
            assert_eq!(*tags, payload["tags"], "{}", path.display());
            assert_eq!(*metadata, payload["user-variables"], "{}", path.display());
        }
        // Its payloads have no place for either.
        Dialect::Wistfare => {
            assert_eq!(*tags, json!([]), "{}", path.display());
            assert_eq!(*metadata, json!({}), "{}", path.display());
        }
        Dialect::Posthawk | Dialect::MailStack | Dialect::MailingApi => {
            assert_eq!(*tags, json!(["shipping", "de"]), "{}", path.display());
            assert_eq!(metadata["order"], "A-1001", "{}", path.display());
            assert_eq!(metadata["customer"], "42", "{}", path.display());
        }
    }
}

/// The receiver as a child process; killed when dropped.
struct Anymail {
    child: Child,
    url: String,
    lines: Receiver<String>,
}

/// One request as the receiver saw it.
#[derive(Deserialize)]
struct Witness {
    /// What it answered.
    status: u16,
    /// What the vendor's verifier says of the signature.
    genuine: bool,
    events: Vec<Tracked>,
    body: Value,
}

/// An anymail tracking event.
#[derive(Deserialize)]
struct Tracked {
    event_type: String,
    recipient: String,
    message_id: String,
    tags: Value,
    metadata: Value,
}

impl Anymail {
    fn start(mut python: std::process::Command, signing_key: &str) -> Self {
        let python = python.env("WAYPOST_SIGNING_KEY", signing_key).stdin(Stdio::null());
        let mut child = python.stdout(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (line, lines) = mpsc::channel();
        thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|l| line.send(l)));
        let port = lines.recv_timeout(PATIENCE).expect("the receiver starts");
        Self { child, url: format!("http://127.0.0.1:{port}/anymail/mailgun/tracking/"), lines }
    }

    /// The next request, waiting until it has come.
    fn next(&self) -> Witness {
        let line = self.lines.recv_timeout(PATIENCE).expect("a delivery in 30 s");
        serde_json::from_str(&line).unwrap()
    }
}

impl Drop for Anymail {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
