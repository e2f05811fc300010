//! The demo's five providers: one of each of their events, signed as each of them does.

use anyhow::{Context, bail};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method};
use waypost_compat::sample::Facts;
use waypost_compat::signature::{Stamp, sign};
use waypost_compat::{Dialect, Kind, sample};

use super::setup::{DOMAIN, Provider};
use crate::api::{IngestStatus, Receipt};
use crate::client::api::{Api, Payload};
use crate::clock::Clock;
use crate::model::{EventId, Timestamp};

/// An event that was put in.
pub(super) struct Fed {
    /// The provider.
    pub(super) dialect: Dialect,
    /// The provider's name of the event.
    pub(super) name: &'static str,
    /// The recipient, another one for each event.
    pub(super) recipient: String,
    /// The time at which the provider began to post it.
    pub(super) sent_at: Timestamp,
    /// The webhook that it is delivered to; `None` where Mailgun has none for it.
    pub(super) webhook: Option<&'static str>,
}

/// The events that the providers have names for, in the order of their documentation.
pub(super) fn script(providers: &[Provider]) -> impl Iterator<Item = (&Provider, Kind)> {
    providers.iter().flat_map(|provider| provider.dialect.kinds().map(|kind| (provider, kind)))
}

/// Posts one event to its source, as its provider would.
pub(super) async fn feed(
    api: &Api,
    provider: &Provider,
    kind: Kind,
    clock: &Clock,
) -> anyhow::Result<Fed> {
    let dialect = provider.dialect;
    let name = dialect.name(kind).context("the script holds only what has a name")?;
    let fed = Fed {
        dialect,
        name,
        recipient: format!("{dialect}.{kind}@example.org"),
        sent_at: clock.now(),
        webhook: Dialect::Mailgun.delivered_as(kind),
    };
    let event_id = EventId::timed(fed.sent_at, clock.random()).to_string();
    let facts = Facts {
        event_id: &event_id,
        message_id: &format!("{}@{DOMAIN}", clock.random_hex::<8>()),
        recipient: &fed.recipient,
        domain: DOMAIN,
        occurred_at_ms: fed.sent_at.millis(),
        ..Facts::default()
    };
    let body = sample::body(dialect, kind, &facts).context("the script has samples only")?;
    let stamp = Stamp {
        timestamp: fed.sent_at.seconds(),
        token: &clock.random_hex::<25>(),
        event_id: &event_id,
        event_name: name,
    };
    let signed = sign(dialect.scheme(), &[&provider.secret], &body, &stamp);
    let headers = signed.headers.iter().map(|(name, value)| {
        Ok((HeaderName::try_from(*name)?, HeaderValue::try_from(value.as_str())?))
    });
    let headers = headers.collect::<Result<Vec<_>, http::Error>>()?;
    let body = Payload::Raw(Bytes::from(signed.body));
    let (status, answer) = api.send(Method::POST, &provider.ingest_path, &headers, body).await?;
    let receipt = serde_json::from_slice::<Receipt>(&answer);
    let is_new = receipt.is_ok_and(|receipt| receipt.status == IngestStatus::Accepted);
    if status != http::StatusCode::OK || !is_new {
        bail!("{dialect} {name} was not accepted: {status} {}", String::from_utf8_lossy(&answer));
    }
    Ok(fed)
}
