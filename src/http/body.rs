//! Request bodies: collected up to a limit, chunked or not.

use bytes::{Buf, Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use warp::Filter;
use warp::reject::Rejection;

use super::App;

/// A request's body and what it says it is.
#[derive(Debug, Clone, Default)]
pub struct Body {
    /// `Content-Type`, as sent.
    pub content_type: Option<String>,
    /// The bytes.
    pub bytes: Bytes,
}

/// Why a body could not be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// It is longer than the limit; the rest of it was not read.
    #[error("the body is larger than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The connection broke.
    #[error("the body ended before its time")]
    Broken,
}

/// Extracts the body. Never rejects: a body that cannot be had is the handler's to answer.
pub(super) fn body(
    app: &App,
) -> impl Filter<Extract = (Result<Body, BodyError>,), Error = Rejection> + Clone + use<> {
    let limit = app.settings.body_bytes_max;
    warp::header::optional::<String>("content-type")
        .and(warp::header::optional::<u64>("content-length"))
        .and(warp::body::stream())
        .then(move |content_type, length: Option<u64>, stream| async move {
            if length.is_some_and(|length| length > limit as u64) {
                return Err(BodyError::TooLarge { limit });
            }
            collect(stream, limit).await.map(|bytes| Body { content_type, bytes })
        })
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
