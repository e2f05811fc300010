//! django-anymail as the receiver: every kind that a Mailgun webhook can have, from every source.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value};
use tempfile::TempDir;
use waypost::ambient::Ambient;
use waypost_compat::Dialect;

use super::install;
use crate::support::api::Api;
use crate::support::process::Gateway;
use crate::support::skip;

const DOMAIN: &str = "anymail.example.com";

/// How long a delivery may take, on a machine that is busy with everything else.
const PATIENCE: Duration = Duration::from_secs(30);

/// Kinds that Mailgun has a webhook for, that webhook, and what anymail calls such an event.
const KINDS: [(&str, &str, &str); 8] = [
    ("accepted", "accepted", "queued"),
    ("delivered", "delivered", "delivered"),
    ("deferred", "temporary_fail", "deferred"),
    ("bounced", "permanent_fail", "bounced"),
    ("opened", "opened", "opened"),
    ("clicked", "clicked", "clicked"),
    ("unsubscribed", "unsubscribed", "unsubscribed"),
    ("complained", "complained", "complained"),
];

#[tokio::test]
async fn anymail_understands_every_kind_from_every_source() {
    let receiver = match install::python("receiver.py") {
        Ok(receiver) => receiver,
        Err(missing) => return skip(&missing),
    };
    let data = TempDir::new().unwrap();
    let gateway = Gateway::start(data.path());
    let api = Api::new(&gateway.url);
    let signing_key = api.signing_key().await;
    let anymail = Anymail::start(receiver, &signing_key);
    api.create_domain(DOMAIN).await;
    api.create_webhooks(DOMAIN, &KINDS.map(|(_, webhook, _)| webhook), &anymail.url).await;

    let ambient = Ambient::system();
    let mut signatures = String::new();
    let mut count = BTreeMap::new();
    for dialect in Dialect::ALL {
        let feed = api.create_source(DOMAIN, dialect).await;
        for (kind, _, event_type) in KINDS {
            let Some((path, payload)) = recorded(kind, dialect) else { continue };
            let now = ambient.now().millis() / 1000;
            let token = ambient.random_hex::<25>();
            let answer = api.ingest(&feed, &payload, now, &token).await.unwrap().ok();
            assert_eq!(answer["status"], "accepted", "{}: {answer}", path.display());

            let witness = anymail.next();
            assert_eq!(witness.status, 200, "{}: {}", path.display(), witness.body);
            assert!(witness.genuine, "{}: the vendor refuses the signature", path.display());
            let [event] = &witness.events[..] else {
                panic!("{}: {} events", path.display(), witness.events.len());
            };
            assert_eq!(event.event_type, event_type, "{}", path.display());
            let payload = serde_json::from_slice(&payload).unwrap();
            let expected = Expected::of(dialect, &payload);
            assert_eq!(Expected::told_by(event), expected, "{}", path.display());
            writeln!(signatures, "{}", witness.body["signature"]).unwrap();
            *count.entry(dialect).or_insert(0) += 1;
        }
    }
    assert_eq!(count, expected_counts(), "each source's kinds");

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

/// How many of the eight kinds each source's vocabulary has (`spec/providers.md` §2.1).
fn expected_counts() -> BTreeMap<Dialect, usize> {
    let counts = [8, 7, 7, 6, 7];
    Dialect::ALL.into_iter().zip(counts).collect()
}

/// The fixture of a kind in a dialect, if the dialect has the kind. Mailgun's is the event alone.
fn recorded(kind: &str, dialect: Dialect) -> Option<(PathBuf, Vec<u8>)> {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/events");
    let path = fixtures.join(kind).join(format!("{dialect}.json"));
    Some((path.clone(), fs::read(path).ok()?))
}

/// What a receiver must be able to tell of an event, whoever reported it.
#[derive(Debug, PartialEq)]
struct Expected {
    recipient: String,
    message_id: String,
    tags: Vec<String>,
    metadata: Map<String, Value>,
}

impl Expected {
    /// As the provider's own payload has it (`spec/providers.md` §3.2), read without our parser.
    fn of(dialect: Dialect, payload: &Value) -> Self {
        let (recipient, message_id, metadata) = match dialect {
            Dialect::Mailgun => ("/recipient", "/message/headers/message-id", "/user-variables"),
            Dialect::Posthawk => (
                "/event_data/mail/destination/0",
                "/event_data/mail/messageId",
                "/event_data/mail/tags",
            ),
            Dialect::MailStack => ("/data/toEmail", "/data/id", "/data/metadata"),
            Dialect::Wistfare => ("/data/to", "/data/emailId", "/data/metadata"),
            Dialect::MailingApi => ("/data/to", "/data/message_id", "/data/metadata"),
        };
        let text = |place: &str| payload.pointer(place).and_then(Value::as_str).unwrap().to_owned();
        let metadata = payload.pointer(metadata).and_then(Value::as_object);
        Self {
            recipient: text(recipient),
            message_id: format!("<{}>", text(message_id)),
            tags: Vec::new(),
            metadata: metadata.cloned().unwrap_or_default(),
        }
    }

    fn told_by(event: &Tracked) -> Self {
        Self {
            recipient: event.recipient.clone(),
            message_id: event.message_id.clone(),
            tags: event.tags.clone(),
            metadata: event.metadata.clone(),
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
    tags: Vec<String>,
    metadata: Map<String, Value>,
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
