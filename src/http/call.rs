//! A request on its way to a handler.

use std::borrow::Cow;
use std::sync::{Mutex, OnceLock, PoisonError};

use http::{HeaderMap, Method};

use super::body::{Body, BodyError, Pieces, Unread, content_type};
use super::credentials::Credentials;
use super::routes::tree;

/// A request, its body unread.
pub(super) struct Call {
    /// The method; never `HEAD`, which arrives as `GET`.
    pub(super) method: Method,
    /// The path, as sent.
    pub(super) path: String,
    /// The query, as sent, without its question mark.
    pub(super) query: String,
    /// The headers.
    pub(super) headers: HeaderMap,
    /// The pattern of the route that the path led to; empty until it has.
    pub(super) pattern: &'static str,
    credentials: OnceLock<Credentials>,
    body: Mutex<Option<Unread>>,
}

impl Call {
    /// A request that no route has been found for yet.
    pub(super) fn new(
        method: Method,
        path: &str,
        query: String,
        headers: HeaderMap,
        body: Unread,
    ) -> Self {
        Self {
            method,
            path: path.to_owned(),
            query,
            headers,
            pattern: "",
            credentials: OnceLock::new(),
            body: Mutex::new(Some(body)),
        }
    }

    /// The credentials that the request presents.
    pub(super) fn credentials(&self) -> &Credentials {
        self.credentials.get_or_init(|| Credentials::of(&self.headers))
    }

    /// A parameter of the path, percent-decoded.
    pub(super) fn parameter(&self, name: &str) -> Cow<'_, str> {
        tree::parameter(self.pattern, &self.path, name)
            .expect("a handler asks for parameters that its route has")
    }

    /// A parameter of the path, where the route is one of those that have it.
    pub(super) fn optional_parameter(&self, name: &str) -> Option<Cow<'_, str>> {
        tree::parameter(self.pattern, &self.path, name)
    }

    /// Reads the body, chunked or not, up to a limit of bytes; it can be read once.
    pub(super) async fn body(&self, limit: usize) -> Result<Body, BodyError> {
        let unread = self.take_body().ok_or(BodyError::Broken)?;
        let bytes = unread.read(limit).await?;
        Ok(Body { content_type: content_type(&self.headers), bytes })
    }

    /// The body as it comes; none if it was read.
    pub(super) fn pieces(&self) -> Option<Pieces> {
        self.take_body().map(Unread::into_pieces)
    }

    fn take_body(&self) -> Option<Unread> {
        self.body.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
