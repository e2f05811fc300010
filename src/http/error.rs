//! What no route takes.

use std::convert::Infallible;

use warp::Reply;
use warp::http::{StatusCode, header};
use warp::reject::{MethodNotAllowed, Rejection};
use warp::reply::Response;

/// A short answer in plain text, for what belongs to no dialect.
pub(super) fn plain(status: StatusCode, text: &'static str) -> Response {
    let content_type = (header::CONTENT_TYPE, "text/plain; charset=utf-8");
    let mut response = text.into_response();
    *response.status_mut() = status;
    response.headers_mut().insert(content_type.0, header::HeaderValue::from_static(content_type.1));
    response
}

/// There is no such endpoint: a 404 that is not JSON tells Mailgun's clients so
/// (`spec/mailgun-api.md` §2.2).
pub(super) fn no_such_route() -> Response {
    plain(StatusCode::NOT_FOUND, "404 page not found\n")
}

/// Answers whatever fell through every route. Only warp's own rejections get here.
pub(super) async fn unmatched(rejection: Rejection) -> Result<Response, Infallible> {
    Ok(if rejection.is_not_found() {
        no_such_route()
    } else if rejection.find::<MethodNotAllowed>().is_some() {
        plain(StatusCode::METHOD_NOT_ALLOWED, "405 method not allowed\n")
    } else {
        plain(StatusCode::BAD_REQUEST, "400 bad request\n")
    })
}
