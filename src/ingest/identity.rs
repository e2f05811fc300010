//! The identity of events: what makes two arrivals the same one.

use sha2::{Digest, Sha256};
use waypost_compat::event::Outline;
use waypost_compat::translate::Context;
use waypost_compat::{Provider, translate};

use crate::model::{AccountId, DedupeKey, DomainName, Source, Timestamp, Webhook, hex};

/// The longest provider's id that stands in a key as it is; longer ones are hashed, so that no
/// payload decides how long the store's keys are.
const ID_BYTES_MAX: usize = 128;

/// The way by which an event came in.
#[derive(Debug, Clone)]
pub(super) struct Origin {
    /// The account that has it.
    pub(super) account: AccountId,
    /// The domain of the account's that it belongs to, as far as that is known.
    pub(super) domain: Option<DomainName>,
    /// The provider whose event it is.
    pub(super) provider: Provider,
    /// The source that posted it; `None` for direct ingest.
    pub(super) source: Option<Source>,
}

impl Origin {
    /// Says whether an event that came in here may go to a webhook.
    pub(super) fn feeds(&self, webhook: &Webhook) -> bool {
        self.source.as_ref().is_none_or(|source| source.feeds(webhook))
    }

    /// The key that every repeat of an event has in common (`spec/mailgun-events.md` §4).
    ///
    /// An event whose provider gave it no id is known by its content: a repeat has the same bytes,
    /// Mailgun's signature aside, which is made anew for every attempt. The day is that of the
    /// event's own time, or of its arrival where it has none.
    pub(super) fn dedupe_key(
        &self,
        outline: &Outline,
        body: &[u8],
        received_at: Timestamp,
    ) -> DedupeKey {
        let provider_id = match outline.id.as_deref() {
            Some(id) if !id.is_empty() && id.len() <= ID_BYTES_MAX => id.to_owned(),
            Some(id) if !id.is_empty() => content_hash(id.as_bytes()),
            Some(_) | None => content_hash(&self.repeated_bytes(body)),
        };
        let occurred_at = outline.occurred_at_ms.map(Timestamp::from_millis);
        DedupeKey {
            source: self.name(),
            day: occurred_at.unwrap_or(received_at).day(),
            provider_id,
        }
    }

    /// The name of the origin in a key.
    fn name(&self) -> String {
        match &self.source {
            Some(source) => source.id.to_string(),
            // Ids of different providers say nothing about each other.
            None => {
                let domain = self.domain.as_ref().map_or("", DomainName::as_str);
                format!("{}/{domain}/{}", self.account, self.provider)
            }
        }
    }

    /// The key that an event has in common with itself, come in by another place of the same
    /// provider. Sources that serve all of a domain are connections of their own, and share none.
    pub(super) fn shared_key(&self, own: &DedupeKey) -> Option<DedupeKey> {
        let place = self.source.as_ref().filter(|source| source.serves.is_one_place())?;
        let source = format!("places of {}", place.provider);
        Some(DedupeKey { source, ..own.clone() })
    }

    /// The part of a body that is the same whenever its provider sends it again: translated to the
    /// provider's own dialect it is its bytes, and for Mailgun those of `event-data` alone.
    fn repeated_bytes(&self, body: &[u8]) -> Vec<u8> {
        let own = self.provider.dialect();
        let same = own.map(|own| translate(self.provider, body, own, &Context::default()));
        same.and_then(Result::ok).map_or_else(|| body.to_vec(), |same| same.body)
    }
}

/// The stand-in for an id that the provider did not give, or that is too long.
fn content_hash(bytes: &[u8]) -> String {
    // No provider's id begins like this, so a hash is never taken for one.
    format!("sha256:{}", hex(&Sha256::digest(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Serves, SourceId};

    const NOON: i64 = 43_200_000;
    const DAY: i64 = 86_400_000;

    fn origin(provider: Provider) -> Origin {
        let account = AccountId::from_bytes([1; 16]);
        let domain: Option<DomainName> = Some("example.com".parse().unwrap());
        let source = Source {
            id: SourceId::from_bytes([2; 16]),
            account,
            domain: domain.clone(),
            provider,
            serves: Serves::All,
            secrets: Vec::new(),
            enabled: true,
            created_at: Timestamp::default(),
        };
        Origin { account, domain, provider, source: Some(source) }
    }

    fn outline(id: Option<&str>, occurred_at_ms: Option<i64>) -> Outline {
        Outline {
            kind: None,
            name: "event".to_owned(),
            id: id.map(str::to_owned),
            occurred_at_ms,
            recipient: None,
            message_id: None,
            domain: None,
        }
    }

    fn key(provider: Provider, outline: &Outline, body: &str) -> DedupeKey {
        origin(provider).dedupe_key(outline, body.as_bytes(), Timestamp::from_millis(NOON))
    }

    #[test]
    fn the_providers_id_counts_and_the_bytes_do_not() {
        let outline = outline(Some("evt_1"), Some(NOON));
        let first = key(Provider::MailingApi, &outline, "{}");
        assert_eq!(first, key(Provider::MailingApi, &outline, "{ }"));
        assert_eq!(first.provider_id, "evt_1");
    }

    #[test]
    fn the_same_id_on_another_utc_day_is_another_event() {
        let today = key(Provider::Mailgun, &outline(Some("x"), Some(DAY - 1)), "{}");
        let tomorrow = key(Provider::Mailgun, &outline(Some("x"), Some(DAY)), "{}");
        assert_eq!((today.day, tomorrow.day), (0, 1));
        assert_ne!(today, tomorrow);
    }

    #[test]
    fn without_a_time_of_its_own_the_day_of_arrival_counts() {
        assert_eq!(key(Provider::Posthawk, &outline(Some("x"), None), "{}").day, 0);
    }

    #[test]
    fn without_an_id_the_content_is_the_identity() {
        let nameless = outline(None, Some(NOON));
        let a = key(Provider::Posthawk, &nameless, r#"{"event":"open"}"#);
        let b = key(Provider::Posthawk, &nameless, r#"{"event":"click"}"#);
        assert_ne!(a, b);
        assert!(a.provider_id.starts_with("sha256:"), "{a:?}");
        assert_eq!(a, key(Provider::Posthawk, &outline(Some(""), None), r#"{"event":"open"}"#));
    }

    #[test]
    fn mailguns_fresh_signature_does_not_make_a_new_event() {
        let event = r#""event-data":{"event":"opened","recipient":"a@example.com"}"#;
        let first = format!(r#"{{"signature":{{"token":"1"}},{event}}}"#);
        let again = format!(r#"{{"signature":{{"token":"2"}},{event}}}"#);
        let nameless = outline(None, Some(NOON));
        assert_eq!(
            key(Provider::Mailgun, &nameless, &first),
            key(Provider::Mailgun, &nameless, &again)
        );
    }

    #[test]
    fn a_long_id_is_hashed() {
        let long = outline(Some(&"x".repeat(100_000)), Some(NOON));
        assert_eq!(key(Provider::Wistfare, &long, "{}").provider_id.len(), 71);
    }

    #[test]
    fn only_sources_that_stand_for_one_place_share_a_key() {
        let nameless = outline(None, Some(NOON));
        let keys = |id: u8, serves: Serves| {
            let mut origin = origin(Provider::Mailgun);
            let source = origin.source.as_mut().unwrap();
            (source.id, source.serves) = (SourceId::from_bytes([id; 16]), serves);
            let own = origin.dedupe_key(&nameless, b"{}", Timestamp::from_millis(NOON));
            let shared = origin.shared_key(&own);
            (own, shared)
        };
        assert_eq!(keys(1, Serves::All).1, None);
        let ((own, shared), (other, also)) = (keys(1, Serves::Domain), keys(2, Serves::Account));
        assert_ne!(own, other);
        assert_eq!(shared, also);
        assert!(shared.is_some_and(|shared| shared != own && shared != other));
    }

    #[test]
    fn direct_ingest_is_told_apart_by_account_domain_and_dialect() {
        let direct = Origin { source: None, ..origin(Provider::Mailgun) };
        assert_eq!(direct.name(), format!("acc_{}/example.com/mailgun", "01".repeat(16)));
    }
}
