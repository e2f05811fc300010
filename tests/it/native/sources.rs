//! Sources: what they are, what they cannot be, and that they keep their secrets.

use serde_json::{Value, json};
use waypost_compat::Provider;

use super::{DOMAIN, SOURCES, gateway, items, message, refused, text};
use crate::support::provider::SECRET;

#[tokio::test]
async fn a_source_lives_from_post_to_delete_and_never_shows_its_secret() {
    let gateway = gateway().await;
    let body = json!({ "dialect": "posthawk", "secret": SECRET });
    let created = gateway.json("POST", SOURCES, &body).await;
    assert_eq!(created.status, 201);
    let source = created.json();
    let id = text(&source["id"]).to_owned();
    let url = format!("{}/ingest/{id}", gateway.settings().public_url);
    assert_eq!(source["ingest_url"], url);
    assert_eq!((&source["domain"], &source["dialect"]), (&json!(DOMAIN), &json!("posthawk")));
    assert_eq!((&source["enabled"], &source["has_secret"]), (&json!(true), &json!(true)));

    let (below, plain) = (format!("{SOURCES}/{id}"), format!("/waypost/v1/sources/{id}"));
    for path in [&below, &plain] {
        assert_eq!(gateway.get(path).await.json(), source);
    }
    assert_eq!(items(&gateway.get(SOURCES).await), [source]);

    let changed = gateway.json("PATCH", &below, &json!({ "enabled": false })).await;
    assert_eq!((changed.status, &changed.json()["enabled"]), (200, &json!(false)));
    assert_eq!(changed.json()["has_secret"], true, "what is not named stays");
    for answer in [&created, &changed, &gateway.get(SOURCES).await] {
        let text = answer.text();
        assert!(!text.contains(SECRET), "{text}");
    }

    assert_eq!(gateway.delete(&plain).await.status, 204);
    refused(&gateway.get(&plain).await, 404, "not_found", None);
    assert_eq!(items(&gateway.get(SOURCES).await), Vec::<Value>::new());
}

#[tokio::test]
async fn what_a_source_cannot_be_is_refused_with_the_field() {
    let gateway = gateway().await;
    let refuse = async |body: Value| gateway.json("POST", SOURCES, &body).await;
    let unknown = refuse(json!({ "dialect": "posthawk", "secrte": "x", "on": 1 })).await;
    refused(&unknown, 400, "invalid", Some("secrte"));
    assert!(message(&unknown).contains("`secrte`, `on`"), "{}", message(&unknown));

    let nobody = refuse(json!({ "dialect": "nobody" })).await;
    refused(&nobody, 400, "unknown_dialect", Some("dialect"));
    for provider in Provider::ALL {
        assert!(message(&nobody).contains(provider.as_str()), "{}", message(&nobody));
    }

    refused(&refuse(json!({})).await, 400, "invalid", Some("dialect"));
    refused(&refuse(json!({ "dialect": 7 })).await, 400, "invalid", Some("dialect"));
    refused(&refuse(json!([])).await, 400, "malformed", None);
    let empty = json!({ "dialect": "mailgun", "secret": "" });
    refused(&refuse(empty).await, 400, "invalid", Some("secret"));
    let long = json!({ "dialect": "mailgun", "secret": "x".repeat(513) });
    refused(&refuse(long).await, 400, "invalid", Some("secret"));
    let text = json!({ "dialect": "mailgun", "enabled": "yes" });
    refused(&refuse(text).await, 400, "invalid", Some("enabled"));
    let broken = gateway.call("POST", SOURCES, b"{\"dialect\"").await;
    refused(&broken, 400, "malformed", None);
    assert_eq!(items(&gateway.get(SOURCES).await), Vec::<Value>::new());
}

#[tokio::test]
async fn a_domain_that_is_not_there_is_answered_with_how_to_create_it() {
    let gateway = gateway().await;
    let path = "/waypost/v1/domains/other.example/sources";
    let answer = gateway.json("POST", path, &json!({ "dialect": "mailgun" })).await;
    refused(&answer, 404, "not_found", None);
    assert!(message(&answer).contains("waypost domain add other.example"));
    let nonsense = gateway.get("/waypost/v1/domains/a%20b/sources").await;
    refused(&nonsense, 400, "invalid", Some("domain"));
}

#[tokio::test]
async fn a_source_is_found_below_its_own_domain_only() {
    let gateway = gateway().await;
    gateway.gateway.domain("other.example").await;
    let created = gateway.json("POST", SOURCES, &json!({ "dialect": "mailgun" })).await.json();
    let elsewhere = format!("/waypost/v1/domains/other.example/sources/{}", text(&created["id"]));
    refused(&gateway.get(&elsewhere).await, 404, "not_found", None);
    let gone = gateway.delete(&elsewhere).await;
    refused(&gone, 404, "not_found", None);
    assert_eq!(items(&gateway.get(SOURCES).await).len(), 1);
}

#[tokio::test]
async fn keeping_the_previous_secret_makes_sense_only_beside_a_new_one() {
    let gateway = gateway().await;
    let created = gateway.json("POST", SOURCES, &json!({ "dialect": "mailgun" })).await.json();
    let path = format!("/waypost/v1/sources/{}", text(&created["id"]));
    let answer = gateway.json("PATCH", &path, &json!({ "keep_previous": true })).await;
    refused(&answer, 400, "invalid", Some("keep_previous"));
}

#[tokio::test]
async fn of_two_changes_at_the_same_moment_neither_undoes_the_other() {
    let gateway = gateway().await;
    for _ in 0..20 {
        let created = gateway.json("POST", SOURCES, &json!({ "dialect": "mailgun" })).await.json();
        let path = format!("/waypost/v1/sources/{}", text(&created["id"]));
        let (off, secret) = (json!({ "enabled": false }), json!({ "secret": SECRET }));
        tokio::join!(gateway.json("PATCH", &path, &off), gateway.json("PATCH", &path, &secret));
        let source = gateway.get(&path).await.json();
        assert_eq!((&source["enabled"], &source["has_secret"]), (&json!(false), &json!(true)));
    }
}

const WIDE: &str = "/waypost/v1/sources";

#[tokio::test]
async fn a_source_for_all_domains_lives_beside_those_of_one() {
    let gateway = gateway().await;
    let body = json!({ "dialect": "mailgun", "secret": SECRET });
    let wide = gateway.json("POST", WIDE, &body).await;
    assert_eq!(wide.status, 201);
    let wide = wide.json();
    assert_eq!((&wide["domain"], &wide["serves"]), (&Value::Null, &json!("all")));
    gateway.wait(std::time::Duration::from_secs(1));
    let own = gateway.json("POST", SOURCES, &body).await.json();
    assert_eq!((&own["domain"], &own["serves"]), (&json!(DOMAIN), &json!("all")));
    assert_eq!(items(&gateway.get(WIDE).await), [wide.clone(), own.clone()]);
    assert_eq!(items(&gateway.get(SOURCES).await), [own]);

    let id = text(&wide["id"]);
    refused(&gateway.get(&format!("{SOURCES}/{id}")).await, 404, "not_found", None);
    let path = format!("{WIDE}/{id}");
    assert_eq!(gateway.get(&path).await.json(), wide);
    let off = gateway.json("PATCH", &path, &json!({ "enabled": false })).await.json();
    assert_eq!((&off["enabled"], &off["serves"]), (&json!(false), &json!("all")));
    gateway
        .gateway
        .app
        .directory
        .remove_domain(gateway.gateway.account, &DOMAIN.parse().unwrap())
        .await
        .unwrap();
    assert_eq!(items(&gateway.get(WIDE).await).len(), 1, "it outlives every domain");
    assert_eq!(gateway.delete(&path).await.status, 204);
}

#[tokio::test]
async fn what_a_source_serves_is_said_at_once_or_later() {
    let gateway = gateway().await;
    let row = json!({ "dialect": "mailgun", "url": "https://a.example", "events": ["opened"] });
    let row = gateway.json("POST", "/waypost/v1/webhooks", &row).await.json();
    for path in [SOURCES, WIDE] {
        let source = json!({ "dialect": "mailgun", "serves": row["id"] });
        let source = gateway.json("POST", path, &source).await.json();
        assert_eq!(source["serves"], row["id"]);
        let one = format!("{WIDE}/{}", text(&source["id"]));
        for serves in ["account", "all"] {
            let changed = gateway.json("PATCH", &one, &json!({ "serves": serves })).await.json();
            assert_eq!(changed["serves"], serves);
            let kept = gateway.json("PATCH", &one, &json!({ "serves": null })).await.json();
            assert_eq!(kept["serves"], serves);
        }
        let domain = gateway.json("PATCH", &one, &json!({ "serves": "domain" })).await;
        assert_eq!(domain.status, if path == WIDE { 400 } else { 200 }, "{domain:?}");
    }
}

#[tokio::test]
async fn what_a_source_cannot_serve_is_refused() {
    let gateway = gateway().await;
    gateway.gateway.domain("other.example").await;
    let hook = async |dialect: &str, domain: Option<&str>, event: &str| {
        let hook = json!({
            "dialect": dialect, "domain": domain, "url": "https://a.example", "events": [event],
        });
        gateway.json("POST", "/waypost/v1/webhooks", &hook).await.json()["id"].clone()
    };
    let stack = hook("mailstack", None, "*").await;
    let elsewhere = hook("mailgun", Some("other.example"), "opened").await;
    for (serves, status, code) in [
        (json!("everything"), 400, "invalid"),
        (json!(""), 400, "invalid"),
        (json!(7), 400, "invalid"),
        (json!(["all"]), 400, "invalid"),
        (json!(format!("whk_{}", "0".repeat(32))), 404, "not_found"),
        (stack, 400, "invalid"),
        (elsewhere.clone(), 400, "invalid"),
    ] {
        let source = json!({ "dialect": "mailgun", "serves": serves });
        let answer = gateway.json("POST", SOURCES, &source).await;
        refused(&answer, status, code, Some("serves"));
    }
    let wide = json!({ "dialect": "mailgun", "serves": "domain" });
    refused(&gateway.json("POST", WIDE, &wide).await, 400, "invalid", Some("serves"));
    assert_eq!(items(&gateway.get(WIDE).await), Vec::<Value>::new());
    // A source for all domains may stand for a row of one.
    let wide = json!({ "dialect": "mailgun", "serves": elsewhere });
    assert_eq!(gateway.json("POST", WIDE, &wide).await.status, 201);
}

#[tokio::test]
async fn a_bound_key_has_nothing_to_do_with_sources_for_all_domains() {
    let gateway = gateway().await;
    let key = json!({ "dialect": "mailgun", "domain": DOMAIN });
    let key = gateway.json("POST", "/waypost/v1/keys", &key).await.json();
    let bound = gateway.with_key(text(&key["key"]));
    let body = json!({ "dialect": "mailgun" });
    refused(&bound.json("POST", WIDE, &body).await, 403, "forbidden", None);
    let wide = gateway.json("POST", WIDE, &body).await.json();
    let path = format!("{WIDE}/{}", text(&wide["id"]));
    for method in ["GET", "PATCH", "DELETE"] {
        refused(&bound.call(method, &path, b"{}").await, 404, "not_found", None);
    }
    let own = bound.json("POST", SOURCES, &body).await.json();
    assert_eq!(items(&bound.get(WIDE).await), [own]);
    // Nor can it make its own source feed what it cannot see.
    let row = json!({ "dialect": "mailgun", "url": "https://a.example", "events": ["opened"] });
    let row = gateway.json("POST", "/waypost/v1/webhooks", &row).await.json();
    let theft = json!({ "dialect": "mailgun", "serves": row["id"] });
    refused(&bound.json("POST", SOURCES, &theft).await, 404, "not_found", Some("serves"));
}
