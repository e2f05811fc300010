//! An upstream in trouble: each request went out once or not at all, and its caller is told which.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use waypost::client::ForwardOptions;
use waypost::config::Serving;

use super::stand_in::{Conduct, StandIn, json};
use super::{UPSTREAM_KEY, before, counted, impatient, made};
use crate::client::tls_receiver;
use crate::support::http::{Answer, basic};
use crate::support::{Gateway, KEY};

/// Long enough for a busy machine to answer itself, short enough to wait for.
const MOMENT: Duration = Duration::from_secs(1);

async fn message(gateway: &Gateway) -> Answer {
    gateway.mailgun("POST", "/v3/example.com/messages", "to=bob%40example.org").await
}

/// What a caller is told, in Mailgun's shape.
fn told(answer: &Answer) -> String {
    assert_eq!(answer.header("content-type"), Some("application/json; charset=utf-8"));
    answer.json()["message"].as_str().unwrap().to_owned()
}

async fn failures(gateway: &Gateway, reason: &str) -> u64 {
    counted(gateway, &format!("waypost_upstream_failures_total{{reason=\"{reason}\"}}")).await
}

#[tokio::test]
async fn a_refused_connection_is_502_and_nothing_has_gone_out() {
    let upstream = StandIn::queueing().await;
    let url = upstream.url();
    drop(upstream);
    tokio::time::sleep(MOMENT).await;
    let gateway = made(&url, ForwardOptions::default(), Serving::default()).await;
    let answer = message(&gateway).await;
    assert_eq!(answer.status, 502);
    assert!(told(&answer).ends_with("the request has not gone out"), "{}", told(&answer));
    assert_eq!(failures(&gateway, "unreached").await, 1);
}

#[tokio::test]
async fn a_handshake_that_never_ends_is_504_and_nothing_has_gone_out() {
    let upstream = StandIn::queueing().await;
    let url = upstream.url().replace("http:", "https:");
    let options = ForwardOptions { connect_timeout: MOMENT, ..ForwardOptions::default() };
    let gateway = made(&url, options, Serving::default()).await;
    let answer = message(&gateway).await;
    assert_eq!(answer.status, 504);
    assert!(told(&answer).ends_with("the request has not gone out"), "{}", told(&answer));
}

#[tokio::test]
async fn an_upstream_proves_itself_by_its_certificate_or_nothing_goes_out() {
    let (address, certificate) = tls_receiver();
    let url = format!("https://localhost:{}", address.port());
    let untrusted = made(&url, ForwardOptions::default(), Serving::default()).await;
    let answer = message(&untrusted).await;
    assert_eq!(answer.status, 502);
    assert!(told(&answer).ends_with("the request has not gone out"), "{}", told(&answer));

    let extra_roots = vec![certificate];
    let options = ForwardOptions { extra_roots, ..ForwardOptions::default() };
    let trusted = made(&url, options, Serving::default()).await;
    let answer = message(&trusted).await;
    assert_eq!((answer.status, answer.text().as_str()), (200, "secret"));
}

#[tokio::test]
async fn a_connection_closed_without_an_answer_is_502_and_the_request_is_not_sent_again() {
    for conduct in [Conduct::Answer(String::new()), Conduct::Early(String::new())] {
        let upstream = StandIn::start(conduct.clone()).await;
        let gateway = before(&upstream).await;
        for sent in 1..=3 {
            let answer = message(&gateway).await;
            assert_eq!(answer.status, 502, "{conduct:?}");
            assert!(told(&answer).contains("may have gone out"), "{}", told(&answer));
            tokio::time::sleep(Duration::from_millis(50)).await;
            assert_eq!(upstream.connections(), sent, "{conduct:?}");
        }
        assert_eq!(failures(&gateway, "broken").await, 3);
    }
}

#[tokio::test]
async fn what_is_not_http_is_502() {
    let upstream = StandIn::start(Conduct::Answer("SSH-2.0-OpenSSH\r\n\r\n".to_owned())).await;
    let gateway = before(&upstream).await;
    assert_eq!(message(&gateway).await.status, 502);
    assert_eq!(upstream.connections(), 1);
}

#[tokio::test]
async fn silence_is_504_and_the_request_may_have_gone_out() {
    for conduct in [Conduct::Hold(String::new()), Conduct::Hold("HTTP/1.1 20".to_owned())] {
        let upstream = StandIn::start(conduct).await;
        let gateway = impatient(&upstream, MOMENT).await;
        let answer = message(&gateway).await;
        assert_eq!(answer.status, 504);
        let told = told(&answer);
        assert!(told.contains("no byte in 1 s") && told.contains("may have gone out"), "{told}");
        assert_eq!((upstream.connections(), failures(&gateway, "silent").await), (1, 1));
    }
}

#[tokio::test]
async fn a_server_that_does_not_read_is_504() {
    let upstream = StandIn::start(Conduct::Deaf).await;
    let gateway = impatient(&upstream, MOMENT).await;
    let answer = gateway.mailgun("POST", "/v3/a.io/messages", &"a".repeat(32 << 20)).await;
    assert_eq!(answer.status, 504);
    assert_eq!(upstream.connections(), 1);
}

#[tokio::test]
async fn an_answer_that_has_begun_is_broken_off_with_the_upstream() {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n";
    let closed = Conduct::Answer(format!("{head}Content-Length: 100\r\n\r\nhalf"));
    let chunk = format!("{head}Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n");
    for conduct in [closed, Conduct::Answer(chunk.clone()), Conduct::Hold(chunk)] {
        let upstream = StandIn::start(conduct.clone()).await;
        let gateway = impatient(&upstream, MOMENT).await;
        let mut stream = TcpStream::connect(gateway.address).await.unwrap();
        let request = format!(
            "GET /v3/a.io/events HTTP/1.1\r\nHost: waypost\r\nAuthorization: {}\r\n\r\n",
            basic("api", KEY)
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        let reading = stream.read_to_end(&mut bytes);
        // The connection is closed although nobody asked for it: that is how an end is told apart.
        let _ = tokio::time::timeout(Duration::from_secs(20), reading).await.unwrap();
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.starts_with("HTTP/1.1 200 OK") && text.contains("half"), "{text}");
        assert!(!text.ends_with("0\r\n\r\n"), "{conduct:?}: {text}");
        assert_eq!(failures(&gateway, "cut_off").await, 1, "{conduct:?}");
        assert_eq!(upstream.connections(), 1);
    }
}

#[tokio::test]
async fn a_refused_upstream_key_is_502_and_named_but_not_shown() {
    let upstream = StandIn::start(Conduct::Answer(
        "HTTP/1.1 401 Unauthorized\r\nContent-Length: 9\r\n\r\nForbidden".to_owned(),
    ))
    .await;
    let gateway = before(&upstream).await;
    let answer = message(&gateway).await;
    assert_eq!(answer.status, 502);
    assert!(told(&answer).contains("--mailgun-upstream-key"), "{}", told(&answer));
    assert!(!told(&answer).contains(UPSTREAM_KEY));
    assert_eq!(failures(&gateway, "key").await, 1);
}

#[tokio::test]
async fn an_upstream_that_hangs_leaves_room_for_everything_else() {
    let upstream = StandIn::start(Conduct::Hold(String::new())).await;
    let serving = Serving { connections_max: 4, ..Serving::default() };
    let gateway = made(&upstream.url(), ForwardOptions::default(), serving).await;
    let mut waiting = Vec::new();
    for count in 1..=2 {
        let mut stream = TcpStream::connect(gateway.address).await.unwrap();
        let request = format!(
            "GET /v3/routes HTTP/1.1\r\nHost: waypost\r\nAuthorization: {}\r\n\r\n",
            basic("api", KEY)
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        waiting.push(stream);
        upstream.reached_by(count).await;
    }
    let answer = message(&gateway).await;
    assert_eq!(answer.status, 503);
    assert!(told(&answer).contains("has not gone out"), "{}", told(&answer));
    assert_eq!(failures(&gateway, "busy").await, 1);
    assert_eq!(gateway.mailgun("GET", "/v4/domains", "").await.status, 200);
    assert_eq!(upstream.connections(), 2);

    drop(waiting);
    // Its callers gone, a request leaves its place to the next.
    while message_status(&gateway, &upstream).await == 503 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The status of a message, or 0 once it has reached the upstream.
async fn message_status(gateway: &Gateway, upstream: &StandIn) -> u16 {
    tokio::select! {
        answer = message(gateway) => answer.status,
        () = upstream.reached_by(3) => 0,
    }
}

#[tokio::test]
async fn an_early_refusal_reaches_a_caller_that_is_still_sending() {
    let refusal = json("413 Payload Too Large", r#"{"message":"too much"}"#);
    let upstream = StandIn::start(Conduct::Early(refusal)).await;
    let gateway = before(&upstream).await;
    let answer = gateway.mailgun("POST", "/v3/a.io/messages", &"a".repeat(8 << 20)).await;
    assert_eq!((answer.status, answer.text().as_str()), (413, r#"{"message":"too much"}"#));
    assert_eq!(upstream.connections(), 1);
}
