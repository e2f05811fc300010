//! `POST /ingest/{source_id}`: what providers may post, what they may not, and what is kept of it.

use std::collections::HashSet;

use serde_json::{Value, json};
use waypost_compat::Provider;

use crate::support::http::Answer;
use crate::support::native::Owner;
use crate::support::provider::{self, Post, SECRET, delivered, misnamed};

const DOMAIN: &str = "example.com";

async fn gateway() -> Owner {
    Owner::of_domain(DOMAIN).await
}

impl Owner {
    /// A new source; its id.
    async fn source(&self, body: &Value) -> String {
        let path = format!("/waypost/v1/domains/{DOMAIN}/sources");
        let created = self.json("POST", &path, body).await;
        assert_eq!(created.status, 201, "{created:?}");
        created.json()["id"].as_str().unwrap().to_owned()
    }

    async fn source_of(&self, provider: Provider) -> String {
        self.source(&json!({ "dialect": provider, "secret": SECRET })).await
    }

    async fn ingest(&self, source: &str, post: &Post) -> Answer {
        let headers: Vec<(&str, &str)> =
            post.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.request("POST", &format!("/ingest/{source}"), &headers, post.body.as_bytes()).await
    }

    async fn events(&self) -> Vec<Value> {
        let listed = self.get("/waypost/v1/events").await.json();
        listed["items"].as_array().unwrap().clone()
    }
}

/// The status of an answer and the code of its error, or what became of the event.
fn outcome(answer: &Answer) -> (u16, String) {
    let body = answer.json();
    let code = || body["error"]["code"].as_str();
    let word = body["status"].as_str().or_else(code);
    (answer.status, word.unwrap_or_else(|| panic!("{answer:?}")).to_owned())
}

#[track_caller]
fn check(answer: &Answer, status: u16, word: &str) {
    assert_eq!(outcome(answer), (status, word.to_owned()), "{answer:?}");
}

#[tokio::test]
async fn every_providers_event_is_taken_and_kept_byte_for_byte() {
    let gateway = gateway().await;
    for provider in Provider::ALL {
        let source = gateway.source_of(provider).await;
        let event = delivered(provider, "id-1");
        let post = provider::post(provider, SECRET, &event, gateway.seconds(), "1");
        let answer = gateway.ingest(&source, &post).await;
        check(&answer, 200, "accepted");

        let id = answer.json()["id"].as_str().unwrap().to_owned();
        let kept = gateway.get(&format!("/waypost/v1/events/{id}")).await.json();
        assert_eq!(kept["dialect"], json!(provider));
        assert_eq!((&kept["kind"], &kept["domain"]), (&json!("delivered"), &json!(DOMAIN)));
        assert_eq!(
            (&kept["source"], &kept["recipient"]),
            (&json!(source), &json!("user@example.com"))
        );
        let bytes = gateway.get(&format!("/waypost/v1/events/{id}/body")).await;
        assert_eq!(bytes.body, post.body.as_bytes(), "{provider}");
    }
}

#[tokio::test]
async fn a_request_that_proves_nothing_is_refused_and_not_kept() {
    let gateway = gateway().await;
    for provider in Provider::ALL {
        let source = gateway.source_of(provider).await;
        let (event, now) = (delivered(provider, "id-1"), gateway.seconds());
        let good = provider::post(provider, SECRET, &event, now, "1");

        let wrong = provider::post(provider, "another secret", &event, now, "1");
        check(&gateway.ingest(&source, &wrong).await, 401, "bad_signature");

        let mut unsigned = good.clone();
        unsigned.headers.truncate(1);
        if provider == Provider::Mailgun {
            unsigned.body = json!({ "event-data": event }).to_string();
        }
        check(&gateway.ingest(&source, &unsigned).await, 401, "missing_signature");

        let mut tampered = good.clone();
        tampered.body = match provider {
            // Its signature covers only what stands in `signature`.
            Provider::Mailgun => {
                tampered.body.replace(&format!("{:0>50}", 1), &format!("{:0>50}", 2))
            }
            _ => tampered.body.replace("user@", "eser@"),
        };
        assert_ne!(tampered.body, good.body);
        check(&gateway.ingest(&source, &tampered).await, 401, "bad_signature");

        check(&gateway.ingest(&source, &good).await, 200, "accepted");
    }
    assert_eq!(gateway.events().await.len(), Provider::ALL.len());
}

#[tokio::test]
async fn a_signature_is_good_only_around_its_time() {
    let gateway = gateway().await;
    let window = i64::try_from(gateway.settings().freshness.as_secs()).unwrap();
    for provider in [Provider::Mailgun, Provider::MailStack, Provider::MailingApi] {
        let source = gateway.source_of(provider).await;
        let event = delivered(provider, "id-1");
        for off in [-window - 30, window + 30] {
            let post = provider::post(provider, SECRET, &event, gateway.seconds() + off, "1");
            check(&gateway.ingest(&source, &post).await, 401, "stale_signature");
        }
        let post = provider::post(provider, SECRET, &event, gateway.seconds() - window + 30, "2");
        check(&gateway.ingest(&source, &post).await, 200, "accepted");
    }
}

#[tokio::test]
async fn a_refusal_says_where_the_signature_belongs_and_never_what_it_should_be() {
    let gateway = gateway().await;
    let source = gateway.source_of(Provider::Posthawk).await;
    let post = Post { headers: Vec::new(), body: "{}".to_owned() };
    let answer = gateway.ingest(&source, &post).await;
    let message = answer.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(message.contains("X-Posthawk-Signature"), "{message}");

    let wrong = provider::raw(Provider::Posthawk, "wrong", "{}".to_owned(), 0);
    let text = gateway.ingest(&source, &wrong).await.text();
    assert!(!text.contains(SECRET) && !text.contains(&provider::mac(SECRET, "{}")), "{text}");
}

#[tokio::test]
async fn a_source_that_is_off_without_a_secret_or_not_there_takes_nothing() {
    let gateway = gateway().await;
    let event = delivered(Provider::Wistfare, "id-1");
    let post = provider::post(Provider::Wistfare, SECRET, &event, 0, "1");

    let bare = gateway.source(&json!({ "dialect": "wistfare" })).await;
    check(&gateway.ingest(&bare, &post).await, 401, "no_secret");

    let off = json!({ "dialect": "wistfare", "secret": SECRET, "enabled": false });
    let off = gateway.source(&off).await;
    check(&gateway.ingest(&off, &post).await, 401, "source_disabled");

    let nobodys = format!("src_{}", "0".repeat(32));
    check(&gateway.ingest(&nobodys, &post).await, 404, "not_found");
    check(&gateway.ingest("nonsense", &post).await, 404, "not_found");
    assert_eq!(gateway.events().await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_repeat_is_answered_as_one_and_counted() {
    let gateway = gateway().await;
    for provider in Provider::ALL {
        let source = gateway.source_of(provider).await;
        let event = delivered(provider, "id-1");
        let first = provider::post(provider, SECRET, &event, gateway.seconds(), "1");
        let first = gateway.ingest(&source, &first).await;
        // Signed anew, as a provider's second attempt is.
        let again = provider::post(provider, SECRET, &event, gateway.seconds() + 1, "2");
        let again = gateway.ingest(&source, &again).await;
        check(&again, 200, "duplicate");
        assert_eq!(again.json()["id"], first.json()["id"]);
        let id = first.json()["id"].as_str().unwrap().to_owned();
        let kept = gateway.get(&format!("/waypost/v1/events/{id}")).await.json();
        assert_eq!(kept["duplicates"], 1, "{provider}");
    }
    assert_eq!(gateway.events().await.len(), Provider::ALL.len());
}

#[tokio::test]
async fn the_same_event_by_another_source_is_another_event() {
    let gateway = gateway().await;
    let event = delivered(Provider::MailingApi, "id-1");
    for _ in 0..2 {
        let source = gateway.source_of(Provider::MailingApi).await;
        let post = provider::post(Provider::MailingApi, SECRET, &event, gateway.seconds(), "1");
        check(&gateway.ingest(&source, &post).await, 200, "accepted");
    }
}

#[tokio::test]
async fn a_mailgun_token_opens_the_door_once() {
    let gateway = gateway().await;
    let source = gateway.source_of(Provider::Mailgun).await;
    let event = delivered(Provider::Mailgun, "id-1");
    let post = provider::post(Provider::Mailgun, SECRET, &event, gateway.seconds(), "1");
    check(&gateway.ingest(&source, &post).await, 200, "accepted");
    // Whoever overheard the request puts a body of their own under its signature.
    let mut forged = post.clone();
    forged.body = forged.body.replace("id-1", "id-2").replace("user@", "victim@");
    check(&gateway.ingest(&source, &forged).await, 200, "duplicate");
    let events = gateway.events().await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["recipient"], "user@example.com");
}

#[tokio::test]
async fn of_the_same_event_twenty_times_at_once_one_is_accepted() {
    let gateway = gateway().await;
    for provider in [Provider::Mailgun, Provider::Posthawk] {
        let source = gateway.source_of(provider).await;
        let event = delivered(provider, "id-1");
        let now = gateway.seconds();
        let posts: Vec<Post> = (0..20)
            .map(|nonce| provider::post(provider, SECRET, &event, now, &nonce.to_string()))
            .collect();
        let answers =
            futures_util::future::join_all(posts.iter().map(|post| gateway.ingest(&source, post)));
        let answers = answers.await;
        let accepted = answers.iter().filter(|a| outcome(a) == (200, "accepted".into())).count();
        let repeats = answers.iter().filter(|a| outcome(a) == (200, "duplicate".into())).count();
        assert_eq!((accepted, repeats), (1, 19), "{provider}");
        let ids: HashSet<String> = answers.iter().map(|a| a.json()["id"].to_string()).collect();
        assert_eq!(ids.len(), 1, "every answer names the one event: {ids:?}");
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_before_it_is_read() {
    let gateway = gateway().await;
    let source = gateway.source_of(Provider::Posthawk).await;
    let path = format!("/ingest/{source}");
    // The body is declared and never sent: the answer cannot have waited for it.
    let declared = gateway.declare(&path, (1 << 20) + 1).await;
    check(&declared, 413, "too_large");
    // The last chunk is never sent either.
    let mut chunks = vec![&[b' '; 64 << 10][..]; 16];
    chunks.push(b"x");
    let sent = gateway.stream(&path, &chunks).await;
    check(&sent, 413, "too_large");
}

#[tokio::test]
async fn a_body_of_just_the_limit_is_read() {
    let gateway = gateway().await;
    let source = gateway.source_of(Provider::MailStack).await;
    let mut event = delivered(Provider::MailStack, "id-1");
    let missing = (1 << 20) - event.to_string().len() - r#""padding":"","#.len();
    event["padding"] = json!("x".repeat(missing));
    assert_eq!(event.to_string().len(), 1 << 20);
    let post = provider::post(Provider::MailStack, SECRET, &event, gateway.seconds(), "1");
    check(&gateway.ingest(&source, &post).await, 200, "accepted");
}

#[tokio::test]
async fn what_is_signed_but_no_event_is_refused_with_the_place() {
    let gateway = gateway().await;
    // Mailgun's signature stands in the body, which cannot be just anything there.
    for provider in Provider::ALL.into_iter().filter(|provider| *provider != Provider::Mailgun) {
        let source = gateway.source_of(provider).await;
        let brackets = "[".repeat(1 << 20);
        for body in ["", "hello", "[]", "{}", "null", r#"{"type":[],"event":[]}"#, &brackets] {
            let post = provider::raw(provider, SECRET, body.to_owned(), gateway.seconds());
            check(&gateway.ingest(&source, &post).await, 422, "not_an_event");
        }
    }
    let source = gateway.source_of(Provider::Mailgun).await;
    let post = provider::post(Provider::Mailgun, SECRET, &json!({}), gateway.seconds(), "1");
    let refused = gateway.ingest(&source, &post).await;
    check(&refused, 422, "not_an_event");
    assert_eq!(refused.json()["error"]["field"], "event-data.event");
    let nested = Post { headers: Vec::new(), body: "[".repeat(1 << 20) };
    let refused = gateway.ingest(&source, &nested).await;
    assert_eq!(refused.status, 401, "a Mailgun body without its signature proves nothing");
    assert_eq!(gateway.get("/healthz").await.status, 200);
    assert_eq!(gateway.events().await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_refused_mailgun_body_does_not_use_its_token_up() {
    let gateway = gateway().await;
    let source = gateway.source_of(Provider::Mailgun).await;
    let now = gateway.seconds();
    let bad = provider::post(Provider::Mailgun, SECRET, &json!({}), now, "1");
    check(&gateway.ingest(&source, &bad).await, 422, "not_an_event");
    let event = delivered(Provider::Mailgun, "id-1");
    let good = provider::post(Provider::Mailgun, SECRET, &event, now, "1");
    check(&gateway.ingest(&source, &good).await, 200, "accepted");
}

#[tokio::test]
async fn an_event_with_a_name_nobody_knows_is_kept_and_shown() {
    let gateway = gateway().await;
    for provider in Provider::ALL {
        let source = gateway.source_of(provider).await;
        let event = misnamed(provider, delivered(provider, "id-1"), "teleported");
        let post = provider::post(provider, SECRET, &event, gateway.seconds(), "1");
        check(&gateway.ingest(&source, &post).await, 200, "accepted");
    }
    let unknown = gateway.get("/waypost/v1/events?kind=unknown").await.json();
    let unknown = unknown["items"].as_array().unwrap();
    assert_eq!(unknown.len(), Provider::ALL.len());
    for event in unknown {
        assert_eq!((&event["kind"], &event["name"]), (&Value::Null, &json!("teleported")));
    }
    let deliveries = gateway.get("/waypost/v1/deliveries").await.json();
    assert_eq!(deliveries["items"], json!([]));
}

#[tokio::test]
async fn other_methods_are_told_what_the_url_is_for() {
    let gateway = gateway().await;
    let source = gateway.source_of(Provider::Mailgun).await;
    for method in ["GET", "PUT", "DELETE"] {
        let answer = gateway.request(method, &format!("/ingest/{source}"), &[], b"").await;
        check(&answer, 405, "method_not_allowed");
        assert_eq!(answer.header("allow"), Some("POST"));
    }
    let head = gateway.request("HEAD", &format!("/ingest/{source}"), &[], b"").await;
    assert_eq!((head.status, head.body.len()), (405, 0));
}

#[tokio::test]
async fn during_a_rotation_both_secrets_are_good_and_afterwards_one() {
    let gateway = gateway().await;
    let source = gateway.source_of(Provider::Wistfare).await;
    let path = format!("/waypost/v1/sources/{source}");
    let taken = async |secret: &str, id: &str| {
        let event = delivered(Provider::Wistfare, id);
        let post = provider::post(Provider::Wistfare, secret, &event, 0, "1");
        gateway.ingest(&source, &post).await.status
    };
    let both = json!({ "secret": "fresh", "keep_previous": true });
    assert_eq!(gateway.json("PATCH", &path, &both).await.status, 200);
    assert_eq!((taken("fresh", "1").await, taken(SECRET, "2").await), (200, 200));

    let one = json!({ "secret": "fresh" });
    assert_eq!(gateway.json("PATCH", &path, &one).await.status, 200);
    assert_eq!((taken("fresh", "3").await, taken(SECRET, "4").await), (200, 401));

    let none = json!({ "secret": null });
    assert_eq!(gateway.json("PATCH", &path, &none).await.json()["has_secret"], false);
    assert_eq!(taken("fresh", "5").await, 401);
}

#[tokio::test]
async fn an_event_goes_once_to_each_url_that_subscribes() {
    let gateway = gateway().await;
    let (here, there) = ("https://a.example/hook", "https://b.example/hook");
    let v3 = format!("/v3/domains/{DOMAIN}/webhooks");
    let form = async |text: String| gateway.form(&v3, &text).await.status;
    assert_eq!(form(format!("id=delivered&url={here}&url={there}")).await, 200);
    assert_eq!(form(format!("id=opened&url={there}")).await, 200);
    let account = format!("url={here}&event_types=delivered");
    assert_eq!(gateway.form("/v1/webhooks", &account).await.status, 200);

    let source = gateway.source_of(Provider::MailStack).await;
    let event = delivered(Provider::MailStack, "id-1");
    let post = provider::post(Provider::MailStack, SECRET, &event, gateway.seconds(), "1");
    let taken = gateway.ingest(&source, &post).await.json();
    let shown = gateway.get(&format!("/waypost/v1/events/{}", taken["id"].as_str().unwrap())).await;
    let shown = shown.json();
    let mut urls: Vec<&str> = shown["deliveries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|d| d["url"].as_str().unwrap())
        .collect();
    urls.sort_unstable();
    assert_eq!(urls, [here, there]);
    for delivery in shown["deliveries"].as_array().unwrap() {
        assert_eq!(
            (&delivery["dialect"], &delivery["state"]),
            (&json!("mailgun"), &json!("waiting"))
        );
    }
}

#[tokio::test]
async fn a_provider_that_hangs_up_halfway_leaves_nothing_behind() {
    let gateway = gateway().await;
    let source = gateway.source_of(Provider::Posthawk).await;
    gateway.hang_up(&format!("/ingest/{source}"), b"{").await;
    assert_eq!(gateway.get("/readyz").await.status, 200);
    assert_eq!(gateway.events().await, Vec::<Value>::new());
}
