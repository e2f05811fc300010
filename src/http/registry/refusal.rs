//! Saying no: what the dialects' error answers share.

use serde_json::Value;
use warp::Reply;
use warp::http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use warp::http::{HeaderValue, Method, StatusCode};
use warp::reply::Response;

use super::Problem;
use super::fields::shorten;

/// The standard reason phrase of a status.
pub(in crate::http) fn reason(status: u16) -> &'static str {
    StatusCode::from_u16(status)
        .ok()
        .and_then(|status| status.canonical_reason())
        .unwrap_or("Error")
}

/// A path or method that this dialect does not have.
pub(in crate::http) fn no_route(method: &Method, below: &[&str]) -> Problem {
    let path = below.iter().fold("webhooks".to_owned(), |path, part| path + "/" + part);
    Problem::NoSuchRoute { method: method.to_string(), path: shorten(&path) }
}

/// An id that is no webhook's, whatever the reason: unknown, another tenant's, another dialect's.
pub(in crate::http) fn no_webhook(written: &str) -> Problem {
    Problem::NoSuchWebhook { id: shorten(written) }
}

/// An error answer with the status most dialects use.
pub(in crate::http) fn refusal(
    problem: &Problem,
    body: &Value,
    content_type: &'static str,
) -> Response {
    let mut response = refusal_with(problem.status(), problem, body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// An error answer: the body, and the headers that HTTP itself asks for.
pub(in crate::http) fn refusal_with(status: u16, problem: &Problem, body: &Value) -> Response {
    let mut response = super::operate::json(status, Some(body)).into_response();
    let headers = response.headers_mut();
    if status == 401 {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if let Problem::MethodNotAllowed { allow, .. } = problem {
        headers.insert(ALLOW, HeaderValue::from_static(allow));
    }
    if matches!(problem, Problem::Unavailable) {
        headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}
