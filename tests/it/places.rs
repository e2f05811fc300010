//! Sources that stand for one place at a provider each: which subscriptions their events go to, and
//! that an event which comes by several of them is one.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tempfile::TempDir;
use waypost::clock::Clock;
use waypost_compat::signature::{Stamp, sign};
use waypost_compat::{Dialect, Provider, Secret};

use crate::support::api::Api;
use crate::support::http::Answer;
use crate::support::native::Owner;
use crate::support::process::Process;
use crate::support::provider::{self, Post, SECRET, mac};
use crate::support::receiver::Receiver;

const DOMAIN: &str = "mg.example.com";
const SOURCES: &str = "/waypost/v1/domains/mg.example.com/sources";
const WIDE: &str = "/waypost/v1/sources";

async fn gateway() -> Owner {
    Owner::of_domain(DOMAIN).await
}

impl Owner {
    /// A new Mailgun source; its id.
    async fn place(&self, path: &str, serves: &str) -> String {
        self.place_of(Dialect::Mailgun, path, serves).await
    }

    async fn place_of(&self, dialect: Dialect, path: &str, serves: &str) -> String {
        let body = json!({ "dialect": dialect, "secret": SECRET, "serves": serves });
        let made = self.json("POST", path, &body).await;
        assert_eq!(made.status, 201, "{made:?}");
        assert_eq!(made.json()["serves"], serves);
        made.json()["id"].as_str().unwrap().to_owned()
    }

    /// A new webhook for `delivered`; its id.
    async fn hook(&self, dialect: Dialect, domain: Option<&str>, url: &str) -> String {
        let name = match dialect {
            Dialect::Mailgun | Dialect::MailingApi => "delivered",
            Dialect::Posthawk => "delivery",
            Dialect::MailStack => "Delivered",
            Dialect::Wistfare => "email.delivered",
        };
        let body = json!({ "dialect": dialect, "domain": domain, "url": url, "events": [name] });
        let made = self.json("POST", "/waypost/v1/webhooks", &body).await;
        assert_eq!(made.status, 201, "{made:?}");
        made.json()["id"].as_str().unwrap().to_owned()
    }

    async fn bring(&self, source: &str, post: &Post) -> Answer {
        let headers: Vec<(&str, &str)> =
            post.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.request("POST", &format!("/ingest/{source}"), &headers, post.body.as_bytes()).await
    }

    /// Posts a Mailgun event by a source, signed anew; the event's id and what became of it.
    async fn mailgun(&self, source: &str, event: &Value) -> (String, String) {
        let nonce = self.gateway.app.clock.random_hex::<8>();
        let post = provider::post(Provider::Mailgun, SECRET, event, self.seconds(), &nonce);
        let answer = self.bring(source, &post).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let text = |name: &str| answer.json()[name].as_str().unwrap().to_owned();
        (text("id"), text("status"))
    }

    /// The URLs that have a delivery of an event, in the order of the alphabet.
    async fn called(&self, event: &str) -> Vec<String> {
        let listed = self.get(&format!("/waypost/v1/deliveries?event={event}")).await.json();
        let urls = listed["items"].as_array().unwrap().iter().map(|item| item["url"].clone());
        let mut urls: Vec<String> = urls.map(|url| url.as_str().unwrap().to_owned()).collect();
        urls.sort_unstable();
        urls
    }

    async fn count_events(&self) -> usize {
        self.get("/waypost/v1/events").await.json()["items"].as_array().unwrap().len()
    }
}

/// A Mailgun `delivered` event that names its domain as those of today do.
fn event(id: &str, domain: Option<&str>) -> Value {
    let mut event = provider::delivered(Provider::Mailgun, id);
    if let Some(domain) = domain {
        event["domain"] = json!({ "name": domain });
    }
    event
}

const LIST: &str = "https://list.example/";
const ENTRY: &str = "https://entry.example/";
const BOTH: &str = "https://both.example/";
const ROW: &str = "https://row.example/";
const OTHER: &str = "https://other.example/";

#[tokio::test]
async fn each_place_serves_the_subscriptions_that_stood_there_and_no_others() {
    let gateway = gateway().await;
    gateway.hook(Dialect::Mailgun, Some(DOMAIN), LIST).await;
    let entry = gateway.hook(Dialect::Mailgun, None, ENTRY).await;
    gateway.hook(Dialect::Mailgun, None, OTHER).await;
    gateway.hook(Dialect::Posthawk, None, ROW).await;
    for (path, serves, expected) in [
        (SOURCES, "all", vec![ENTRY, LIST, OTHER, ROW]),
        (SOURCES, "domain", vec![LIST]),
        (SOURCES, "account", vec![ENTRY, OTHER]),
        (SOURCES, entry.as_str(), vec![ENTRY]),
        (WIDE, "all", vec![ENTRY, LIST, OTHER, ROW]),
        (WIDE, "account", vec![ENTRY, OTHER]),
        (WIDE, entry.as_str(), vec![ENTRY]),
    ] {
        let source = gateway.place(path, serves).await;
        // An event of its own each time: places share what they bring.
        let event = event(&source, Some("MG.Example.com"));
        let (id, status) = gateway.mailgun(&source, &event).await;
        assert_eq!(status, "accepted");
        assert_eq!(gateway.called(&id).await, expected, "{path} {serves}");
        let shown = gateway.get(&format!("/waypost/v1/events/{id}")).await.json();
        assert_eq!((&shown["domain"], &shown["source"]), (&json!(DOMAIN), &json!(source)));
    }
}

#[tokio::test]
async fn a_url_on_both_levels_is_called_once_through_the_accounts_entry() {
    let gateway = gateway().await;
    for url in [LIST, BOTH] {
        gateway.hook(Dialect::Mailgun, Some(DOMAIN), url).await;
    }
    for url in [ENTRY, BOTH] {
        gateway.hook(Dialect::Mailgun, None, url).await;
    }
    let list = gateway.place(SOURCES, "domain").await;
    let entry = gateway.place(WIDE, "account").await;
    let event = event("e", Some(DOMAIN));
    let (id, _) = gateway.mailgun(&list, &event).await;
    assert_eq!(gateway.called(&id).await, [LIST], "the entry owns the other");
    let (same, status) = gateway.mailgun(&entry, &event).await;
    assert_eq!((same, status.as_str()), (id.clone(), "accepted"));
    assert_eq!(gateway.called(&id).await, [BOTH, ENTRY, LIST]);
    assert_eq!(gateway.count_events().await, 1);
    for source in [&list, &entry] {
        let (again, status) = gateway.mailgun(source, &event).await;
        assert_eq!((again, status.as_str()), (id.clone(), "duplicate"));
        let path = format!("/waypost/v1/events?source={source}");
        let listed = gateway.get(&path).await.json();
        assert_eq!(listed["items"][0]["id"], id);
    }
    assert_eq!(gateway.called(&id).await, [BOTH, ENTRY, LIST]);
    let shown = gateway.get(&format!("/waypost/v1/events/{id}")).await.json();
    assert_eq!((&shown["source"], &shown["also_by"]), (&json!(list), &json!([entry])));
}

#[tokio::test]
async fn an_event_of_a_domain_that_is_not_here_reaches_the_accounts_entries_alone() {
    let gateway = gateway().await;
    let stranger = json!({ "name": "other" });
    let stranger = gateway.json("POST", "/waypost/v1/accounts", &stranger).await.json();
    let stranger = gateway.with_key(stranger["key"]["key"].as_str().unwrap());
    assert_eq!(stranger.form("/v3/domains", "name=theirs.example").await.status, 200);
    stranger.hook(Dialect::Mailgun, Some("theirs.example"), OTHER).await;
    gateway.hook(Dialect::Mailgun, Some(DOMAIN), LIST).await;
    gateway.hook(Dialect::Mailgun, None, ENTRY).await;
    let bound = json!({ "dialect": "mailgun", "domain": DOMAIN });
    let bound = gateway.json("POST", "/waypost/v1/keys", &bound).await.json();
    let bound = gateway.with_key(bound["key"].as_str().unwrap());
    let source = gateway.place(WIDE, "all").await;

    let long = "x".repeat(300_000);
    let domains =
        [None, Some("sub.example"), Some("theirs.example"), Some("no domain!"), Some(&*long)];
    for (number, domain) in domains.into_iter().enumerate() {
        let (id, _) = gateway.mailgun(&source, &event(&format!("e{number}"), domain)).await;
        assert_eq!(gateway.called(&id).await, [ENTRY], "{number}");
        let shown = gateway.get(&format!("/waypost/v1/events/{id}")).await.json();
        assert_eq!(shown["domain"], Value::Null);
        let delivery = &shown["deliveries"][0];
        assert_eq!(delivery["domain"], Value::Null);
        let delivery = delivery["id"].as_str().unwrap();
        for other in [&bound, &stranger] {
            for path in [
                format!("/waypost/v1/events/{id}"),
                format!("/waypost/v1/events/{id}/body"),
                format!("/waypost/v1/deliveries/{delivery}"),
            ] {
                assert_eq!(other.get(&path).await.status, 404, "{path}");
            }
        }
    }
    for other in [&bound, &stranger] {
        for path in ["/waypost/v1/events", "/waypost/v1/deliveries"] {
            assert_eq!(other.get(path).await.json()["items"], json!([]), "{path}");
        }
    }
}

#[tokio::test]
async fn the_domain_is_read_where_each_provider_has_it() {
    let gateway = gateway().await;
    let mut old = event("1", None);
    old["envelope"] = json!({ "sender": "bounce+abc@MG.example.com" });
    old["message"]["headers"]["from"] = json!("News <news@example.com>");
    let mut older = event("2", None);
    older["message"]["headers"]["from"] = json!("News <news@mg.example.com>");
    let mut flat = event("3", None);
    flat["domain-name"] = json!(DOMAIN);
    let mut told = event("4", Some(DOMAIN));
    told["message"]["headers"]["from"] = json!("other@elsewhere.example");
    let source = gateway.place(WIDE, "all").await;
    for event in [old, older, flat, told] {
        let (id, _) = gateway.mailgun(&source, &event).await;
        let shown = gateway.get(&format!("/waypost/v1/events/{id}")).await.json();
        assert_eq!(shown["domain"], DOMAIN, "{event}");
    }
    for (dialect, path) in [
        (Dialect::Posthawk, "/event_data/mail/source"),
        (Dialect::MailStack, "/data/fromEmail"),
        (Dialect::Wistfare, "/data/from"),
        (Dialect::MailingApi, "/data/from"),
    ] {
        let source = gateway.place_of(dialect, WIDE, "all").await;
        let mut event = provider::delivered(dialect.provider(), "1");
        let (parent, field) = path.rsplit_once('/').unwrap();
        event.pointer_mut(parent).unwrap()[field] = json!("me@mg.example.com");
        let post = provider::post(dialect.provider(), SECRET, &event, gateway.seconds(), "1");
        let answer = gateway.bring(&source, &post).await.json();
        let id = answer["id"].as_str().unwrap();
        let shown = gateway.get(&format!("/waypost/v1/events/{id}")).await.json();
        assert_eq!(shown["domain"], DOMAIN, "{dialect}");
    }
}

#[tokio::test]
async fn rows_of_one_provider_bring_one_event_and_each_serves_its_own() {
    let gateway = gateway().await;
    for dialect in Dialect::ALL {
        let event = provider::delivered(dialect.provider(), "of all rows");
        let before = gateway.count_events().await;
        let mut ids = BTreeSet::new();
        let mut urls = Vec::new();
        for number in 0..4 {
            // Whatever domain the event names: the row named its receiver for all of them.
            let domain = (number % 2 == 0).then_some(DOMAIN);
            let url = format!("https://{dialect}-{number}.example/");
            let row = gateway.hook(dialect, domain, &url).await;
            let source = gateway.place_of(dialect, WIDE, &row).await;
            urls.push(url);
            let post = provider::post(dialect.provider(), SECRET, &event, gateway.seconds(), "1");
            let answer = gateway.bring(&source, &post).await.json();
            assert_eq!(answer["status"], "accepted");
            ids.insert(answer["id"].as_str().unwrap().to_owned());
        }
        assert_eq!(ids.len(), 1, "{dialect}");
        assert_eq!(gateway.called(ids.first().unwrap()).await, urls);
        assert_eq!(gateway.count_events().await, before + 1);
    }
}

#[tokio::test]
async fn a_source_for_everything_shares_its_events_with_no_place() {
    let gateway = gateway().await;
    gateway.hook(Dialect::Mailgun, Some(DOMAIN), LIST).await;
    let event = event("e", Some(DOMAIN));
    let mut ids = BTreeSet::new();
    for serves in ["domain", "all", "all"] {
        let source = gateway.place(SOURCES, serves).await;
        let (id, status) = gateway.mailgun(&source, &event).await;
        assert_eq!(
            (gateway.called(&id).await, status.as_str()),
            (vec![LIST.to_owned()], "accepted")
        );
        ids.insert(id);
    }
    assert_eq!(ids.len(), 3);
}

#[tokio::test]
async fn a_source_whose_webhook_is_gone_keeps_its_events_and_calls_nobody() {
    let gateway = gateway().await;
    let row = gateway.hook(Dialect::Mailgun, None, ROW).await;
    gateway.hook(Dialect::Mailgun, None, ENTRY).await;
    let source = gateway.place(WIDE, &row).await;
    assert_eq!(gateway.delete(&format!("/waypost/v1/webhooks/{row}")).await.status, 204);
    let (id, status) = gateway.mailgun(&source, &event("e", None)).await;
    assert_eq!((gateway.called(&id).await, status.as_str()), (Vec::new(), "accepted"));
}

#[tokio::test]
async fn one_domains_source_reaches_no_event_of_another_by_its_id() {
    let gateway = gateway().await;
    gateway.gateway.domain("other.example").await;
    gateway.hook(Dialect::Mailgun, Some("other.example"), OTHER).await;
    gateway.hook(Dialect::Mailgun, Some(DOMAIN), LIST).await;
    let own = gateway.place(SOURCES, "domain").await;
    let path = "/waypost/v1/domains/other.example/sources";
    let other = gateway.place(path, "domain").await;
    let (first, _) = gateway.mailgun(&own, &event("guessed", None)).await;
    let (second, _) = gateway.mailgun(&other, &event("guessed", None)).await;
    assert_ne!(first, second);
    assert_eq!(gateway.called(&first).await, [LIST]);
    assert_eq!(gateway.called(&second).await, [OTHER]);
}

/// What receivers of an account that was moved here get: the bytes that they got before, under the
/// key that they know, and events of domains that are not here rendered whole.
#[tokio::test(flavor = "multi_thread")]
async fn receivers_of_a_moved_account_notice_nothing() {
    let data = TempDir::new().unwrap();
    let gateway = Process::start(data.path());
    let receiver = Receiver::start().await;
    let api = Api::new(&gateway.url);
    let known = "the key of the account that was left";
    let account = api.patch_json("/waypost/v1/account", &json!({ "signing_key": known })).await;
    assert_eq!(account["public_url"], gateway.url);
    let hook = json!({ "dialect": "mailgun", "url": receiver.url, "events": ["delivered"] });
    api.post_json("/waypost/v1/webhooks", &hook).await;

    let event = r#"{"domain":{"name":"sub.example"},"event":"delivered","id":"e", "odd" : [1.0]}"#;
    post(&api, Dialect::Mailgun, event).await;
    let got = receiver.nth(0).await;
    let text = std::str::from_utf8(&got.body).unwrap();
    assert!(text.contains(event), "{text}");
    let signature = &got.json()["signature"];
    let signed = ["timestamp", "token"].map(|name| signature[name].as_str().unwrap()).concat();
    assert_eq!(signature["signature"], mac(known, &signed));

    let mut event = provider::delivered(Provider::Wistfare, "w");
    event["data"]["from"] = json!("me@sub.example");
    post(&api, Dialect::Wistfare, &event.to_string()).await;
    let got = receiver.nth(1).await.json();
    assert_eq!(got["event-data"]["domain"]["name"], "sub.example");
    // One that does not say, either: what stands there always stands there.
    post(&api, Dialect::MailStack, &provider::delivered(Provider::MailStack, "m").to_string())
        .await;
    let got = receiver.nth(2).await.json();
    assert_eq!(got["event-data"]["domain"]["name"], "");
}

/// Posts an event by a source of its own for all domains.
async fn post(api: &Api, dialect: Dialect, event: &str) {
    let secret = format!("whsec_{}", "5a".repeat(24));
    let source = json!({ "dialect": dialect, "secret": secret });
    let source = api.post_json(WIDE, &source).await;
    let path = format!("/ingest/{}", source["id"].as_str().unwrap());
    let timestamp = Clock::system().now().seconds();
    let token = Clock::system().random_hex::<25>();
    let stamp = Stamp { timestamp, token: &token, event_id: &token, event_name: "event" };
    let secret = Secret::new(secret);
    let signed = sign(dialect.scheme(), &[&secret], event.as_bytes(), &stamp);
    let answer = api.send(http::Method::POST, &path, &signed.headers, signed.body).await.unwrap();
    assert_eq!(answer.ok()["status"], "accepted");
}
