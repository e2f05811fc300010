//! Answers as Mailgun gives them: compact JSON and a newline, its headers, its refusals
//! (`spec/mailgun-api.md` §1.3, §2).

use http::StatusCode;
use http::header::{self, HeaderName, HeaderValue};
use serde::Serialize;
use tracing::error;

use crate::http::body::BodyError;
use crate::http::call::Call;
use crate::http::caller::Denied;
use crate::http::reply::{Response, no_content, plain, text};
use crate::model::Scope;
use crate::store;

/// The answer of a handler.
pub(super) type Answered = Result<Answer, MailgunError>;

/// A success.
#[derive(Debug)]
pub(super) enum Answer {
    /// 200 and this text, which is JSON.
    Json(String),
    /// 204.
    Nothing,
    /// 204 to a browser that asks what it may do.
    Preflight(String),
}

/// The body of a refusal, and of a success that has nothing to show.
#[derive(Debug, Serialize)]
pub(super) struct Message<'a> {
    pub(super) message: &'a str,
}

/// 200 and `body`.
pub(super) fn ok(body: &impl Serialize) -> Answered {
    Ok(Answer::Json(serde_json::to_string(body).expect("our own types are JSON")))
}

/// A reason for not doing what was asked.
#[derive(Debug)]
pub(super) enum MailgunError {
    /// 401, the nine bytes `Forbidden` in plain text.
    Unauthorized,
    /// 405.
    Method(String),
    /// Any other status, with a message that the client may read.
    Message(StatusCode, String),
    /// The store failed; the client learns only that.
    Store(store::Error),
}

impl MailgunError {
    /// 400 with this message.
    pub(super) fn bad(message: impl Into<String>) -> Self {
        Self::Message(StatusCode::BAD_REQUEST, message.into())
    }

    /// 400: a field that must be there is not.
    pub(super) fn missing(field: &str) -> Self {
        Self::bad(format!("Missing mandatory parameter: {field}"))
    }

    /// 400: a field has a value that it cannot have.
    pub(super) fn invalid(field: &str, value: &str) -> Self {
        Self::bad(format!("Invalid parameter: {field} {}", excerpt(value)))
    }

    /// 400: a field is not of its form (a number, a flag).
    pub(super) fn malformed(field: &str, value: &str) -> Self {
        Self::bad(format!("Invalid format for parameter {field}: {}", excerpt(value)))
    }

    /// 403: known, but not allowed to.
    pub(super) fn forbidden() -> Self {
        Self::Message(StatusCode::FORBIDDEN, "Forbidden".to_owned())
    }

    /// 404 with this message.
    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self::Message(StatusCode::NOT_FOUND, message.into())
    }

    /// 409 with this message.
    pub(super) fn conflict(message: impl Into<String>) -> Self {
        Self::Message(StatusCode::CONFLICT, message.into())
    }
}

impl From<store::Error> for MailgunError {
    fn from(error: store::Error) -> Self {
        Self::Store(error)
    }
}

impl From<Denied> for MailgunError {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Store(error) => Self::Store(error),
            // A key that only sends mail is none to this API.
            Denied::Scope(Scope::Send) => Self::Unauthorized,
            Denied::Scope(_) | Denied::Bound(_) | Denied::NotOperator => Self::forbidden(),
            Denied::Missing
            | Denied::User
            | Denied::Form { .. }
            | Denied::NoOrganization
            | Denied::Unknown
            | Denied::Dialect(_)
            | Denied::WrongOrganization => Self::Unauthorized,
        }
    }
}

impl From<BodyError> for MailgunError {
    fn from(error: BodyError) -> Self {
        let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::BAD_REQUEST);
        Self::Message(status, format!("Invalid request body: {error}"))
    }
}

/// The beginning of a value that is repeated in a message.
pub(super) fn excerpt(value: &str) -> String {
    const CHARS_MAX: usize = 200;
    let mut short: String = value.chars().take(CHARS_MAX).collect();
    if short.len() < value.len() {
        short.push('…');
    }
    short
}

/// The whole response, with the headers that every answer of Mailgun's has; `key` is the id of the
/// key that the request came with.
pub(super) fn respond(key: Option<HeaderValue>, answered: Answered) -> Response {
    let recognised = !matches!(answered, Err(MailgunError::Unauthorized));
    let mut response = match answered {
        Ok(answer) => answer.into_response(),
        Err(refusal) => refusal.into_response(),
    };
    let headers = response.headers_mut();
    let mut add = |name: HeaderName, value| {
        headers.insert(name, HeaderValue::from_static(value));
    };
    add(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
    add(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, "true");
    add(header::CACHE_CONTROL, "no-store");
    if recognised {
        headers.extend(key.map(|id| (KEY_ID, id)));
    }
    response
}

/// The header that names the key a request came with.
pub(super) const KEY_ID: HeaderName = HeaderName::from_static("x-mailgun-key-id");

/// The id of the key that a request came with, where it is one that has one.
pub(super) fn key_id(call: &Call) -> Option<HeaderValue> {
    let (_, password) = call.credentials().basic.as_ref()?;
    id_of(password)
}

/// The last two groups of a key of the form `<32 hex>-<8 hex>-<8 hex>`, which Mailgun shows as the
/// key's id; older keys have none.
fn id_of(key: &str) -> Option<HeaderValue> {
    let hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let groups: Vec<&str> = key.split('-').collect();
    let lengths = groups.iter().map(|group| group.len());
    if !lengths.eq([32, 8, 8]) || !groups.iter().all(|group| hex(group)) {
        return None;
    }
    HeaderValue::from_str(&key[33..]).ok()
}

fn json_response(status: StatusCode, mut text: String) -> Response {
    text.push('\n');
    let mut response = Response::new(text.into());
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

fn message(status: StatusCode, text: &str) -> Response {
    let body = serde_json::to_string(&Message { message: text });
    json_response(status, body.expect("our own types are JSON"))
}

impl Answer {
    fn into_response(self) -> Response {
        match self {
            Self::Json(text) => json_response(StatusCode::OK, text),
            Self::Nothing => no_content(),
            Self::Preflight(allowed) => {
                let mut response = no_content();
                let headers = response.headers_mut();
                let mut add = |name: HeaderName, value: &str| {
                    headers.insert(name, text(value));
                };
                add(header::ALLOW, &allowed);
                add(header::ACCESS_CONTROL_ALLOW_METHODS, &allowed);
                add(header::ACCESS_CONTROL_ALLOW_HEADERS, "Authorization, Content-Type");
                add(header::ACCESS_CONTROL_MAX_AGE, "600");
                response
            }
        }
    }
}

impl MailgunError {
    pub(super) fn into_response(self) -> Response {
        match self {
            Self::Unauthorized => {
                let mut response = plain(StatusCode::UNAUTHORIZED, "Forbidden");
                let challenge = HeaderValue::from_static("Basic realm=\"MG API\"");
                response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
                response
            }
            Self::Method(allowed) => {
                let mut response = message(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed");
                response.headers_mut().insert(header::ALLOW, text(&allowed));
                response
            }
            Self::Message(status, text) => message(status, &text),
            Self::Store(cause) if cause.is_full() => {
                error!(%cause, "the store takes no more for now");
                let mut response = message(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable");
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
                response
            }
            Self::Store(cause) => {
                error!(%cause, "the store failed");
                message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_new_style_keys_have_an_id_to_show() {
        let new = "0123456789abcdef0123456789abcdef-c02fd0ba-d8dbad66";
        assert_eq!(id_of(new).unwrap(), "c02fd0ba-d8dbad66");
        assert_eq!(id_of("key-0123456789abcdef0123456789abcdef"), None);
        assert_eq!(id_of("0123456789abcdef0123456789abcdef-c02fd0ba-d8dbad6g"), None);
        assert_eq!(id_of(""), None);
    }

    #[test]
    fn long_values_are_cut_between_characters() {
        assert_eq!(excerpt("short"), "short");
        let cut = excerpt(&"ü".repeat(300));
        assert_eq!(cut.chars().count(), 201);
        assert!(cut.ends_with('…'));
    }
}
