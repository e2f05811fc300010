//! The vocabulary, and translation without anything stored.

use serde_json::{Value, json};
use waypost_compat::{Dialect, Kind, Provider};

use super::{DOMAIN, gateway, items, refused, text};
use crate::support::provider::delivered;

#[tokio::test]
async fn the_vocabulary_is_the_table_of_names() {
    let gateway = gateway().await;
    let rows = items(&gateway.get("/waypost/v1/vocabulary").await);
    assert_eq!(rows.len(), Kind::ALL.len());
    let deferred = rows.iter().find(|row| row["kind"] == "deferred").unwrap();
    assert_eq!(
        (&deferred["mailgun"], &deferred["mailstack"], &deferred["wistfare"]),
        (&json!("temporary_fail"), &json!("DeliveryDelay"), &Value::Null)
    );
    for dialect in Dialect::ALL {
        let named = rows.iter().filter(|row| !row[dialect.as_str()].is_null()).count();
        assert_eq!(named, dialect.names().len(), "{dialect}");
    }
}

#[tokio::test]
async fn a_payload_is_translated_and_what_was_lost_is_named() {
    let gateway = gateway().await;
    let body = json!({
        "from": "mailgun", "to": "wistfare", "domain": DOMAIN,
        "payload": delivered(Provider::Mailgun, "id-1"),
    });
    let answer = gateway.json("POST", "/waypost/v1/translate", &body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let answer = answer.json();
    assert_eq!(
        (text(&answer["name"]), text(&answer["body"]["type"])),
        ("email.delivered", "email.delivered")
    );
    assert_eq!(answer["body"]["data"]["to"], "user@example.com");
    assert!(answer["lost"].as_array().is_some_and(|lost| !lost.is_empty()), "{answer}");
    assert_eq!(items(&gateway.get("/waypost/v1/events").await), Vec::<Value>::new());
}

#[tokio::test]
async fn what_cannot_be_translated_is_refused_with_the_reason() {
    let gateway = gateway().await;
    let translate = async |body: Value| gateway.json("POST", "/waypost/v1/translate", &body).await;
    let mut unsubscribed = delivered(Provider::Mailgun, "id-1");
    unsubscribed["event"] = json!("unsubscribed");
    let body = json!({ "from": "mailgun", "to": "posthawk", "payload": unsubscribed });
    refused(&translate(body).await, 422, "impossible", Some("to"));
    let body = json!({ "from": "posthawk", "to": "mailgun", "payload": [] });
    let answer = translate(body).await;
    assert_eq!((answer.status, text(&answer.json()["error"]["code"])), (422, "not_an_event"));
    let body = json!({ "from": "nobody", "to": "mailgun", "payload": {} });
    refused(&translate(body).await, 400, "unknown_dialect", Some("dialect"));
    refused(&translate(json!({ "from": "mailgun" })).await, 400, "malformed", None);
}
