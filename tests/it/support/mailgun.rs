//! A stand-in for a Mailgun account: the part of its management API that a take-over uses, and its
//! events, which go to whatever URLs its webhooks have at that moment. Nobody's code but this
//! file's: what it does is written from Mailgun's documentation.

use std::collections::{BTreeMap, HashSet};
use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use waypost::clock::Clock;
use waypost_compat::signature::{Scheme, Stamp, sign};
use waypost_compat::{Secret, sample};

use super::http::basic;

/// What the account's API answers instead of doing what it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    /// Nothing of the kind.
    Well,
    /// Every other request gets a 500, after it was carried out or not, in turn.
    Flaky,
    /// The next so many requests get a 429, as Mailgun documents it.
    Busy(usize),
}

/// A Mailgun account; gone when dropped.
pub(crate) struct StandIn {
    /// The base URL of its API.
    pub(crate) url: String,
    inner: Arc<Inner>,
    task: JoinHandle<()>,
}

struct Inner {
    key: String,
    signing_key: Secret,
    hooks: Mutex<Hooks>,
    mood: Mutex<Mood>,
    requests: AtomicUsize,
    client: Client<HttpConnector, Full<Bytes>>,
}

/// The account's webhooks, of both levels.
#[derive(Debug, Clone, Default, PartialEq)]
struct Hooks {
    domains: BTreeMap<String, BTreeMap<String, Vec<String>>>,
    entries: Vec<Entry>,
}

#[derive(Debug, Clone, PartialEq)]
struct Entry {
    id: String,
    url: String,
    events: Vec<String>,
    description: String,
}

impl StandIn {
    /// An account with these domains and nothing else.
    pub(crate) async fn start(key: &str, signing_key: &str, domains: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let domains = domains.iter().map(|name| ((*name).to_owned(), BTreeMap::new())).collect();
        let inner = Arc::new(Inner {
            key: basic("api", key),
            signing_key: Secret::new(signing_key),
            hooks: Mutex::new(Hooks { domains, entries: Vec::new() }),
            mood: Mutex::new(Mood::Well),
            requests: AtomicUsize::new(0),
            client: Client::builder(TokioExecutor::new()).build_http(),
        });
        let shared = Arc::clone(&inner);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let inner = Arc::clone(&shared);
                tokio::spawn(async move {
                    let service = service_fn(move |request| answer(request, Arc::clone(&inner)));
                    let io = TokioIo::new(stream);
                    // A caller that goes away is for the test to judge.
                    let _ = http1::Builder::new().serve_connection(io, service).await;
                });
            }
        });
        Self { url, inner, task }
    }

    /// Registers URLs for an event name of a domain.
    pub(crate) fn list(&self, domain: &str, event: &str, urls: &[String]) {
        let mut hooks = self.inner.hooks.lock().unwrap();
        hooks.domains.get_mut(domain).unwrap().insert(event.to_owned(), urls.to_vec());
    }

    /// Registers a webhook for all domains.
    pub(crate) fn entry(&self, url: &str, events: &[&str]) {
        let mut hooks = self.inner.hooks.lock().unwrap();
        let id = format!("{:024x}", hooks.entries.len() + 1);
        let events = events.iter().map(|&name| name.to_owned()).collect();
        let description = "kept as it is".to_owned();
        hooks.entries.push(Entry { id, url: url.to_owned(), events, description });
    }

    /// The URLs of an event name of a domain.
    pub(crate) fn urls(&self, domain: &str, event: &str) -> Vec<String> {
        self.inner.hooks.lock().unwrap().domains[domain][event].clone()
    }

    /// Somebody removes the webhooks for all domains.
    pub(crate) fn remove_entries(&self) {
        self.inner.hooks.lock().unwrap().entries.clear();
    }

    /// All its webhooks, to be compared.
    pub(crate) fn webhooks(&self) -> String {
        format!("{:#?}", self.inner.hooks.lock().unwrap())
    }

    /// How its API answers from now on.
    pub(crate) fn is(&self, mood: Mood) {
        *self.inner.mood.lock().unwrap() = mood;
    }

    /// What makes its events happen.
    pub(crate) fn events(&self) -> Emitter {
        Emitter(Arc::clone(&self.inner))
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Makes events happen.
pub(crate) struct Emitter(Arc<Inner>);

impl Emitter {
    /// An event happens: each URL that its webhooks have now is called, and again until it takes
    /// the event. Returns when all have.
    pub(crate) async fn happens(&self, number: usize, domain: &str, kind: waypost_compat::Kind) {
        // 22 characters, as Mailgun's ids have.
        let id = format!("event-number-{number:09}");
        let facts = sample::Facts {
            domain,
            event_id: &id,
            occurred_at_ms: Clock::system().now().millis(),
            ..sample::Facts::default()
        };
        let payload = sample::body(waypost_compat::Dialect::Mailgun, kind, &facts).unwrap();
        let name = waypost_compat::Dialect::Mailgun.name(kind).unwrap();
        let calls = self.0.urls(domain, name).into_iter().map(|url| {
            let (inner, payload) = (Arc::clone(&self.0), payload.clone());
            tokio::spawn(async move { inner.deliver(&url, &payload).await })
        });
        for call in calls.collect::<Vec<_>>() {
            call.await.unwrap();
        }
    }
}

impl Inner {
    /// Whom an event is sent to: the account's entries, then the domain's list, no URL twice.
    fn urls(&self, domain: &str, name: &str) -> Vec<String> {
        let hooks = self.hooks.lock().unwrap();
        let entries = hooks.entries.iter().filter(|entry| entry.events.iter().any(|e| e == name));
        let listed = hooks.domains.get(domain).and_then(|lists| lists.get(name));
        let mut seen = HashSet::new();
        let all = entries.map(|entry| &entry.url).chain(listed.into_iter().flatten());
        all.filter(|url| seen.insert((*url).clone())).cloned().collect()
    }

    async fn deliver(&self, url: &str, payload: &[u8]) {
        loop {
            let clock = Clock::system();
            let (token, timestamp) = (clock.random_hex::<25>(), clock.now().seconds());
            let stamp = Stamp { timestamp, token: &token, event_id: "", event_name: "" };
            let signed = sign(Scheme::Mailgun, &[&self.signing_key], payload, &stamp);
            let mut request = Request::post(url);
            for (name, value) in &signed.headers {
                request = request.header(*name, value);
            }
            let request = request.body(Full::from(signed.body)).unwrap();
            match self.client.request(request).await {
                Ok(answer) if answer.status().is_success() => return,
                _ => tokio::time::sleep(Duration::from_millis(200)).await,
            }
        }
    }

    /// What the API answers in place of doing what was asked; `Ok` if it does it.
    fn refusal(&self) -> Result<Option<StatusCode>, StatusCode> {
        let number = self.requests.fetch_add(1, Ordering::SeqCst);
        let mut mood = self.mood.lock().unwrap();
        match *mood {
            Mood::Well => Ok(None),
            Mood::Flaky if number % 4 == 1 => Err(StatusCode::INTERNAL_SERVER_ERROR),
            Mood::Flaky if number % 4 == 3 => Ok(Some(StatusCode::INTERNAL_SERVER_ERROR)),
            Mood::Flaky => Ok(None),
            Mood::Busy(0) => {
                *mood = Mood::Well;
                Ok(None)
            }
            Mood::Busy(left) => {
                *mood = Mood::Busy(left - 1);
                Err(StatusCode::TOO_MANY_REQUESTS)
            }
        }
    }

    fn call(&self, method: &Method, path: &[&str], form: &[(String, String)]) -> (u16, Value) {
        let mut hooks = self.hooks.lock().unwrap();
        let urls = || -> Vec<String> {
            form.iter().filter(|(name, _)| name == "url").map(|(_, url)| url.clone()).collect()
        };
        let not_found = |what: &str| (404, json!({"message": format!("{what} not found")}));
        match (method, path) {
            (&Method::GET, ["v4", "domains"]) => {
                // A hundred at a time, as Mailgun's own default is.
                let number = |name: &str| form.iter().find(|(n, _)| n == name)?.1.parse().ok();
                let (skip, limit) = (number("skip").unwrap_or(0), number("limit").unwrap_or(100));
                let page = hooks.domains.keys().skip(skip).take(limit);
                let items: Vec<Value> = page.map(|name| json!({"name": name})).collect();
                (200, json!({"total_count": hooks.domains.len(), "items": items}))
            }
            (&Method::GET, ["v4", "domains", name]) if hooks.domains.contains_key(*name) => {
                let domain = json!({"name": name, "web_prefix": "email", "wildcard": false});
                (
                    200,
                    json!({"domain": domain, "receiving_dns_records": [], "sending_dns_records": []}),
                )
            }
            (&Method::GET, ["v5", "accounts", "http_signing_key"]) => {
                (200, json!({"http_signing_key": self.signing_key.expose()}))
            }
            (&Method::GET, ["v1", "webhooks"]) => {
                let items = hooks.entries.iter().map(|entry| {
                    json!({"webhook_id": entry.id, "url": entry.url, "event_types": entry.events,
                           "description": entry.description, "created_at": "2026-01-01T00:00:00Z"})
                });
                (200, json!({"webhooks": items.collect::<Vec<_>>()}))
            }
            (&Method::PUT, ["v1", "webhooks", id]) => {
                let events = form.iter().filter(|(name, _)| name == "event_types");
                let events: Vec<String> = events.map(|(_, name)| name.clone()).collect();
                let label = form.iter().find(|(name, _)| name == "description");
                let Some(entry) = hooks.entries.iter_mut().find(|entry| entry.id == *id) else {
                    return not_found("webhook");
                };
                entry.url = urls().remove(0);
                entry.events = events;
                entry.description = label.map(|(_, text)| text.clone()).unwrap_or_default();
                (204, Value::Null)
            }
            (_, ["v3", "domains", name, "webhooks", rest @ ..]) => {
                let Some(lists) = hooks.domains.get_mut(*name) else { return not_found("Domain") };
                match (method, rest) {
                    (&Method::GET, []) => {
                        let shown =
                            lists.iter().map(|(n, urls)| (n.clone(), json!({"urls": urls})));
                        let shown: serde_json::Map<String, Value> = shown.collect();
                        (200, json!({"webhooks": shown}))
                    }
                    (&Method::PUT, [event]) if lists.contains_key(*event) => {
                        lists.insert((*event).to_owned(), urls());
                        (
                            200,
                            json!({"message": "Webhook has been updated", "webhook": {"urls": urls()}}),
                        )
                    }
                    _ => not_found("Webhook"),
                }
            }
            _ => not_found("page"),
        }
    }
}

async fn answer(
    request: Request<Incoming>,
    inner: Arc<Inner>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let given = head.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if given != Some(&inner.key) {
        let refused = Response::builder().status(401).body(Full::from("Forbidden"));
        return Ok(refused.unwrap());
    }
    let failing = match inner.refusal() {
        Ok(failing) => failing,
        Err(status) => return Ok(failed(status)),
    };
    let path: Vec<&str> = head.uri.path().trim_matches('/').split('/').collect();
    let mut form: Vec<(String, String)> = serde_urlencoded::from_bytes(&body).unwrap();
    let query = head.uri.query().unwrap_or_default();
    form.extend(serde_urlencoded::from_str::<Vec<(String, String)>>(query).unwrap());
    let (status, body) = inner.call(&head.method, &path, &form);
    if let Some(status) = failing {
        return Ok(failed(status));
    }
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let answer = Response::builder().status(status).header("content-type", "application/json");
    Ok(answer.body(Full::from(body)).unwrap())
}

fn failed(status: StatusCode) -> Response<Full<Bytes>> {
    let body = match status {
        StatusCode::TOO_MANY_REQUESTS => json!({"retry-seconds": 0}),
        _ => json!({"message": "Internal Server Error"}),
    };
    Response::builder().status(status).body(Full::from(body.to_string())).unwrap()
}
