//! The answers that all APIs share: JSON, plain text, a stream, and none.

use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use warp::Reply as _;

use super::upstream::Download;

/// An answer.
pub(super) type Response = warp::reply::Response;

/// An answer of compact JSON, one line, so that it reads well in a terminal.
pub(super) fn answer(status: StatusCode, body: &impl Serialize) -> Response {
    let mut bytes = serde_json::to_vec(body).expect("answers have string keys only");
    bytes.push(b'\n');
    let mut response = Response::new(bytes.into());
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

/// The answer to a request that did what it asked and has nothing to show.
pub(super) fn no_content() -> Response {
    let mut response = Response::default();
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// A short answer in plain text, for what belongs to no dialect.
pub(super) fn plain(status: StatusCode, text: &'static str) -> Response {
    let mut response = Response::new(text.into());
    *response.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, plain);
    response
}

/// An answer that comes in pieces.
pub(super) fn streamed(pieces: Download) -> Response {
    warp::reply::stream(pieces).into_response()
}

/// The answer where there is no such endpoint: a 404 that is not JSON tells Mailgun's clients so
/// (`spec/mailgun-api.md` §2.2).
pub(super) fn no_such_route() -> Response {
    plain(StatusCode::NOT_FOUND, "404 page not found\n")
}

/// A header's value.
pub(super) fn text(value: &str) -> HeaderValue {
    HeaderValue::from_str(value).expect("our own words are ASCII")
}
