//! Who sees what: accounts, and the one that makes them.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use waypost_compat::Provider;

use super::{DOMAIN, EVENTS, SOURCES, gateway, items, refused, text};
use crate::support::provider::{SECRET, delivered};

#[tokio::test]
async fn another_account_sees_and_touches_nothing() {
    let gateway = gateway().await;
    let source = json!({ "dialect": "mailgun", "secret": SECRET });
    let source = gateway.json("POST", SOURCES, &source).await.json();
    let form = "id=delivered&url=https://a.example/hook";
    gateway.form(&format!("/v3/domains/{DOMAIN}/webhooks"), form).await;
    let event = delivered(Provider::Mailgun, "1");
    let event = gateway.json("POST", EVENTS, &event).await.json();
    let delivery = items(&gateway.get("/waypost/v1/deliveries").await)[0].clone();
    let key = json!({ "dialect": "posthawk" });
    let key = gateway.json("POST", "/waypost/v1/keys", &key).await.json();
    let wide = json!({ "dialect": "mailgun", "secret": SECRET });
    let wide = gateway.json("POST", "/waypost/v1/sources", &wide).await.json();
    let hook = json!({ "dialect": "mailgun", "url": "https://b.example", "events": ["opened"] });
    let hook = gateway.json("POST", "/waypost/v1/webhooks", &hook).await.json();

    let account = gateway.json("POST", "/waypost/v1/accounts", &json!({ "name": "other" })).await;
    assert_eq!(account.status, 201);
    let other = gateway.with_key(text(&account.json()["key"]["key"]));
    let (source, event) = (text(&source["id"]), text(&event["id"]));
    let (delivery, key) = (text(&delivery["id"]), text(&key["id"]));
    let (wide, hook) = (text(&wide["id"]), text(&hook["id"]));
    for (method, path) in [
        ("GET", format!("/waypost/v1/domains/{DOMAIN}")),
        ("PATCH", format!("/waypost/v1/domains/{DOMAIN}")),
        ("GET", SOURCES.to_owned()),
        ("POST", SOURCES.to_owned()),
        ("GET", format!("{SOURCES}/{source}")),
        ("GET", format!("/waypost/v1/sources/{source}")),
        ("PATCH", format!("/waypost/v1/sources/{source}")),
        ("DELETE", format!("/waypost/v1/sources/{source}")),
        ("GET", format!("/waypost/v1/sources/{wide}")),
        ("PATCH", format!("/waypost/v1/sources/{wide}")),
        ("DELETE", format!("/waypost/v1/sources/{wide}")),
        ("GET", format!("/waypost/v1/webhooks/{hook}")),
        ("PATCH", format!("/waypost/v1/webhooks/{hook}")),
        ("DELETE", format!("/waypost/v1/webhooks/{hook}")),
        ("DELETE", format!("/waypost/v1/keys/{key}")),
        ("POST", EVENTS.to_owned()),
        ("GET", format!("/waypost/v1/events/{event}")),
        ("GET", format!("/waypost/v1/events/{event}/body")),
        ("GET", format!("/waypost/v1/deliveries/{delivery}")),
        ("POST", format!("/waypost/v1/deliveries/{delivery}/replay")),
        ("GET", format!("/waypost/v1/webhooks?domain={DOMAIN}")),
    ] {
        let answer = other.call(method, &path, b"{}").await;
        refused(&answer, 404, "not_found", None);
    }
    let by_source = format!("events?source={source}");
    for path in
        ["events", "deliveries", "webhooks", "sources", "events?domain=example.com", &by_source]
    {
        let listed = items(&other.get(&format!("/waypost/v1/{path}")).await);
        assert_eq!(listed, Vec::<Value>::new(), "{path}");
    }
    let theft = json!({ "dialect": "mailgun", "serves": hook });
    let theft = other.json("POST", "/waypost/v1/sources", &theft).await;
    refused(&theft, 404, "not_found", Some("serves"));
    let into = json!({
        "dialect": "mailgun", "domain": DOMAIN, "url": "https://b.example", "events": ["opened"],
    });
    refused(&other.json("POST", "/waypost/v1/webhooks", &into).await, 404, "not_found", None);
    assert_eq!(items(&other.get("/waypost/v1/keys").await).len(), 1);
    // And nothing of it has happened.
    assert_eq!(items(&gateway.get(SOURCES).await).len(), 1);
    assert_eq!(items(&gateway.get("/waypost/v1/deliveries").await).len(), 1);
    assert_eq!(items(&gateway.get("/waypost/v1/keys").await).len(), 2);
    assert_eq!(items(&gateway.get("/waypost/v1/sources").await).len(), 2);
    assert_eq!(items(&gateway.get("/waypost/v1/webhooks").await).len(), 2);
}

#[tokio::test]
async fn only_the_first_accounts_key_makes_and_lists_accounts() {
    let gateway = gateway().await;
    gateway.wait(Duration::from_secs(1));
    let nameless = gateway.json("POST", "/waypost/v1/accounts", &json!({ "name": " " })).await;
    refused(&nameless, 400, "invalid", Some("name"));
    let account = gateway.json("POST", "/waypost/v1/accounts", &json!({ "name": "other" })).await;
    let other = gateway.with_key(text(&account.json()["key"]["key"]));
    let name = json!({ "name": "third" });
    refused(&other.json("POST", "/waypost/v1/accounts", &name).await, 403, "forbidden", None);
    refused(&other.get("/waypost/v1/accounts").await, 403, "forbidden", None);
    let accounts = items(&gateway.get("/waypost/v1/accounts").await);
    let names: BTreeSet<&str> = accounts.iter().map(|account| text(&account["name"])).collect();
    assert_eq!(names, BTreeSet::from(["other", "test"]));
}
