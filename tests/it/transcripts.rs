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
//! later requests may use. The clock moves by a second before each. Headers that every Mailgun answer has are checked
//! here, once, and left out of the files.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use waypost::ambient::Ambient;
use waypost::config::Settings;
use waypost::http::{TestAnswer, Tester};
use waypost::model::{AccountId, Scope, Timestamp, Webhook};
use waypost_compat::Dialect;

use crate::support::http::{Answer, basic};
use crate::support::{Gateway, KEY, SIGNING_KEY, account, add_domain};

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
    check("mailgun").await;
}

async fn check(api: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/api").join(api);
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
    let mut settings = Settings::default();
    if let Some(limit) = preface.lines().find_map(|line| line.strip_prefix("given body limit ")) {
        settings.body_bytes_max = limit.parse().unwrap();
    }
    let clock = Ambient::manual(Timestamp::from_millis(1_740_437_043_000));
    let gateway = Gateway::with(settings, clock, |app| app.with_tester(Arc::new(Echo))).await;
    let mut names = Names::default();
    for line in preface.lines().filter_map(|line| line.strip_prefix("given ")) {
        gateway.app.ambient.advance(STEP);
        given(line, &gateway, &mut names).await;
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
        gateway.app.ambient.advance(STEP);
        let answer = gateway.send(&bytes(request, &names)).await;
        check_headers(&answer, title);
        let shown = names.masked(&shown(&answer));
        let _ = write!(happened, "### {title}\n{request}\n\n{shown}\n\n");
    }
    gateway.stop().await;
    happened.truncate(happened.trim_end_matches('\n').len());
    happened.push('\n');
    happened
}

/// What a line `given …` asks for.
async fn given(line: &str, gateway: &Gateway, names: &mut Names) {
    let words: Vec<&str> = line.split(' ').collect();
    match words.as_slice() {
        ["body", "limit", _] => {}
        ["domain", name] => {
            gateway.domain(name).await;
        }
        ["domain", name, "of", "another", "account"] => {
            let other = AccountId::from_bytes([7; 16]);
            account(&gateway.app, other, "the key of another account").await;
            add_domain(&gateway.app, other, name).await;
        }
        ["key", name, "that", what, rest @ ..] => {
            let scope = match *what {
                "manages" => Scope::Manage,
                "reads" => Scope::Read,
                "sends" => Scope::Send,
                other => panic!("a key manages, reads or sends, it does not {other:?}"),
            };
            let (dialect, domain) = match rest {
                [] => (Dialect::Mailgun, None),
                ["in", dialect] => (dialect.parse().unwrap(), None),
                [domain] => (Dialect::Mailgun, Some(*domain)),
                other => panic!("cannot read {other:?} in {line:?}"),
            };
            let secret = gateway.key(dialect, scope, domain).await;
            names.values.insert((*name).to_owned(), secret);
        }
        _ => panic!("cannot read `given {line}`"),
    }
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

/// JSON ends with a newline and is not to be cached or kept from browsers (recorded).
fn check_headers(answer: &Answer, title: &str) {
    if answer.header("content-type") == Some("application/json; charset=utf-8") {
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"), "{title}");
        assert_eq!(answer.header("access-control-allow-credentials"), Some("true"), "{title}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{title}");
        assert!(answer.body.ends_with(b"}\n"), "{title}: JSON ends with a newline");
    }
}

/// The names of what is random.
struct Names {
    values: BTreeMap<String, String>,
    counts: BTreeMap<&'static str, usize>,
}

impl Default for Names {
    fn default() -> Self {
        let own = [("account", KEY), ("signing_key", SIGNING_KEY)];
        let values = own.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self { values: values.into(), counts: BTreeMap::new() }
    }
}

impl Names {
    fn filled(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (name, value) in &self.values {
            text = text.replace(&format!("{{{{{name}}}}}"), value);
        }
        text
    }

    /// Replaces known values by their names, and names what is new.
    fn masked(&mut self, text: &str) -> String {
        let word = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let mut masked = String::new();
        let mut rest = text;
        while !rest.is_empty() {
            let end = rest.find(|c| !word(c)).unwrap_or(rest.len());
            let (head, tail) = rest.split_at(end);
            masked.push_str(&self.name(head));
            let other = tail.find(word).unwrap_or(tail.len());
            masked.push_str(&tail[..other]);
            rest = &tail[other..];
        }
        masked
    }

    fn name(&mut self, word: &str) -> String {
        let known = self.values.iter().find(|(_, value)| *value == word);
        if let Some((name, _)) = known {
            return format!("{{{{{name}}}}}");
        }
        let Some(sort) = sort(word) else { return word.to_owned() };
        let count = self.counts.entry(sort).or_default();
        *count += 1;
        let name = format!("{sort}{count}");
        self.values.insert(name.clone(), word.to_owned());
        format!("{{{{{name}}}}}")
    }
}

/// What sort of random value a word looks like.
fn sort(word: &str) -> Option<&'static str> {
    let hex = |text: &str, length: usize| {
        text.len() == length && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    let groups: Vec<&str> = word.split('-').collect();
    match groups.as_slice() {
        [long, first, second] if hex(long, 32) && hex(first, 8) && hex(second, 8) => Some("secret"),
        ["key", long] if hex(long, 32) => Some("signing_key"),
        [_] if word.strip_prefix("key_").is_some_and(|rest| hex(rest, 32)) => Some("key"),
        [_] if hex(word, 24) => Some("id"),
        _ => None,
    }
}

/// A tester that says what it was asked to call, and that `down.example` is down.
struct Echo;

#[async_trait]
impl Tester for Echo {
    async fn test(&self, webhook: &Webhook) -> TestAnswer {
        if webhook.url.as_str().contains("down.example") {
            return TestAnswer { status: 0, body: "connection refused".to_owned() };
        }
        let body = format!("called {} with {}", webhook.url, webhook.events.join(" "));
        TestAnswer { status: 200, body }
    }
}
