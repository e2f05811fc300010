//! A plain HTTP client for the gateway's APIs, with the key that the tests' gateways have.

use base64::Engine;
use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use waypost_compat::signature::{self, Signed, Stamp};
use waypost_compat::{Provider, Secret};

use super::process::API_KEY;

/// A client of one gateway.
#[derive(Clone)]
pub(crate) struct Api {
    url: String,
    authorization: String,
    client: Client<HttpConnector, Full<Bytes>>,
}

/// What the gateway answered.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
}

impl Answered {
    /// The JSON body of a success.
    #[track_caller]
    pub(crate) fn ok(self) -> Value {
        let text = String::from_utf8_lossy(&self.body);
        assert!(self.status.is_success(), "{}: {text}", self.status);
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {text}"))
    }
}

/// A source as its provider knows it: where to post, and what to sign with.
#[derive(Debug, Clone)]
pub(crate) struct Feed {
    pub(crate) provider: Provider,
    pub(crate) path: String,
    pub(crate) secret: Secret,
}

impl Feed {
    /// A payload as the provider would post it, signed at `now` (Unix seconds) with `token`. For
    /// Mailgun `payload` is the `event-data` object alone. The library signs what it speaks, and no
    /// more: a request of a provider that is only read is made by hand.
    pub(crate) fn sign(&self, payload: &[u8], now: i64, token: &str) -> Signed {
        let stamp = Stamp { timestamp: now, token, event_id: token, event_name: "event" };
        let dialect = self.provider.dialect().expect("a provider that is spoken to");
        signature::sign(dialect.scheme(), &[&self.secret], payload, &stamp)
    }
}

impl Api {
    /// A client of the gateway at `url`.
    pub(crate) fn new(url: &str) -> Self {
        let userinfo = base64::engine::general_purpose::STANDARD.encode(format!("api:{API_KEY}"));
        Self {
            url: url.to_owned(),
            authorization: format!("Basic {userinfo}"),
            client: Client::builder(TokioExecutor::new()).build_http(),
        }
    }

    /// Sends a request; `Err` if there was no answer.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, String)],
        body: Vec<u8>,
    ) -> Result<Answered, hyper_util::client::legacy::Error> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let response = self.client.request(request.body(Full::from(body)).unwrap()).await?;
        let status = response.status();
        // An answer cut off in the middle is no acknowledgement; its status alone is worth nothing.
        match response.into_body().collect().await {
            Ok(body) => Ok(Answered { status, body: body.to_bytes() }),
            Err(_) => Ok(Answered { status: StatusCode::BAD_GATEWAY, body: Bytes::new() }),
        }
    }

    /// Sends with the account's key.
    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        media_type: &str,
        body: Vec<u8>,
    ) -> Answered {
        let headers = [
            (header::AUTHORIZATION.as_str(), self.authorization.clone()),
            (header::CONTENT_TYPE.as_str(), media_type.to_owned()),
        ];
        self.send(method, path, &headers, body).await.unwrap()
    }

    /// The JSON at `path`.
    pub(crate) async fn get(&self, path: &str) -> Value {
        self.call(Method::GET, path, "application/json", Vec::new()).await.ok()
    }

    /// Posts a form, as Mailgun's clients do.
    pub(crate) async fn post_form(&self, path: &str, fields: &[(&str, &str)]) -> Value {
        let body = serde_urlencoded::to_string(fields).unwrap().into_bytes();
        self.call(Method::POST, path, "application/x-www-form-urlencoded", body).await.ok()
    }

    /// Posts JSON, as the native API wants it.
    pub(crate) async fn post_json(&self, path: &str, body: &Value) -> Value {
        let body = serde_json::to_vec(body).unwrap();
        self.call(Method::POST, path, "application/json", body).await.ok()
    }

    /// Changes something by the native API.
    pub(crate) async fn patch_json(&self, path: &str, body: &Value) -> Value {
        let body = serde_json::to_vec(body).unwrap();
        self.call(Method::PATCH, path, "application/json", body).await.ok()
    }

    /// Creates a domain.
    pub(crate) async fn create_domain(&self, domain: &str) {
        self.post_form("/v3/domains", &[("name", domain)]).await;
    }

    /// Registers `url` for each of `events` through Mailgun's API.
    pub(crate) async fn create_webhooks(&self, domain: &str, events: &[&str], url: &str) {
        for event in events {
            let fields = [("id", *event), ("url", url)];
            self.post_form(&format!("/v3/domains/{domain}/webhooks"), &fields).await;
        }
    }

    /// Creates a source with a secret of its own.
    pub(crate) async fn create_source(&self, domain: &str, provider: Provider) -> Feed {
        // 48 hex digits: the form that Standard Webhooks libraries can decode as well.
        let secret = format!("whsec_{}", "5a".repeat(24));
        let body = json!({ "dialect": provider, "secret": secret });
        let source = self.post_json(&format!("/waypost/v1/domains/{domain}/sources"), &body).await;
        let path = format!("/ingest/{}", source["id"].as_str().unwrap());
        Feed { provider, path, secret: Secret::new(secret) }
    }

    /// The key that Mailgun deliveries are signed with.
    pub(crate) async fn signing_key(&self) -> String {
        let answer = self.get("/v5/accounts/http_signing_key").await;
        answer["http_signing_key"].as_str().unwrap().to_owned()
    }

    /// Posts a payload as the provider would: [`Feed::sign`].
    pub(crate) async fn ingest(
        &self,
        feed: &Feed,
        payload: &[u8],
        now: i64,
        token: &str,
    ) -> Result<Answered, hyper_util::client::legacy::Error> {
        let signed = feed.sign(payload, now, token);
        self.send(Method::POST, &feed.path, &signed.headers, signed.body).await
    }
}
