//! The port through which requests are passed on that Waypost does not answer. The HTTP side knows
//! no client of its own: whoever starts the server wires one.

use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::Stream;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use tokio::sync::Semaphore;

use super::body::BodyError;
use crate::model::{AccountId, Unanswered};

/// The body of a request on its way out.
pub type Upload = UnsyncBoxBody<Bytes, BodyError>;

/// The body of an answer on its way back; an error in it breaks the answer off.
pub type Download = Pin<Box<dyn Stream<Item = Result<Bytes, Unanswered>> + Send + Sync>>;

/// A Mailgun account elsewhere, or whatever speaks its API.
#[async_trait]
pub trait Upstream: Send + Sync + 'static {
    /// Sends a request there, once, under the account's own key, and returns with the head of the
    /// answer. The request's URI is a path and a query.
    async fn send(&self, request: Request<Upload>) -> Result<Response<Download>, Unanswered>;
}

/// An upstream and the one account whose requests go there.
#[derive(Clone)]
pub(super) struct Attached {
    pub(super) upstream: Arc<dyn Upstream>,
    pub(super) account: AccountId,
    /// Requests that may be under way: an upstream that hangs must leave connections to providers.
    pub(super) room: Arc<Semaphore>,
}

impl Attached {
    /// Half of the connections that are served may wait for the upstream at a time.
    pub(super) fn new(
        upstream: Arc<dyn Upstream>,
        account: AccountId,
        connections_max: usize,
    ) -> Self {
        let room = (connections_max / 2).clamp(1, Semaphore::MAX_PERMITS);
        Self { upstream, account, room: Arc::new(Semaphore::new(room)) }
    }
}
