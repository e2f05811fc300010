//! The demo's receiver: an HTTP server as a Mailgun customer would have it, which checks signatures.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use anyhow::Context;
use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use waypost_compat::{Provider, Secret, signature};

use crate::clock::Clock;
use crate::model::Timestamp;

/// The largest delivery read.
const BODY_BYTES_MAX: usize = 4 << 20;
/// Deliveries that wait to be shown; beyond, receivers wait too.
const UNSHOWN_MAX: usize = 256;
/// The greatest age of a signature, in seconds, as Mailgun's documentation advises its receivers.
const SIGNATURE_AGE_MAX: i64 = 15 * 60;

/// A receiver on a free port of loopback.
pub(super) struct Receiver {
    address: SocketAddr,
    key: Arc<OnceLock<Secret>>,
    received: mpsc::Receiver<Received>,
}

/// A delivery as the receiver saw it.
#[derive(Debug)]
pub(super) struct Received {
    /// The time at which its last byte came.
    pub(super) at: Timestamp,
    /// The last part of the path: the webhook's name.
    pub(super) webhook: String,
    /// `event-data.event`.
    pub(super) event: String,
    /// `event-data.recipient`.
    pub(super) recipient: String,
    /// The reason why its signature was refused, if it was.
    pub(super) refused: Option<String>,
}

impl Receiver {
    /// Starts a receiver. It refuses everything until it has the signing key.
    pub(super) async fn start() -> anyhow::Result<Self> {
        let listener =
            TcpListener::bind(("127.0.0.1", 0)).await.context("cannot start the receiver")?;
        let address = listener.local_addr()?;
        let key = Arc::new(OnceLock::new());
        let (show, received) = mpsc::channel(UNSHOWN_MAX);
        tokio::spawn(accept(listener, Arc::clone(&key), show));
        Ok(Self { address, key, received })
    }

    /// The URL for the deliveries of one webhook.
    pub(super) fn url(&self, webhook: &str) -> String {
        format!("http://{}/hooks/{webhook}", self.address)
    }

    /// Sets the key that signatures are checked with.
    pub(super) fn trust(&self, key: &str) {
        let _ = self.key.set(Secret::new(key));
    }

    /// The next delivery, if one has already come.
    pub(super) fn ready(&mut self) -> Option<Received> {
        self.received.try_recv().ok()
    }

    /// The next delivery; waits for one.
    pub(super) async fn next(&mut self) -> Received {
        self.received.recv().await.expect("its task runs as long as the demo")
    }
}

async fn accept(listener: TcpListener, key: Arc<OnceLock<Secret>>, show: mpsc::Sender<Received>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::task::yield_now().await;
            continue;
        };
        let (key, show) = (Arc::clone(&key), show.clone());
        tokio::spawn(async move {
            let service = service_fn(|request| take(request, &key, &show));
            // A connection that breaks is the sender's to repeat.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

/// Answers 200 to a delivery that is well signed; 406, which Mailgun takes as final, to any other.
async fn take(
    request: Request<Incoming>,
    key: &OnceLock<Secret>,
    show: &mpsc::Sender<Received>,
) -> Result<Response<Empty<Bytes>>, Infallible> {
    let webhook = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
    let body = Limited::new(request.into_body(), BODY_BYTES_MAX).collect().await;
    let received = match body {
        Ok(body) => read(webhook, &body.to_bytes(), key.get()),
        Err(_) => return Ok(answer(StatusCode::BAD_REQUEST)),
    };
    let status =
        if received.refused.is_none() { StatusCode::OK } else { StatusCode::NOT_ACCEPTABLE };
    // The demo is ending if nobody listens any more.
    let _ = show.send(received).await;
    Ok(answer(status))
}

fn answer(status: StatusCode) -> Response<Empty<Bytes>> {
    let mut response = Response::new(Empty::new());
    *response.status_mut() = status;
    response
}

fn read(webhook: String, body: &[u8], key: Option<&Secret>) -> Received {
    let at = Clock::system().now();
    let json = serde_json::from_slice::<Value>(body).unwrap_or_default();
    let field = |name: &str| json["event-data"][name].as_str().unwrap_or("?").to_owned();
    let refused = match key {
        None => Some("the receiver has no key yet".to_owned()),
        Some(key) => {
            let no_headers = |_: &str| None;
            let (keys, now) = ([key], at.seconds());
            signature::verify(Provider::Mailgun, &keys, no_headers, body, now, SIGNATURE_AGE_MAX)
                .err()
                .map(|error| error.to_string())
        }
    };
    Received { at, webhook, event: field("event"), recipient: field("recipient"), refused }
}
