//! Load: connections that post, a sink that takes, and a ledger of when what passed where.

use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// The most events that one run may pass.
const EVENTS_MAX: usize = 2_000_000;

/// What an event's id begins with; its number follows, eight digits long.
pub(crate) const ID_PREFIX: &str = "bench-";

/// One connection to a server, kept open.
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    host: String,
}

impl Connection {
    /// Connects to `url`, such as `http://127.0.0.1:8740`.
    pub(crate) async fn open(url: &str) -> Self {
        let host = url.strip_prefix("http://").expect("a loopback URL").to_owned();
        let stream = TcpStream::connect(&host).await.expect("the server listens");
        stream.set_nodelay(true).expect("a socket");
        let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
        let (sender, connection) = handshake.expect("an HTTP connection");
        tokio::spawn(connection);
        Self { sender, host }
    }

    /// Posts a body and waits for the whole answer.
    pub(crate) async fn post(
        &mut self,
        path: &str,
        headers: &[(&'static str, String)],
        body: Bytes,
    ) -> StatusCode {
        let mut request = Request::post(path).header("host", &self.host);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let request = request.body(Full::new(body)).expect("a well-formed request");
        self.sender.ready().await.expect("the connection stays open");
        let response = self.sender.send_request(request).await.expect("an answer");
        let status = response.status();
        response.into_body().collect().await.expect("the whole answer");
        status
    }
}

/// When each event was acknowledged and when it was delivered.
pub(crate) struct Ledger {
    start: Instant,
    accepted: Box<[AtomicU64]>,
    delivered: Box<[AtomicU64]>,
    next: AtomicUsize,
    accepted_count: AtomicUsize,
    delivered_count: AtomicUsize,
}

impl Ledger {
    pub(crate) fn new() -> Self {
        let empty = || (0..EVENTS_MAX).map(|_| AtomicU64::new(0)).collect();
        Self {
            start: Instant::now(),
            accepted: empty(),
            delivered: empty(),
            next: AtomicUsize::new(0),
            accepted_count: AtomicUsize::new(0),
            delivered_count: AtomicUsize::new(0),
        }
    }

    /// The number of an event that nobody has posted.
    pub(crate) fn next(&self) -> usize {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// Notes that event `number` was acknowledged.
    pub(crate) fn accept(&self, number: usize) {
        self.accepted[number].store(self.micros(), Ordering::Relaxed);
        self.accepted_count.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes that a body with an event's id arrived.
    fn deliver(&self, body: &[u8]) {
        let prefix = ID_PREFIX.as_bytes();
        let at = body.windows(prefix.len()).position(|window| window == prefix);
        let digits = at.and_then(|at| body.get(at + prefix.len()..at + prefix.len() + 8));
        let number = digits.and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
        let number: usize = number.expect("a delivery carries its event's id");
        if self.delivered[number].swap(self.micros(), Ordering::Relaxed) == 0 {
            self.delivered_count.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn accepted_count(&self) -> usize {
        self.accepted_count.load(Ordering::Relaxed)
    }

    pub(crate) fn delivered_count(&self) -> usize {
        self.delivered_count.load(Ordering::Relaxed)
    }

    /// From acknowledged to delivered, for each event that was both. One may arrive before its
    /// acknowledgement was read: then it took no time.
    pub(crate) fn latencies(&self) -> Vec<Duration> {
        let pairs = self.accepted.iter().zip(&self.delivered);
        let pairs = pairs.map(|(a, d)| (a.load(Ordering::Relaxed), d.load(Ordering::Relaxed)));
        pairs
            .filter(|(accepted, delivered)| *accepted > 0 && *delivered > 0)
            .map(|(accepted, delivered)| Duration::from_micros(delivered.saturating_sub(accepted)))
            .collect()
    }

    /// Waits until everything acknowledged is delivered, for so long at most.
    pub(crate) async fn drained(&self, patience: Duration) -> bool {
        let give_up = Instant::now() + patience;
        while self.delivered_count() < self.accepted_count() {
            if Instant::now() > give_up {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        true
    }

    /// Never zero, which says that something has not happened.
    fn micros(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX).max(1)
    }
}

/// Runs `connections` copies of `work`, each again and again until `window` has passed, and gives
/// back how long each pass took.
pub(crate) async fn closed_loop<S, F, T>(states: Vec<S>, window: Duration, work: F) -> Vec<Duration>
where
    S: Send + 'static,
    F: Fn(S) -> T + Clone + Send + 'static,
    T: Future<Output = S> + Send,
{
    let until = Instant::now() + window;
    let latencies = Arc::new(Mutex::new(Vec::new()));
    let mut tasks = JoinSet::new();
    for mut state in states {
        let (work, all) = (work.clone(), Arc::clone(&latencies));
        tasks.spawn(async move {
            let mut own = Vec::new();
            let mut before = Instant::now();
            while before < until {
                state = work(state).await;
                let after = Instant::now();
                own.push(after - before);
                before = after;
            }
            all.lock().expect("no task panics with it").append(&mut own);
        });
    }
    tasks.join_all().await;
    std::mem::take(&mut *latencies.lock().expect("all tasks ended"))
}

/// A server that answers every POST with 200 once it has read it, and tells the ledger.
pub(crate) async fn sink(ledger: Option<Arc<Ledger>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            stream.set_nodelay(true).expect("a socket");
            let ledger = ledger.clone();
            tokio::spawn(async move {
                let service = service_fn(|request| take(request, ledger.as_deref()));
                // The other side ends the connection when the run is over.
                let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    url
}

async fn take(
    request: Request<Incoming>,
    ledger: Option<&Ledger>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    if let Ok(body) = request.into_body().collect().await
        && let Some(ledger) = ledger
    {
        ledger.deliver(&body.to_bytes());
    }
    Ok(Response::new(Full::new(Bytes::from_static(b"hello"))))
}
