//! A server in Mailgun's place, on a real socket, that remembers every byte it got and does with
//! each connection what it was told.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// How long a test waits for a request.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is done with every connection.
#[derive(Debug, Clone)]
pub(super) enum Conduct {
    /// Takes the whole request, writes these bytes and closes.
    Answer(String),
    /// Takes the whole request slowly, then answers.
    Slow(Duration, String),
    /// Takes the whole request, writes these bytes and nothing more.
    Hold(String),
    /// Takes the head, writes these bytes and closes.
    Early(String),
    /// Takes the head and reads no more.
    Deaf,
}

/// One request as it came in.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    /// The request line and the headers, as sent.
    pub(super) head: String,
    /// The body, chunks joined.
    pub(super) body: Vec<u8>,
    /// Whether it came to its end.
    pub(super) whole: bool,
}

impl Seen {
    pub(super) fn line(&self) -> &str {
        self.head.lines().next().unwrap_or_default()
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let pairs = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        let mut named = pairs.filter(|(known, _)| known.eq_ignore_ascii_case(name));
        named.next().map(|(_, value)| value)
    }

    /// The names of its headers, sorted.
    pub(super) fn names(&self) -> Vec<String> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        let mut names: Vec<String> = lines.map(|(name, _)| name.to_ascii_lowercase()).collect();
        names.sort_unstable();
        names
    }
}

/// A running server; gone when dropped.
pub(super) struct StandIn {
    pub(super) address: SocketAddr,
    connections: Arc<AtomicUsize>,
    seen: Arc<Mutex<Vec<Seen>>>,
    task: JoinHandle<()>,
}

impl StandIn {
    pub(super) async fn start(conduct: Conduct) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (connections, seen) = (Arc::<AtomicUsize>::default(), Arc::<Mutex<_>>::default());
        let (count, all) = (connections.clone(), seen.clone());
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream, conduct.clone(), all.clone()));
            }
        });
        Self { address, connections, seen, task }
    }

    /// One that takes every request and answers as Mailgun does to a message.
    pub(super) async fn queueing() -> Self {
        Self::start(Conduct::Answer(json("200 OK", QUEUED))).await
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Every request so far.
    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// The one request that came.
    #[track_caller]
    pub(super) fn only(&self) -> Seen {
        let seen = self.seen();
        assert_eq!(seen.len(), 1, "{seen:?}");
        seen.into_iter().next().unwrap()
    }

    /// Waits until so many connections were made.
    pub(super) async fn reached_by(&self, count: usize) {
        let wait = async {
            while self.connections() < count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.expect("a connection comes");
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What Mailgun answers to a message.
pub(super) const QUEUED: &str = r#"{"id":"<1@example.com>","message":"Queued. Thank you."}"#;

/// An answer with a body of JSON.
pub(super) fn json(status: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

async fn serve(mut stream: TcpStream, conduct: Conduct, seen: Arc<Mutex<Vec<Seen>>>) {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            return;
        }
    };
    let rest = bytes.split_off(head + 4);
    bytes.truncate(head);
    let mut request = Seen { head: String::from_utf8(bytes).unwrap(), ..Seen::default() };
    let index = {
        let mut seen = seen.lock().unwrap();
        seen.push(request.clone());
        seen.len() - 1
    };
    let pause = match &conduct {
        Conduct::Early(_) | Conduct::Deaf => None,
        Conduct::Slow(pause, _) => Some(*pause),
        Conduct::Answer(_) | Conduct::Hold(_) => Some(Duration::ZERO),
    };
    if let Some(pause) = pause {
        let (body, whole) = body(&mut stream, &request, rest, pause).await;
        (request.body, request.whole) = (body, whole);
        seen.lock().unwrap()[index] = request;
        if !whole {
            return;
        }
    }
    match conduct {
        Conduct::Answer(answer) | Conduct::Slow(_, answer) | Conduct::Early(answer) => {
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
            let _ = stream.read_to_end(&mut Vec::new()).await;
        }
        Conduct::Hold(beginning) => {
            let _ = stream.write_all(beginning.as_bytes()).await;
            std::future::pending::<()>().await;
        }
        Conduct::Deaf => std::future::pending().await,
    }
}

/// The body, and whether it came to its end.
async fn body(
    stream: &mut TcpStream,
    request: &Seen,
    mut bytes: Vec<u8>,
    pause: Duration,
) -> (Vec<u8>, bool) {
    let length = request.header("content-length").map_or(0, |length| length.parse().unwrap());
    let chunked = request.header("transfer-encoding").is_some();
    loop {
        match chunked {
            true if bytes.ends_with(b"0\r\n\r\n") => return (joined(&bytes), true),
            false if bytes.len() >= length => return (bytes, true),
            _ => {}
        }
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        bytes.reserve(1 << 18);
        if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            return (bytes, false);
        }
    }
}

fn joined(mut chunks: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = chunks.windows(2).position(|two| two == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&chunks[..end]).unwrap(), 16).unwrap();
        body.extend_from_slice(&chunks[end + 2..end + 2 + size]);
        chunks = &chunks[end + 4 + size..];
    }
    body
}
