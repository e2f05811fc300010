//! Webhooks across dialects: what no provider's own API has a word for.

use serde_json::{Value, json};
use waypost_compat::signature::Scheme;

use super::{DOMAIN, gateway, items, refused, text};
use crate::support::native::Owner;

/// Registers a Posthawk webhook as a Posthawk client does, and finds it in the list of all.
async fn posthawk_webhook(gateway: &Owner) -> String {
    let key = json!({ "dialect": "posthawk" });
    let key = gateway.json("POST", "/waypost/v1/keys", &key).await.json();
    let headers = [("X-API-Key", text(&key["key"])), ("Content-Type", "application/json")];
    let body = json!({ "url": "https://a.example/hook", "events": ["delivery"] }).to_string();
    let created = gateway.request("POST", "/v1/webhooks", &headers, body.as_bytes()).await;
    assert_eq!(created.status, 201);
    let listed = items(&gateway.get("/waypost/v1/webhooks").await);
    let webhook = listed.iter().find(|item| item["dialect"] == "posthawk").unwrap();
    assert_eq!(webhook["signature"], "body");
    format!("/waypost/v1/webhooks/{}", text(&webhook["id"]))
}

#[tokio::test]
async fn a_webhooks_signature_is_chosen_among_its_dialects() {
    let gateway = gateway().await;
    let webhook = posthawk_webhook(&gateway).await;
    let changed = gateway.json("PATCH", &webhook, &json!({ "signature": "timestamped" })).await;
    assert_eq!((changed.status, &changed.json()["signature"]), (200, &json!("timestamped")));
    assert_eq!(gateway.get(&webhook).await.json()["signature"], "timestamped");
    let id = webhook.rsplit('/').next().unwrap().parse().unwrap();
    let account = gateway.gateway.store.accounts().await.unwrap()[0].id;
    let stored = gateway.gateway.store.webhook(account, id).await.unwrap().unwrap();
    assert_eq!(stored.scheme, Some(Scheme::PosthawkTimestamped));

    let unknown = gateway.json("PATCH", &webhook, &json!({ "signature": "token" })).await;
    refused(&unknown, 400, "invalid", Some("signature"));
    let expected = "expected `body` or `timestamped` for posthawk, found";
    assert!(unknown.text().contains(expected), "{}", unknown.text());
    let nothing = gateway.json("PATCH", &webhook, &json!({})).await;
    refused(&nothing, 400, "invalid", Some("signature"));
    let other = gateway.json("PATCH", &webhook, &json!({ "url": "https://b.example" })).await;
    refused(&other, 400, "invalid", Some("url"));
}

#[tokio::test]
async fn a_webhook_is_its_accounts_and_a_bound_key_does_not_reach_beyond_its_domain() {
    let gateway = gateway().await;
    let webhook = posthawk_webhook(&gateway).await;
    let bound = json!({ "dialect": "mailgun", "domain": DOMAIN });
    let bound = gateway.json("POST", "/waypost/v1/keys", &bound).await.json();
    let other = json!({ "name": "other" });
    let other = gateway.json("POST", "/waypost/v1/accounts", &other).await.json();
    let wish: Value = json!({ "signature": "timestamped" });
    for key in [&bound["key"], &other["key"]["key"]] {
        let stranger = gateway.with_key(text(key));
        refused(&stranger.get(&webhook).await, 404, "not_found", None);
        refused(&stranger.json("PATCH", &webhook, &wish).await, 404, "not_found", None);
    }
    assert_eq!(gateway.get(&webhook).await.json()["signature"], "body");
}
