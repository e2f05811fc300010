//! What is there before a transcript's first request, and what happens between its requests.

use serde_json::json;
use waypost::config::Settings;
use waypost::http::App;
use waypost::model::{
    AccountId, Attempt, Delivery, DeliveryState, EndpointLimits, Failure, NextStep, Outcome, Scope,
    WebhookScope, WebhookState,
};
use waypost::store::{Ask, Decision, DeliveryFilter, Page};
use waypost_compat::{Dialect, Provider};

use super::STEP;
use super::names::Names;
use crate::support::http::basic;
use crate::support::provider::delivered;
use crate::support::{Gateway, KEY, account, add_domain};

/// The domain that events are of.
const DOMAIN: &str = "example.com";

const OTHER_KEY: &str = "the key of another account";

/// The settings that a preface asks for.
pub(super) fn settings(preface: &str) -> Settings {
    let mut settings = Settings::default();
    for line in preface.lines().filter_map(|line| line.strip_prefix("given ")) {
        match line.split(' ').collect::<Vec<_>>().as_slice() {
            ["body", "limit", limit] => settings.body_bytes_max = limit.parse().unwrap(),
            ["host", name, "of", dialect] => {
                settings.hosts.push(((*name).to_owned(), dialect.parse().unwrap()));
            }
            ["http", "allowed"] => settings.allow_http = true,
            _ => {}
        }
    }
    settings
}

/// What a line `given …` asks for.
pub(super) async fn given(line: &str, gateway: &Gateway, names: &mut Names) {
    let words: Vec<&str> = line.split(' ').collect();
    match words.as_slice() {
        ["body", "limit", _] | ["host", _, "of", _] | ["http", "allowed"] | ["upstream"] => {}
        ["domain", name] => {
            gateway.domain(name).await;
        }
        ["domain", name, "of", "another", "account"] => {
            let other = AccountId::from_bytes([7; 16]);
            account(&gateway.app, other, OTHER_KEY).await;
            add_domain(&gateway.app, other, name).await;
        }
        ["key", name, "that", what, rest @ ..] => {
            let scope = match *what {
                "manages" => Scope::Manage,
                "reads" => Scope::Read,
                "sends" => Scope::Send,
                other => panic!("a key manages, reads or sends, it does not {other:?}"),
            };
            let (dialect, domain, owner) = match rest {
                [] => (Dialect::Mailgun, None, KEY),
                ["in", dialect] => (dialect.parse().unwrap(), None, KEY),
                ["in", dialect, "of", "another", "account"] => {
                    (dialect.parse().unwrap(), None, OTHER_KEY)
                }
                ["in", dialect, "for", domain] => (dialect.parse().unwrap(), Some(*domain), KEY),
                [domain] => (Dialect::Mailgun, Some(*domain), KEY),
                other => panic!("cannot read {other:?} in {line:?}"),
            };
            issue(name, (dialect, scope, domain), owner, gateway, names).await;
        }
        _ => panic!("cannot read `given {line}`"),
    }
}

/// Has a key issued as its owner would, through the native API. A `MailStack` key comes with the
/// organisation to name, here `{{NAME's org}}`.
async fn issue(
    name: &str,
    (dialect, scope, domain): (Dialect, Scope, Option<&str>),
    owner: &str,
    gateway: &Gateway,
    names: &mut Names,
) {
    let body = json!({ "dialect": dialect, "scope": scope, "domain": domain });
    let made = native(gateway, owner, "/waypost/v1/keys", &body).await;
    let text = |field: &str| made[field].as_str().map(str::to_owned);
    names.values.insert(name.to_owned(), text("key").expect("a key is shown when it is made"));
    if let Some(org) = text("org") {
        names.values.insert(format!("{name}'s org"), org);
    }
}

async fn native(
    gateway: &Gateway,
    key: &str,
    path: &str,
    body: &serde_json::Value,
) -> serde_json::Value {
    let (authorization, body) = (basic("api", key), body.to_string());
    let length = body.len();
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: waypost\r\nAuthorization: {authorization}\r\n\
         Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    let answer = gateway.send(request.as_bytes()).await;
    assert!(answer.status < 300, "{}", answer.text());
    answer.json()
}

/// Does what an exchange says that is no request; `false` if it is one.
pub(super) async fn step(request: &str, gateway: &Gateway) -> bool {
    match request.split(' ').collect::<Vec<_>>().as_slice() {
        ["EVENT", statuses @ ..] => {
            let id = gateway.app.clock.random_hex::<8>();
            let path = format!("/waypost/v1/domains/{DOMAIN}/events");
            native(gateway, KEY, &path, &delivered(Provider::Mailgun, &id)).await;
            for status in statuses {
                attempt(gateway, status.parse().unwrap()).await;
            }
        }
        ["DISABLE"] => disable(&gateway.app, gateway.account).await,
        _ => return false,
    }
    true
}

/// Settles one attempt of every delivery that waits.
async fn attempt(gateway: &Gateway, status: u16) {
    let (store, clock) = (&gateway.store, &gateway.app.clock);
    clock.advance(STEP);
    let waiting =
        DeliveryFilter { state: Some(DeliveryState::Waiting), ..DeliveryFilter::default() };
    let page = Page { after: None, limit: 100 };
    let waiting = store.deliveries(gateway.account, &waiting, &page).await.unwrap().items;
    for Delivery { endpoint, .. } in waiting {
        let now = clock.now();
        let asks = [Ask { endpoint, limit: 100, limits: EndpointLimits::default() }];
        let claims = store.claim(&asks, now, STEP).await.unwrap();
        for claimed in claims.into_iter().flat_map(|claims| claims.deliveries) {
            let outcome = match status {
                0 => Outcome::Failed(Failure::Connect),
                status => Outcome::Answered { status, retry_after: None },
            };
            let attempt = Attempt {
                at: now,
                duration: STEP,
                outcome,
                address: None,
                excerpt: String::new(),
                lost: Vec::new(),
            };
            let delivered = (200..300).contains(&status);
            let next = if delivered { NextStep::Delivered } else { NextStep::RetryAt(now) };
            store.settle(claimed.settled(Some(attempt), next)).await.unwrap();
        }
    }
    store.sync().await.unwrap();
}

async fn disable(app: &App, account: AccountId) {
    for dialect in Dialect::ALL {
        let scope = WebhookScope { account, domain: None, dialect };
        let change = |list: &mut Vec<waypost::model::Webhook>| {
            list.iter_mut().for_each(|webhook| webhook.state = WebhookState::Disabled);
            Decision::Keep
        };
        app.directory.change_webhooks(&scope, Box::new(change)).await.unwrap();
    }
}
