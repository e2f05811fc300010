//! Bodies on their way through: how large, how slow, how much of them in memory.

use std::time::Duration;

use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use waypost::config::Serving;

use super::stand_in::{Conduct, QUEUED, StandIn, json};
use super::{UPSTREAM_KEY, before, counted, impatient, made};
use crate::support::http::{basic, receive};
use crate::support::process::{API_KEY, Process};
use crate::support::{Gateway, KEY};

/// Long enough for a busy machine to answer itself, short enough to wait for.
const MOMENT: Duration = Duration::from_secs(1);

/// The head of a message whose body is framed in this way.
fn head(key: &str, framing: &str) -> String {
    format!(
        "POST /v3/example.com/messages HTTP/1.1\r\nHost: waypost\r\nAuthorization: {}\r\n\
         Content-Type: text/plain\r\n{framing}\r\n\r\n",
        basic("api", key)
    )
}

#[tokio::test]
async fn a_body_of_any_framing_goes_out_as_it_came_whatever_the_body_limit_says() {
    let large = "a".repeat(3 << 20);
    let (sized, chunked) = (
        format!("{}{large}", head(KEY, &format!("Content-Length: {}", large.len()))),
        format!(
            "{}{:x}\r\n{large}\r\n0\r\n\r\n",
            head(KEY, "Transfer-Encoding: chunked"),
            large.len()
        ),
    );
    for (request, framing) in [(sized, "content-length"), (chunked, "transfer-encoding")] {
        let upstream = StandIn::queueing().await;
        let gateway = before(&upstream).await;
        let answer = gateway.send(request.as_bytes()).await;
        assert_eq!((answer.status, answer.text().as_str()), (200, QUEUED));
        let seen = upstream.only();
        assert!(seen.body == large.as_bytes(), "{} bytes", seen.body.len());
        assert!(seen.header(framing).is_some(), "{}", seen.head);
        let both = ["content-length", "transfer-encoding"].map(|name| seen.header(name).is_some());
        assert!(both[0] != both[1], "{}", seen.head);
    }
}

#[tokio::test]
async fn a_request_without_a_body_goes_out_without_one() {
    let upstream = StandIn::queueing().await;
    let gateway = before(&upstream).await;
    for method in ["GET", "DELETE", "POST"] {
        let request = format!(
            "{method} /v3/routes/1 HTTP/1.1\r\nHost: waypost\r\nAuthorization: {}\r\n\
             Connection: close\r\n\r\n",
            basic("api", KEY)
        );
        assert_eq!(gateway.send(request.as_bytes()).await.status, 200, "{method}");
    }
    let seen = upstream.seen();
    let lengths: Vec<_> = seen.iter().map(|seen| seen.header("content-length")).collect();
    assert_eq!(lengths, [None, None, Some("0")]);
    assert!(seen.iter().all(|seen| seen.header("transfer-encoding").is_none()));
}

#[tokio::test]
async fn beyond_64_mb_a_body_is_413_announced_or_not() {
    let upstream = StandIn::queueing().await;
    let gateway = before(&upstream).await;
    let limit = 64 << 20;
    let announced = head(KEY, &format!("Content-Length: {}", limit + 1));
    let answer = gateway.send(announced.as_bytes()).await;
    assert_eq!(answer.status, 413);
    assert!(answer.json()["message"].as_str().unwrap().contains("at most 67108864 bytes"));
    assert_eq!(upstream.connections(), 0);

    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    stream.write_all(head(KEY, "Transfer-Encoding: chunked").as_bytes()).await.unwrap();
    let (mut reading, mut writing) = stream.into_split();
    let chunk = format!("{:x}\r\n{}\r\n", 1 << 20, "a".repeat(1 << 20));
    let sending = tokio::spawn(async move {
        for _ in 0..65 {
            if writing.write_all(chunk.as_bytes()).await.is_err() {
                break;
            }
        }
        writing
    });
    let mut text = Vec::new();
    let answered = tokio::time::timeout(Duration::from_secs(60), async {
        while !text.starts_with(b"HTTP/1.1 413") || !text.ends_with(b"}\n") {
            let count = tokio::io::AsyncReadExt::read_buf(&mut reading, &mut text).await.unwrap();
            assert_ne!(count, 0, "{}", String::from_utf8_lossy(&text));
        }
    });
    answered.await.unwrap();
    drop(sending);
    assert!(!upstream.only().whole, "the upstream did not get it as a whole message");
    assert_eq!(counted(&gateway, "waypost_upstream_failures_total{reason=\"body\"}").await, 1);
}

#[tokio::test]
async fn a_body_of_64_mb_passes_in_bounded_memory_through_a_slow_upstream() {
    let slow = Conduct::Slow(Duration::from_millis(5), json("200 OK", QUEUED));
    let upstream = StandIn::start(slow).await;
    let data = TempDir::new().unwrap();
    let url = upstream.url();
    let flags = ["--mailgun-upstream", &url, "--mailgun-upstream-key", UPSTREAM_KEY];
    let gateway = Process::start_with(data.path(), &flags);
    let address = gateway.url.trim_start_matches("http://").parse().unwrap();
    let small = format!("{}hello", head(API_KEY, "Content-Length: 5"));
    assert_eq!(crate::support::http::send(address, small.as_bytes()).await.status, 200);
    let before = gateway.memory_peak_bytes();

    let length = 64 << 20;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = head(API_KEY, &format!("Content-Length: {length}"));
    stream.write_all(head.as_bytes()).await.unwrap();
    let piece = vec![b'a'; 1 << 20];
    for _ in 0..64 {
        stream.write_all(&piece).await.unwrap();
    }
    let answer = receive(&mut stream).await;
    assert_eq!((answer.status, answer.text().as_str()), (200, QUEUED));
    assert_eq!(upstream.seen()[1].body.len(), length);
    let grown = gateway.memory_peak_bytes().saturating_sub(before);
    assert!(grown < 16 << 20, "grew by {grown} bytes");
    assert!(!gateway.log().contains(UPSTREAM_KEY));
}

#[tokio::test]
async fn a_caller_that_pauses_is_not_the_upstreams_silence_and_one_that_stops_is_408() {
    let upstream = StandIn::queueing().await;
    let gateway = impatient(&upstream, MOMENT).await;
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    stream.write_all(head(KEY, "Content-Length: 2").as_bytes()).await.unwrap();
    for byte in [b"a", b"b"] {
        tokio::time::sleep(MOMENT * 3 / 2).await;
        stream.write_all(byte).await.unwrap();
    }
    assert_eq!(receive(&mut stream).await.status, 200);
    assert_eq!(upstream.only().body, b"ab");

    let serving = Serving { body_timeout: MOMENT, ..Serving::default() };
    let gateway = made(&upstream.url(), Default::default(), serving).await;
    let request = format!("{}ab", head(KEY, "Content-Length: 4"));
    let answer = gateway.send(request.as_bytes()).await;
    assert_eq!(answer.status, 408);
    assert!(answer.json()["message"].as_str().unwrap().contains("some of the body every"));
    assert_eq!(counted(&gateway, "waypost_upstream_failures_total{reason=\"body\"}").await, 1);
}

#[tokio::test]
async fn half_a_body_never_passes_as_a_whole_one() {
    let upstream = StandIn::queueing().await;
    let gateway = before(&upstream).await;
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    let half = format!("{}4\r\nhalf\r\n", head(KEY, "Transfer-Encoding: chunked"));
    stream.write_all(half.as_bytes()).await.unwrap();
    upstream.reached_by(1).await;
    drop(stream);
    tokio::time::sleep(MOMENT).await;
    assert!(!upstream.only().whole);
}

#[tokio::test]
async fn a_caller_that_is_still_sending_reads_why_it_is_refused() {
    let none = Gateway::start().await;
    let upstream = StandIn::queueing().await;
    let gone = upstream.url();
    drop(upstream);
    tokio::time::sleep(MOMENT).await;
    let unreachable = made(&gone, Default::default(), Serving::default()).await;
    for (gateway, status) in [(&none, 404), (&unreachable, 502)] {
        let body = "a".repeat(8 << 20);
        let answer = gateway.mailgun("POST", "/v3/example.com/messages", &body).await;
        assert_eq!(answer.status, status, "{}", answer.text());
        assert!(answer.json()["message"].is_string());
    }
}
