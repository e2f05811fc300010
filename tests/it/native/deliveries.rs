//! Deliveries and webhooks, as they are listed, shown and replayed.

use serde_json::{Value, json};
use waypost_compat::Provider;

use super::{DOMAIN, EVENTS, gateway, items, refused, text};
use crate::support::http::Answer;
use crate::support::native::Owner;
use crate::support::provider::delivered;

async fn waiting(gateway: &Owner) -> Value {
    let form = "id=delivered&url=https://user:pass@a.example/hook";
    let path = format!("/v3/domains/{DOMAIN}/webhooks");
    assert_eq!(gateway.form(&path, form).await.status, 200);
    gateway.json("POST", EVENTS, &delivered(Provider::Mailgun, "1")).await.json()
}

#[tokio::test]
async fn a_delivery_is_listed_shown_and_replayed() {
    let gateway = gateway().await;
    let event = waiting(&gateway).await;
    let listed = items(&gateway.get("/waypost/v1/deliveries?state=waiting").await);
    let [delivery] = &listed[..] else { panic!("{listed:?}") };
    assert_eq!((&delivery["event_id"], &delivery["attempts"]), (&event["id"], &json!(0)));
    assert_eq!(delivery["url"], "https://user:pass@a.example/hook");
    assert_eq!((&delivery["dialect"], &delivery["kind"]), (&json!("mailgun"), &json!("delivered")));
    assert!(text(&delivery["next_attempt_at"]).ends_with('Z'));

    let path = format!("/waypost/v1/deliveries/{}", text(&delivery["id"]));
    let shown = gateway.get(&path).await.json();
    assert_eq!((&shown["attempts"], &shown["state"]), (&json!([]), &json!("waiting")));

    let replay = gateway.call("POST", &format!("{path}/replay"), b"").await;
    assert_eq!(replay.status, 202);
    let new = format!("/waypost/v1/deliveries/{}", text(&replay.json()["id"]));
    let new = gateway.get(&new).await.json();
    assert_eq!((&new["replay_of"], &new["event_id"]), (&delivery["id"], &event["id"]));
    let of_event = format!("/waypost/v1/deliveries?event={}", text(&event["id"]));
    assert_eq!(items(&gateway.get(&of_event).await).len(), 2);
    let none = items(&gateway.get("/waypost/v1/deliveries?state=dead").await);
    assert_eq!(none, Vec::<Value>::new());
    let lost = gateway.get("/waypost/v1/deliveries?state=lost").await;
    refused(&lost, 400, "invalid", Some("state"));
}

#[tokio::test]
async fn what_was_sent_to_a_webhook_that_is_gone_is_not_replayed() {
    let gateway = gateway().await;
    waiting(&gateway).await;
    let listed = items(&gateway.get("/waypost/v1/deliveries").await);
    let path = format!("/v3/domains/{DOMAIN}/webhooks/delivered");
    assert_eq!(gateway.delete(&path).await.status, 200);
    let path = format!("/waypost/v1/deliveries/{}/replay", text(&listed[0]["id"]));
    let replay = gateway.call("POST", &path, b"").await;
    refused(&replay, 409, "webhook_gone", None);
}

#[tokio::test]
async fn the_webhooks_of_all_levels_are_listed_page_by_page() {
    let gateway = gateway().await;
    waiting(&gateway).await;
    gateway.gateway.domain("other.example").await;
    let other = "/v3/domains/other.example/webhooks";
    gateway.form(other, "id=opened&url=https://b.example/").await;
    gateway.form("/v1/webhooks", "url=https://c.example/&event_types=opened").await;
    let listed = async |query: &str| gateway.get(&format!("/waypost/v1/webhooks{query}")).await;
    let urls = |page: &Answer| -> Vec<String> {
        items(page).iter().map(|webhook| text(&webhook["url"]).to_owned()).collect()
    };
    let (a, b, c) =
        ("https://user:pass@a.example/hook", "https://b.example/", "https://c.example/");
    assert_eq!(urls(&listed("").await), [c, a, b]);
    let first = listed("?limit=1").await;
    assert_eq!(urls(&first), [c, a]);
    let next = first.json()["next"].as_str().unwrap().to_owned();
    let second = listed(&format!("?limit=1&cursor={next}")).await;
    assert_eq!((urls(&second), &second.json()["next"]), (vec![b.to_owned()], &Value::Null));
    let mut of_domain = urls(&listed("?domain=other.example").await);
    of_domain.sort_unstable();
    assert_eq!(of_domain, [b, c]);
}
