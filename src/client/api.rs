//! The client side of an API: one base URL, one set of credentials, JSON back.
//!
//! The command line speaks to a running gateway through it, `migrate` to the five providers.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

/// How long an answer may take: longer than any call of ours that works.
const ANSWER_MAX: Duration = Duration::from_secs(60);
/// The largest answer read.
const ANSWER_BYTES_MAX: usize = 256 << 20;
/// What needs no escaping in one part of a path.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// An API at one place, spoken to as one caller. Whether the credentials open anything is for the
/// server to say.
pub struct Api {
    base: String,
    credentials: Vec<(HeaderName, HeaderValue)>,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

/// Why a call did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The base URL is none.
    #[error("expected `http://…` or `https://…`, found {0:?}")]
    NoUrl(String),
    /// The credentials cannot be written into a header.
    #[error("expected a key of printable ASCII characters, found others in it")]
    Unwritable,
    /// No certificate authorities to check an `https` server with.
    #[error("cannot check the certificates of https servers: {0}")]
    NoRoots(String),
    /// Nobody answers there, or the connection broke: the request may have arrived.
    #[error("cannot reach {base}: {cause}")]
    Unreachable {
        /// The server.
        base: String,
        /// The innermost cause.
        cause: String,
    },
    /// It did not answer in time. The request may have been carried out.
    #[error("{base} did not answer within {} seconds", ANSWER_MAX.as_secs())]
    TooSlow {
        /// The server.
        base: String,
    },
    /// It answered with another status than a 2xx.
    #[error("{message} ({status})")]
    Refused {
        /// The status.
        status: u16,
        /// The server's words, or the beginning of what it sent instead.
        message: String,
        /// How long it asks to be left alone: `Retry-After` in seconds, or Mailgun's
        /// `retry-seconds`.
        retry_after: Option<Duration>,
    },
    /// Something else than an API answered.
    #[error("expected JSON from {base}, found {found:?}; is it the right address?")]
    NotJson {
        /// The server.
        base: String,
        /// The beginning of what it sent.
        found: String,
    },
}

impl ApiError {
    /// The status, where there was an answer that refused.
    #[must_use]
    pub const fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            _ => None,
        }
    }
}

/// A request's body, and how it is written.
#[derive(Debug, Clone)]
pub enum Payload<'a> {
    /// None at all.
    None,
    /// A JSON document.
    Json(&'a Value),
    /// `application/x-www-form-urlencoded`, repeated names allowed.
    Form(&'a [(&'a str, &'a str)]),
    /// Bytes of this content type.
    Typed(&'a str, Bytes),
    /// Bytes whose content type, if any, is among the headers.
    Raw(Bytes),
}

impl Api {
    /// Speaks to the server at `base` as `api` with this key, by HTTP Basic: a gateway, or Mailgun.
    pub fn basic(base: &str, key: &str) -> Result<Self, ApiError> {
        let basic = format!("Basic {}", STANDARD.encode(format!("api:{key}")));
        Self::new(base, &[(AUTHORIZATION, &basic)])
    }

    /// Speaks to the server at `base` with these headers in every call.
    pub fn new(base: &str, credentials: &[(HeaderName, &str)]) -> Result<Self, ApiError> {
        let is_https = match url::Url::parse(base) {
            Ok(url) if url.scheme() == "https" => true,
            Ok(url) if url.scheme() == "http" => false,
            _ => return Err(ApiError::NoUrl(base.to_owned())),
        };
        let secret = |(name, text): &(HeaderName, &str)| {
            let mut value = HeaderValue::try_from(*text).map_err(|_| ApiError::Unwritable)?;
            value.set_sensitive(true);
            Ok((name.clone(), value))
        };
        let credentials = credentials.iter().map(secret).collect::<Result<_, ApiError>>()?;
        let no_roots = |error: &dyn std::error::Error| ApiError::NoRoots(error.to_string());
        // A machine without root certificates can still speak to its own loopback.
        let provider = rustls::crypto::ring::default_provider();
        let builder = HttpsConnectorBuilder::new();
        let connector = if is_https {
            builder.with_provider_and_native_roots(provider).map_err(|error| no_roots(&error))?
        } else {
            let roots = rustls::RootCertStore::empty();
            let tls = rustls::ClientConfig::builder_with_provider(provider.into())
                .with_safe_default_protocol_versions()
                .map_err(|error| no_roots(&error))?
                .with_root_certificates(roots)
                .with_no_client_auth();
            builder.with_tls_config(tls)
        };
        let connector = connector.https_or_http().enable_http1().build();
        Ok(Self {
            base: base.trim_end_matches('/').to_owned(),
            credentials,
            client: Client::builder(TokioExecutor::new()).build(connector),
        })
    }

    /// Asks for something.
    pub async fn get(&self, path: &str) -> Result<Value, ApiError> {
        self.call(Method::GET, path, Payload::None).await
    }

    /// Makes a call with the account's key and reads the JSON that comes back; null if none does.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        payload: Payload<'_>,
    ) -> Result<Value, ApiError> {
        let body = self.authorised(method, path, payload).await?;
        match serde_json::from_slice(&body) {
            Ok(value) => Ok(value),
            Err(_) if body.is_empty() => Ok(Value::Null),
            Err(_) => Err(ApiError::NotJson { base: self.base.clone(), found: excerpt(&body) }),
        }
    }

    /// Asks for something that need not be JSON.
    pub async fn bytes(&self, path: &str) -> Result<Bytes, ApiError> {
        self.authorised(Method::GET, path, Payload::None).await
    }

    /// Makes a call with the account's key; the body that comes back, if the call succeeded.
    async fn authorised(
        &self,
        method: Method,
        path: &str,
        payload: Payload<'_>,
    ) -> Result<Bytes, ApiError> {
        let (status, headers, body) =
            self.exchange(method, path, &self.credentials, payload).await?;
        if status.is_success() {
            return Ok(body);
        }
        let answer: Option<Value> = serde_json::from_slice(&body).ok();
        let told = answer.as_ref().and_then(message);
        let asked = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        let asked = asked.or_else(|| answer.as_ref()?.get("retry-seconds")?.as_u64());
        Err(ApiError::Refused {
            status: status.as_u16(),
            message: told.unwrap_or_else(|| excerpt(&body)),
            retry_after: asked.map(Duration::from_secs),
        })
    }

    /// Makes a call with these headers and no key, and says what came back.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(HeaderName, HeaderValue)],
        payload: Payload<'_>,
    ) -> Result<(StatusCode, Bytes), ApiError> {
        let (status, _, body) = self.exchange(method, path, headers, payload).await?;
        Ok((status, body))
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        headers: &[(HeaderName, HeaderValue)],
        payload: Payload<'_>,
    ) -> Result<(StatusCode, HeaderMap, Bytes), ApiError> {
        let unreachable = |cause: String| ApiError::Unreachable { base: self.base.clone(), cause };
        let (content_type, body) = match payload {
            Payload::None => (None, Bytes::new()),
            Payload::Json(value) => (Some("application/json"), value.to_string().into()),
            Payload::Form(pairs) => {
                let form = serde_urlencoded::to_string(pairs).expect("pairs of text always encode");
                (Some("application/x-www-form-urlencoded"), form.into())
            }
            Payload::Typed(content_type, bytes) => (Some(content_type), bytes),
            Payload::Raw(bytes) => (None, bytes),
        };
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = format!("{}{path}", self.base)
            .parse()
            .map_err(|error: http::uri::InvalidUri| unreachable(error.to_string()))?;
        if let Some(value) = content_type.and_then(|text| HeaderValue::from_str(text).ok()) {
            request.headers_mut().insert(CONTENT_TYPE, value);
        }
        request.headers_mut().extend(headers.iter().cloned());
        let exchange = async {
            let answer = self.client.request(request).await.map_err(|error| root(&error))?;
            let (head, body) = answer.into_parts();
            let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
            let body = body.map_err(|error| root(error.as_ref()))?.to_bytes();
            Ok((head.status, head.headers, body))
        };
        tokio::time::timeout(ANSWER_MAX, exchange)
            .await
            .map_err(|_| ApiError::TooSlow { base: self.base.clone() })?
            .map_err(unreachable)
    }
}

/// A path of these parts, each escaped.
pub fn path(parts: &[&str]) -> String {
    parts.iter().fold(String::new(), |path, part| {
        path + "/" + &utf8_percent_encode(part, PLAIN).to_string()
    })
}

/// A path and the query parameters that are given.
pub fn query(path: &str, parameters: &[(&str, Option<String>)]) -> String {
    let given: Vec<_> =
        parameters.iter().filter_map(|(name, value)| Some((*name, value.as_ref()?))).collect();
    if given.is_empty() {
        return path.to_owned();
    }
    let query = serde_urlencoded::to_string(given).expect("pairs of text always encode");
    format!("{path}?{query}")
}

/// The server's words, in whichever of its dialects' error shapes.
fn message(answer: &Value) -> Option<String> {
    let error = answer.get("error");
    [answer.get("message"), error.and_then(|error| error.get("message")), error]
        .into_iter()
        .flatten()
        .find_map(Value::as_str)
        .map(str::to_owned)
}

fn excerpt(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(400)]);
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.is_empty() { "an empty answer".to_owned() } else { text.chars().take(200).collect() }
}

/// The innermost cause: the outer ones only say that something went wrong.
fn root(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(cause) = error.source() {
        error = cause;
    }
    error.to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn parts_of_a_path_cannot_leave_it() {
        assert_eq!(path(&["v3", "domains", "a/../b?c"]), "/v3/domains/a%2F..%2Fb%3Fc");
    }

    #[test]
    fn only_given_parameters_are_asked_for() {
        let parameters = [("domain", Some("a.io".to_owned())), ("state", None)];
        assert_eq!(query("/x", &parameters), "/x?domain=a.io");
        assert_eq!(query("/x", &parameters[1..]), "/x");
    }

    #[test]
    fn the_servers_words_are_found_in_every_error_shape() {
        for answer in [
            json!({"message": "no"}),
            json!({"error": {"code": "x", "message": "no"}}),
            json!({"error": "no"}),
        ] {
            assert_eq!(message(&answer).as_deref(), Some("no"), "{answer}");
        }
    }
}
