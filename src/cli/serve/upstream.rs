//! The upstream: the port through which the HTTP side passes requests on that it does not answer.

use async_trait::async_trait;
use http::{Request, Response};

use super::super::Misuse;
use crate::client::{ForwardOptions, Forwarder};
use crate::config::{Options, Settings};
use crate::http::{Download, Upload, Upstream};
use crate::model::Unanswered;

/// The server that the flags name.
pub(super) struct Mailgun(Forwarder);

impl Mailgun {
    /// The upstream of a server with these settings, if it has one.
    pub(super) fn of(
        options: &Options,
        bound: std::net::SocketAddr,
        settings: &Settings,
    ) -> Result<Option<Self>, Misuse> {
        let Some(upstream) = options.upstream().map_err(Misuse)? else { return Ok(None) };
        let base = &upstream.base;
        if upstream.is_server(bound, &settings.public_url) {
            return Err(Misuse(format!(
                "--mailgun-upstream: expected another server, such as `https://api.mailgun.net`, \
                 found this one, {base}"
            )));
        }
        if upstream.is_in_clear() {
            tracing::warn!("mail and the key of the upstream go to {base} in the clear; use https");
        }
        let forwarder = Forwarder::new(base, upstream.key.expose(), ForwardOptions::default())
            .ok_or_else(|| Misuse(format!("--mailgun-upstream: {base} cannot be called")))?;
        tracing::info!("requests of the first account that are not answered here go to {base}");
        Ok(Some(Self(forwarder)))
    }
}

#[async_trait]
impl Upstream for Mailgun {
    async fn send(&self, request: Request<Upload>) -> Result<Response<Download>, Unanswered> {
        let answer = self.0.send(request).await?;
        Ok(answer.map(|body| Box::pin(body) as Download))
    }
}
