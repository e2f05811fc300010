//! Test sends: the provider's own answer to them, after a real call to the receiver.

use std::net::TcpListener;
use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use waypost::clock::Clock;
use waypost_compat::signature::verify;
use waypost_compat::{Dialect, Secret};

use super::{DOMAIN, Stage, Subscriber};
use crate::support::receiver::{Answer, Received};

async fn test(stage: &Stage, subscriber: &Subscriber) -> Value {
    let below = format!("/{}/test", subscriber.id);
    stage.call(subscriber, Method::POST, &below, &Value::Null).await.ok()
}

async fn point_at(stage: &Stage, subscriber: &Subscriber, url: &str) {
    let below = format!("/{}", subscriber.id);
    stage.call(subscriber, Method::PATCH, &below, &json!({ "url": url })).await.ok();
}

fn assert_signed(request: &Received, subscriber: &Subscriber) {
    let header = |name: &str| request.headers.get(name).map(|value| value.to_str().unwrap());
    let secret = Secret::new(&*subscriber.secret);
    let now = Clock::system().now().seconds();
    verify(subscriber.dialect.provider(), &[&secret], header, &request.body, now, 60).unwrap();
}

#[tokio::test]
async fn posthawks_test_is_called_test_and_says_what_the_receiver_said() {
    let stage = Stage::start(&[]).await;
    let posthawk = stage.subscribe(Dialect::Posthawk).await;
    stage.receiver.then([Answer::Status(202), Answer::Status(503)]);
    assert_eq!(
        test(&stage, &posthawk).await,
        json!({ "success": true, "status": 202, "body": "" })
    );
    let request = stage.receiver.nth(0).await;
    assert_eq!(request.headers["x-posthawk-event"], "test");
    assert_eq!(request.headers["user-agent"], "Posthawk-Webhook/1.0");
    assert_signed(&request, &posthawk);
    assert!(request.body.starts_with(br#"{"event":"test","#), "{:?}", request.body);
    assert_eq!(request.json()["event_data"]["eventType"], "Test");

    assert_eq!(
        test(&stage, &posthawk).await,
        json!({ "success": false, "status": 503, "body": "" })
    );
    let path = format!("/waypost/v1/deliveries?domain={DOMAIN}");
    assert_eq!(stage.api.get(&path).await["items"], json!([]), "a test is no delivery");
}

#[tokio::test]
async fn wistfares_test_is_a_sample_of_the_first_type_about_no_real_message() {
    let stage = Stage::start(&[]).await;
    let wistfare = stage.subscribe(Dialect::Wistfare).await;
    let below = format!("/{}", wistfare.id);
    let events = json!({ "events": ["email.opened", "email.sent"] });
    stage.call(&wistfare, Method::PATCH, &below, &events).await.ok();
    assert_eq!(test(&stage, &wistfare).await, json!({ "status": 200 }));
    let request = stage.receiver.nth(0).await;
    assert_eq!(request.headers["x-webhook-event"], "email.opened");
    assert_eq!(request.headers["user-agent"], "WistfareMail-Webhook/1.0");
    assert_signed(&request, &wistfare);
    let body = request.json();
    assert_eq!(body["type"], "email.opened");
    assert_eq!(body["data"]["emailId"], "eml_test");
}

#[tokio::test]
async fn a_receiver_that_is_down_or_forbidden_is_status_0_with_the_reason() {
    let stage = Stage::start(&[]).await;
    let posthawk = stage.subscribe(Dialect::Posthawk).await;
    let wistfare = stage.subscribe(Dialect::Wistfare).await;
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (url, reason) in [
        (format!("http://{closed}/"), "refused"),
        ("http://10.0.0.1/".to_owned(), "10.0.0.1"),
        ("http://169.254.169.254/latest/meta-data".to_owned(), "169.254.169.254"),
    ] {
        point_at(&stage, &posthawk, &url).await;
        let answer = test(&stage, &posthawk).await;
        assert_eq!((&answer["success"], &answer["status"]), (&json!(false), &json!(0)), "{url}");
        assert!(answer["body"].as_str().unwrap().contains(reason), "{url}: {answer}");
        point_at(&stage, &wistfare, &url).await;
        assert_eq!(test(&stage, &wistfare).await, json!({ "status": 0 }), "{url}");
    }
    assert!(stage.receiver.received().is_empty());
}

#[tokio::test]
async fn a_receiver_that_hangs_is_given_ten_seconds() {
    let stage = Stage::start(&[]).await;
    let posthawk = stage.subscribe(Dialect::Posthawk).await;
    let wistfare = stage.subscribe(Dialect::Wistfare).await;
    stage.receiver.otherwise(Answer::Hang);
    let clock = Clock::system();
    let begun = clock.now();
    let (one, other) = tokio::join!(test(&stage, &posthawk), test(&stage, &wistfare));
    assert!(clock.now().since(begun) >= Duration::from_secs(10));
    assert_eq!(one, json!({ "success": false, "status": 0, "body": "no answer within 10s" }));
    assert_eq!(other, json!({ "status": 0 }));
}
