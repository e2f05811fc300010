//! Endpoints: listed with what waits, limited and paused by their owner, and by nobody else.

use serde_json::{Value, json};
use waypost_compat::{Dialect, Provider};

use super::{DOMAIN, EVENTS, gateway, items, message, refused, text};
use crate::support::native::Owner;
use crate::support::provider::delivered;

const ENDPOINTS: &str = "/waypost/v1/endpoints";

async fn subscribe(gateway: &Owner, name: &str, url: &str) {
    let path = format!("/v3/domains/{DOMAIN}/webhooks");
    assert_eq!(gateway.form(&path, &format!("id={name}&url={url}")).await.status, 200);
}

#[tokio::test]
async fn webhooks_on_one_url_share_an_endpoint_that_shows_what_waits() {
    let gateway = gateway().await;
    assert_eq!(items(&gateway.get(ENDPOINTS).await), Vec::<Value>::new());
    for name in ["delivered", "opened"] {
        subscribe(&gateway, name, "https://a.example/hook").await;
    }
    subscribe(&gateway, "clicked", "https://b.example/hook").await;
    gateway.json("POST", EVENTS, &delivered(Provider::Mailgun, "1")).await;
    let listed = items(&gateway.get(ENDPOINTS).await);
    assert_eq!(listed.len(), 2);
    let shared = listed.iter().find(|found| found["url"] == "https://a.example/hook").unwrap();
    assert_eq!(shared["webhooks"].as_array().unwrap().len(), 2);
    assert_eq!((&shared["dialect"], &shared["domain"]), (&json!("mailgun"), &json!(DOMAIN)));
    assert_eq!((&shared["waiting"], &shared["waiting_more"]), (&json!(1), &json!(false)));
    assert!(text(&shared["oldest_waiting_at"]).ends_with('Z'));
    assert_eq!(shared["limits"], json!({ "rate": null, "concurrency": 64 }));
    let health = json!({
        "failures": 0, "first_failure_at": null, "last_failure": null,
        "breaker": "closed", "open_since": null, "next_probe_at": null,
    });
    assert_eq!(shared["health"], health);

    let path = format!("{ENDPOINTS}/{}", text(&shared["id"]));
    assert_eq!(&gateway.get(&path).await.json(), shared);
    let waiting = format!("/waypost/v1/deliveries?endpoint={}", text(&shared["id"]));
    let waiting = items(&gateway.get(&waiting).await);
    assert_eq!((waiting.len(), &waiting[0]["endpoint_id"]), (1, &shared["id"]));
    let first = items(&gateway.get(&format!("{ENDPOINTS}?limit=1")).await);
    let next = gateway.get(&format!("{ENDPOINTS}?limit=1")).await.json()["next"].clone();
    let rest = items(&gateway.get(&format!("{ENDPOINTS}?limit=1&cursor={}", text(&next))).await);
    assert_eq!([first, rest].concat(), listed);
}

#[tokio::test]
async fn an_owner_sets_limits_and_takes_them_away() {
    let gateway = gateway().await;
    subscribe(&gateway, "delivered", "https://a.example/hook").await;
    let id = items(&gateway.get(ENDPOINTS).await)[0]["id"].clone();
    let path = format!("{ENDPOINTS}/{}", text(&id));
    let set = async |body: Value| gateway.json("PATCH", &path, &body).await;
    let set_to = async |body: Value| {
        let shown = set(body).await.json();
        let fields = ["rate", "concurrency", "paused", "state"];
        fields.map(|field| shown[field].clone())
    };
    let all = json!({ "rate": 2.5, "concurrency": 4, "paused": true });
    assert_eq!(set_to(all).await, [json!(2.5), json!(4), json!(true), json!("paused")]);
    let some = json!({ "paused": false });
    assert_eq!(set_to(some).await, [json!(2.5), json!(4), json!(false), json!("active")]);
    let limits = gateway.get(&path).await.json()["limits"].clone();
    assert_eq!(limits, json!({ "rate": 2.5, "concurrency": 4 }));
    let none = json!({ "rate": null, "concurrency": null });
    assert_eq!(set_to(none).await, [json!(null), json!(null), json!(false), json!("active")]);

    for (body, field) in [
        (json!({ "rate": 0 }), Some("rate")),
        (json!({ "rate": 100_000 }), Some("rate")),
        (json!({ "rate": "fast" }), Some("rate")),
        (json!({ "concurrency": 0 }), Some("concurrency")),
        (json!({ "concurrency": 1.5 }), Some("concurrency")),
        (json!({ "paused": "yes" }), Some("paused")),
        (json!({ "pause": true }), Some("pause")),
    ] {
        refused(&set(body).await, 400, "invalid", field);
    }
    let empty = set(json!({})).await;
    refused(&empty, 400, "malformed", None);
    assert!(message(&empty).contains("`rate`, `concurrency` or `paused`"));
}

#[tokio::test]
async fn an_endpoint_is_its_owners_alone() {
    use waypost::model::Scope;
    let gateway = gateway().await;
    subscribe(&gateway, "delivered", "https://a.example/hook").await;
    let id = items(&gateway.get(ENDPOINTS).await)[0]["id"].clone();
    let path = format!("{ENDPOINTS}/{}", text(&id));
    gateway.gateway.domain("other.example").await;
    let key = gateway.gateway.key(Dialect::Mailgun, Scope::Manage, Some("other.example")).await;
    let bound = gateway.with_key(&key);
    refused(&bound.get(&path).await, 404, "not_found", None);
    let pause = json!({ "paused": true });
    refused(&bound.json("PATCH", &path, &pause).await, 404, "not_found", None);
    assert_eq!(items(&bound.get(ENDPOINTS).await), Vec::<Value>::new());
    for unknown in ["ept_00000000000000000000000000000000", "nonsense", "dlv_1"] {
        let path = format!("{ENDPOINTS}/{unknown}");
        refused(&gateway.get(&path).await, 404, "not_found", None);
    }
}
