//! The client side of a running server's APIs: what the verbs and the demo speak through.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::Misuse;

/// How long an answer may take: longer than any call of ours that works.
const ANSWER_MAX: Duration = Duration::from_secs(60);
/// The largest answer read.
const ANSWER_BYTES_MAX: usize = 256 << 20;
/// What needs no escaping in one part of a path.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Where the server is, and as whom to speak to it.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Remote {
    /// The server
    #[arg(
        long,
        env = "WAYPOST_URL",
        value_name = "URL",
        default_value = "http://127.0.0.1:8740",
        global = true
    )]
    pub(super) url: String,
    /// The account's key
    #[arg(
        long,
        env = "WAYPOST_API_KEY",
        value_name = "KEY",
        hide_env_values = true,
        global = true
    )]
    pub(super) api_key: Option<String>,
    /// Print the server's JSON instead of a table
    #[arg(long, global = true)]
    pub(super) json: bool,
}

/// A connection to a server. The key is checked by the server only.
pub(super) struct Api {
    base: String,
    authorization: HeaderValue,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

/// Why the server did not do as asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum ApiError {
    /// Nobody answers there.
    #[error("cannot reach {base}: {cause}; is `waypost serve` running there?")]
    Unreachable { base: String, cause: String },
    /// It did not answer in time.
    #[error("{base} did not answer within {} seconds", ANSWER_MAX.as_secs())]
    TooSlow { base: String },
    /// It refused the key.
    #[error("the server refused the key ({status}: {message}); check --api-key or WAYPOST_API_KEY")]
    WrongKey { status: u16, message: String },
    /// It refused the request.
    #[error("{message} ({status})")]
    Refused { status: u16, message: String },
    /// Something else than Waypost answered.
    #[error("expected JSON from {base}, found {found:?}; is it a Waypost server?")]
    NotJson { base: String, found: String },
}

impl ApiError {
    /// The status, where there was an answer that refused.
    pub(super) const fn status(&self) -> Option<u16> {
        match self {
            Self::WrongKey { status, .. } | Self::Refused { status, .. } => Some(*status),
            Self::Unreachable { .. } | Self::TooSlow { .. } | Self::NotJson { .. } => None,
        }
    }
}

/// A request's body, and how it is written.
pub(super) enum Payload<'a> {
    None,
    Json(&'a Value),
    /// `application/x-www-form-urlencoded`, repeated names allowed.
    Form(&'a [(&'a str, &'a str)]),
    /// Bytes of this content type.
    Typed(&'a str, Bytes),
    /// Bytes whose content type, if any, is among the headers.
    Raw(Bytes),
}

impl Api {
    /// Speaks to the server that the flags name.
    pub(super) fn to(remote: &Remote) -> anyhow::Result<Self> {
        let key = remote.api_key.as_deref().ok_or_else(|| {
            Misuse("expected an API key, found none; give --api-key or set WAYPOST_API_KEY".into())
        })?;
        Self::new(&remote.url, key)
    }

    /// Speaks to the server at `base` as the holder of `key`.
    pub(super) fn new(base: &str, key: &str) -> anyhow::Result<Self> {
        let is_https = match url::Url::parse(base) {
            Ok(url) if url.scheme() == "https" => true,
            Ok(url) if url.scheme() == "http" => false,
            _ => {
                let told = format!("--url: expected `http://…` or `https://…`, found {base:?}");
                return Err(Misuse(told).into());
            }
        };
        let basic = format!("Basic {}", STANDARD.encode(format!("api:{key}")));
        let mut authorization = HeaderValue::try_from(basic).expect("base64 is printable ASCII");
        authorization.set_sensitive(true);
        // A machine without root certificates can still speak to its own loopback.
        let provider = rustls::crypto::ring::default_provider();
        let builder = HttpsConnectorBuilder::new();
        let connector = if is_https {
            builder.with_provider_and_native_roots(provider)?
        } else {
            let roots = rustls::RootCertStore::empty();
            let tls = rustls::ClientConfig::builder_with_provider(provider.into())
                .with_safe_default_protocol_versions()?
                .with_root_certificates(roots)
                .with_no_client_auth();
            builder.with_tls_config(tls)
        };
        let connector = connector.https_or_http().enable_http1().build();
        Ok(Self {
            base: base.trim_end_matches('/').to_owned(),
            authorization,
            client: Client::builder(TokioExecutor::new()).build(connector),
        })
    }

    /// Asks for something.
    pub(super) async fn get(&self, path: &str) -> Result<Value, ApiError> {
        self.call(Method::GET, path, Payload::None).await
    }

    /// Makes a call with the account's key and reads the JSON that comes back; null if none does.
    pub(super) async fn call(
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
    pub(super) async fn bytes(&self, path: &str) -> Result<Bytes, ApiError> {
        self.authorised(Method::GET, path, Payload::None).await
    }

    /// Makes a call with the account's key; the body that comes back, if the call succeeded.
    async fn authorised(
        &self,
        method: Method,
        path: &str,
        payload: Payload<'_>,
    ) -> Result<Bytes, ApiError> {
        let headers = [(AUTHORIZATION, self.authorization.clone())];
        let (status, body) = self.send(method, path, &headers, payload).await?;
        if status.is_success() {
            return Ok(body);
        }
        let told = serde_json::from_slice(&body).ok().and_then(|answer| message(&answer));
        let message = told.unwrap_or_else(|| excerpt(&body));
        let status = status.as_u16();
        Err(match status {
            401 => ApiError::WrongKey { status, message },
            _ => ApiError::Refused { status, message },
        })
    }

    /// Makes a call with these headers and no key, and says what came back.
    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(HeaderName, HeaderValue)],
        payload: Payload<'_>,
    ) -> Result<(StatusCode, Bytes), ApiError> {
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
            Ok((head.status, body.map_err(|error| root(error.as_ref()))?.to_bytes()))
        };
        tokio::time::timeout(ANSWER_MAX, exchange)
            .await
            .map_err(|_| ApiError::TooSlow { base: self.base.clone() })?
            .map_err(unreachable)
    }
}

/// A path of these parts, each escaped.
pub(super) fn path(parts: &[&str]) -> String {
    parts.iter().fold(String::new(), |path, part| {
        path + "/" + &utf8_percent_encode(part, PLAIN).to_string()
    })
}

/// A path and the query parameters that are given.
pub(super) fn query(path: &str, parameters: &[(&str, Option<String>)]) -> String {
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
