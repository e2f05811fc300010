//! HTTP out: one POST to a receiver, with deadlines, caps and an address policy, and what came of
//! it; and requests passed on to a server that the operator named.
//!
//! Never follows a redirect, never uses a proxy. No receiver is called at an address that was not
//! checked.

pub mod api;

mod address;
mod answer;
mod dial;
mod forward;
mod request;
mod words;

use std::error::Error;
use std::fmt::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::{CaptureConnection, HttpInfo, capture_connection};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use ipnet::IpNet;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use tokio::time::{Instant, timeout_at};
use tracing::warn;

use self::address::AddressPolicy;
pub use self::address::is_public_url;
use self::answer::Reading;
use self::dial::{Connector, DialError};
pub use self::forward::{Download, ForwardOptions, Forwarder};
use crate::clock::Clock;
use crate::model::{Failure, Outcome, WebhookUrl};

/// The most that is kept of an answer, or of an error, in bytes.
const EXCERPT_BYTES_MAX: usize = 2 * 1024;

/// The largest head of an answer taken, in bytes.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// Idle connections kept for each receiver: as many as one target may have in flight.
const IDLE_PER_HOST_MAX: usize = 64;

/// The time that an idle connection is kept.
// Less than the five seconds after which Node, uvicorn and Apache close theirs: a request that
// meets a closing connection is lost until its next attempt.
const IDLE_FOR: Duration = Duration::from_secs(4);

/// Options of calls to receivers.
#[derive(Debug, Clone)]
pub struct ClientOptions {
    /// Ranges that may be called although they are not public.
    pub allow_targets: Vec<IpNet>,
    /// The deadline over name resolution, TCP and TLS.
    pub connect_timeout: Duration,
    /// The most that is read of an answer's body, in bytes; a longer one is cut off there.
    pub response_bytes_max: usize,
    /// Certificate authorities trusted beside the system's.
    pub extra_roots: Vec<CertificateDer<'static>>,
    /// The clock that a `Retry-After` with a date is held against.
    pub clock: Clock,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            allow_targets: Vec::new(),
            connect_timeout: Duration::from_secs(5),
            response_bytes_max: 64 * 1024,
            extra_roots: Vec::new(),
            clock: Clock::system(),
        }
    }
}

/// A client of receivers, over pooled connections. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    http: legacy::Client<Connector, Full<Bytes>>,
    response_bytes_max: usize,
    clock: Clock,
}

/// The result of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// The answer, or why there was none.
    pub outcome: Outcome,
    /// The time that it took.
    pub duration: Duration,
    /// The address that was dialled, where it came to that.
    pub address: Option<SocketAddr>,
    /// The beginning of the answer's body, or the error in words.
    pub excerpt: String,
}

impl Client {
    /// A client with the system's certificate authorities. Where there are none, it says so once
    /// in the log, and every `https` receiver fails with [`Failure::Tls`].
    #[must_use]
    pub fn new(options: ClientOptions) -> Self {
        let tls = Arc::new(tls_config(options.extra_roots));
        let policy = AddressPolicy::new(options.allow_targets);
        let connector = Connector::new(policy, tls, options.connect_timeout);
        let http = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_FOR)
            .pool_max_idle_per_host(IDLE_PER_HOST_MAX)
            .http1_max_buf_size(HEAD_BYTES_MAX)
            .build(connector);
        Self { http, response_bytes_max: options.response_bytes_max, clock: options.clock }
    }

    /// Posts `body` and waits for the whole answer, but no longer than `timeout`.
    ///
    /// Any status is an answer, redirects included. A 2xx counts only when the answer came whole
    /// or to the length that is read: half an acknowledgement is none, and the receiver that
    /// trickles its answer is to be found out. Of any other status the head is enough.
    ///
    /// Userinfo in the URL becomes Basic credentials and appears nowhere else. Header values that
    /// HTTP does not allow are left out.
    pub async fn post(
        &self,
        url: &WebhookUrl,
        headers: &[(&'static str, String)],
        body: Bytes,
        timeout: Duration,
    ) -> Sent {
        let begun = Instant::now();
        let (result, address) = match request::of(url, headers, body) {
            Ok(mut request) => {
                let connection = capture_connection(&mut request);
                let result = self.exchange(request, begun + timeout, timeout).await;
                let dialled = dialled(&connection);
                let tried = result.as_ref().err().and_then(|error| error.address);
                (result, dialled.or(tried))
            }
            Err(text) => (Err(Refusal { failure: Failure::Broken, address: None, text }), None),
        };
        let (outcome, excerpt) = match result {
            Ok((outcome, body)) => (outcome, String::from_utf8_lossy(&body).into_owned()),
            Err(error) => (Outcome::Failed(error.failure), error.text),
        };
        Sent { outcome, duration: begun.elapsed(), address, excerpt: cut(excerpt) }
    }

    async fn exchange(
        &self,
        request: Request<Full<Bytes>>,
        deadline: Instant,
        timeout: Duration,
    ) -> Result<(Outcome, Vec<u8>), Refusal> {
        let response: Response<Incoming> =
            match timeout_at(deadline, self.http.request(request)).await {
                Ok(Ok(response)) => response,
                Ok(Err(error)) => return Err(Refusal::of(&error)),
                Err(_) => return Err(Refusal::late(format!("no answer within {timeout:?}"))),
            };
        let (head, body) = response.into_parts();
        let outcome = Outcome::Answered {
            status: head.status.as_u16(),
            retry_after: self.retry_after(&head.headers),
        };
        let (read, reading) = answer::read(body, self.response_bytes_max, deadline).await;
        match reading {
            Reading::Late if head.status.is_success() => {
                Err(Refusal::late(format!("the answer did not end within {timeout:?}")))
            }
            Reading::Broken(text) if head.status.is_success() => {
                Err(Refusal { failure: Failure::Broken, address: None, text })
            }
            Reading::Whole | Reading::Late | Reading::Broken(_) => Ok((outcome, read)),
        }
    }

    fn retry_after(&self, headers: &HeaderMap) -> Option<Duration> {
        let value = headers.get(http::header::RETRY_AFTER)?;
        answer::retry_after(value, self.clock.now())
    }
}

/// The reason why there was no answer, on its way into a [`Sent`].
struct Refusal {
    failure: Failure,
    address: Option<SocketAddr>,
    text: String,
}

impl Refusal {
    fn of(error: &legacy::Error) -> Self {
        let mut cause: Option<&(dyn Error + 'static)> = Some(error);
        while let Some(error) = cause {
            if let Some(dial) = error.downcast_ref::<DialError>() {
                let DialError { failure, address, .. } = *dial;
                return Self { failure, address, text: dial.to_string() };
            }
            cause = error.source();
        }
        Self { failure: Failure::Broken, address: None, text: in_words(error) }
    }

    const fn late(text: String) -> Self {
        Self { failure: Failure::Timeout, address: None, text }
    }
}

/// The address behind a connection that was made or reused for a request.
fn dialled(connection: &CaptureConnection) -> Option<SocketAddr> {
    let mut extensions = http::Extensions::new();
    connection.connection_metadata().as_ref()?.get_extras(&mut extensions);
    extensions.get::<HttpInfo>().map(HttpInfo::remote_addr)
}

/// An error and its causes, in one line.
fn in_words(error: &(dyn Error + 'static)) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        // Writing to a string does not fail.
        let _ = write!(words, ": {error}");
        cause = error.source();
    }
    words
}

/// At most [`EXCERPT_BYTES_MAX`] bytes of a text, cut between two characters.
fn cut(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(EXCERPT_BYTES_MAX));
    text
}

fn tls_config(extra_roots: Vec<CertificateDer<'static>>) -> ClientConfig {
    let system = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (taken, _) = roots.add_parsable_certificates(system.certs.into_iter().chain(extra_roots));
    if taken == 0 {
        warn!("this system has no certificate authorities: no https receiver can be called");
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has the default versions of TLS")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_is_cut_between_two_characters() {
        let text = cut(format!("a{}", "é".repeat(EXCERPT_BYTES_MAX)));
        assert_eq!(text.len(), EXCERPT_BYTES_MAX - 1);
        assert_eq!(cut("short".to_owned()), "short");
    }
}
