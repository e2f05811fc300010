//! Events in: verify, read, match, enqueue. Whoever sent an event is answered after the commit.
//!
//! [`Ingest::take`] is for providers, who prove themselves by a signature; [`Ingest::direct`] is
//! for the account's owner, whose key has been judged before.

mod batch;
mod identity;
mod matching;

use std::sync::Arc;

use bytes::Bytes;
use waypost_compat::event::{Event, Outline, ParseError};
use waypost_compat::signature::{self, Verified, VerifyError};
use waypost_compat::{Provider, Secret, outline, parse};

pub use batch::{BATCH_MAX, BatchError, EventBatch, RawEvent, split};
pub use matching::recipients;

use crate::clock::Clock;
use crate::config::Settings;
use crate::metrics::{RefusedAs, Stats, TakenAs};
use crate::model::{
    AccountId, Arrival, DeliveryId, DomainName, EventId, NewDelivery, Serves, Source, SourceId,
    StoredEvent, Timestamp, TokenKey, Webhook, WebhookScope,
};
use crate::renderings::Renderings;
use crate::store::{self, Enqueued, Intake};
use identity::Origin;

/// The longest text that is kept of an event beside its body, in bytes. No honest name, address or
/// message id is longer; the body keeps it whole.
const TEXT_BYTES_MAX: usize = 1024;

/// The ingest: events are verified, read, matched with webhooks, and enqueued.
#[derive(Clone)]
pub struct Ingest {
    /// The store's way in.
    pub intake: Arc<dyn Intake>,
    /// Clock and randomness.
    pub clock: Clock,
    /// The settings, for the freshness window.
    pub settings: Arc<Settings>,
    /// The counters of everything that comes in.
    pub stats: Stats,
    /// The renderings that the worker will use.
    pub renderings: Renderings,
}

/// A body as it was parsed, as far as that was needed.
struct ParsedBody {
    /// The part that says where the event goes.
    outline: Outline,
    /// All of it, where some rendering needs that.
    event: Option<Event>,
}

/// An event that is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ingested {
    /// The result in the store.
    pub enqueued: Enqueued,
    /// The provider whose event it is.
    pub provider: Provider,
    /// True if the event's name is one that we know.
    pub known: bool,
}

impl Ingested {
    /// The event; for a repeat, the one that it repeats.
    #[must_use]
    pub const fn id(&self) -> EventId {
        match self.enqueued {
            Enqueued::Accepted(id) | Enqueued::Duplicate(id) => id,
        }
    }

    /// The word for it in answers.
    #[must_use]
    pub const fn status(&self) -> &'static str {
        match self.enqueued {
            Enqueued::Accepted(_) => "accepted",
            Enqueued::Duplicate(_) => "duplicate",
        }
    }

    const fn metric(&self) -> TakenAs {
        match self.enqueued {
            Enqueued::Accepted(_) if self.known => TakenAs::Accepted,
            Enqueued::Accepted(_) => TakenAs::Unknown,
            Enqueued::Duplicate(_) => TakenAs::Duplicate,
        }
    }
}

/// The reason why an event was not taken.
#[derive(Debug, Clone, thiserror::Error)]
pub enum IngestError {
    /// Nobody has this source.
    #[error("there is no such source")]
    NoSuchSource,
    /// The source's owner switched it off.
    #[error("this source is switched off; enable it to take events")]
    Disabled,
    /// There is nothing to check a signature with.
    #[error(
        "this source has no secret yet, so no signature can be checked; give it the provider's"
    )]
    NoSecret,
    /// The signature is missing, wrong or too old.
    #[error(transparent)]
    Signature(#[from] VerifyError),
    /// The body is not an event of the provider.
    #[error("not a {provider} event: {error}")]
    NotAnEvent {
        /// The provider whose it was taken for.
        provider: Provider,
        /// The reason: what was expected, and what was found.
        error: ParseError,
    },
    /// The event could not be made durable; sending it again is safe.
    #[error("the event could not be stored; send it again")]
    Unavailable(#[source] store::Error),
}

impl IngestError {
    const fn metric(&self) -> RefusedAs {
        match self {
            Self::NoSuchSource => RefusedAs::NoSource,
            Self::Disabled | Self::NoSecret => RefusedAs::Closed,
            Self::Signature(VerifyError::Stale { .. }) => RefusedAs::Stale,
            Self::Signature(_) => RefusedAs::Signature,
            Self::NotAnEvent { .. } => RefusedAs::NotAnEvent,
            Self::Unavailable(_) => RefusedAs::Unavailable,
        }
    }
}

impl From<store::Error> for IngestError {
    fn from(error: store::Error) -> Self {
        Self::Unavailable(error)
    }
}

impl Ingest {
    /// Takes a provider's request. `header` looks a request header up by its lower-case name.
    ///
    /// When it returns `Ok`, the event and its deliveries are durable, or it was a repeat of one
    /// that is. The signature is checked before anything else is done with the body.
    pub async fn take<'h>(
        &self,
        source: SourceId,
        header: impl Fn(&str) -> Option<&'h str>,
        body: Bytes,
    ) -> Result<Ingested, IngestError> {
        self.count(self.by_source(source, header, body).await)
    }

    /// Takes one event that its owner posts for one of the account's domains, unsigned.
    ///
    /// The caller has seen to it that the account has the domain. When it returns `Ok`, the event
    /// and its deliveries are durable, or it was a repeat of one that is.
    pub async fn direct(
        &self,
        account: AccountId,
        domain: DomainName,
        item: RawEvent,
    ) -> Result<Ingested, IngestError> {
        self.count(self.by_owner(account, domain, item).await)
    }

    fn count(&self, result: Result<Ingested, IngestError>) -> Result<Ingested, IngestError> {
        match &result {
            Ok(ingested) => self.stats.took(ingested.provider, ingested.metric()),
            Err(error) => self.stats.refused(error.metric()),
        }
        result
    }

    async fn by_source<'h>(
        &self,
        source: SourceId,
        header: impl Fn(&str) -> Option<&'h str>,
        body: Bytes,
    ) -> Result<Ingested, IngestError> {
        let source = self.intake.source_to_prove(source).await?.ok_or(IngestError::NoSuchSource)?;
        let now = self.clock.now();
        let tolerance_s = i64::try_from(self.settings.freshness.as_secs()).unwrap_or(i64::MAX);
        let verified = authenticate(&source, header, &body, now, tolerance_s)?;
        let (account, provider) = (source.account, source.provider);
        let parsed = self.read(account, source.domain.as_ref(), provider, &body).await?;
        let token = single_use(&source, &verified);
        let domain = match &source.domain {
            Some(domain) => Some(domain.clone()),
            None => self.named_domain(&source, &parsed.outline).await?,
        };
        let origin = Origin { account, domain, provider, source: Some(source) };
        self.enqueue(origin, parsed, body, token).await
    }

    /// The domain that an event names, if it is one of the account's. Another's, or one that nobody
    /// has, is as good as none: a provider's account may have domains that are not here.
    async fn named_domain(
        &self,
        source: &Source,
        outline: &Outline,
    ) -> Result<Option<DomainName>, store::Error> {
        let name = outline.domain.as_deref().and_then(|name| name.parse::<DomainName>().ok());
        let Some(name) = name else {
            return Ok(None);
        };
        Ok(self.intake.has_domain(source.account, &name).await?.then_some(name))
    }

    async fn by_owner(
        &self,
        account: AccountId,
        domain: DomainName,
        item: RawEvent,
    ) -> Result<Ingested, IngestError> {
        let provider = item.provider;
        let parsed = self.read(account, Some(&domain), provider, &item.body).await?;
        let origin = Origin { account, domain: Some(domain), provider, source: None };
        self.enqueue(origin, parsed, item.body, None).await
    }

    /// Reads a body, once: whole where somebody who may get the event is spoken to in another
    /// dialect, and else only the part that says where it goes.
    async fn read(
        &self,
        account: AccountId,
        domain: Option<&DomainName>,
        provider: Provider,
        body: &[u8],
    ) -> Result<ParsedBody, IngestError> {
        let crosses = match domain {
            Some(domain) => {
                let subscribers = self.intake.subscribers(account, Some(domain)).await?;
                let other = |webhook: &Webhook| webhook.scope.dialect.provider() != provider;
                subscribers.iter().any(other)
            }
            // The event itself says whose it is.
            None => true,
        };
        let parsed = if crosses {
            parse(provider, body)
                .map(|event| ParsedBody { outline: event.outline(), event: Some(event) })
        } else {
            outline(provider, body).map(|outline| ParsedBody { outline, event: None })
        };
        parsed.map_err(|error| IngestError::NotAnEvent { provider, error })
    }

    async fn enqueue(
        &self,
        origin: Origin,
        parsed: ParsedBody,
        body: Bytes,
        token: Option<TokenKey>,
    ) -> Result<Ingested, IngestError> {
        let ParsedBody { outline, event: whole } = parsed;
        let webhooks = match outline.kind {
            Some(_) => self.subscribers(&origin).await?,
            // Kept and shown, but nobody can have subscribed to a name that nobody knows.
            None => Arc::default(),
        };
        let now = self.clock.now();
        let dedupe = origin.dedupe_key(&outline, &body, now);
        let shared = origin.shared_key(&dedupe);
        // Narrowed last: a URL that two places name is called through the one that owns it, and
        // not through the other, even if the event comes by the other alone.
        let recipients = outline.kind.map_or_else(Vec::new, |kind| recipients(&webhooks, kind));
        let served = recipients.into_iter().filter(|webhook| origin.feeds(webhook));
        let deliveries: Vec<_> = served.map(|to| self.delivery(to, now)).collect();
        let (provider, known) = (origin.provider, outline.kind.is_some());
        let event = self.event(origin, outline, body, now);
        self.renderings.prepare(&event, whole.as_ref(), &deliveries);
        let id = event.id;
        let arrival = Arrival { event, deliveries, dedupe: Some(dedupe), shared, token };
        let enqueued = self.intake.enqueue(arrival).await;
        if !matches!(enqueued, Ok(Enqueued::Accepted(taken)) if taken == id) {
            self.renderings.forget(id);
        }
        let enqueued = enqueued?;
        Ok(Ingested { enqueued, provider, known })
    }

    /// Everything that may receive the events of where an event came from. One that came by the
    /// place of a single webhook is for that webhook, whatever domain it names.
    async fn subscribers(&self, origin: &Origin) -> Result<Arc<[Webhook]>, store::Error> {
        let of_domain = async |domain: Option<&DomainName>| {
            self.intake.subscribers(origin.account, domain).await
        };
        match origin.source.as_ref().map(|source| source.serves) {
            Some(Serves::Webhook(id)) => match self.intake.subscriber(origin.account, id).await? {
                Some(Webhook { scope: WebhookScope { domain: Some(own), .. }, .. }) => {
                    of_domain(Some(&own)).await
                }
                Some(_) => of_domain(origin.domain.as_ref()).await,
                None => Ok(Arc::default()),
            },
            Some(Serves::All | Serves::Domain | Serves::Account) | None => {
                of_domain(origin.domain.as_ref()).await
            }
        }
    }

    fn delivery(&self, webhook: &Webhook, now: Timestamp) -> NewDelivery {
        NewDelivery {
            id: DeliveryId::new(now, self.clock.random()),
            webhook: webhook.id,
            dialect: webhook.scope.dialect,
            endpoint: webhook.endpoint(),
            url: webhook.url.clone(),
        }
    }

    fn event(&self, origin: Origin, outline: Outline, body: Bytes, now: Timestamp) -> StoredEvent {
        StoredEvent {
            id: EventId::timed(now, self.clock.random()),
            account: origin.account,
            domain: origin.domain,
            source: origin.source.map(|source| source.id),
            also_by: Vec::new(),
            provider: origin.provider,
            kind: outline.kind,
            name: bounded(outline.name),
            provider_id: outline.id.map(bounded),
            recipient: outline.recipient.map(bounded),
            message_id: outline.message_id.map(bounded),
            occurred_at: outline.occurred_at_ms.map(Timestamp::from_millis),
            received_at: now,
            duplicates: 0,
            body,
        }
    }
}

/// Checks that a request may come in by `source`, before its body is read as anything.
fn authenticate<'h>(
    source: &Source,
    header: impl Fn(&str) -> Option<&'h str>,
    body: &[u8],
    now: Timestamp,
    tolerance_s: i64,
) -> Result<Verified, IngestError> {
    if !source.enabled {
        return Err(IngestError::Disabled);
    }
    if source.secrets.is_empty() {
        return Err(IngestError::NoSecret);
    }
    let secrets: Vec<&Secret> = source.secrets.iter().collect();
    Ok(signature::verify(source.provider, &secrets, header, body, now.seconds(), tolerance_s)?)
}

/// The key under which a Mailgun token is used up.
fn single_use(source: &Source, verified: &Verified) -> Option<TokenKey> {
    // The signature covers nothing but the token and the time, so whoever saw a request could
    // otherwise post any body under it (`spec/mailgun-events.md` §2).
    let (token, signed_at) = (verified.token.clone()?, verified.timestamp?);
    Some(TokenKey { source: source.id, token, signed_at })
}

fn bounded(mut text: String) -> String {
    if text.len() > TEXT_BYTES_MAX {
        text.truncate(text.floor_char_boundary(TEXT_BYTES_MAX));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(enabled: bool, secrets: &[&str]) -> Source {
        Source {
            id: SourceId::from_bytes([1; 16]),
            account: AccountId::from_bytes([2; 16]),
            domain: Some("example.com".parse().unwrap()),
            provider: Provider::Posthawk,
            serves: Serves::All,
            secrets: secrets.iter().copied().map(Secret::new).collect(),
            enabled,
            created_at: Timestamp::default(),
        }
    }

    /// The answer to a request without any header.
    fn unsigned(source: &Source) -> IngestError {
        authenticate(source, |_| None, b"{}", Timestamp::default(), 900).unwrap_err()
    }

    #[test]
    fn a_source_that_is_off_or_has_no_secret_refuses_before_it_looks() {
        assert!(matches!(unsigned(&source(false, &["s"])), IngestError::Disabled));
        assert!(matches!(unsigned(&source(true, &[])), IngestError::NoSecret));
        let refused = unsigned(&source(true, &["s"]));
        assert!(matches!(refused, IngestError::Signature(VerifyError::Missing(_))), "{refused}");
    }

    #[test]
    fn only_a_request_with_token_and_time_is_single_use() {
        let source = source(true, &["s"]);
        let verified = |token: Option<&str>, timestamp| Verified {
            timestamp,
            token: token.map(str::to_owned),
        };
        let key = single_use(&source, &verified(Some("t"), Some(7))).unwrap();
        assert_eq!((key.source, key.token.as_str(), key.signed_at), (source.id, "t", 7));
        assert_eq!(single_use(&source, &verified(None, Some(7))), None);
    }

    #[test]
    fn kept_texts_are_cut_at_a_character() {
        assert_eq!(bounded("é".repeat(1000)).len(), 1024);
        assert_eq!(bounded("a".to_owned() + &"é".repeat(1000)).len(), 1023);
        assert_eq!(bounded("short".to_owned()), "short");
    }
}
