//! Connections: resolve, check every answer, dial one that was checked, shake hands.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use http::Uri;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout, timeout_at};
use tower_service::Service;

use super::address::AddressPolicy;
use crate::model::Failure;

/// The most addresses of one name that are tried; further ones are checked and left alone.
const ADDRESSES_TRIED_MAX: usize = 8;

/// A maker of connections for the pool: address policy, TCP, TLS, one deadline over all three.
#[derive(Clone)]
pub(super) struct Connector {
    resolver: Resolver,
    policy: Arc<AddressPolicy>,
    tls: Arc<rustls::ClientConfig>,
    timeout: Duration,
}

/// The reason why there is no connection.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{text}")]
pub(super) struct DialError {
    pub(super) failure: Failure,
    /// The address that was dialled last, where it came to that.
    pub(super) address: Option<SocketAddr>,
    text: Arc<str>,
}

impl DialError {
    fn new(failure: Failure, text: impl Into<Arc<str>>) -> Self {
        Self { failure, address: None, text: text.into() }
    }
}

impl Connector {
    pub(super) fn new(
        policy: AddressPolicy,
        tls: Arc<rustls::ClientConfig>,
        timeout: Duration,
    ) -> Self {
        Self { resolver: Resolver::default(), policy: Arc::new(policy), tls, timeout }
    }
}

impl Service<Uri> for Connector {
    type Response = MaybeHttpsStream<TokioIo<TcpStream>>;
    type Error = DialError;
    type Future = BoxFuture<'static, Result<Self::Response, DialError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), DialError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let dialled = Arc::new(Dialled::default());
        let dialer = Dialer {
            resolver: self.resolver.clone(),
            policy: self.policy.clone(),
            timeout: self.timeout,
            dialled: dialled.clone(),
        };
        let mut https = HttpsConnector::from((dialer, self.tls.clone()));
        let limit = self.timeout;
        async move {
            let error = match timeout(limit, https.call(uri)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => match error.downcast::<DialError>() {
                    Ok(error) => *error,
                    // The dialer has its own error, so anything else comes from above TCP.
                    Err(other) => DialError::new(Failure::Tls, super::in_words(other.as_ref())),
                },
                Err(_) => {
                    DialError::new(Failure::Timeout, format!("no connection within {limit:?}"))
                }
            };
            Err(DialError { address: dialled.0.get().copied(), ..error })
        }
        .boxed()
    }
}

/// The address a call dialled in the end.
#[derive(Default)]
struct Dialled(OnceLock<SocketAddr>);

/// The part of a call below TLS.
struct Dialer {
    resolver: Resolver,
    policy: Arc<AddressPolicy>,
    timeout: Duration,
    dialled: Arc<Dialled>,
}

impl Service<Uri> for Dialer {
    type Response = TokioIo<TcpStream>;
    type Error = DialError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, DialError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), DialError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let (resolver, policy) = (self.resolver.clone(), self.policy.clone());
        let (deadline, dialled) = (Instant::now() + self.timeout, self.dialled.clone());
        Box::pin(async move {
            let host = uri.host().unwrap_or_default();
            let default_port = if uri.scheme_str() == Some("https") { 443 } else { 80 };
            let port = uri.port_u16().unwrap_or(default_port);
            let bare = host.trim_start_matches('[').trim_end_matches(']');
            let answers = match bare.parse::<IpAddr>() {
                Ok(address) => Arc::from([address]),
                Err(_) => resolver.look_up(bare).await?,
            };
            let addresses = policy
                .vet(&answers)
                .map_err(|blocked| DialError::new(Failure::Blocked, blocked.to_string()))?;
            let stream = dial(&addresses, port, deadline, &dialled).await?;
            Ok(TokioIo::new(stream))
        })
    }
}

/// Tries one address after the other; each gets its share of the time that is left, so that one
/// which swallows packets does not cost the others their turn.
async fn dial(
    addresses: &[IpAddr],
    port: u16,
    deadline: Instant,
    dialled: &Dialled,
) -> Result<TcpStream, DialError> {
    let tried = &addresses[..addresses.len().min(ADDRESSES_TRIED_MAX)];
    let mut last = None;
    for (index, address) in tried.iter().enumerate() {
        let address = SocketAddr::new(*address, port);
        let left = u32::try_from(tried.len() - index).unwrap_or(1);
        let now = Instant::now();
        let share = now + deadline.saturating_duration_since(now) / left;
        let error = match timeout_at(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                let _ = dialled.0.set(address);
                // Requests are written whole; waiting for more to send only delays them.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Ok(Err(error)) => {
                DialError::new(Failure::Connect, format!("cannot connect to {address}: {error}"))
            }
            Err(_) => {
                DialError::new(Failure::Timeout, format!("no connection to {address} in time"))
            }
        };
        last = Some((address, error));
    }
    match last {
        Some((address, error)) => {
            let _ = dialled.0.set(address);
            Err(error)
        }
        None => Err(DialError::new(Failure::Dns, "the name has no address")),
    }
}

/// Look-ups under way at any time: half of the threads that tokio has for what blocks.
const LOOK_UPS_MAX: usize = 256;

type Answer = Result<Arc<[IpAddr]>, DialError>;

/// The system's resolver, asked once at a time for each name.
///
/// A look-up holds a thread until it ends, and names whose servers are silent must not use up the
/// threads of all others. The threads also read listings from the store, so that look-ups get no
/// more than a part of them.
#[derive(Clone)]
struct Resolver {
    permits: Arc<Semaphore>,
    under_way: Arc<Mutex<HashMap<String, Shared<BoxFuture<'static, Answer>>>>>,
}

impl Default for Resolver {
    fn default() -> Self {
        Self { permits: Arc::new(Semaphore::new(LOOK_UPS_MAX)), under_way: Arc::default() }
    }
}

impl Resolver {
    fn look_up(&self, host: &str) -> Shared<BoxFuture<'static, Answer>> {
        let mut under_way = self.under_way.lock().expect("nothing panics while it holds the lock");
        if let Some(look_up) = under_way.get(host) {
            return look_up.clone();
        }
        let (all, name) = (self.under_way.clone(), host.to_owned());
        let permits = self.permits.clone();
        let task = tokio::spawn(async move {
            let _permit = permits.acquire_owned().await.expect("nobody closes the semaphore");
            let answer = ask(&name).await;
            all.lock().expect("nothing panics while it holds the lock").remove(&name);
            answer
        });
        let look_up = async move {
            task.await.unwrap_or_else(|_| Err(DialError::new(Failure::Dns, "the server stops")))
        };
        let look_up = look_up.boxed().shared();
        under_way.insert(host.to_owned(), look_up.clone());
        look_up
    }
}

async fn ask(host: &str) -> Answer {
    let refused =
        |error: io::Error| DialError::new(Failure::Dns, format!("cannot resolve {host}: {error}"));
    let answers = tokio::net::lookup_host((host, 0)).await.map_err(refused)?;
    let mut addresses: Vec<IpAddr> = Vec::new();
    for answer in answers {
        if !addresses.contains(&answer.ip()) {
            addresses.push(answer.ip());
        }
    }
    Ok(addresses.into())
}
