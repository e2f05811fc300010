//! The real binary among receivers good and bad: what it sends, whom it lets wait, how it ends.

use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;
use waypost::clock::Clock;
use waypost_compat::Provider;

use crate::support::api::{Api, Feed};
use crate::support::process::Process;
use crate::support::receiver::{Answer, Receiver};

const DOMAIN: &str = "life.example.com";

#[tokio::test]
async fn each_url_gets_the_same_event_under_a_signature_of_its_own() {
    let data = TempDir::new().unwrap();
    let gateway = Process::start(data.path());
    let receiver = Receiver::start().await;
    let urls = ["/one", "/two?a=1"].map(|path| format!("{}{path}", receiver.url));
    let (api, feed) = prepare(&gateway, &urls).await;
    post(&api, &feed, "1").await;

    let mut received = [receiver.nth(0).await, receiver.nth(1).await];
    received.sort_by(|a, b| a.path.cmp(&b.path));
    let [one, two] = received;
    assert_eq!((one.path.as_str(), two.path.as_str()), ("/one", "/two"));
    assert_eq!(one.headers["content-type"], "application/json");
    let (one, two) = (one.json(), two.json());
    assert_eq!(one["event-data"], two["event-data"]);
    assert_ne!(one["signature"]["token"], two["signature"]["token"]);
}

#[tokio::test]
async fn receivers_that_hang_or_trickle_do_not_hold_up_the_healthy_one() {
    let data = TempDir::new().unwrap();
    let gateway = Process::start(data.path());
    let (hanging, trickling, healthy) =
        (Receiver::start().await, Receiver::start().await, Receiver::start().await);
    hanging.otherwise(Answer::Hang);
    trickling.otherwise(Answer::Trickle(Duration::from_millis(100)));
    let urls = [&hanging, &trickling, &healthy].map(|receiver| receiver.url.clone());
    let (api, feed) = prepare(&gateway, &urls).await;

    // Below the 10 s that one request to a hanging receiver takes, let alone a hundred of them.
    let all = async {
        for number in 0..100 {
            post(&api, &feed, &number.to_string()).await;
        }
        healthy.at_least(100).await;
    };
    let in_time = tokio::time::timeout(Duration::from_secs(9), all).await;
    assert!(in_time.is_ok(), "{} of 100 in 9 s", healthy.received().len());
    hanging.at_least(1).await;
    trickling.at_least(1).await;
}

#[tokio::test]
async fn a_gateway_told_to_end_finishes_what_it_began() {
    let data = TempDir::new().unwrap();
    let gateway = Process::start(data.path());
    let receiver = Receiver::start().await;
    let (api, feed) = prepare(&gateway, std::slice::from_ref(&receiver.url)).await;
    receiver.then([Answer::Late(Duration::from_millis(500), 204)]);
    post(&api, &feed, "begun").await;
    receiver.nth(0).await;
    assert!(gateway.terminate().success());

    let gateway = Process::start(data.path());
    post(&Api::new(&gateway.url), &feed, "next").await;
    let next = receiver.nth(1).await.json();
    assert_eq!(next["event-data"]["id"], "next", "what had been delivered was delivered again");
}

/// A Mailgun source whose `delivered` events go to `urls`.
async fn prepare(gateway: &Process, urls: &[String]) -> (Api, Feed) {
    let api = Api::new(&gateway.url);
    api.create_domain(DOMAIN).await;
    let mut fields = vec![("id", "delivered")];
    fields.extend(urls.iter().map(|url| ("url", url.as_str())));
    api.post_form(&format!("/v3/domains/{DOMAIN}/webhooks"), &fields).await;
    let feed = api.create_source(DOMAIN, Provider::Mailgun).await;
    (api, feed)
}

/// Posts a `delivered` event with this id.
async fn post(api: &Api, feed: &Feed, id: &str) {
    let clock = Clock::system();
    let now = clock.now().millis() / 1000;
    let event = json!({ "event": "delivered", "id": id, "timestamp": 1_795_000_000.25 });
    let event = serde_json::to_vec(&event).unwrap();
    let answer = api.ingest(feed, &event, now, &clock.random_hex::<25>()).await.unwrap();
    assert_eq!(answer.ok()["status"], "accepted");
}
