//! A gateway put between an account and its receivers, and taken away again.

use std::collections::BTreeMap;
use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use waypost::client::api::{Api, Payload};
use waypost::clock::Clock;
use waypost_compat::sample::{Facts, body};
use waypost_compat::{Dialect, Kind, Secret, signature};

use super::{Account, Server, Shell};
use crate::support::process::API_KEY;
use crate::support::receiver::Receiver;

/// What the receivers of the account that is taken over check with.
const SIGNING_KEY: &str = "key-2b9c64cd1ab1fbd1a4a8a8ff0cb9a5d3";

/// A Mailgun account with two domains, webhooks on both levels, and what came to its receivers.
struct World {
    mailgun: Server,
    api: Api,
    gateway: Server,
    inside: Api,
    receiver: Receiver,
    shell: Shell,
    /// Calls expected so far, by path.
    expected: BTreeMap<String, usize>,
    sent: usize,
}

impl World {
    async fn new() -> Self {
        let mailgun = Server::with(&["--signing-key", SIGNING_KEY]);
        let gateway = Server::start();
        let receiver = Receiver::start().await;
        let api = Api::basic(&mailgun.process.url, API_KEY).unwrap();
        let inside = Api::basic(&gateway.process.url, API_KEY).unwrap();
        let shell = Shell::new(&[("WAYPOST_FROM_KEY", API_KEY), ("WAYPOST_INTO_KEY", API_KEY)]);
        let (expected, sent) = (BTreeMap::new(), 0);
        Self { mailgun, api, gateway, inside, receiver, shell, expected, sent }
    }

    fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.receiver.url)
    }

    async fn domain(&self, name: &str, fields: &[(&str, &str)]) {
        let form = [&[("name", name)], fields].concat();
        self.api.call(Method::POST, "/v4/domains", Payload::Form(&form)).await.unwrap();
    }

    async fn list(&self, domain: &str, event: &str, paths: &[&str]) {
        let urls: Vec<String> = paths.iter().map(|path| self.url(path)).collect();
        let mut form: Vec<(&str, &str)> = urls.iter().map(|url| ("url", url.as_str())).collect();
        form.push(("id", event));
        let at = format!("/v3/domains/{domain}/webhooks");
        self.api.call(Method::POST, &at, Payload::Form(&form)).await.unwrap();
    }

    async fn entry(&self, path: &str, events: &[&str]) {
        let url = self.url(path);
        let mut form = vec![("url", url.as_str()), ("description", "kept as it is")];
        form.extend(events.iter().map(|name| ("event_types", *name)));
        self.api.call(Method::POST, "/v1/webhooks", Payload::Form(&form)).await.unwrap();
    }

    /// Everything that Mailgun's API says of the account's webhooks.
    async fn webhooks(&self) -> Value {
        json!([
            self.api.get("/v3/domains/one.example/webhooks").await.unwrap(),
            self.api.get("/v3/domains/two.example/webhooks").await.unwrap(),
            self.api.get("/v1/webhooks").await.unwrap(),
        ])
    }

    /// An event happens at Mailgun, and shall reach these receivers once each.
    async fn happens(&mut self, domain: &str, kind: Kind, paths: &[&str]) {
        self.sent += 1;
        let id = format!("event-number-{:06}", self.sent);
        let facts = Facts {
            domain,
            event_id: &id,
            occurred_at_ms: Clock::system().now().millis(),
            ..Facts::default()
        };
        let event: Value =
            serde_json::from_slice(&body(Dialect::Mailgun, kind, &facts).unwrap()).unwrap();
        let at = format!("/waypost/v1/domains/{domain}/events");
        self.api.call(Method::POST, &at, Payload::Json(&event)).await.unwrap();
        for path in paths {
            *self.expected.entry(format!("/{path}")).or_default() += 1;
        }
    }

    /// Two events of one domain and one of the other.
    async fn some_events(&mut self) {
        self.happens("one.example", Kind::Delivered, &["a", "both", "e2"]).await;
        self.happens("one.example", Kind::Opened, &["b", "both"]).await;
        self.happens("two.example", Kind::Delivered, &["two", "both", "e2"]).await;
    }

    /// Everything that happened has come once to each subscription, signed as its receiver knows.
    async fn assert_all_came_once(&self, when: &str) {
        self.receiver.at_least(self.expected.values().sum()).await;
        for api in [&self.api, &self.inside] {
            until_nothing_waits(api).await;
        }
        let mut came: BTreeMap<String, usize> = BTreeMap::new();
        let mut once: BTreeMap<(String, String), usize> = BTreeMap::new();
        let secret = Secret::new(SIGNING_KEY);
        for request in self.receiver.received() {
            let header =
                |name: &str| request.headers.get(name).and_then(|value| value.to_str().ok());
            signature::verify(
                Dialect::Mailgun.provider(),
                &[&secret],
                header,
                &request.body,
                0,
                i64::MAX,
            )
            .unwrap_or_else(|error| panic!("{when}: {}: {error}", request.path));
            let id = request.json()["event-data"]["id"].as_str().unwrap().to_owned();
            *once.entry((request.path.clone(), id)).or_default() += 1;
            *came.entry(request.path).or_default() += 1;
        }
        assert_eq!(came, self.expected, "{when}");
        assert!(once.values().all(|count| *count == 1), "{when}: {once:?}");
    }

    async fn plan(&self) {
        let arguments = ["plan", "--from", "mailgun", "--from-url", &self.mailgun.process.url];
        let into = ["--into", &self.gateway.process.url, "--allow-private", "--out", "in.plan"];
        self.shell.run(&[&arguments[..], &into[..]].concat()).await.ok();
    }

    async fn migrate(&self, arguments: &[&str]) -> super::Ran {
        let url = ["--from-url", &self.mailgun.process.url];
        self.shell.run(&[arguments, &url[..]].concat()).await
    }
}

/// Waits until a gateway has nothing to deliver: by its gauge, since listings of what waits are
/// bounded in their work and say only where to look on.
pub(super) async fn until_nothing_waits(api: &Api) {
    for _ in 0..1200 {
        let metrics = api.bytes("/metrics").await.unwrap();
        if String::from_utf8_lossy(&metrics).contains("\nwaypost_deliveries_waiting 0\n") {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("deliveries still wait after a minute");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailgun_account_is_led_through_a_gateway_and_given_back() {
    let mut world = World::new().await;
    world.domain("one.example", &[("web_prefix", "links"), ("wildcard", "true")]).await;
    world.domain("two.example", &[]).await;
    world.list("one.example", "delivered", &["a", "both"]).await;
    world.list("one.example", "opened", &["b"]).await;
    world.list("two.example", "delivered", &["two"]).await;
    world.entry("both", &["delivered", "opened"]).await;
    world.entry("e2", &["delivered"]).await;
    let before = world.webhooks().await;
    let own_key = world.inside.get("/v5/accounts/http_signing_key").await.unwrap();
    world.some_events().await;
    world.assert_all_came_once("before").await;

    world.plan().await;
    assert_eq!(world.webhooks().await, before, "a plan changes nothing");
    world.migrate(&["apply", "in.plan"]).await.ok();
    let during = world.webhooks().await;
    let receiver = &world.receiver.url;
    assert!(!during.to_string().contains(receiver), "every place leads to the gateway: {during}");
    let kept = world.inside.get("/v4/domains/one.example").await.unwrap();
    assert_eq!(
        (&kept["domain"]["web_prefix"], &kept["domain"]["wildcard"]),
        (&json!("links"), &json!(true))
    );
    let lists = world.inside.get("/v3/domains/one.example/webhooks").await.unwrap();
    assert_eq!(lists, before[0], "the gateway's API shows what Mailgun's did");
    world.some_events().await;
    world.assert_all_came_once("during").await;
    world.migrate(&["apply", "in.plan"]).await.ok().says(&["nothing to do"]);
    world.migrate(&["verify", "in.plan"]).await.ok().says(&["10 sources and webhooks"]);
    let tested = world.migrate(&["verify", "in.plan", "--send-test"]).await.ok();
    for path in ["a", "both", "two", "e2"] {
        assert!(
            tested.out.contains(&format!("/{path}: test event of delivered is delivered")),
            "{}",
            tested.out
        );
        // The sources of both entries serve both by now.
        let calls = if ["both", "e2"].contains(&path) { 2 } else { 1 };
        world.expected.entry(format!("/{path}")).and_modify(|count| *count += calls);
    }

    let rollback = ["rollback", "in.plan.journal", "--settle", "0s"];
    world.migrate(&rollback).await.ok();
    assert_eq!(world.webhooks().await, before, "ids, order and labels included");
    world.some_events().await;
    world.assert_all_came_once("after").await;

    let retire = [&rollback[..], &["--retire"]].concat();
    world.migrate(&retire).await.code(5).says(&["--after", "may still repeat"]);
    world.migrate(&[&retire[..], &["--after", "1s"]].concat()).await.ok();
    assert_eq!(world.inside.get("/v5/accounts/http_signing_key").await.unwrap(), own_key);
    for place in ["webhooks", "sources"] {
        let left = world.inside.get(&format!("/waypost/v1/{place}")).await.unwrap();
        assert_eq!(left["items"], json!([]), "{place}");
    }
    assert_eq!(world.inside.get("/v4/domains").await.unwrap()["total_count"], 0);
    world.some_events().await;
    world.assert_all_came_once("retired").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_move_into_the_same_gateway_uses_what_the_first_one_left() {
    let mut world = World::new().await;
    world.domain("one.example", &[]).await;
    world.domain("two.example", &[]).await;
    world.list("one.example", "delivered", &["a", "both"]).await;
    world.list("one.example", "opened", &["b"]).await;
    world.list("two.example", "delivered", &["two"]).await;
    world.entry("both", &["delivered", "opened"]).await;
    world.entry("e2", &["delivered"]).await;
    let before = world.webhooks().await;
    for round in ["first", "second"] {
        world.plan().await;
        world.migrate(&["apply", "in.plan"]).await.ok();
        world.some_events().await;
        world.assert_all_came_once(round).await;
        world.migrate(&["rollback", "in.plan.journal", "--settle", "0s"]).await.ok();
        assert_eq!(world.webhooks().await, before, "{round}");
        std::fs::rename(world.shell.path("in.plan.journal"), world.shell.path(round)).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_of_a_domain_that_is_not_here_reaches_the_accounts_entries() {
    let mut world = World::new().await;
    world.domain("one.example", &[]).await;
    world.domain("two.example", &[]).await;
    world.entry("e2", &["delivered"]).await;
    world.plan().await;
    world.migrate(&["apply", "in.plan"]).await.ok();
    world.domain("added.later.example", &[]).await;
    world.happens("added.later.example", Kind::Delivered, &["e2"]).await;
    world.assert_all_came_once("a domain that the gateway does not have").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_nobody_outside_can_reach_is_refused() {
    let world = World::new().await;
    world.domain("one.example", &[]).await;
    let arguments = ["plan", "--from", "mailgun", "--into", &world.gateway.process.url];
    world.migrate(&arguments).await.code(5).says(&["--public-url", "--allow-private"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_signs_with_another_key_already_is_refused() {
    let world = World::new().await;
    world.domain("one.example", &[]).await;
    let form = [("name", "own.example")];
    world.inside.call(Method::POST, "/v4/domains", Payload::Form(&form)).await.unwrap();
    let form = [("id", "opened"), ("url", "https://own.example/")];
    let at = "/v3/domains/own.example/webhooks";
    world.inside.call(Method::POST, at, Payload::Form(&form)).await.unwrap();
    let into = ["--into", &world.gateway.process.url, "--allow-private"];
    let arguments = [&["plan", "--from", "mailgun"][..], &into[..]].concat();
    world.migrate(&arguments).await.code(5).says(&["another key", "make an account"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_led_through_a_gateway_under_the_secrets_that_receivers_know() {
    for dialect in [Dialect::Posthawk, Dialect::MailStack, Dialect::Wistfare, Dialect::MailingApi] {
        rows_there_and_back(dialect).await;
    }
}

async fn rows_there_and_back(dialect: Dialect) {
    let (provider, gateway) = (Server::start(), Server::start());
    let receiver = Receiver::start().await;
    let account = Account::at(&provider.process.url, dialect).await;
    let name = dialect.name(Kind::Delivered).unwrap();
    let url = format!("{}/hook", receiver.url);
    let id = account.register(&url, &[name]).await.unwrap();
    let secret = account.secret_of(&id);
    let paused = account.register(&format!("{url}?paused"), &[name]).await.unwrap();
    account.pause(&paused, &format!("{url}?paused"), &[name]).await;
    let before = account.list().await;
    let shell = Shell::new(&[("WAYPOST_FROM_KEY", &account.key), ("WAYPOST_INTO_KEY", API_KEY)]);
    let from = dialect.to_string();
    let given = format!("{id}={secret}");
    let ends: Vec<String> = account.flags("from");
    let ends: Vec<&str> = ends.iter().map(String::as_str).collect();
    let plan = [
        &["plan", "--from", &from, "--into", &gateway.process.url, "--allow-private"][..],
        &["--out", "in.plan"],
        &ends,
    ]
    .concat();
    if dialect != Dialect::Posthawk {
        shell.run(&plan).await.code(3).says(&["--secret", &id]);
    }
    let ends = [&ends[..], &["--secret", &given]].concat();
    // What is paused stays behind, so something is lost.
    shell.run(&[&plan[..], &["--secret", &given]].concat()).await.code(3).says(&["skipped-paused"]);
    shell.run(&[&["apply", "in.plan"], &*ends].concat()).await.ok();
    happens_at(&provider, dialect).await;
    receiver.at_least(1).await;
    let request = receiver.nth(0).await;
    let header = |name: &str| request.headers.get(name).and_then(|value| value.to_str().ok());
    let secret = Secret::new(secret);
    signature::verify(dialect.provider(), &[&secret], header, &request.body, 0, i64::MAX)
        .unwrap_or_else(|error| panic!("{dialect}: {error}"));
    let inside = Api::basic(&gateway.process.url, API_KEY).unwrap();
    let events = inside.get("/waypost/v1/events").await.unwrap();
    assert_eq!(events["items"].as_array().unwrap().len(), 1, "{dialect}: it came by the gateway");
    shell.run(&[&["rollback", "in.plan.journal"], &*ends].concat()).await.ok();
    assert_eq!(account.list().await, before, "{dialect}");
    happens_at(&provider, dialect).await;
    receiver.at_least(2).await;
    for api in [&Api::basic(&provider.process.url, API_KEY).unwrap(), &inside] {
        until_nothing_waits(api).await;
    }
    assert_eq!(receiver.received().len(), 2, "{dialect}");
}

/// An event happens at a provider that a server plays.
async fn happens_at(provider: &Server, dialect: Dialect) {
    let api = Api::basic(&provider.process.url, API_KEY).unwrap();
    let now = Clock::system().now();
    let id = format!("evt_{}", now.millis());
    let facts = Facts {
        domain: super::DOMAIN,
        event_id: &id,
        occurred_at_ms: Clock::system().now().millis(),
        ..Facts::default()
    };
    let payload = body(dialect, Kind::Delivered, &facts).unwrap();
    let payload: Value = serde_json::from_slice(&payload).unwrap();
    let wrapped = json!({"dialect": dialect, "payload": payload});
    let at = format!("/waypost/v1/domains/{}/events", super::DOMAIN);
    api.call(Method::POST, &at, Payload::Json(&wrapped)).await.unwrap();
}
