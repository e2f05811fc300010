//! Connections: accepted up to a number, read with deadlines, drained when the server stops.

use std::borrow::Cow;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::uri::{PathAndQuery, Uri};
use http::{Method, Request, StatusCode};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_io_timeout::TimeoutStream;
use tower_service::Service;
use tracing::{debug, warn};

use super::reply::{Response, plain};
use super::{App, Routes, routes};

/// The longest path and query taken, in bytes; longer ones are answered 414.
const URI_BYTES_MAX: usize = 16 << 10;

/// Roughly the longest request head taken, in bytes (what one read brings is still parsed); longer
/// ones are answered 431.
const HEAD_BYTES_MAX: usize = 64 << 10;

/// The pause after `accept` failed. It fails when descriptors run out, and then again at
/// once until one is closed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves `app` on `listener` until `stop` resolves; then takes no more connections, lets the
/// requests in flight finish, for a while, and returns.
///
/// HTTP/1.1 only: no client of these APIs speaks HTTP/2 without TLS, and a reverse proxy in front
/// that terminates TLS speaks 1.1 to its back.
pub async fn serve(app: App, listener: TcpListener, stop: impl Future<Output = ()>) {
    let limits = app.settings.serving;
    let api = routes(&app);
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_buf_size(HEAD_BYTES_MAX);
    let permits = Arc::new(Semaphore::new(limits.connections_max));
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    let mut stop = pin!(stop);
    loop {
        let (stream, permit) = tokio::select! {
            accepted = accept(&listener, &permits) => accepted,
            () = &mut stop => break,
        };
        while connections.try_join_next().is_some() {}
        let api = api.clone();
        let service = service_fn(move |request| answer(api.clone(), request));
        // A client that asks and never reads the answers would keep its permit for ever.
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(limits.write_timeout));
        let connection = builder.serve_connection(TokioIo::new(Box::pin(stream)), service);
        let connection = graceful.watch(connection);
        connections.spawn(async move {
            let _permit = permit;
            if let Err(error) = connection.await {
                debug!(%error, "a connection ended early");
            }
        });
    }
    drop(listener);
    if tokio::time::timeout(limits.drain_timeout, graceful.shutdown()).await.is_err() {
        warn!(
            connections = connections.len(),
            "requests still in flight {} s after the stop signal were cut off",
            limits.drain_timeout.as_secs()
        );
        connections.shutdown().await;
    }
}

async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> (TcpStream, OwnedSemaphorePermit) {
    let permit = Arc::clone(permits).acquire_owned().await.expect("nobody closes the semaphore");
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Answers are short and written at once; waiting to fill a packet only delays them.
                let _ = stream.set_nodelay(true);
                return (stream, permit);
            }
            Err(error) => {
                warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn answer<B>(api: Routes, request: Request<B>) -> Result<Response, std::convert::Infallible>
where
    B: hyper::body::Body + Send + Sync + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    match tidied(request) {
        Ok(request) => warp::service(api).call(request).await,
        Err((status, text)) => Ok(plain(status, text)),
    }
}

/// The request as the routes shall see it: `HEAD` as `GET` (hyper leaves the body out of the answer
/// by itself), doubled slashes as one (`spec/mailgun-api.md` §1.1 row 16), and letters and the like
/// as themselves, however they were encoded: no spelling of a path may lead past its route.
fn tidied<B>(mut request: Request<B>) -> Result<Request<B>, (StatusCode, &'static str)> {
    let length = request.uri().path_and_query().map_or(0, |both| both.as_str().len());
    if length > URI_BYTES_MAX {
        return Err((StatusCode::URI_TOO_LONG, "414 request URI too long\n"));
    }
    if request.method() == Method::HEAD {
        *request.method_mut() = Method::GET;
    }
    if let Cow::Owned(path) = tidied_path(request.uri().path()) {
        let both = match request.uri().query() {
            Some(query) => format!("{path}?{query}"),
            None => path,
        };
        let Ok(both) = both.parse::<PathAndQuery>() else {
            return Err((StatusCode::BAD_REQUEST, "400 bad request\n"));
        };
        *request.uri_mut() = Uri::from(both);
    }
    Ok(request)
}

fn tidied_path(path: &str) -> Cow<'_, str> {
    if !path.contains("//") && !path.contains('%') {
        return Cow::Borrowed(path);
    }
    // Decoded behind a lone `%`, a digit would become part of what was no encoding before.
    let well_encoded = path.split('%').skip(1).all(|rest| encoded_byte(rest).is_some());
    let mut tidy = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(c) = rest.chars().next() {
        let (c, length) = match unreserved(rest).filter(|_| well_encoded) {
            Some(decoded) => (decoded, 3),
            None => (c, c.len_utf8()),
        };
        if c != '/' || !tidy.ends_with('/') {
            tidy.push(c);
        }
        rest = &rest[length..];
    }
    Cow::Owned(tidy)
}

/// The character that an encoded byte at the beginning of `text` stands for, where encoding it
/// changes nothing (RFC 3986 §2.3).
fn unreserved(text: &str) -> Option<char> {
    let byte = encoded_byte(text.strip_prefix('%')?)?;
    let same = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    same.then_some(char::from(byte))
}

/// The byte that the two hex digits at the beginning of `text` stand for.
fn encoded_byte(text: &str) -> Option<u8> {
    let hex = text.get(..2).filter(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
    u8::from_str_radix(hex, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_slashes_become_one_and_the_query_keeps_its_own() {
        let request = Request::get("//v3///domains/a//webhooks?url=http://b").body(()).unwrap();
        let uri = tidied(request).unwrap().uri().clone();
        assert_eq!(uri, "/v3/domains/a/webhooks?url=http://b");
    }

    #[test]
    fn letters_are_themselves_however_they_are_encoded_and_nothing_else_is_decoded() {
        for (sent, seen) in [
            ("/v3/%64omains/%57eb%2Ex%2d%5F%7e", "/v3/domains/Web.x-_~"),
            ("/%2Fa%2fb%25%36%31%20%ff", "/%2Fa%2fb%2561%20%ff"),
            ("/%4%31", "/%4%31"),
            ("//%zz/%+1/%41", "/%zz/%+1/%41"),
            ("/a%2E%2e/%2e", "/a../."),
        ] {
            assert_eq!(tidied_path(sent), seen, "{sent}");
        }
    }

    #[test]
    fn a_long_uri_is_refused_before_any_route_sees_it() {
        let uri = format!("/v3/domains?search={}", "a".repeat(URI_BYTES_MAX));
        let refused = tidied(Request::get(uri).body(()).unwrap()).unwrap_err();
        assert_eq!(refused.0, 414);
    }
}
