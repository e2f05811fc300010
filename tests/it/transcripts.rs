//! Transcripts: each file under `fixtures/api/` is a short story of requests, sent byte for byte to
//! a fresh gateway, with the answers it must give. `UPDATE=1` rewrites the answers.
//!
//! A file begins with lines `given …` that say what is there before the first request. Then come
//! exchanges, each headed by `### ` and a sentence: the request, then its answer from the line that
//! begins with `HTTP/1.1 `. In requests,
//!
//! - `Host` and `Content-Length` are added where missing;
//! - `Basic api:{{account}}` is encoded as Basic credentials are;
//! - a multipart body has CRLF line ends, the last line included; other bodies have LF and none;
//! - `{{x:ff}}` is the byte 0xFF, `{{a:2049}}` is so many letters `a`.
//!
//! In answers, what is random is replaced by a name that counts up (`{{id1}}`, `{{key1}}`, …), which
//! later requests may use. The clock moves by a second before each. Headers that every answer of an
//! API has are checked here, once, and left out of the files.
//!
//! With `given upstream`, what is not answered here is passed to one that says what it got.
//!
//! Two exchanges are no requests: `EVENT 503 200` has an event of the first domain delivered, with
//! one attempt for each status (0: there was no answer), and `DISABLE` disables every webhook.

mod names;
mod story;

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream;
use http::{Request, Response, header};
use waypost::clock::Clock;
use waypost::http::{App, Download, TestAnswer, Tester, Upload, Upstream};
use waypost::model::{AccountId, Timestamp, Unanswered, Webhook};
use waypost_compat::Dialect;

use self::names::Names;
use crate::support::Gateway;
use crate::support::http::{Answer, basic};

/// The headers that a transcript shows, where they are there.
const SHOWN: [&str; 6] = [
    "content-type",
    "allow",
    "www-authenticate",
    "retry-after",
    "access-control-allow-methods",
    "access-control-allow-headers",
];

/// How far the clock moves between one thing and the next, so that ages differ.
const STEP: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread")]
async fn every_mailgun_transcript_is_answered_as_written() {
    check(Dialect::Mailgun).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_posthawk_transcript_is_answered_as_written() {
    check(Dialect::Posthawk).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_mailstack_transcript_is_answered_as_written() {
    check(Dialect::MailStack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_wistfare_transcript_is_answered_as_written() {
    check(Dialect::Wistfare).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_mailingapi_transcript_is_answered_as_written() {
    check(Dialect::MailingApi).await;
}

async fn check(api: Dialect) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/api").join(api.to_string());
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "there are transcripts in {}", folder.display());
    let mut wrong = String::new();
    for file in files {
        let told = std::fs::read_to_string(&file).unwrap();
        let happened = replay(&told, &file).await;
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&file, happened).unwrap();
        } else if told != happened {
            let _ = write!(wrong, "\n{}:\n{}", file.display(), difference(&told, &happened));
        }
    }
    assert!(wrong.is_empty(), "answers changed (UPDATE=1 accepts them):{wrong}");
}

fn difference(told: &str, happened: &str) -> String {
    let mut lines = String::new();
    for diff in told.lines().zip(happened.lines()).filter(|(a, b)| a != b).take(6) {
        let _ = write!(lines, "  - {}\n  + {}\n", diff.0, diff.1);
    }
    if told.lines().count() != happened.lines().count() {
        lines.push_str("  the number of lines differs\n");
    }
    lines
}

/// Plays a file and returns it with the answers that came.
async fn replay(told: &str, file: &Path) -> String {
    let start = told.find("### ").unwrap_or_else(|| panic!("no exchange in {}", file.display()));
    let (preface, exchanges) = told.split_at(start);
    let settings = story::settings(preface);
    let clock = Clock::manual(Timestamp::from_millis(1_740_437_043_000));
    let finish = |app: App| {
        let app = app.with_tester(Arc::new(Echo));
        match preface.lines().any(|line| line == "given upstream") {
            true => app.with_upstream(Arc::new(Elsewhere), AccountId::from_bytes([0xac; 16])),
            false => app,
        }
    };
    let gateway = Gateway::with(settings, clock, finish).await;
    let mut names = Names::default();
    for line in preface.lines().filter_map(|line| line.strip_prefix("given ")) {
        gateway.app.clock.advance(STEP);
        story::given(line, &gateway, &mut names).await;
    }
    let mut happened = preface.to_owned();
    for exchange in exchanges.split_inclusive("\n### ").map(|part| part.trim_end_matches("### ")) {
        let exchange = exchange.trim_start_matches("### ");
        let (title, rest) = exchange.split_once('\n').unwrap();
        let request = match rest.split_once("\nHTTP/1.1 ") {
            Some((request, _)) => request,
            None => rest,
        };
        let request = request.trim_end_matches('\n');
        gateway.app.clock.advance(STEP);
        if story::step(request, &gateway).await {
            let _ = write!(happened, "### {title}\n{request}\n\n");
            continue;
        }
        let answer = gateway.send(&bytes(request, &names)).await;
        check_headers(&answer, title);
        let shown = names.masked(&shown(&answer), request);
        let _ = write!(happened, "### {title}\n{request}\n\n{shown}\n\n");
    }
    gateway.stop().await;
    happened.truncate(happened.trim_end_matches('\n').len());
    happened.push('\n');
    happened
}

/// The request's bytes, completed.
fn bytes(request: &str, names: &Names) -> Vec<u8> {
    let (head, body) = request.split_once("\n\n").unwrap_or((request, ""));
    let head = names.filled(head);
    let lower = head.to_ascii_lowercase();
    let body = if body.is_empty() {
        String::new()
    } else if lower.contains("\ncontent-type: multipart/") {
        format!("{}\r\n", body.replace('\n', "\r\n"))
    } else {
        body.to_owned()
    };
    let body = raw(&names.filled(&body));
    let mut lines = head.lines();
    let mut sent = format!("{} HTTP/1.1\r\n", lines.next().unwrap());
    for line in lines {
        let line = match line.split_once("Basic ") {
            Some((name, plain)) => {
                let (user, password) = plain.split_once(':').unwrap_or(("", plain));
                format!("{name}{}", basic(user, password))
            }
            None => line.to_owned(),
        };
        sent.push_str(&line);
        sent.push_str("\r\n");
    }
    if !lower.contains("\nhost:") {
        sent.push_str("Host: waypost\r\n");
    }
    let framed = lower.contains("\ncontent-length:") || lower.contains("\ntransfer-encoding:");
    if !framed && !body.is_empty() {
        let _ = write!(sent, "Content-Length: {}\r\n", body.len());
    }
    sent.push_str("Connection: close\r\n\r\n");
    [sent.into_bytes(), body].concat()
}

/// Replaces `{{x:ff}}` and `{{a:20}}`.
fn raw(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let (inner, next) = after.split_once("}}").unwrap();
        bytes.extend_from_slice(before.as_bytes());
        match inner.split_once(':') {
            Some(("x", hex)) => bytes.extend(waypost::model::from_hex(hex).unwrap()),
            Some((letter, count)) => bytes.extend(letter.repeat(count.parse().unwrap()).bytes()),
            None => panic!("no value is known for {{{{{inner}}}}}"),
        }
        rest = next;
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}

fn shown(answer: &Answer) -> String {
    let mut text = format!("HTTP/1.1 {}\n", answer.status_line);
    for name in SHOWN {
        if let Some(value) = answer.header(name) {
            let _ = writeln!(text, "{name}: {value}");
        }
    }
    let body = answer.text();
    if !body.is_empty() {
        let _ = write!(text, "\n{}", body.strip_suffix('\n').unwrap_or(&body));
    }
    text.truncate(text.trim_end_matches('\n').len());
    text
}

/// What every answer has beside what is shown. Who answered is known by `X-Request-ID`: what looks
/// like another dialect's request is answered as that dialect answers.
fn check_headers(answer: &Answer, title: &str) {
    let media_type = answer.header("content-type").unwrap_or_default();
    if let Some(id) = answer.header("x-request-id") {
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{title}");
        let repeated = answer.text().matches("req_").count();
        assert_eq!(answer.text().matches(id).count(), repeated, "{title}: one id for a request");
    } else if media_type == "application/json; charset=utf-8" {
        // Mailgun's JSON ends with a newline and is not to be kept from browsers (recorded).
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"), "{title}");
        assert_eq!(answer.header("access-control-allow-credentials"), Some("true"), "{title}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{title}");
        assert!(answer.body.ends_with(b"}\n"), "{title}: JSON ends with a newline");
    } else {
        assert!(!media_type.contains("problem"), "{title}: an answer of MailStack's has an id");
    }
}

/// A tester that says what it was asked to call; `down.example` is down, `yourapp.com` says what
/// the documentation has it say.
struct Echo;

#[async_trait]
impl Tester for Echo {
    async fn test(&self, webhook: &Webhook) -> TestAnswer {
        if webhook.url.as_str().contains("down.example") {
            return TestAnswer { status: 0, body: "connection refused".to_owned() };
        }
        if webhook.url.as_str().contains("yourapp.com") {
            return TestAnswer { status: 200, body: "OK".to_owned() };
        }
        let body = format!("called {} with {}", webhook.url, webhook.events.join(" "));
        TestAnswer { status: 200, body }
    }
}

/// An upstream that says what it was sent; of `mute.example` it says nothing, and to what
/// `rekeyed.example` is about it answers that it does not know its own key.
struct Elsewhere;

#[async_trait]
impl Upstream for Elsewhere {
    async fn send(&self, request: Request<Upload>) -> Result<Response<Download>, Unanswered> {
        let path = request.uri().path();
        if path.contains("mute.example") {
            return Err(Unanswered::Silent(Duration::from_secs(30)));
        }
        let status = if path.contains("rekeyed.example") { 401 } else { 200 };
        let names: Vec<&str> = request.headers().keys().map(header::HeaderName::as_str).collect();
        let sent = format!("{} {}", request.method(), request.uri());
        let body = serde_json::json!({ "sent": sent, "headers": names }).to_string();
        let body: Download = Box::pin(stream::iter([Ok(body.into())]));
        let answer = Response::builder().status(status);
        Ok(answer.header("content-type", "application/json").body(body).unwrap())
    }
}
