//! The client side of an API: one base URL, one set of credentials, JSON back.
//!
//! The command line speaks to a running gateway through it, `migrate` to the five providers.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, LOCATION};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::words::{excerpt, message, retry_after};

/// The longest that an answer may take: longer than any call of ours that works.
const ANSWER_MAX: Duration = Duration::from_secs(60);
/// The largest answer read.
const ANSWER_BYTES_MAX: usize = 256 << 20;
/// The shortest text that can be a key: what is shorter stands in words by chance.
const KEY_LENGTH_MIN: usize = 8;
/// The characters that need no escaping in one part of a path.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// An API at one place, spoken to as one caller.
///
/// The credentials are not checked: the server says what they open.
pub struct Api {
    base: String,
    credentials: Vec<(HeaderName, HeaderValue)>,
    /// Texts that no message may show, even where a server repeats them.
    hidden: Vec<String>,
    answer_max: Duration,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

/// The reason why a call did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// A base URL that is none.
    #[error("expected `http://…` or `https://…`, found {0:?}")]
    NoUrl(String),
    /// A base URL with more than a base: a user, a password, a query. Not told, since it may be a
    /// secret.
    #[error("expected an address without user, password or query; a key has a flag of its own")]
    NoBase,
    /// Credentials that cannot be written into a header.
    #[error("expected a key of printable ASCII characters, found others in it")]
    Unwritable,
    /// A machine without certificate authorities to check an `https` server with.
    #[error("cannot check the certificates of https servers: {0}")]
    NoRoots(String),
    /// An address at which nobody answers, or a broken connection: the request may have arrived.
    #[error("cannot reach {base}: {cause}")]
    Unreachable {
        /// The server.
        base: String,
        /// The innermost cause.
        cause: String,
    },
    /// A server that did not answer in time: the request may have been carried out.
    #[error("{base} did not answer within {} seconds", after.as_secs_f32())]
    TooSlow {
        /// The server.
        base: String,
        /// The time that it had.
        after: Duration,
    },
    /// An answer with another status than a 2xx.
    #[error("{message} ({status})")]
    Refused {
        /// The status.
        status: u16,
        /// The server's words, or the beginning of what it sent instead.
        message: String,
        /// The wait that it asks for: `Retry-After` in seconds, or Mailgun's `retry-seconds`.
        retry_after: Option<Duration>,
    },
    /// An answer that is no JSON, so no API's.
    #[error("expected JSON from {base}, found {found:?}; is it the right address?")]
    NotJson {
        /// The server.
        base: String,
        /// The beginning of what it sent.
        found: String,
    },
    /// An answer that is JSON, and not what this call answers.
    #[error(
        "expected another answer from {base}: {cause}; are this program and the server of one \
         version?"
    )]
    Unexpected {
        /// The server.
        base: String,
        /// The first thing that is missing or of another type.
        cause: String,
    },
}

impl CallError {
    /// The status, where there was an answer that refused.
    #[must_use]
    pub const fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            _ => None,
        }
    }
}

/// An answer as it came and as the type that it was expected to be. The former has what a newer
/// server added.
#[derive(Debug, Clone)]
pub struct Answer<T> {
    /// The JSON that the server sent; null if it sent none.
    pub json: Value,
    /// The parts of it that this program knows.
    pub value: T,
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

impl Payload<'static> {
    /// A request of one of the API's types, as JSON.
    pub fn json(request: &impl Serialize) -> Self {
        let bytes = serde_json::to_vec(request).expect("requests have string keys only");
        Self::Typed("application/json", Bytes::from(bytes))
    }
}

impl Api {
    /// Speaks to the server at `base` as `api` with this key, by HTTP Basic: a gateway, or Mailgun.
    pub fn basic(base: &str, key: &str) -> Result<Self, CallError> {
        let basic = format!("Basic {}", STANDARD.encode(format!("api:{key}")));
        let mut api = Self::new(base, &[(AUTHORIZATION, &basic)])?;
        api.hidden.push(key.to_owned());
        Ok(api)
    }

    /// Limits the time for an answer to this, where it is shorter than the client's own.
    #[must_use]
    pub fn within(self, answer_max: Duration) -> Self {
        Self { answer_max: answer_max.min(ANSWER_MAX), ..self }
    }

    /// Speaks to the server at `base` with these headers in every call.
    pub fn new(base: &str, credentials: &[(HeaderName, &str)]) -> Result<Self, CallError> {
        let is_https = match url::Url::parse(base) {
            Ok(url) if has_more_than_a_base(&url) => return Err(CallError::NoBase),
            Ok(url) if url.scheme() == "https" => true,
            Ok(url) if url.scheme() == "http" => false,
            _ => return Err(CallError::NoUrl(base.to_owned())),
        };
        let secret = |(name, text): &(HeaderName, &str)| {
            let mut value = HeaderValue::try_from(*text).map_err(|_| CallError::Unwritable)?;
            value.set_sensitive(true);
            Ok((name.clone(), value))
        };
        let shown_never = credentials.iter().filter(|(name, _)| is_secret(name));
        let hidden = shown_never.filter_map(|(_, text)| text.split(' ').next_back());
        let hidden = hidden.map(str::to_owned).collect();
        let credentials = credentials.iter().map(secret).collect::<Result<_, CallError>>()?;
        let no_roots = |error: &dyn std::error::Error| CallError::NoRoots(error.to_string());
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
            hidden,
            answer_max: ANSWER_MAX,
            client: Client::builder(TokioExecutor::new()).build(connector),
        })
    }

    /// Asks for something.
    pub async fn get(&self, path: &str) -> Result<Value, CallError> {
        self.call(Method::GET, path, Payload::None).await
    }

    /// Asks for something of a known type.
    pub async fn get_as<T: DeserializeOwned>(&self, path: &str) -> Result<Answer<T>, CallError> {
        self.call_as(Method::GET, path, Payload::None).await
    }

    /// Makes a call with the account's key whose answer is of a known type.
    pub async fn call_as<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        payload: Payload<'_>,
    ) -> Result<Answer<T>, CallError> {
        let json = self.call(method, path, payload).await?;
        self.typed(json)
    }

    fn typed<T: DeserializeOwned>(&self, json: Value) -> Result<Answer<T>, CallError> {
        match T::deserialize(&json) {
            Ok(value) => Ok(Answer { json, value }),
            Err(error) => {
                let cause = self.without_keys(error.to_string());
                Err(CallError::Unexpected { base: self.base.clone(), cause })
            }
        }
    }

    /// Makes a call with the account's key and reads the JSON that comes back; null if none does.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        payload: Payload<'_>,
    ) -> Result<Value, CallError> {
        let body = self.authorised(method, path, payload).await?;
        match serde_json::from_slice(&body) {
            Ok(value) => Ok(value),
            Err(_) if body.is_empty() => Ok(Value::Null),
            Err(_) => Err(CallError::NotJson { base: self.base.clone(), found: self.found(&body) }),
        }
    }

    /// Asks for something that need not be JSON.
    pub async fn bytes(&self, path: &str) -> Result<Bytes, CallError> {
        self.authorised(Method::GET, path, Payload::None).await
    }

    /// Makes a call with the account's key; the body that comes back, if the call succeeded.
    async fn authorised(
        &self,
        method: Method,
        path: &str,
        payload: Payload<'_>,
    ) -> Result<Bytes, CallError> {
        let (status, headers, body) =
            self.exchange(method, path, &self.credentials, payload).await?;
        if status.is_success() {
            return Ok(body);
        }
        let answer: Option<Value> = serde_json::from_slice(&body).ok();
        let told = answer.as_ref().and_then(message).map(|text| self.without_keys(text));
        let moved = headers.get(LOCATION).filter(|_| status.is_redirection());
        let moved =
            moved.map(|to| format!("it moved to {}", String::from_utf8_lossy(to.as_bytes())));
        let asked = retry_after(&headers);
        let asked = asked.or_else(|| {
            Some(Duration::from_secs(answer.as_ref()?.get("retry-seconds")?.as_u64()?))
        });
        Err(CallError::Refused {
            status: status.as_u16(),
            message: moved.or(told).unwrap_or_else(|| self.found(&body)),
            retry_after: asked,
        })
    }

    /// The beginning of a body that came in the place of an answer.
    fn found(&self, body: &[u8]) -> String {
        self.without_keys(excerpt(body))
    }

    /// A server's words less the keys that it was called with: some repeat what they refuse.
    fn without_keys(&self, text: String) -> String {
        let hidden = self.hidden.iter().filter(|key| key.len() >= KEY_LENGTH_MIN);
        hidden.fold(text, |text, key| text.replace(key.as_str(), "…"))
    }

    /// Makes a call with these headers and no key; the status and body that come back.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(HeaderName, HeaderValue)],
        payload: Payload<'_>,
    ) -> Result<(StatusCode, Bytes), CallError> {
        let (status, _, body) = self.exchange(method, path, headers, payload).await?;
        Ok((status, body))
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        headers: &[(HeaderName, HeaderValue)],
        payload: Payload<'_>,
    ) -> Result<(StatusCode, HeaderMap, Bytes), CallError> {
        let unreachable = |cause: String| CallError::Unreachable { base: self.base.clone(), cause };
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
        let (base, after) = (&self.base, self.answer_max);
        tokio::time::timeout(after, exchange)
            .await
            .map_err(|_| CallError::TooSlow { base: base.clone(), after })?
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

/// True if a URL has more than a base.
fn has_more_than_a_base(url: &url::Url) -> bool {
    let has_user = !url.username().is_empty() || url.password().is_some();
    has_user || url.query().is_some() || url.fragment().is_some()
}

fn is_secret(header: &HeaderName) -> bool {
    *header == AUTHORIZATION || header.as_str() == "x-api-key"
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
    fn a_key_that_a_server_repeats_is_not_told() {
        let api = Api::basic("http://a.example", "key-0123456789").unwrap();
        assert_eq!(api.found(b"no such key: key-0123456789"), "no such key: …");
    }

    #[test]
    fn an_answer_is_kept_as_it_came_and_one_of_another_shape_is_told_in_a_line() {
        let api = Api::basic("http://a.example", "k").unwrap();
        let newer = serde_json::json!({"items": [], "next": "2", "total": 7});
        let answer: Answer<crate::api::Page<u8>> = api.typed(newer.clone()).unwrap();
        assert_eq!((answer.json, answer.value.next.as_deref()), (newer, Some("2")));
        let other = api.typed::<crate::api::Page<u8>>(serde_json::json!({"things": []}));
        assert_eq!(
            other.unwrap_err().to_string(),
            "expected another answer from http://a.example: missing field `items`; are this \
             program and the server of one version?"
        );
    }

    #[test]
    fn an_address_that_holds_a_key_is_refused_and_not_repeated() {
        for base in ["https://api:key-1@a.example", "https://a.example/?key=key-1"] {
            let told = Api::basic(base, "k").err().unwrap().to_string();
            assert!(!told.contains("key-1"), "{told}");
        }
    }
}
