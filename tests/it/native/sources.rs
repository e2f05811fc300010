//! Sources: what they are, what they cannot be, and that they keep their secrets.

use serde_json::{Value, json};
use waypost_compat::Dialect;

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

    let pigeon = refuse(json!({ "dialect": "pigeon" })).await;
    refused(&pigeon, 400, "unknown_dialect", Some("dialect"));
    for dialect in Dialect::ALL {
        assert!(message(&pigeon).contains(dialect.as_str()), "{}", message(&pigeon));
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
