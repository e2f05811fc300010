//! The delivery client against receivers that misbehave in every way we know.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use waypost::client::{Client, ClientOptions, Sent};
use waypost::model::{Failure, Outcome};

const SECOND: Duration = Duration::from_secs(1);

/// A receiver that does what a function says with every connection, and counts them.
struct Receiver {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Receiver {
    async fn start<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let count = connections.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream));
            }
        });
        Self { address, connections, task }
    }

    /// Answers every request with these bytes and keeps the connection.
    async fn answering(answer: impl Into<Vec<u8>>) -> Self {
        let answer: Arc<[u8]> = answer.into().into();
        Self::start(move |mut stream| {
            let answer = answer.clone();
            async move {
                while read_request(&mut stream).await.is_some() {
                    if stream.write_all(&answer).await.is_err() {
                        return;
                    }
                }
            }
        })
        .await
    }

    fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// One request with a `Content-Length`, head and body.
async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            .map_or(0, |(_, value)| value.parse().unwrap());
        if body.len() >= length {
            return Some(text);
        }
    }
}

fn client_with(options: ClientOptions) -> Client {
    let allow_targets = vec!["127.0.0.0/8".parse().unwrap()];
    Client::new(ClientOptions { allow_targets, ..options })
}

fn client() -> Client {
    client_with(ClientOptions::default())
}

async fn post(client: &Client, url: &str, timeout: Duration) -> Sent {
    let headers = [("Content-Type", "application/json".to_owned())];
    client.post(&url.parse().unwrap(), &headers, Bytes::from_static(b"{\"a\":1}"), timeout).await
}

fn answered(status: u16) -> Outcome {
    Outcome::Answered { status, retry_after: None }
}

#[tokio::test]
async fn an_answer_comes_back_with_its_status_body_and_address() {
    let answer = "HTTP/1.1 201 Created\r\nContent-Length: 5\r\n\r\nthere";
    let receiver = Receiver::answering(answer).await;
    let sent = post(&client(), &receiver.url(), SECOND * 10).await;
    assert_eq!(sent.outcome, answered(201));
    assert_eq!(sent.excerpt, "there");
    assert_eq!(sent.address, Some(receiver.address));
    assert!(sent.duration < SECOND * 10);
}

#[tokio::test]
async fn the_request_is_what_the_receiver_gets() {
    let (tell, mut told) = tokio::sync::mpsc::channel(1);
    let receiver = Receiver::start(move |mut stream| {
        let tell = tell.clone();
        async move {
            let request = read_request(&mut stream).await.unwrap();
            stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
            tell.send(request).await.unwrap();
        }
    })
    .await;
    let url = format!("http://user:pa%20ss@{}/hook?a=%7B%22", receiver.address);
    let sent = post(&client(), &url, SECOND * 10).await;
    assert_eq!(sent.outcome, answered(204));
    let request = told.recv().await.unwrap();
    for line in [
        "POST /hook?a=%7B%22 HTTP/1.1\r\n".to_owned(),
        format!("host: {}\r\n", receiver.address),
        "content-type: application/json\r\n".to_owned(),
        "authorization: Basic dXNlcjpwYSBzcw==\r\n".to_owned(),
        "content-length: 7\r\n".to_owned(),
        "\r\n\r\n{\"a\":1}".to_owned(),
    ] {
        assert!(request.contains(&line), "{line:?} in {request:?}");
    }
    assert!(!request.contains("user"), "{request:?}");
}

#[tokio::test]
async fn connections_are_reused() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    let receiver = Receiver::answering(answer).await;
    let client = client();
    for _ in 0..20 {
        let sent = post(&client, &receiver.url(), SECOND * 10).await;
        assert_eq!(sent.outcome, answered(200));
        assert_eq!(sent.address, Some(receiver.address));
    }
    assert_eq!(receiver.connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn an_address_that_is_not_public_is_blocked_unless_allowed() {
    let receiver = Receiver::answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    let strict = Client::new(ClientOptions::default());
    let port = receiver.address.port();
    for host in ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "[::1]"] {
        let url = format!("http://user:geheim@{host}:{port}/hook");
        let sent = post(&strict, &url, SECOND * 10).await;
        assert_eq!(sent.outcome, Outcome::Failed(Failure::Blocked), "{host}: {}", sent.excerpt);
        assert!(sent.excerpt.contains("is not a public address"), "{}", sent.excerpt);
        assert!(!sent.excerpt.contains("geheim"), "{}", sent.excerpt);
        assert_eq!(sent.address, None);
    }
    assert_eq!(receiver.connections.load(Ordering::SeqCst), 0, "nothing was dialled");
    for host in ["127.0.0.1", "localhost", "2130706433"] {
        let sent = post(&client(), &format!("http://{host}:{port}/hook"), SECOND * 10).await;
        assert_eq!(sent.outcome, answered(200), "{host}: {}", sent.excerpt);
    }
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let target = Receiver::answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    let location = target.url();
    let receiver = Receiver::answering(format!(
        "HTTP/1.1 307 Temporary Redirect\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"
    ))
    .await;
    let sent = post(&client(), &receiver.url(), SECOND * 10).await;
    assert_eq!(sent.outcome, answered(307));
    assert_eq!(target.connections.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_receiver_that_never_answers_is_left_at_the_deadline() {
    let receiver = Receiver::start(|stream| async move {
        let _held = stream;
        std::future::pending::<()>().await;
    })
    .await;
    let sent = post(&client(), &receiver.url(), SECOND / 5).await;
    assert_eq!(sent.outcome, Outcome::Failed(Failure::Timeout));
    assert_eq!(sent.excerpt, "no answer within 200ms");
    assert_eq!(sent.address, Some(receiver.address));
    assert!(sent.duration >= SECOND / 5);
}

async fn trickle(mut stream: TcpStream, head: &'static str) {
    read_request(&mut stream).await;
    stream.write_all(head.as_bytes()).await.unwrap();
    while stream.write_all(b"x").await.is_ok() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_head_that_trickles_in_is_left_at_the_deadline() {
    let receiver = Receiver::start(|stream| trickle(stream, "HTTP/1.1 200 OK\r\nX-Slow: ")).await;
    let sent = post(&client(), &receiver.url(), SECOND / 5).await;
    assert_eq!(sent.outcome, Outcome::Failed(Failure::Timeout));
}

#[tokio::test]
async fn an_acknowledgement_that_never_ends_is_none() {
    let receiver = Receiver::start(|stream| trickle(stream, "HTTP/1.1 200 OK\r\n\r\n")).await;
    let sent = post(&client(), &receiver.url(), SECOND / 5).await;
    assert_eq!(sent.outcome, Outcome::Failed(Failure::Timeout));
    assert_eq!(sent.excerpt, "the answer did not end within 200ms");
}

#[tokio::test]
async fn a_refusal_stands_although_its_body_never_ends() {
    let receiver =
        Receiver::start(|stream| trickle(stream, "HTTP/1.1 406 Not Acceptable\r\n\r\n")).await;
    let sent = post(&client(), &receiver.url(), SECOND / 5).await;
    assert_eq!(sent.outcome, answered(406));
    assert!(sent.excerpt.starts_with("xx"), "{:?}", sent.excerpt);
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_no_acknowledgement() {
    let receiver = Receiver::start(|mut stream| async move {
        read_request(&mut stream).await;
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf";
        stream.write_all(answer).await.unwrap();
    })
    .await;
    let sent = post(&client(), &receiver.url(), SECOND * 10).await;
    assert_eq!(sent.outcome, Outcome::Failed(Failure::Broken), "{}", sent.excerpt);
}

#[tokio::test]
async fn of_an_endless_body_only_the_beginning_is_read() {
    let written = Arc::new(AtomicUsize::new(0));
    let count = written.clone();
    let receiver = Receiver::start(move |mut stream| {
        let count = count.clone();
        async move {
            read_request(&mut stream).await;
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
            while stream.write_all(&[b'x'; 65_536]).await.is_ok() {
                count.fetch_add(65_536, Ordering::SeqCst);
            }
        }
    })
    .await;
    let sent = post(&client(), &receiver.url(), SECOND * 30).await;
    assert_eq!(sent.outcome, answered(200));
    assert_eq!(sent.excerpt.len(), 2048);
    let in_buffers = 32 * 1024 * 1024;
    assert!(written.load(Ordering::SeqCst) < in_buffers, "the connection was closed");
}

#[tokio::test]
async fn headers_that_are_not_ascii_do_no_harm() {
    let answer = b"HTTP/1.1 503 \xff\xfe\r\nRetry-After: \xe9\r\nX-Odd: \xe9t\xe9\r\n\
        Content-Length: 3\r\n\r\n\xff\xe9!";
    let receiver = Receiver::answering(*answer).await;
    let sent = post(&client(), &receiver.url(), SECOND * 10).await;
    assert_eq!(sent.outcome, answered(503));
    assert_eq!(sent.excerpt, "\u{fffd}\u{fffd}!");
}

#[tokio::test]
async fn retry_after_is_read() {
    let receiver = Receiver::answering(
        "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 90\r\nContent-Length: 0\r\n\r\n",
    )
    .await;
    let sent = post(&client(), &receiver.url(), SECOND * 10).await;
    let retry_after = Some(SECOND * 90);
    assert_eq!(sent.outcome, Outcome::Answered { status: 429, retry_after });
}

#[tokio::test]
async fn what_is_not_http_is_broken() {
    for garbage in ["SSH-2.0-OpenSSH_9.6\r\n", "", "HTTP/1.1 OK\r\n\r\n"] {
        let receiver = Receiver::start(move |mut stream| async move {
            read_request(&mut stream).await;
            let _ = stream.write_all(garbage.as_bytes()).await;
        })
        .await;
        let sent = post(&client(), &receiver.url(), SECOND * 10).await;
        assert_eq!(sent.outcome, Outcome::Failed(Failure::Broken), "{garbage:?}");
        assert!(!sent.excerpt.is_empty());
    }
}

#[tokio::test]
async fn a_refused_connection_says_whose() {
    let address = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap()
    };
    let sent = post(&client(), &format!("http://u:geheim@{address}/"), SECOND * 10).await;
    assert_eq!(sent.outcome, Outcome::Failed(Failure::Connect));
    assert!(sent.excerpt.starts_with(&format!("cannot connect to {address}: ")));
    assert!(!sent.excerpt.contains("geheim"));
    assert_eq!(sent.address, Some(address));
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_a_failure_of_dns() {
    // The name cannot be looked up at all, so this needs no network: a label has 63 bytes at most.
    let url = format!("http://{}.invalid/", "a".repeat(64));
    let sent = post(&client(), &url, SECOND * 10).await;
    assert_eq!(sent.outcome, Outcome::Failed(Failure::Dns), "{}", sent.excerpt);
    assert!(sent.excerpt.starts_with("cannot resolve aaa"), "{}", sent.excerpt);
}

/// A receiver with the certificate of `fixtures/tls`, on threads of its own.
pub(crate) fn tls_receiver() -> (SocketAddr, rustls::pki_types::CertificateDer<'static>) {
    use std::io::{Read, Write};
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/tls");
    let cert = std::fs::read(folder.join("receiver.cert.der")).unwrap();
    let key = std::fs::read(folder.join("receiver.key.der")).unwrap();
    let cert = rustls::pki_types::CertificateDer::from(cert);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![cert.clone()],
            rustls::pki_types::PrivatePkcs8KeyDer::from(key).into(),
        )
        .unwrap();
    let config = Arc::new(config);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = rustls::ServerConnection::new(config.clone()).unwrap();
            let mut stream = rustls::StreamOwned::new(connection, stream.unwrap());
            let mut request = [0; 4096];
            // A client that does not trust the certificate hangs up here.
            if stream.read(&mut request).is_ok_and(|length| length > 0) {
                let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret";
                stream.write_all(answer).unwrap();
            }
        }
    });
    (address, cert)
}

#[tokio::test]
async fn a_certificate_nobody_vouches_for_is_a_failure_of_tls() {
    let (address, _) = tls_receiver();
    let sent = post(&client(), &format!("https://{address}/"), SECOND * 10).await;
    assert_eq!(sent.outcome, Outcome::Failed(Failure::Tls), "{}", sent.excerpt);
    assert!(sent.excerpt.contains("certificate"), "{}", sent.excerpt);
    assert_eq!(sent.address, Some(address));
}

#[tokio::test]
async fn a_certificate_of_an_added_authority_is_trusted() {
    let (address, cert) = tls_receiver();
    let client = client_with(ClientOptions { extra_roots: vec![cert], ..Default::default() });
    let sent = post(&client, &format!("https://localhost:{}/", address.port()), SECOND * 10).await;
    assert_eq!(sent.outcome, answered(200), "{}", sent.excerpt);
    assert_eq!(sent.excerpt, "secret");
    assert_eq!(sent.address, Some(address));
}

#[tokio::test]
async fn a_handshake_that_never_ends_is_left_at_the_deadline() {
    let receiver = Receiver::start(|stream| async move {
        let _held = stream;
        std::future::pending::<()>().await;
    })
    .await;
    let connect_timeout = SECOND / 5;
    let client = client_with(ClientOptions { connect_timeout, ..Default::default() });
    let sent = post(&client, &format!("https://{}/", receiver.address), SECOND * 10).await;
    assert_eq!(sent.outcome, Outcome::Failed(Failure::Timeout), "{}", sent.excerpt);
    assert_eq!(sent.address, Some(receiver.address));
}

#[tokio::test]
async fn plain_http_on_an_https_port_is_a_failure_of_tls() {
    let receiver = Receiver::start(|mut stream| async move {
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
    })
    .await;
    let sent = post(&client(), &format!("https://{}/", receiver.address), SECOND * 10).await;
    assert_eq!(sent.outcome, Outcome::Failed(Failure::Tls), "{}", sent.excerpt);
}
