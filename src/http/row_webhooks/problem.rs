//! Everything that can be wrong with a request, free of any dialect.

use crate::http::BodyError;
use crate::store;

/// A reason to refuse a request. Each dialect has its own status, code and shape for each.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(in crate::http) enum Problem {
    /// No credential where this dialect looks for one.
    #[error("expected {expected}, found none")]
    NoCredential {
        /// The place and form of the credential.
        expected: &'static str,
    },
    /// The credential is not of the form this dialect's keys have.
    #[error("expected a key that begins with `{prefix}`")]
    CredentialForm {
        /// The form.
        prefix: &'static str,
    },
    /// Nobody's key, one of another dialect, or one that has expired.
    #[error("this key is not valid here: it is unknown, expired, or of another API")]
    WrongCredential,
    /// No organisation is named.
    #[error("no active organization: expected the header X-MailStack-Org, found none")]
    NoOrganization,
    /// A good key of an organisation other than the one named.
    #[error("no active organization: X-MailStack-Org does not name this token's organization")]
    WrongOrganization,
    /// A good key that may not do this.
    #[error("this key may not manage webhooks")]
    Forbidden,
    /// No such path in this dialect.
    #[error("there is no {method} {path} here")]
    NoSuchRoute {
        /// The method.
        method: String,
        /// The path below the collection.
        path: String,
    },
    /// The path exists, with other methods.
    #[error("there is no {method} {path} here, only {allow}")]
    MethodNotAllowed {
        /// The methods, as in the `Allow` header.
        allow: String,
        /// The method.
        method: String,
        /// The path below the collection.
        path: String,
    },
    /// The body is no JSON.
    #[error("expected a JSON body, found Content-Type {found}")]
    ContentType {
        /// The type it claims.
        found: String,
    },
    /// The body does not parse, or is no object.
    #[error("expected a JSON object: {detail}")]
    MalformedBody {
        /// The parser's words.
        detail: String,
    },
    /// The body could not be had.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// A field that must be there is not.
    #[error("`{field}` is required")]
    MissingField {
        /// The field.
        field: &'static str,
    },
    /// A field is of another type or outside its values.
    #[error("`{field}`: expected {expected}, found {found}")]
    InvalidField {
        /// The field.
        field: &'static str,
        /// The values it takes.
        expected: &'static str,
        /// The value found, shortened.
        found: String,
    },
    /// The URL cannot be a webhook's.
    #[error("`url`: expected {expected}, found {found:?}")]
    InvalidUrl {
        /// The rule it breaks.
        expected: &'static str,
        /// The URL, shortened.
        found: String,
    },
    /// A name that is not in the dialect's vocabulary.
    #[error("invalid event type: {name:?}; expected one of {expected}")]
    UnknownEvent {
        /// The field.
        field: &'static str,
        /// The offender.
        name: String,
        /// The vocabulary.
        expected: String,
    },
    /// An empty list of events.
    #[error("`{field}`: at least one event type is required")]
    NoEvents {
        /// The field.
        field: &'static str,
    },
    /// No such webhook for this key.
    #[error("webhook with id {id:?} not found")]
    NoSuchWebhook {
        /// The id as written.
        id: String,
    },
    /// No such delivery for this key.
    #[error("delivery with id {id:?} not found")]
    NoSuchDelivery {
        /// The id as written.
        id: String,
    },
    /// Switched off for good.
    #[error("this webhook has been disabled permanently; create a new one")]
    Disabled,
    /// One webhook more than a key may have.
    #[error("expected at most {limit} webhooks")]
    TooMany {
        /// The limit.
        limit: usize,
    },
    /// Nothing in this server sends test events.
    #[error("this server sends no test events")]
    NoTester,
    /// The store cannot answer now.
    #[error("temporarily unavailable, try again later")]
    Unavailable,
}

impl From<store::Error> for Problem {
    fn from(error: store::Error) -> Self {
        tracing::error!("the store failed: {error}");
        Self::Unavailable
    }
}

impl Problem {
    /// The field it is about, where it is about one.
    pub(in crate::http) fn field(&self) -> Option<&'static str> {
        match self {
            Self::MissingField { field }
            | Self::InvalidField { field, .. }
            | Self::UnknownEvent { field, .. }
            | Self::NoEvents { field } => Some(field),
            Self::InvalidUrl { .. } => Some("url"),
            Self::NoCredential { .. }
            | Self::CredentialForm { .. }
            | Self::WrongCredential
            | Self::NoOrganization
            | Self::WrongOrganization
            | Self::Forbidden
            | Self::NoSuchRoute { .. }
            | Self::MethodNotAllowed { .. }
            | Self::ContentType { .. }
            | Self::MalformedBody { .. }
            | Self::Body(_)
            | Self::NoSuchWebhook { .. }
            | Self::NoSuchDelivery { .. }
            | Self::Disabled
            | Self::TooMany { .. }
            | Self::NoTester
            | Self::Unavailable => None,
        }
    }

    /// The status most of the dialects use.
    pub(in crate::http) fn status(&self) -> u16 {
        match self {
            Self::NoCredential { .. } | Self::CredentialForm { .. } | Self::WrongCredential => 401,
            Self::NoOrganization | Self::WrongOrganization | Self::Forbidden => 403,
            Self::NoSuchRoute { .. } | Self::NoSuchWebhook { .. } | Self::NoSuchDelivery { .. } => {
                404
            }
            Self::MethodNotAllowed { .. } => 405,
            Self::Disabled | Self::TooMany { .. } => 409,
            Self::Body(error) => error.status(),
            Self::ContentType { .. }
            | Self::MalformedBody { .. }
            | Self::MissingField { .. }
            | Self::InvalidField { .. }
            | Self::InvalidUrl { .. }
            | Self::UnknownEvent { .. }
            | Self::NoEvents { .. } => 400,
            Self::NoTester => 501,
            Self::Unavailable => 503,
        }
    }
}
