//! Requests passed on to one server that the operator named, and its answers passed back, neither
//! of them held in memory.
//!
//! Each request gets a connection of its own and is written to it once. A pooled connection may be
//! closed by the server at the moment a request is written to it, and then nobody knows whether the
//! request was taken: mail would be lost, or, sent again, go out twice. TLS sessions are resumed.

mod activity;

use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::Stream;
use futures_util::future::poll_fn;
use http::header::{AUTHORIZATION, HOST};
use http::uri::Authority;
use http::{HeaderValue, Request, Response, Uri};
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1;
use rustls::pki_types::CertificateDer;
use tokio::task::JoinHandle;
use tower_service::Service;
use url::Url;

use self::activity::{Activity, Silence, WatchedBody, WatchedStream};
use super::address::AddressPolicy;
use super::dial::Connector;
use super::{HEAD_BYTES_MAX, in_words, tls_config};
use crate::model::{Failure, Unanswered};

/// Options of calls to a server that requests are passed on to.
#[derive(Debug, Clone)]
pub struct ForwardOptions {
    /// The deadline over name resolution, TCP and TLS.
    pub connect_timeout: Duration,
    /// The longest that nothing may move on a connection.
    pub patience: Duration,
    /// Certificate authorities trusted beside the system's.
    pub extra_roots: Vec<CertificateDer<'static>>,
}

impl Default for ForwardOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            patience: Duration::from_secs(30),
            extra_roots: Vec::new(),
        }
    }
}

/// A passage to one server, as the user `api` with one key.
///
/// Follows no redirect and uses no proxy. The address may be a private one: the operator named it,
/// and no client can change it.
#[derive(Clone)]
pub struct Forwarder {
    connector: Connector,
    origin: Uri,
    host: HeaderValue,
    authorization: HeaderValue,
    patience: Duration,
}

impl Forwarder {
    /// A forwarder to the scheme, host and port of `base`; `None` if they cannot be written in a
    /// request.
    #[must_use]
    pub fn new(base: &Url, key: &str, options: ForwardOptions) -> Option<Self> {
        let host = base.host_str()?;
        let authority = match base.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        let authority: Authority = authority.parse().ok()?;
        let host = HeaderValue::from_str(authority.as_str()).ok()?;
        let origin = Uri::builder().scheme(base.scheme()).authority(authority);
        let mut authorization =
            HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(format!("api:{key}"))))
                .ok()?;
        authorization.set_sensitive(true);
        let tls = Arc::new(tls_config(options.extra_roots));
        let connector = Connector::new(AddressPolicy::any(), tls, options.connect_timeout);
        let origin = origin.path_and_query("/").build().ok()?;
        Some(Self { connector, origin, host, authorization, patience: options.patience })
    }

    /// Sends a request, once, with the path, query, headers and body that it has, and returns as
    /// soon as the head of the answer is there. `Host` and `Authorization` are the server's.
    pub async fn send<B>(&self, request: Request<B>) -> Result<Response<Download>, Unanswered>
    where
        B: Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let stream = self.connector.clone().call(self.origin.clone()).await.map_err(|error| {
            Unanswered::Unreached { failure: error.failure, text: error.to_string() }
        })?;
        let activity = Activity::new();
        let stream = WatchedStream { stream, activity: activity.clone() };
        let (mut sender, connection) =
            http1::Builder::new().max_buf_size(HEAD_BYTES_MAX).handshake(stream).await.map_err(
                |error| Unanswered::Unreached { failure: Failure::Broken, text: in_words(&error) },
            )?;
        let connection = Connection(tokio::spawn(async move {
            // Whoever waits for the answer is told the same.
            let _ = connection.await;
        }));
        let (mut head, body) = request.into_parts();
        head.headers.insert(HOST, self.host.clone());
        head.headers.insert(AUTHORIZATION, self.authorization.clone());
        let body = WatchedBody { body, activity: activity.clone() };
        let mut silence = Silence::new(activity, self.patience);
        let answer = tokio::select! {
            biased;
            answer = sender.send_request(Request::from_parts(head, body)) => answer,
            () = poll_fn(|cx| silence.poll(cx)) => return Err(Unanswered::Silent(self.patience)),
        };
        let answer = answer.map_err(|error| Unanswered::Broken(in_words(&error)))?;
        Ok(answer.map(|body| Download {
            body,
            silence,
            patience: self.patience,
            waiting: false,
            _connection: connection,
        }))
    }
}

/// A task that moves the bytes of one connection; ends with its owner.
struct Connection(JoinHandle<()>);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The body of an answer, as it comes. Ends with an error if the server breaks off, or is silent
/// for too long while more is waited for.
pub struct Download {
    body: Incoming,
    silence: Silence,
    patience: Duration,
    /// True if the last poll found nothing: only then has anybody waited for the server.
    waiting: bool,
    _connection: Connection,
}

impl Stream for Download {
    type Item = Result<Bytes, Unanswered>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if !self.waiting {
            self.silence.restart();
        }
        loop {
            let polled = Pin::new(&mut self.body).poll_frame(cx);
            self.waiting = polled.is_pending();
            return match polled {
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => Poll::Ready(Some(Ok(data))),
                    // Trailers: nobody reads them.
                    Err(_) => continue,
                },
                Poll::Ready(Some(Err(error))) => {
                    Poll::Ready(Some(Err(Unanswered::Broken(in_words(&error)))))
                }
                Poll::Ready(None) => Poll::Ready(None),
                Poll::Pending => match self.silence.poll(cx) {
                    Poll::Ready(()) => Poll::Ready(Some(Err(Unanswered::Silent(self.patience)))),
                    Poll::Pending => Poll::Pending,
                },
            };
        }
    }
}
