//! A caller's body on its way through: read by a task of its own, a piece at a time, within limits.
//!
//! The task outlives the request where it must: a caller that is answered before it has sent
//! everything reads the answer only if somebody goes on reading what it sends.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream;
use http_body_util::{BodyExt, Empty, StreamBody};
use hyper::body::Frame;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use crate::http::body::{BodyError, Pieces};
use crate::http::upstream::Upload;

/// The largest body passed on, whatever `--body-limit` says: messages have attachments. Mailgun
/// itself takes 25 MB.
const BYTES_MAX: usize = 64 << 20;

/// The longest that a whole body may take. At that pace, the largest comes at 900 kbit/s.
const WHOLE_MAX: Duration = Duration::from_mins(10);

/// The longest that a body that nobody wants any more is read, for the answer's sake.
const UNWANTED_MAX: Duration = Duration::from_secs(30);

/// The reason why a body could not be read to its end, once that is known.
pub(super) type Failed = Arc<OnceLock<BodyError>>;

/// The body of a request that announces none.
pub(super) fn none() -> (Upload, Failed) {
    (Empty::new().map_err(|never| match never {}).boxed_unsync(), Failed::default())
}

/// Begins to read a body, no piece of which may take longer than `stall_max`. Announced as longer
/// than what is passed on, it is refused unread.
pub(super) fn begin(
    source: Pieces,
    announced: Option<u64>,
    stall_max: Duration,
) -> Result<(Upload, Failed), BodyError> {
    if announced.is_some_and(|length| length > BYTES_MAX as u64) {
        return Err(BodyError::TooLarge { limit: BYTES_MAX });
    }
    let failed = Failed::default();
    // A piece read ahead of the one that is being written; the rest waits with the caller.
    let (give, take) = mpsc::channel(1);
    let pump = Pump { source, give, stall_max, read: 0 };
    tokio::spawn(pump.run(failed.clone()));
    let pieces = stream::unfold(Some(take), |take| async {
        let mut take = take?;
        match take.recv().await {
            Some(Piece::Bytes(bytes)) => Some((Ok(Frame::data(bytes)), Some(take))),
            Some(Piece::End) => None,
            Some(Piece::Failed(error)) => Some((Err(error), None)),
            // An end that nobody announced is none: half a message must not pass as a whole one.
            None => Some((Err(BodyError::Broken), None)),
        }
    });
    Ok((StreamBody::new(pieces).boxed_unsync(), failed))
}

enum Piece {
    Bytes(Bytes),
    End,
    Failed(BodyError),
}

struct Pump {
    source: Pieces,
    give: mpsc::Sender<Piece>,
    stall_max: Duration,
    read: usize,
}

impl Pump {
    async fn run(mut self, failed: Failed) {
        let mut deadline = Instant::now() + WHOLE_MAX;
        let mut wanted = true;
        loop {
            let piece = match self.next(deadline).await {
                Ok(Some(bytes)) => Piece::Bytes(bytes),
                Ok(None) => Piece::End,
                Err(error) => {
                    // Known before the request fails for it.
                    let _ = failed.set(error.clone());
                    Piece::Failed(error)
                }
            };
            let last = !matches!(piece, Piece::Bytes(_));
            if wanted && self.give.send(piece).await.is_err() {
                wanted = false;
                deadline = deadline.min(Instant::now() + UNWANTED_MAX);
            }
            if last {
                return;
            }
        }
    }

    async fn next(&mut self, deadline: Instant) -> Result<Option<Bytes>, BodyError> {
        let stalled = Instant::now() + self.stall_max;
        let piece = match timeout_at(stalled.min(deadline), self.source.next()).await {
            Ok(None) => return Ok(None),
            Ok(Some(piece)) => piece?,
            Err(_) if stalled <= deadline => {
                return Err(BodyError::Stalled { limit_s: self.stall_max.as_secs() });
            }
            Err(_) => return Err(BodyError::TooSlow { limit_s: WHOLE_MAX.as_secs() }),
        };
        self.read += piece.len();
        if self.read > BYTES_MAX {
            return Err(BodyError::TooLarge { limit: BYTES_MAX });
        }
        Ok(Some(piece))
    }
}
