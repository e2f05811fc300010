//! Errors as a client of the native API, or a provider at an ingest URL, may read them.

use std::borrow::Cow;

use http::{HeaderName, StatusCode};
use waypost_compat::dialect::UnknownDialect;
use waypost_compat::provider::UnknownProvider;
use waypost_compat::signature::VerifyError;

use super::BodyError;
use super::caller::Denied;
use super::reply::{Response, answer, text};
use crate::api::{ErrorAnswer, ErrorBody};
use crate::ingest::{BatchError, IngestError};
use crate::model::DomainName;
use crate::store;

/// An error as it is answered: `{"error":{"code","message","field"?}}`.
#[derive(Debug, Clone)]
pub(super) struct NativeError {
    status: StatusCode,
    code: &'static str,
    message: String,
    field: Option<String>,
    /// A header that the status asks for, in lower case, and its value.
    extra: Option<(&'static str, Cow<'static, str>)>,
}

impl NativeError {
    /// An error with its status, its code for programs and its text for people.
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), field: None, extra: None }
    }

    /// A field of the body or a parameter of the query that is not as it should be.
    pub(super) fn invalid(field: &str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid", message).about(field)
    }

    /// The same error, about this field.
    pub(super) fn about(self, field: impl Into<String>) -> Self {
        Self { field: Some(field.into()), ..self }
    }

    /// The same error, at this place of a larger body.
    pub(super) fn within(self, place: &str) -> Self {
        let field = match &self.field {
            Some(field) => format!("{place}.{field}"),
            None => place.to_owned(),
        };
        self.about(field)
    }

    /// The same error, its place told in the message too: in a long file it is half of the answer.
    pub(super) fn at_its_place(self) -> Self {
        match &self.field {
            Some(place) => Self { message: format!("{place}: {}", self.message), ..self },
            None => self,
        }
    }

    /// A body that is not what the endpoint reads.
    pub(super) fn malformed(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed", message)
    }

    /// No credential that opens the native API.
    pub(super) fn unauthorized(found: &str) -> Self {
        let message = format!(
            "expected HTTP Basic credentials, user `api` and password an API key, found {found}"
        );
        Self {
            extra: Some(("www-authenticate", r#"Basic realm="waypost""#.into())),
            ..Self::new(StatusCode::UNAUTHORIZED, "unauthorized", message)
        }
    }

    /// A good credential that may not do this.
    pub(super) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", message)
    }

    /// Nothing by this name that the caller may see. What belongs to others looks the same.
    pub(super) fn missing(noun: &str, name: &str) -> Self {
        let message = format!("there is no {noun} {}", quoted(name));
        Self::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    /// No such domain, and how to come by one.
    pub(super) fn missing_domain(name: &DomainName) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not_found",
            format!(
                "there is no domain {name} in this account; create it with `waypost domain add \
                 {name}` or `POST /v4/domains` and the form field `name={name}`"
            ),
        )
    }

    /// The method is not one of those that the path takes.
    pub(super) fn method(allow: String, message: impl Into<String>) -> Self {
        Self {
            extra: Some(("allow", allow.into())),
            ..Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message)
        }
    }

    fn unavailable(error: &store::Error, message: impl Into<String>) -> Self {
        tracing::error!(%error, "the store could not do what was asked");
        // A full disk or queue wants longer than a hiccup.
        let wait_s = if error.is_full() { "30" } else { "5" };
        Self {
            extra: Some(("retry-after", wait_s.into())),
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", message)
        }
    }

    /// The part of the answer that stands under `error`.
    pub(super) fn body(&self) -> ErrorBody {
        let code = self.code.into();
        ErrorBody { code, message: self.message.clone(), field: self.field.clone() }
    }

    /// The whole answer.
    pub(super) fn into_response(self) -> Response {
        let mut response = answer(self.status, &ErrorAnswer { error: self.body() });
        let extra = self.extra.map(|(name, value)| (HeaderName::from_static(name), text(&value)));
        response.headers_mut().extend(extra);
        response
    }

    /// The status that it is answered with.
    pub(super) const fn status(&self) -> StatusCode {
        self.status
    }
}

/// A client's text, short enough to be repeated to it.
pub(super) fn quoted(text: &str) -> String {
    format!("{:?}", text.chars().take(64).collect::<String>())
}

impl From<Denied> for NativeError {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Missing => Self::unauthorized("none"),
            Denied::User => Self::unauthorized("another user"),
            Denied::Unknown
            | Denied::Form { .. }
            | Denied::NoOrganization
            | Denied::WrongOrganization => Self::unauthorized("a key that opens nothing"),
            Denied::Dialect(found) => Self::forbidden(format!(
                "expected a key of the mailgun dialect, found one of the {found} dialect"
            )),
            Denied::Scope(_) => {
                Self::forbidden("expected a key that may manage, found a restricted one")
            }
            Denied::Bound(own) => Self::forbidden(format!(
                "this key manages {own} only; expected one for all of the account's domains"
            )),
            Denied::NotOperator => Self::forbidden(
                "expected a key of the account that the server was first started with, for all of \
                 its domains",
            ),
            Denied::Store(error) => error.into(),
        }
    }
}

impl From<store::Error> for NativeError {
    fn from(error: store::Error) -> Self {
        Self::unavailable(&error, "the store could not do this; try again")
    }
}

impl From<BodyError> for NativeError {
    fn from(error: BodyError) -> Self {
        let (status, code) = match error {
            BodyError::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
            BodyError::TooSlow { .. } | BodyError::Stalled { .. } => {
                (StatusCode::REQUEST_TIMEOUT, "too_slow")
            }
            BodyError::Broken => (StatusCode::BAD_REQUEST, "malformed"),
        };
        Self::new(status, code, error.to_string())
    }
}

impl From<BatchError> for NativeError {
    fn from(error: BatchError) -> Self {
        match error {
            BatchError::TooMany(_) => {
                Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_many", error.to_string())
            }
            BatchError::Empty | BatchError::Malformed(_) => Self::malformed(error.to_string()),
        }
    }
}

impl From<UnknownProvider> for NativeError {
    fn from(error: UnknownProvider) -> Self {
        Self { code: "unknown_dialect", ..Self::invalid("dialect", error.to_string()) }
    }
}

impl From<UnknownDialect> for NativeError {
    fn from(error: UnknownDialect) -> Self {
        Self { code: "unknown_dialect", ..Self::invalid("dialect", error.to_string()) }
    }
}

impl From<IngestError> for NativeError {
    fn from(error: IngestError) -> Self {
        let message = error.to_string();
        let unauthorized = |code| Self::new(StatusCode::UNAUTHORIZED, code, message.clone());
        match &error {
            IngestError::NoSuchSource => Self::new(StatusCode::NOT_FOUND, "not_found", message),
            IngestError::Disabled => unauthorized("source_disabled"),
            IngestError::NoSecret => unauthorized("no_secret"),
            IngestError::Signature(VerifyError::Missing(_)) => unauthorized("missing_signature"),
            IngestError::Signature(VerifyError::Malformed { .. }) => {
                unauthorized("malformed_signature")
            }
            IngestError::Signature(VerifyError::Mismatch) => unauthorized("bad_signature"),
            IngestError::Signature(VerifyError::Stale { .. }) => unauthorized("stale_signature"),
            IngestError::NotAnEvent { error, .. } => {
                let status = StatusCode::UNPROCESSABLE_ENTITY;
                Self::new(status, "not_an_event", message).about(error.field.clone())
            }
            IngestError::Unavailable(error) => Self::unavailable(error, message),
        }
    }
}
