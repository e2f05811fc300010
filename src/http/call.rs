//! Everything a request says besides its path, for APIs that choose by method in the handler.
//!
//! One route per path, whatever the method, is what lets a 405 say in `Allow` what would be
//! allowed, and lets `/v1/webhooks` choose the dialect before the verb means anything.

use warp::Filter;
use warp::http::Method;
use warp::reject::Rejection;

use super::App;
use super::auth::{Credentials, credentials};
use super::body::{Body, BodyError, body};

/// A request, less its path.
pub(super) struct Call {
    /// The method; never `HEAD`, which arrives as `GET`.
    pub(super) method: Method,
    /// The query, as sent, without its question mark.
    pub(super) query: String,
    /// What the request presents to prove who it is.
    pub(super) credentials: Credentials,
    /// The body, or why there is none.
    pub(super) body: Result<Body, BodyError>,
}

/// Extracts a [`Call`]. Never rejects.
pub(super) fn call(app: &App) -> impl Filter<Extract = (Call,), Error = Rejection> + Clone + use<> {
    let query = warp::query::raw().or(warp::any().map(String::new)).unify();
    warp::method()
        .and(query)
        .and(credentials())
        .and(body(app))
        .map(|method, query, credentials, body| Call { method, query, credentials, body })
}
