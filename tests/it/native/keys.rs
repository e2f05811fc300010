//! Keys: shown once, good for one dialect, and for no more than their maker reaches.

use serde_json::{Value, json};
use waypost_compat::Provider;

use super::{DOMAIN, SOURCES, gateway, items, refused, text};
use crate::support::provider::delivered;

#[tokio::test]
async fn a_key_is_shown_once_and_works_until_it_is_removed() {
    let gateway = gateway().await;
    let body = json!({ "dialect": "mailgun", "description": "for the tests" });
    let created = gateway.json("POST", "/waypost/v1/keys", &body).await;
    assert_eq!(created.status, 201);
    let created = created.json();
    let key = text(&created["key"]).to_owned();
    let mine = gateway.with_key(&key);
    let listed = mine.get("/waypost/v1/keys").await;
    assert!(!listed.text().contains(&key));
    let listed = items(&listed);
    let own = listed.iter().find(|item| item["id"] == created["id"]).unwrap();
    assert_eq!(own["description"], "for the tests");
    assert_eq!(own.get("key"), None);

    let path = format!("/waypost/v1/keys/{}", text(&created["id"]));
    let own = mine.delete(&path).await;
    refused(&own, 409, "key_in_use", None);
    assert_eq!(gateway.delete(&path).await.status, 204);
    refused(&mine.get("/waypost/v1/keys").await, 401, "unauthorized", None);
    let again = gateway.delete(&path).await;
    refused(&again, 404, "not_found", None);
}

#[tokio::test]
async fn each_dialects_keys_look_as_its_clients_expect() {
    let gateway = gateway().await;
    for (dialect, prefix) in [
        ("mailgun", ""),
        ("posthawk", "phk_"),
        ("mailstack", "mst_"),
        ("wistfare", "wm_"),
        ("mailingapi", "ob_live_"),
    ] {
        let body = json!({ "dialect": dialect, "domain": DOMAIN });
        let created = gateway.json("POST", "/waypost/v1/keys", &body).await.json();
        assert!(text(&created["key"]).starts_with(prefix), "{created}");
        assert_eq!((&created["dialect"], &created["domain"]), (&json!(dialect), &json!(DOMAIN)));
        let org = created["org"].as_str().map(|org| org.starts_with("org_"));
        assert_eq!(org, (dialect == "mailstack").then_some(true), "{created}");
    }
    let nowhere = json!({ "dialect": "posthawk", "domain": "other.example" });
    let answer = gateway.json("POST", "/waypost/v1/keys", &nowhere).await;
    refused(&answer, 404, "not_found", None);
}

#[tokio::test]
async fn a_key_may_be_made_for_less_than_everything() {
    let gateway = gateway().await;
    for scope in ["manage", "read", "send"] {
        let body = json!({ "dialect": "wistfare", "scope": scope });
        let created = gateway.json("POST", "/waypost/v1/keys", &body).await;
        assert_eq!((created.status, &created.json()["scope"]), (201, &json!(scope)));
    }
    let unsaid = json!({ "dialect": "wistfare" });
    let unsaid = gateway.json("POST", "/waypost/v1/keys", &unsaid).await.json();
    assert_eq!(unsaid["scope"], "manage");
    let body = json!({ "dialect": "wistfare", "scope": "everything" });
    let refusal = gateway.json("POST", "/waypost/v1/keys", &body).await;
    refused(&refusal, 400, "invalid", Some("scope"));
}

#[tokio::test]
async fn only_a_mailgun_key_opens_the_native_api() {
    let gateway = gateway().await;
    let none = gateway.request("GET", "/waypost/v1/keys", &[], b"").await;
    refused(&none, 401, "unauthorized", None);
    assert_eq!(none.header("www-authenticate"), Some(r#"Basic realm="waypost""#));
    refused(&gateway.with_key("wrong").get("/waypost/v1/keys").await, 401, "unauthorized", None);
    let body = json!({ "dialect": "posthawk" });
    let posthawk = gateway.json("POST", "/waypost/v1/keys", &body).await.json();
    let posthawk = gateway.with_key(text(&posthawk["key"]));
    refused(&posthawk.get("/waypost/v1/keys").await, 403, "forbidden", None);
}

#[tokio::test]
async fn a_key_for_one_domain_reaches_no_further() {
    let gateway = gateway().await;
    gateway.gateway.domain("other.example").await;
    let body = json!({ "dialect": "mailgun", "domain": DOMAIN });
    let created = gateway.json("POST", "/waypost/v1/keys", &body).await.json();
    let bound = gateway.with_key(text(&created["key"]));
    let other = "/waypost/v1/domains/other.example";
    let source = json!({ "dialect": "mailgun" });
    let elsewhere = gateway.json("POST", &format!("{other}/sources"), &source).await.json();
    let event = delivered(Provider::Mailgun, "id-1");
    let taken = gateway.json("POST", &format!("{other}/events"), &event).await.json();

    for path in [
        format!("{other}/sources"),
        format!("/waypost/v1/sources/{}", text(&elsewhere["id"])),
        format!("/waypost/v1/events/{}", text(&taken["id"])),
        format!("/waypost/v1/events/{}/body", text(&taken["id"])),
        "/waypost/v1/events?domain=other.example".to_owned(),
        "/waypost/v1/deliveries?domain=other.example".to_owned(),
        "/waypost/v1/webhooks?domain=other.example".to_owned(),
    ] {
        refused(&bound.get(&path).await, 404, "not_found", None);
    }
    assert_eq!(items(&bound.get("/waypost/v1/events").await), Vec::<Value>::new());
    assert_eq!(items(&bound.get("/waypost/v1/keys").await).len(), 1);
    refused(&bound.get("/waypost/v1/accounts").await, 403, "forbidden", None);

    // Those for all domains are not for these eyes.
    gateway.form("/v1/webhooks", "url=https://all.example/&event_types=opened").await;
    let own = "id=opened&url=https://own.example/";
    gateway.form(&format!("/v3/domains/{DOMAIN}/webhooks"), own).await;
    let webhooks = items(&bound.get("/waypost/v1/webhooks").await);
    assert_eq!(webhooks.len(), 1);
    assert_eq!(webhooks[0]["url"], "https://own.example/");

    let wider = json!({ "dialect": "mailgun" });
    let wider = bound.json("POST", "/waypost/v1/keys", &wider).await;
    refused(&wider, 403, "forbidden", None);
    assert_eq!(bound.json("POST", "/waypost/v1/keys", &body).await.status, 201);
    assert_eq!(bound.json("POST", SOURCES, &source).await.status, 201);
}
