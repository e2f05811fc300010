//! Request bodies: collected up to a limit of bytes and of time, chunked or not.

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

/// Why a body could not be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// It is longer than the limit; the rest of it was not read.
    #[error("expected a body of at most {limit} bytes, found a longer one")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// It took longer to arrive than the limit; the rest of it was not awaited.
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
    warp::header::headers_cloned().and(warp::body::stream()).then(
        move |headers: HeaderMap, stream| async move {
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
        },
    )
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
