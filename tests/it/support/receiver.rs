//! A receiver on loopback that remembers every request and answers as it was told.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

/// How long a test waits for a request before it says that none came.
const PATIENCE: Duration = Duration::from_secs(30);

type Body = UnsyncBoxBody<Bytes, Infallible>;

/// One request as it came in.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// When its last byte was there.
    pub(crate) at: Instant,
}

impl Received {
    /// The body as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// What a request is answered with.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Answer {
    /// A status, at once.
    Status(u16),
    /// A status, after a while.
    Late(Duration, u16),
    /// Nothing, ever.
    Hang,
    /// `200`, and then a byte of the body each time the interval has passed, for ever.
    Trickle(Duration),
}

/// A running receiver; gone when dropped, connections and all.
pub(crate) struct Receiver {
    /// Where it listens, without a slash at the end.
    pub(crate) url: String,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    received: Mutex<Vec<Received>>,
    count: watch::Sender<usize>,
    script: Mutex<VecDeque<Answer>>,
    otherwise: Mutex<Answer>,
}

impl Receiver {
    /// Starts one that answers `200` until told otherwise.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared {
            received: Mutex::default(),
            count: watch::Sender::new(0),
            script: Mutex::default(),
            otherwise: Mutex::new(Answer::Status(200)),
        });
        let task = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Self { url, shared, task }
    }

    /// Answers the next requests with `answers`, one each.
    pub(crate) fn then(&self, answers: impl IntoIterator<Item = Answer>) {
        self.shared.script.lock().unwrap().extend(answers);
    }

    /// Answers every request that the script does not cover with `answer`.
    pub(crate) fn otherwise(&self, answer: Answer) {
        *self.shared.otherwise.lock().unwrap() = answer;
    }

    /// The request with this index, waiting until it is there.
    pub(crate) async fn nth(&self, index: usize) -> Received {
        self.at_least(index + 1).await;
        self.shared.received.lock().unwrap()[index].clone()
    }

    /// Waits until `count` requests have come.
    pub(crate) async fn at_least(&self, count: usize) {
        let came = self.more_than(count - 1).await;
        assert!(came, "{} requests in 30 s, expected {count}", self.received().len());
    }

    /// Whether more than `count` requests have come, or come while a test has patience.
    pub(crate) async fn more_than(&self, count: usize) -> bool {
        let mut seen = self.shared.count.subscribe();
        tokio::time::timeout(PATIENCE, seen.wait_for(|seen| *seen > count)).await.is_ok()
    }

    /// Every request so far, in the order in which they came.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.received_since(0)
    }

    /// The requests from this index on.
    pub(crate) fn received_since(&self, index: usize) -> Vec<Received> {
        self.shared.received.lock().unwrap()[index..].to_vec()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            let service = service_fn(move |request| answer(request, Arc::clone(&shared)));
            // A client that goes away in the middle is for the test to judge, not an error here.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn answer(
    request: Request<Incoming>,
    shared: Arc<Shared>,
) -> Result<Response<Body>, hyper::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let path = head.uri.path().to_owned();
    let received = Received { path, headers: head.headers, body, at: Instant::now() };
    shared.received.lock().unwrap().push(received);
    shared.count.send_modify(|count| *count += 1);
    let scripted = shared.script.lock().unwrap().pop_front();
    let (status, body) = match scripted.unwrap_or_else(|| *shared.otherwise.lock().unwrap()) {
        Answer::Status(status) => (status, empty()),
        Answer::Late(delay, status) => {
            tokio::time::sleep(delay).await;
            (status, empty())
        }
        Answer::Hang => std::future::pending().await,
        Answer::Trickle(interval) => (200, trickle(interval)),
    };
    Ok(Response::builder().status(status).body(body).unwrap())
}

fn empty() -> Body {
    Full::default().boxed_unsync()
}

fn trickle(interval: Duration) -> Body {
    let drops = stream::unfold((), move |()| async move {
        tokio::time::sleep(interval).await;
        Some((Ok(Frame::data(Bytes::from_static(b"."))), ()))
    });
    StreamBody::new(drops).boxed_unsync()
}
