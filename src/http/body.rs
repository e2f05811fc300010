//! Request bodies: collected up to a limit of bytes and of time, chunked or not.

use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt, TryStreamExt};
use http::HeaderMap;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING};

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

/// The pieces of a body, as they come.
pub(super) type Pieces = BoxStream<'static, Result<Bytes, BodyError>>;

/// A body that has not been read yet.
///
/// Dropped unread, it is read all the same, for a while, and thrown away: a client that is still
/// sending reads its answer only if somebody goes on reading what it sends.
pub(super) struct Unread {
    pieces: Option<Pieces>,
    announced: bool,
    length: Option<u64>,
    limits: Limits,
}

/// The bounds of what is read of a body.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// The bytes, unless an endpoint takes more.
    pub(super) bytes: usize,
    /// The time that all of it may take.
    pub(super) time: Duration,
}

impl Unread {
    /// A body that comes in these pieces, with these headers before it.
    pub(super) fn new<S, B, E>(pieces: S, headers: &HeaderMap, limits: Limits) -> Self
    where
        S: Stream<Item = Result<B, E>> + Send + 'static,
        B: Buf,
    {
        let whole = |mut piece: B| piece.copy_to_bytes(piece.remaining());
        let pieces = pieces.map_ok(whole).map_err(|_| BodyError::Broken).boxed();
        let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok());
        let length = length.and_then(|text| text.parse().ok());
        let announced = headers.contains_key(TRANSFER_ENCODING) || length.is_some_and(|n| n > 0);
        Self { pieces: Some(pieces), announced, length, limits }
    }

    /// Reads the body, once, up to a limit of bytes.
    pub(super) async fn read(mut self, limit: usize) -> Result<Bytes, BodyError> {
        if self.length.is_some_and(|length| length > limit as u64) {
            self.pieces = None;
            return Err(BodyError::TooLarge { limit });
        }
        let Some(pieces) = self.pieces.take() else { return Err(BodyError::Broken) };
        let time = self.limits.time;
        match tokio::time::timeout(time, collect(pieces, limit)).await {
            Ok(bytes) => bytes,
            Err(_) => Err(BodyError::TooSlow { limit_s: time.as_secs() }),
        }
    }

    /// The pieces themselves, for whoever passes them on.
    pub(super) fn into_pieces(mut self) -> Pieces {
        self.pieces.take().unwrap_or_else(|| futures_util::stream::empty().boxed())
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        let Some(pieces) = self.pieces.take().filter(|_| self.announced) else { return };
        let Limits { bytes, time } = self.limits;
        if self.length.is_none_or(|length| length <= bytes as u64) {
            tokio::spawn(tokio::time::timeout(time, skip(pieces, bytes)));
        }
    }
}

/// The `Content-Type` among headers; what is not text in it is replaced.
pub(super) fn content_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(CONTENT_TYPE)?;
    Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
}

async fn collect(mut pieces: Pieces, limit: usize) -> Result<Bytes, BodyError> {
    let mut bytes = BytesMut::new();
    while let Some(piece) = pieces.next().await {
        let piece = piece?;
        if bytes.len() + piece.len() > limit {
            return Err(BodyError::TooLarge { limit });
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes.freeze())
}

async fn skip(mut pieces: Pieces, limit: usize) {
    let mut skipped = 0;
    while let Some(Ok(piece)) = pieces.next().await {
        skipped += piece.len();
        if skipped > limit {
            return;
        }
    }
}
