//! Webhooks of any dialect, brought along with their ids, secrets and states.

use serde_json::{Value, json};
use waypost_compat::Dialect;

use super::{DOMAIN, gateway, items, message, refused, text};
use crate::support::http::Answer;
use crate::support::native::Owner;

const WEBHOOKS: &str = "/waypost/v1/webhooks";
const URL: &str = "https://a.example/hook";

impl Owner {
    async fn register(&self, wish: &Value) -> Answer {
        self.json("POST", WEBHOOKS, wish).await
    }
}

/// A wish for a webhook with one event name.
fn wish(dialect: Dialect, domain: Option<&str>) -> Value {
    let name = match dialect {
        Dialect::Mailgun | Dialect::MailingApi => "delivered",
        Dialect::Posthawk => "delivery",
        Dialect::MailStack => "*",
        Dialect::Wistfare => "email.delivered",
    };
    let mut wish = json!({ "dialect": dialect, "url": URL, "events": [name] });
    if let Some(domain) = domain {
        wish["domain"] = json!(domain);
    }
    wish
}

fn with(mut wish: Value, more: &Value) -> Value {
    for (name, value) in more.as_object().unwrap() {
        wish[name] = value.clone();
    }
    wish
}

#[tokio::test]
async fn a_webhook_of_each_dialect_and_scope_is_made_shown_and_removed() {
    let gateway = gateway().await;
    for dialect in Dialect::ALL {
        for domain in [None, Some(DOMAIN)] {
            let made = gateway.register(&wish(dialect, domain)).await;
            assert_eq!(made.status, 201, "{made:?}");
            let mut made = made.json();
            // Shown this once, where there is one of its own.
            let secret = made.as_object_mut().unwrap().remove("secret");
            let own = secret.is_some_and(|secret| text(&secret).starts_with("whsec_"));
            assert_eq!(own, dialect != Dialect::Mailgun);
            assert_eq!((&made["domain"], &made["state"]), (&json!(domain), &json!("active")));
            let path = format!("{WEBHOOKS}/{}", text(&made["id"]));
            assert_eq!(gateway.get(&path).await.json(), made);
            assert_eq!(gateway.delete(&path).await.status, 204);
            refused(&gateway.delete(&path).await, 404, "not_found", None);
        }
    }
    assert_eq!(items(&gateway.get(WEBHOOKS).await), Vec::<Value>::new());
}

#[tokio::test]
async fn what_was_brought_along_is_kept_as_it_was() {
    let gateway = gateway().await;
    let id = format!("whk_{}", "0badc0de".repeat(4));
    let brought = json!({
        "id": id, "secret": "known to its receiver", "state": "paused",
        "description": "of the shop", "signature": "timestamped",
    });
    let made = gateway.register(&with(wish(Dialect::Posthawk, None), &brought)).await;
    assert_eq!(made.status, 201);
    assert!(!made.text().contains("known to"), "whoever gave it has it");
    let made = made.json();
    for field in ["id", "state", "description", "signature"] {
        assert_eq!(made[field], brought[field], "{field}");
    }
    let account = gateway.gateway.account;
    let stored = gateway.gateway.store.webhook(account, id.parse().unwrap()).await;
    let secret = stored.unwrap().unwrap().secret.unwrap();
    assert_eq!(secret.expose(), "known to its receiver");
    // Its dialect's own API shows it, too.
    let key = gateway.json("POST", "/waypost/v1/keys", &json!({ "dialect": "posthawk" })).await;
    let key = key.json()["key"].clone();
    let listed = gateway.request("GET", "/v1/webhooks", &[("X-API-Key", text(&key))], b"").await;
    assert!(listed.text().contains(URL), "{listed:?}");
}

#[tokio::test]
async fn an_id_that_is_in_use_answers_the_same_whoever_has_it() {
    let gateway = gateway().await;
    let other = json!({ "name": "other" });
    let other = gateway.json("POST", "/waypost/v1/accounts", &other).await.json();
    let other = gateway.with_key(text(&other["key"]["key"]));
    let made = gateway.register(&wish(Dialect::Posthawk, None)).await.json();
    let same_id = json!({ "id": made["id"] });
    let answers = [
        gateway.register(&with(wish(Dialect::Posthawk, None), &same_id)).await,
        gateway.register(&with(wish(Dialect::Posthawk, Some(DOMAIN)), &same_id)).await,
        gateway.register(&with(wish(Dialect::Mailgun, None), &same_id)).await,
        other.register(&with(wish(Dialect::Posthawk, None), &same_id)).await,
    ];
    for answer in &answers {
        refused(answer, 409, "taken", Some("id"));
        assert_eq!(answer.text(), answers[0].text());
    }
    assert_eq!(items(&gateway.get(WEBHOOKS).await).len(), 1);
    assert_eq!(items(&other.get(WEBHOOKS).await).len(), 0);
    // Mailgun's API knows its account's webhooks by the first half of their ids alone.
    let hex = "0badc0de".repeat(3);
    let ids = ["00000000", "11111111"].map(|end| json!({ "id": format!("whk_{hex}{end}") }));
    let first = with(wish(Dialect::Mailgun, None), &ids[0]);
    assert_eq!(gateway.register(&first).await.status, 201);
    let second = with(with(wish(Dialect::Mailgun, None), &ids[1]), &json!({ "url": "http://b" }));
    refused(&gateway.register(&second).await, 409, "taken", Some("id"));
    // Once it is gone, the id is free.
    gateway.delete(&format!("{WEBHOOKS}/{}", text(&made["id"]))).await;
    let again = other.register(&with(wish(Dialect::Posthawk, None), &same_id)).await;
    assert_eq!(again.status, 201);
}

#[tokio::test]
async fn of_two_that_want_one_id_at_the_same_moment_one_gets_it() {
    let gateway = gateway().await;
    for round in 0..20 {
        let id = json!({ "id": format!("whk_{round:032x}") });
        let (one, other) = (wish(Dialect::Posthawk, None), wish(Dialect::Wistfare, Some(DOMAIN)));
        let (one, other) = (with(one, &id), with(other, &id));
        let (one, other) = tokio::join!(gateway.register(&one), gateway.register(&other));
        let mut statuses = [one.status, other.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 409]);
    }
}

#[tokio::test]
async fn what_a_dialects_own_api_refuses_is_refused_with_the_field() {
    let gateway = gateway().await;
    let (mailgun, wistfare) = (wish(Dialect::Mailgun, Some(DOMAIN)), wish(Dialect::Wistfare, None));
    let stack = wish(Dialect::MailStack, None);
    for (wish, more, field) in [
        (&mailgun, json!({ "events": ["delivered", "opened"] }), "events"),
        (&mailgun, json!({ "events": ["Delivery"] }), "events"),
        (&mailgun, json!({ "events": [] }), "events"),
        (&mailgun, json!({ "events": "delivered" }), "events"),
        (&mailgun, json!({ "events": null }), "events"),
        (&mailgun, json!({ "secret": "one" }), "secret"),
        (&mailgun, json!({ "url": "ftp://a.example" }), "url"),
        (&mailgun, json!({ "url": 7 }), "url"),
        (&wistfare, json!({ "url": "http://a.example" }), "url"),
        (&wistfare, json!({ "url": format!("https://{}", "a".repeat(3000)) }), "url"),
        (&wistfare, json!({ "events": ["*"] }), "events"),
        (&wistfare, json!({ "secret": "" }), "secret"),
        (&wistfare, json!({ "secret": "x".repeat(513) }), "secret"),
        (&wistfare, json!({ "state": "disabled" }), "state"),
        (&wistfare, json!({ "signature": "timestamped" }), "signature"),
        (&wistfare, json!({ "description": "x".repeat(501) }), "description"),
        (&wistfare, json!({ "id": "wh_1" }), "id"),
        (&wistfare, json!({ "kinds": ["delivered"] }), "kinds"),
        (&stack, json!({ "events": ["*", "Delivered"] }), "events"),
        (&stack, json!({ "domain": "no domain!" }), "domain"),
    ] {
        let answer = gateway.register(&with(wish.clone(), &more)).await;
        refused(&answer, 400, "invalid", Some(field));
    }
    let pigeon = with(stack.clone(), &json!({ "dialect": "pigeon" }));
    refused(&gateway.register(&pigeon).await, 400, "unknown_dialect", Some("dialect"));
    let nowhere = with(stack, &json!({ "domain": "other.example" }));
    refused(&gateway.register(&nowhere).await, 404, "not_found", None);
    refused(&gateway.call("POST", WEBHOOKS, b"[]").await, 400, "malformed", None);
    assert_eq!(items(&gateway.get(WEBHOOKS).await), Vec::<Value>::new());
}

#[tokio::test]
async fn a_mailgun_event_name_has_three_urls_and_none_twice() {
    let gateway = gateway().await;
    for domain in [None, Some(DOMAIN)] {
        let wish = |url: &str| with(wish(Dialect::Mailgun, domain), &json!({ "url": url }));
        for number in 1..=3 {
            let made = gateway.register(&wish(&format!("https://{number}.example/"))).await;
            assert_eq!(made.status, 201);
        }
        let fourth = gateway.register(&wish("https://4.example/")).await;
        refused(&fourth, 409, "limit_reached", Some("events"));
        let twice = gateway.register(&wish("https://1.example/")).await;
        refused(&twice, 409, "taken", Some("events"));
        assert!(message(&twice).contains("already exists for event type delivered"));
    }
    let shown = gateway.get(&format!("/v3/domains/{DOMAIN}/webhooks/delivered")).await.json();
    let urls = json!(["https://1.example/", "https://2.example/", "https://3.example/"]);
    assert_eq!(shown["webhook"]["urls"], urls);
    // Names of before are understood, and the account's have as many as there are.
    let several = json!({ "url": "https://b.example/", "events": ["opened", "bounce"] });
    let several = gateway.register(&with(wish(Dialect::Mailgun, None), &several)).await.json();
    assert_eq!(several["events"], json!(["opened", "permanent_fail"]));
}

#[tokio::test]
async fn a_bound_key_registers_and_removes_for_its_domain_only() {
    let gateway = gateway().await;
    let key = json!({ "dialect": "mailgun", "domain": DOMAIN });
    let key = gateway.json("POST", "/waypost/v1/keys", &key).await.json();
    let bound = gateway.with_key(text(&key["key"]));
    gateway.gateway.domain("other.example").await;
    for dialect in Dialect::ALL {
        refused(&bound.register(&wish(dialect, None)).await, 403, "forbidden", None);
        let elsewhere = bound.register(&wish(dialect, Some("other.example"))).await;
        refused(&elsewhere, 404, "not_found", None);
        assert_eq!(bound.register(&wish(dialect, Some(DOMAIN))).await.status, 201);
        let wide = gateway.register(&wish(dialect, None)).await.json();
        let path = format!("{WEBHOOKS}/{}", text(&wide["id"]));
        refused(&bound.delete(&path).await, 404, "not_found", None);
        assert_eq!(gateway.get(&path).await.status, 200);
    }
}
