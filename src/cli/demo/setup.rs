//! The demo's preparations through the server's APIs: a domain, its webhooks, five sources.

use anyhow::Context;
use bytes::Bytes;
use http::Method;
use waypost_compat::{Dialect, Secret};

use super::receiver::Receiver;
use crate::api::{CreateSource, Source};
use crate::behaviour::{Behaviour, SignedBy};
use crate::cli::mailgun::SigningKey;
use crate::client::api::{Api, Payload, path};
use crate::clock::Clock;

/// The domain that the demo's webhooks and sources belong to.
pub(super) const DOMAIN: &str = "demo.example.com";

/// A source, and the secret that its provider signs with.
pub(super) struct Provider {
    /// The provider's dialect.
    pub(super) dialect: Dialect,
    /// The path of the ingest URL that it posts to.
    pub(super) ingest_path: String,
    /// The secret that it signs with.
    pub(super) secret: Secret,
}

/// Makes the domain anew, so that nothing of an earlier demo in the same data is in the way.
pub(super) async fn domain(api: &Api) -> anyhow::Result<()> {
    let at = path(&["v3", "domains", DOMAIN]);
    if let Err(error) = api.call(Method::DELETE, &at, Payload::None).await
        && error.status() != Some(404)
    {
        return Err(error).context("cannot remove the domain of an earlier demo");
    }
    post_form(api, "/v4/domains", &[("name", DOMAIN)]).await.context("cannot create the domain")
}

/// Registers a webhook for each of Mailgun's event names, in the way that its SDKs do: multipart
/// forms to the v3 API. Returns the names.
pub(super) async fn webhooks(api: &Api, receiver: &Receiver) -> anyhow::Result<Vec<&'static str>> {
    let names = Dialect::Mailgun.names();
    for name in names {
        let at = path(&["v3", "domains", DOMAIN, "webhooks"]);
        let form = [("id", name), ("url", &receiver.url(name))];
        post_form(api, &at, &form).await.with_context(|| format!("cannot register {name}"))?;
    }
    Ok(names.to_vec())
}

/// The key that the account's deliveries are signed with, which a receiver must know.
pub(super) async fn signing_key(api: &Api) -> anyhow::Result<String> {
    let answer = api.get_as::<SigningKey>("/v5/accounts/http_signing_key").await?;
    Ok(answer.value.http_signing_key)
}

/// Creates a source for each provider.
pub(super) async fn providers(api: &Api, clock: &Clock) -> anyhow::Result<Vec<Provider>> {
    let mut providers = Vec::new();
    for dialect in Dialect::ALL {
        let secret = match Behaviour::of(dialect).signed_by {
            SignedBy::AccountKey => format!("key-{}", clock.random_hex::<16>()),
            SignedBy::OwnSecret => format!("whsec_{}", clock.random_hex::<24>()),
        };
        let at = path(&["waypost", "v1", "domains", DOMAIN, "sources"]);
        let request =
            CreateSource { dialect: dialect.provider(), secret: Some(&secret), serves: None };
        let call = api.call_as::<Source>(Method::POST, &at, Payload::json(&request));
        let ingest_path = path(&["ingest", &call.await?.value.id.to_string()]);
        providers.push(Provider { dialect, ingest_path, secret: Secret::new(secret) });
    }
    Ok(providers)
}

async fn post_form(api: &Api, at: &str, fields: &[(&str, &str)]) -> anyhow::Result<()> {
    const BOUNDARY: &str = "--------------------------waypost-demo";
    let mut body = String::new();
    for (name, value) in fields {
        body += &format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        );
    }
    body += &format!("--{BOUNDARY}--\r\n");
    let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
    api.call(Method::POST, at, Payload::Typed(&content_type, Bytes::from(body))).await?;
    Ok(())
}
