//! Direct ingest: one event, an array, lines; a result for each.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use waypost::store::EmbeddedOptions;
use waypost_compat::Provider;

use super::{DOMAIN, EVENTS, gateway, items, refused, text};
use crate::support::native::Owner;
use crate::support::provider::{self, delivered};

#[tokio::test]
async fn one_event_is_answered_for_itself_whole_or_bare() {
    let gateway = gateway().await;
    let bare = delivered(Provider::Mailgun, "id-1");
    let taken = gateway.json("POST", EVENTS, &bare).await;
    assert_eq!((taken.status, text(&taken.json()["status"])), (200, "accepted"));
    // The whole webhook of the same event; nobody checks its signature here.
    let whole = provider::post(Provider::Mailgun, "any", &bare, 0, "1").body;
    let again = gateway.call("POST", EVENTS, whole.as_bytes()).await.json();
    assert_eq!((&again["id"], text(&again["status"])), (&taken.json()["id"], "duplicate"));
    let shown = gateway.get(&format!("/waypost/v1/events/{}", text(&again["id"]))).await.json();
    assert_eq!((&shown["source"], &shown["duplicates"]), (&Value::Null, &json!(1)));
}

#[tokio::test]
async fn every_providers_event_comes_in_by_parameter_and_by_wrapper() {
    let gateway = gateway().await;
    for provider in Provider::ALL {
        let path = format!("{EVENTS}?dialect={provider}");
        let event = delivered(provider, "by-parameter");
        let taken = gateway.json("POST", &path, &event).await.json();
        let shown = format!("/waypost/v1/events/{}", text(&taken["id"]));
        let shown = gateway.get(&shown).await.json();
        assert_eq!((&shown["dialect"], &shown["kind"]), (&json!(provider), &json!("delivered")));

        let event = delivered(provider, "by-wrapper");
        let wrapped = json!({ "dialect": provider, "payload": event });
        let taken = gateway.json("POST", EVENTS, &wrapped).await.json();
        let body = format!("/waypost/v1/events/{}/body", text(&taken["id"]));
        let body = gateway.get(&body).await;
        assert_eq!(body.json(), event, "the wrapper is not part of the event");
    }
    let nobody = gateway.json("POST", &format!("{EVENTS}?dialect=nobody"), &json!({})).await;
    refused(&nobody, 400, "unknown_dialect", Some("dialect"));
}

#[tokio::test]
async fn an_array_and_lines_get_a_result_for_each() {
    let gateway = gateway().await;
    let (one, two) = (delivered(Provider::Mailgun, "1"), delivered(Provider::Mailgun, "2"));
    let array = json!([one, {}, one, { "dialect": "nobody", "payload": {} }, two]);
    let answer = gateway.json("POST", EVENTS, &array).await;
    assert_eq!(answer.status, 200);
    let results = items(&answer);
    let statuses: Vec<&str> = results.iter().map(|item| text(&item["status"])).collect();
    assert_eq!(statuses, ["accepted", "rejected", "duplicate", "rejected", "accepted"]);
    assert_eq!(results[0]["id"], results[2]["id"]);
    assert_eq!(results[1]["error"]["code"], "not_an_event");
    assert_eq!(results[3]["error"]["code"], "unknown_dialect");
    assert!(results.iter().enumerate().all(|(index, item)| item["index"] == index));
    // Durable before the answer: there at once.
    assert_eq!(items(&gateway.get("/waypost/v1/events").await).len(), 2);

    let lines = format!("{one}\n\nnot json\n{}\n", delivered(Provider::Mailgun, "3"));
    for content_type in ["application/x-ndjson; charset=utf-8", "text/plain"] {
        let results = items(&gateway.typed(EVENTS, content_type, lines.as_bytes()).await);
        let third = if content_type.contains("ndjson") { "accepted" } else { "duplicate" };
        let statuses: Vec<&str> = results.iter().map(|item| text(&item["status"])).collect();
        assert_eq!(statuses, ["duplicate", "rejected", third]);
    }
}

#[tokio::test]
async fn what_holds_no_events_is_refused_as_a_whole() {
    let gateway = gateway().await;
    let refuse = async |body: &str| gateway.call("POST", EVENTS, body.as_bytes()).await;
    refused(&refuse("").await, 400, "malformed", None);
    refused(&refuse("[{}").await, 400, "malformed", None);
    refused(&refuse(&"[".repeat(1 << 20)).await, 400, "malformed", None);
    refused(&refuse(&"{}\n".repeat(1001)).await, 413, "too_many", None);
    let blank = " ".repeat((1 << 20) + 1);
    refused(&refuse(&blank).await, 413, "too_large", None);
    let misnamed = gateway.json("POST", EVENTS, &json!({ "event": [] })).await;
    refused(&misnamed, 422, "not_an_event", Some("event-data.event"));
    assert_eq!(items(&refuse("[]").await), Vec::<Value>::new());
    assert_eq!(items(&gateway.get("/waypost/v1/events").await), Vec::<Value>::new());
}

#[tokio::test]
async fn a_thousand_events_come_in_by_one_request() {
    let gateway = gateway().await;
    let lines: Vec<String> = (0..1000)
        .map(|id| json!({ "event": "opened", "id": format!("{id}"), "timestamp": 1.5 }).to_string())
        .collect();
    let body = lines.join("\n");
    let results = items(&gateway.call("POST", EVENTS, body.as_bytes()).await);
    assert!(results.iter().all(|item| item["status"] == "accepted"));
    let ids: BTreeSet<&str> = results.iter().map(|item| text(&item["id"])).collect();
    assert_eq!(ids.len(), 1000);
}

#[tokio::test]
async fn what_a_busy_store_does_not_take_is_said_and_can_be_sent_again() {
    let queue = EmbeddedOptions { queue_limit: 4, ..EmbeddedOptions::default() };
    let gateway = Owner::over(queue, DOMAIN).await;
    let events: Vec<Value> =
        (0..200).map(|id| delivered(Provider::Mailgun, &id.to_string())).collect();
    let answer = gateway.json("POST", EVENTS, &json!(events)).await;
    refused(&answer, 503, "unavailable", None);
    let wait_s: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait_s));
    let taken = |result: &Value| result["status"] == "accepted";
    let results = items(&answer);
    assert!(results.iter().any(taken), "what the queue had room for is durable");
    for (event, result) in events.iter().zip(&results) {
        let again = gateway.json("POST", EVENTS, event).await.json();
        let expected = if taken(result) { "duplicate" } else { "accepted" };
        assert_eq!(again["status"], expected, "{result}");
    }
    let metrics = gateway.get("/metrics").await.text();
    assert!(metrics.lines().any(|line| line == "waypost_store_events 200"), "{metrics}");
}
