//! The account that a key is of, and the key that signs for it.

use serde_json::{Value, json};

use super::{DOMAIN, gateway, refused, text};

const ACCOUNT: &str = "/waypost/v1/account";

#[tokio::test]
async fn an_account_is_shown_without_its_signing_key() {
    let gateway = gateway().await;
    let shown = gateway.get(ACCOUNT).await.json();
    assert_eq!(shown["id"], json!(gateway.gateway.account));
    assert_eq!((&shown["name"], &shown["created_at"]).0, "test");
    assert_eq!(shown["public_url"], gateway.settings().public_url);
    assert_eq!(shown.as_object().unwrap().len(), 4, "{shown}");
}

#[tokio::test]
async fn a_signing_key_is_replaced_by_one_that_receivers_know() {
    let gateway = gateway().await;
    let before = gateway.get(ACCOUNT).await.json();
    for key in ["0123456789abcdef0123456789abcdef", " ~", &"x".repeat(512)] {
        let answer = gateway.json("PATCH", ACCOUNT, &json!({ "signing_key": key })).await;
        assert_eq!((answer.status, answer.json()), (200, before.clone()));
        let shown = gateway.get("/v5/accounts/http_signing_key").await.json();
        assert_eq!(shown["http_signing_key"], key);
    }
    for key in [json!(""), json!("x".repeat(513)), json!("sch\u{f6}n"), json!("a\nb"), json!(7)] {
        let answer = gateway.json("PATCH", ACCOUNT, &json!({ "signing_key": key })).await;
        refused(&answer, 400, "invalid", Some("signing_key"));
        assert!(!answer.text().contains("xxx"), "{answer:?}");
    }
    refused(&gateway.json("PATCH", ACCOUNT, &json!({})).await, 400, "invalid", Some("signing_key"));
    let name = gateway.json("PATCH", ACCOUNT, &json!({ "name": "mine" })).await;
    refused(&name, 400, "invalid", Some("name"));
    let shown: Value = gateway.get("/v5/accounts/http_signing_key").await.json();
    assert_eq!(shown["http_signing_key"], "x".repeat(512));
}

#[tokio::test]
async fn only_a_key_for_all_of_the_account_sees_and_signs_for_it() {
    let gateway = gateway().await;
    let wish = json!({ "signing_key": "mine now" });
    for body in [
        json!({ "dialect": "mailgun", "domain": DOMAIN }),
        json!({ "dialect": "mailgun", "scope": "read" }),
        json!({ "dialect": "posthawk" }),
    ] {
        let key = gateway.json("POST", "/waypost/v1/keys", &body).await.json();
        let lesser = gateway.with_key(text(&key["key"]));
        refused(&lesser.get(ACCOUNT).await, 403, "forbidden", None);
        refused(&lesser.json("PATCH", ACCOUNT, &wish).await, 403, "forbidden", None);
    }
    let other = json!({ "name": "other" });
    let other = gateway.json("POST", "/waypost/v1/accounts", &other).await.json();
    let other_key = gateway.with_key(text(&other["key"]["key"]));
    assert_eq!(other_key.get(ACCOUNT).await.json()["id"], other["id"]);
    assert_eq!(other_key.json("PATCH", ACCOUNT, &wish).await.status, 200);
    let own = gateway.get("/v5/accounts/http_signing_key").await.json();
    assert_eq!(own["http_signing_key"], crate::support::SIGNING_KEY);
}
