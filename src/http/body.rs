//! Request bodies: collected up to a limit of bytes and of time, chunked or not.

use std::pin::Pin;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use warp::Filter;
use warp::http::HeaderMap;
use warp::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use warp::reject::Rejection;

use super::App;

/// A request's body and what it says it is.
#[derive(Debug, Clone, Default)]
pub struct Body {
    /// `Content-Type`, as sent; what is not text in it is replaced.
    pub content_type: Option<String>,
    /// The bytes.
    pub bytes: Bytes,
}

/// A reason why a body could not be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// Longer than the limit; the rest of it was not read.
    #[error("expected a body of at most {limit} bytes, found a longer one")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// Longer under way than the limit; the rest of it was not awaited.
    #[error("expected the whole body within {limit_s} seconds, found less of it")]
    TooSlow {
        /// The limit in seconds.
        limit_s: u64,
    },
    /// Nothing of it came for longer than the limit.
    #[error("expected some of the body every {limit_s} seconds, found none")]
    Stalled {
        /// The limit in seconds.
        limit_s: u64,
    },
    /// The connection broke.
    #[error("the body ended before its time")]
    Broken,
}

impl BodyError {
    /// The status that says so.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::TooLarge { .. } => 413,
            Self::TooSlow { .. } | Self::Stalled { .. } => 408,
            Self::Broken => 400,
        }
    }
}

/// Extracts the body. Never rejects: a body that cannot be had is the handler's to answer.
pub(super) fn body(
    app: &App,
) -> impl Filter<Extract = (Result<Body, BodyError>,), Error = Rejection> + Clone + use<> {
    let limit = app.settings.body_bytes_max;
    let deadline = app.settings.serving.body_timeout;
    warp::header::headers_cloned()
        .and(warp::body::stream())
        .then(move |headers: HeaderMap, stream| received(headers, stream, limit, deadline))
}

/// A body that has not been read yet, for endpoints that take more than others: only who may use
/// them makes the server hold so much.
pub(super) struct Unread {
    headers: HeaderMap,
    stream: Pin<Box<dyn Stream<Item = Result<Bytes, warp::Error>> + Send>>,
    deadline: Duration,
}

impl Unread {
    /// Reads the body, up to a limit of its own.
    pub(super) async fn read(self, limit: usize) -> Result<Body, BodyError> {
        received(self.headers, self.stream, limit, self.deadline).await
    }
}

/// Extracts the body without reading it.
pub(super) fn unread(
    app: &App,
) -> impl Filter<Extract = (Unread,), Error = Rejection> + Clone + use<> {
    let deadline = app.settings.serving.body_timeout;
    warp::header::headers_cloned().and(warp::body::stream()).map(move |headers, stream| {
        let stream = bytes_of(stream);
        Unread { headers, stream: Box::pin(stream), deadline }
    })
}

fn bytes_of<S, B>(stream: S) -> impl Stream<Item = Result<Bytes, warp::Error>> + Send
where
    S: Stream<Item = Result<B, warp::Error>> + Send,
    B: Buf,
{
    stream.map(|chunk| {
        chunk.map(|mut chunk| {
            let length = chunk.remaining();
            chunk.copy_to_bytes(length)
        })
    })
}

async fn received<S, B>(
    headers: HeaderMap,
    stream: S,
    limit: usize,
    deadline: Duration,
) -> Result<Body, BodyError>
where
    S: Stream<Item = Result<B, warp::Error>>,
    B: Buf,
{
    let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    let length = length.and_then(|text| text.parse::<u64>().ok());
    if length.is_some_and(|length| length > limit as u64) {
        return Err(BodyError::TooLarge { limit });
    }
    let content_type = headers
        .get(CONTENT_TYPE)
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    match tokio::time::timeout(deadline, collect(stream, limit)).await {
        Ok(bytes) => Ok(Body { content_type, bytes: bytes? }),
        Err(_) => Err(BodyError::TooSlow { limit_s: deadline.as_secs() }),
    }
}

async fn collect<S, B>(stream: S, limit: usize) -> Result<Bytes, BodyError>
where
    S: Stream<Item = Result<B, warp::Error>>,
    B: Buf,
{
    let mut stream = std::pin::pin!(stream);
    let mut bytes = BytesMut::new();
    while let Some(chunk) = stream.next().await {
        let mut chunk = chunk.map_err(|_| BodyError::Broken)?;
        if bytes.len() + chunk.remaining() > limit {
            return Err(BodyError::TooLarge { limit });
        }
        while chunk.has_remaining() {
            let part = chunk.chunk();
            bytes.extend_from_slice(part);
            let taken = part.len();
            chunk.advance(taken);
        }
    }
    Ok(bytes.freeze())
}
