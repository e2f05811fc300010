//! One base URL: what Waypost does not answer goes to a server in Mailgun's place, and comes back.

mod bodies;
mod clients;
mod failures;
mod keys;
mod passing;
mod stand_in;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::{Request, Response};
use url::Url;
use waypost::client::{ForwardOptions, Forwarder};
use waypost::clock::Clock;
use waypost::config::{Serving, Settings};
use waypost::http::{Download, Upload, Upstream};
use waypost::model::{AccountId, Unanswered};

use self::stand_in::StandIn;
use crate::support::Gateway;

/// The key that the upstream knows.
const UPSTREAM_KEY: &str = "fedcba9876543210fedcba9876543210-76543210-fedcba98";

/// What `waypost serve` wires.
struct Port(Forwarder);

#[async_trait]
impl Upstream for Port {
    async fn send(&self, request: Request<Upload>) -> Result<Response<Download>, Unanswered> {
        let answer = self.0.send(request).await?;
        Ok(answer.map(|body| Box::pin(body) as Download))
    }
}

/// A gateway in front of `upstream`, with the patience that the server has.
async fn before(upstream: &StandIn) -> Gateway {
    made(&upstream.url(), ForwardOptions::default(), Serving::default()).await
}

/// A gateway that waits for this long only.
async fn impatient(upstream: &StandIn, patience: Duration) -> Gateway {
    let options = ForwardOptions { patience, ..ForwardOptions::default() };
    made(&upstream.url(), options, Serving::default()).await
}

async fn made(url: &str, options: ForwardOptions, serving: Serving) -> Gateway {
    let forwarder = Forwarder::new(&Url::parse(url).unwrap(), UPSTREAM_KEY, options).unwrap();
    let settings = Settings { serving, ..Settings::default() };
    let gateway = Gateway::with(settings, Clock::system(), |app| {
        app.with_upstream(Arc::new(Port(forwarder)), AccountId::from_bytes([0xac; 16]))
    });
    gateway.await
}

/// The value of a series on `/metrics`.
async fn counted(gateway: &Gateway, series: &str) -> u64 {
    let page = gateway.mailgun("GET", "/metrics", "").await.text();
    let line = page.lines().find_map(|line| line.strip_prefix(series));
    line.unwrap_or_else(|| panic!("{series} is in\n{page}")).trim().parse().unwrap()
}
