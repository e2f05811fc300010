//! Connections: what a client may do to the server, and what it gets for it.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use waypost::clock::Clock;
use waypost::config::{Serving, Settings};

use crate::support::http::{basic, receive, send};
use crate::support::{Gateway, KEY};

async fn gateway(serving: Serving) -> Gateway {
    let settings = Settings { serving, ..Settings::default() };
    Gateway::with(settings, Clock::system(), |app| app).await
}

async fn closes(stream: &mut TcpStream) -> bool {
    let mut rest = Vec::new();
    let end = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut rest)).await;
    end.is_ok()
}

#[tokio::test]
async fn unknown_paths_are_404_in_plain_text() {
    let gateway = Gateway::start().await;
    for path in ["/", "/v3", "/v9/domains", "/%00", "/v1/webhooks/a/b"] {
        let answer = gateway.mailgun("GET", path, "").await;
        assert_eq!(answer.status_line, "404 Not Found", "{path}");
        assert_eq!(answer.text(), "404 page not found\n");
        assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
    }
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let gateway = Gateway::start().await;
    gateway.domain("example.com").await;
    let path = "/v3/domains/example.com/webhooks";
    let got = gateway.mailgun("GET", path, "").await;
    let head = gateway.mailgun("HEAD", path, "").await;
    assert_eq!(head.status, 200);
    assert_eq!(head.header("content-length"), Some(got.body.len().to_string().as_str()));
    assert_eq!(head.body, b"");
}

#[tokio::test]
async fn a_connection_is_kept_and_pipelined_requests_are_answered_in_order() {
    let gateway = Gateway::start().await;
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    let authorization = basic("api", KEY);
    let get = |path: &str| {
        format!("GET {path} HTTP/1.1\r\nHost: waypost\r\nAuthorization: {authorization}\r\n\r\n")
    };
    let two = get("/v4/domains") + &get("/nothing");
    stream.write_all(two.as_bytes()).await.unwrap();
    let mut bytes = vec![0; 4096];
    let mut text = String::new();
    while !text.contains("404 page not found") {
        let count = stream.read(&mut bytes).await.unwrap();
        assert_ne!(count, 0, "both answers come: {text}");
        text.push_str(std::str::from_utf8(&bytes[..count]).unwrap());
    }
    assert!(text.find("total_count") < text.find("404 Not Found"), "{text}");
}

#[tokio::test]
async fn a_head_that_is_too_long_is_431_and_a_uri_that_is_too_long_414() {
    let gateway = Gateway::start().await;
    let padding = "a".repeat(1_000_000);
    let header = format!("GET / HTTP/1.1\r\nHost: waypost\r\nX-Padding: {padding}\r\n\r\n");
    assert_eq!(gateway.send(header.as_bytes()).await.status, 431);
    let uri = format!("GET /{} HTTP/1.1\r\nHost: waypost\r\n\r\n", "a".repeat(20_000));
    assert_eq!(gateway.send(uri.as_bytes()).await.status, 414);
    let headers = "X-Padding: a\r\n".repeat(200);
    let many = format!("GET / HTTP/1.1\r\nHost: waypost\r\n{headers}\r\n");
    assert_eq!(gateway.send(many.as_bytes()).await.status, 431);
}

#[tokio::test]
async fn what_is_not_http_is_400_and_closed() {
    let gateway = Gateway::start().await;
    for bytes in ["hello\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "GET / HTTP/1.1\r\nbad header\r\n\r\n"]
    {
        assert_eq!(gateway.send(bytes.as_bytes()).await.status, 400, "{bytes:?}");
    }
}

#[tokio::test]
async fn a_body_is_refused_by_its_length_before_it_is_read_and_when_chunked_by_its_size() {
    let settings = Settings { body_bytes_max: 1000, ..Settings::default() };
    let gateway = Gateway::with(settings, Clock::system(), |app| app).await;
    gateway.domain("example.com").await;
    let authorization = basic("api", KEY);
    let head = format!(
        "POST /v3/domains/example.com/webhooks HTTP/1.1\r\nHost: waypost\r\n\
         Authorization: {authorization}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    );
    let announced = format!("{head}Content-Length: 1001\r\n\r\n");
    let answer = gateway.send(announced.as_bytes()).await;
    assert_eq!(answer.status, 413);
    assert_eq!(answer.header("content-type"), Some("application/json; charset=utf-8"));
    let chunk = format!("1f4\r\n{}\r\n", "a".repeat(500));
    let chunked = format!("{head}Transfer-Encoding: chunked\r\n\r\n{}0\r\n\r\n", chunk.repeat(3));
    assert_eq!(gateway.send(chunked.as_bytes()).await.status, 413);
    let form = "id=clicked&url=https%3A%2F%2Fa.example";
    let fits =
        format!("{head}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{form}\r\n0\r\n\r\n", form.len());
    assert_eq!(gateway.send(fits.as_bytes()).await.status, 200);
}

#[tokio::test]
async fn a_client_that_is_refused_while_it_sends_reads_its_answer_and_keeps_the_connection() {
    const LENGTH: usize = 900_000;
    let gateway = Gateway::start().await;
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    let head = |key: &str, length: usize| {
        let authorization = basic("api", key);
        format!(
            "POST /v4/domains HTTP/1.1\r\nHost: waypost\r\nAuthorization: {authorization}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n"
        )
    };
    stream.write_all(head("no key", LENGTH).as_bytes()).await.unwrap();
    stream.write_all(&vec![b'a'; LENGTH]).await.unwrap();
    assert_eq!(receive(&mut stream).await.status, 401);
    let form = "name=example.com";
    stream.write_all((head(KEY, form.len()) + form).as_bytes()).await.unwrap();
    assert_eq!(receive(&mut stream).await.status, 200);
}

#[tokio::test]
async fn a_body_that_trickles_is_408() {
    let body_timeout = Duration::from_millis(200);
    let gateway = gateway(Serving { body_timeout, ..Serving::default() }).await;
    gateway.domain("example.com").await;
    let request = format!(
        "POST /v3/domains/example.com/webhooks HTTP/1.1\r\nHost: waypost\r\nAuthorization: {}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\nid=",
        basic("api", KEY)
    );
    let answer = gateway.send(request.as_bytes()).await;
    assert_eq!(answer.status, 408);
    assert!(answer.json()["message"].as_str().unwrap().contains("the whole body within"));
}

#[tokio::test]
async fn a_connection_that_says_nothing_is_closed() {
    let header_timeout = Duration::from_millis(200);
    let gateway = gateway(Serving { header_timeout, ..Serving::default() }).await;
    let mut silent = TcpStream::connect(gateway.address).await.unwrap();
    let mut slow = TcpStream::connect(gateway.address).await.unwrap();
    slow.write_all(b"GET / HTTP/1.1\r\nHost: way").await.unwrap();
    assert!(closes(&mut silent).await);
    assert!(closes(&mut slow).await);
}

#[tokio::test]
async fn beyond_the_limit_connections_wait_until_one_closes() {
    let gateway = gateway(Serving { connections_max: 1, ..Serving::default() }).await;
    let request = b"GET /nothing HTTP/1.1\r\nHost: waypost\r\n\r\n";
    let mut first = TcpStream::connect(gateway.address).await.unwrap();
    first.write_all(request).await.unwrap();
    assert_eq!(receive(&mut first).await.status, 404);
    let address = gateway.address;
    let mut second = tokio::spawn(async move { send(address, request).await });
    let early = tokio::time::timeout(Duration::from_millis(200), &mut second).await;
    assert!(early.is_err(), "the first connection is still open");
    drop(first);
    assert_eq!(second.await.unwrap().status, 404);
}

#[tokio::test]
async fn stopping_lets_a_request_in_flight_finish_and_takes_no_more() {
    let gateway = Gateway::start().await;
    gateway.domain("example.com").await;
    let address = gateway.address;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /v3/domains/example.com/webhooks HTTP/1.1\r\nHost: waypost\r\nAuthorization: {}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 34\r\n\
         Expect: 100-continue\r\n\r\n",
        basic("api", KEY)
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // The interim answer shows that the handler has begun to wait for the body.
    let mut interim = [0; 25];
    stream.read_exact(&mut interim).await.unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    let stopped = tokio::spawn(gateway.stop());
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    stream.write_all(b"id=clicked&url=https%3A%2F%2Fa.exa").await.unwrap();
    assert_eq!(receive(&mut stream).await.status, 200);
    stopped.await.unwrap();
}

#[tokio::test]
async fn a_request_that_never_ends_does_not_keep_the_server_from_stopping() {
    let drain_timeout = Duration::from_millis(200);
    let gateway = gateway(Serving { drain_timeout, ..Serving::default() }).await;
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    let head = b"POST /v4/domains HTTP/1.1\r\nHost: waypost\r\nContent-Length: 9\r\n\
        Expect: 100-continue\r\n\r\n";
    stream.write_all(head).await.unwrap();
    let mut interim = [0; 25];
    stream.read_exact(&mut interim).await.unwrap();
    gateway.stop().await;
    assert!(closes(&mut stream).await);
}

#[tokio::test]
async fn a_client_that_reads_no_answers_is_closed_and_gives_its_place_back() {
    let write_timeout = Duration::from_millis(200);
    let serving = Serving { write_timeout, connections_max: 1, ..Serving::default() };
    let gateway = gateway(serving).await;
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    let ask_for_ever = async {
        let requests = "GET /nothing HTTP/1.1\r\nHost: waypost\r\n\r\n".repeat(1000);
        while stream.write_all(requests.as_bytes()).await.is_ok() {}
    };
    let ended = tokio::time::timeout(Duration::from_secs(60), ask_for_ever).await;
    assert!(ended.is_ok(), "the connection is still open");
    assert_eq!(gateway.mailgun("GET", "/nothing", "").await.status, 404);
}
