//! Renderings: an event's payload in each dialect that it is delivered in, made once when it comes
//! in, where it is parsed anyway.
//!
//! They are kept in memory until every first attempt has had them, within a bound. Whoever finds
//! none, after a restart, behind a long queue, or for a retry, makes it again from the stored bytes.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use waypost_compat::event::Event;
use waypost_compat::translate::{Context, Rendered, TranslateError, TranslateOptions, rendering};
use waypost_compat::{Dialect, outline, translate};

use crate::model::{DomainName, EventId, NewDelivery, StoredEvent, hex};

/// The bytes that are kept at most; beyond that the oldest go.
const BYTES_MAX: usize = 64 << 20;

/// The renderings that were made and are still to be used. Clones share them.
#[derive(Clone, Default)]
pub struct Renderings(Arc<Mutex<Cache>>);

#[derive(Default)]
struct Cache {
    entries: HashMap<CacheKey, Cached>,
    /// In the order in which they were made; those that were used up may still stand here.
    order: VecDeque<CacheKey>,
    bytes: usize,
}

type CacheKey = (EventId, Dialect);

struct Cached {
    rendered: Arc<Rendered>,
    /// The deliveries that have not had it yet.
    uses: usize,
}

impl fmt::Debug for Renderings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Renderings({})", self.count())
    }
}

impl Renderings {
    /// Makes the renderings that the deliveries of a new event need, from the event as it was
    /// parsed; without one only those in the provider's own dialect. Nothing is kept of what only
    /// one delivery needs in that: it is cut out of the stored bytes as quickly.
    pub fn prepare(&self, event: &StoredEvent, parsed: Option<&Event>, deliveries: &[NewDelivery]) {
        for dialect in Dialect::ALL {
            let uses = deliveries.iter().filter(|delivery| delivery.dialect == dialect).count();
            let is_own = dialect.provider() == event.provider;
            if uses == 0 || uses == 1 && is_own {
                continue;
            }
            let made = match parsed {
                Some(parsed) => {
                    let context = context(event, || parsed.outline().domain);
                    rendering(parsed, &event.body, dialect, &context, TranslateOptions::default())
                }
                None if is_own => make(event, dialect),
                None => continue,
            };
            // What cannot be written is found out again by the attempt, which records why.
            if let Ok(rendered) = made {
                self.cache().insert((event.id, dialect), Arc::new(rendered), uses);
            }
        }
    }

    /// Forgets what was prepared for an event that turned out not to be a new one.
    pub fn forget(&self, event: EventId) {
        let mut cache = self.cache();
        for dialect in Dialect::ALL {
            cache.remove((event, dialect));
        }
    }

    /// The rendering of an event in a dialect: the one that was prepared, or else a new one.
    pub fn of(
        &self,
        event: &StoredEvent,
        dialect: Dialect,
    ) -> Result<Arc<Rendered>, TranslateError> {
        let prepared = self.cache().take((event.id, dialect));
        prepared.map_or_else(|| make(event, dialect).map(Arc::new), Ok)
    }

    /// The number of renderings kept.
    #[must_use]
    pub fn count(&self) -> usize {
        self.cache().entries.len()
    }

    fn cache(&self) -> MutexGuard<'_, Cache> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cache {
    fn insert(&mut self, key: CacheKey, rendered: Arc<Rendered>, uses: usize) {
        self.bytes += weight(&rendered);
        self.entries.insert(key, Cached { rendered, uses });
        self.order.push_back(key);
        while self.bytes > BYTES_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.remove(oldest);
        }
        if self.order.len() > 2 * self.entries.len() + 1024 {
            let entries = &self.entries;
            self.order.retain(|key| entries.contains_key(key));
        }
    }

    fn take(&mut self, key: CacheKey) -> Option<Arc<Rendered>> {
        let entry = self.entries.get_mut(&key)?;
        entry.uses -= 1;
        let rendered = entry.rendered.clone();
        if entry.uses == 0 {
            self.remove(key);
        }
        Some(rendered)
    }

    fn remove(&mut self, key: CacheKey) {
        if let Some(entry) = self.entries.remove(&key) {
            self.bytes -= weight(&entry.rendered);
        }
    }
}

/// About how many bytes a rendering takes. The list of losses may be much longer than the body.
fn weight(rendered: &Rendered) -> usize {
    let lost: usize = rendered.lost.iter().map(|name| name.len() + 32).sum();
    256 + rendered.body.len() + rendered.name.len() + lost
}

fn make(event: &StoredEvent, dialect: Dialect) -> Result<Rendered, TranslateError> {
    let named = || outline(event.provider, &event.body).ok()?.domain;
    translate(event.provider, &event.body, dialect, &context(event, named))
}

/// The context of a payload, beside the event itself. An event that belongs to none of the
/// account's domains keeps the name that its own payload has for it, `named`.
fn context(event: &StoredEvent, named: impl FnOnce() -> Option<String>) -> Context {
    let mut account = hex(event.account.as_bytes());
    account.truncate(24);
    let named = || named().and_then(|name| name.parse::<DomainName>().ok());
    let domain = event.domain.clone().or_else(named);
    Context {
        domain: domain.map_or_else(String::new, |domain| domain.to_string()),
        account,
        event_id: event.id.to_string(),
        received_at_ms: event.received_at.millis(),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use waypost_compat::{Kind, Provider, parse};

    use super::*;
    use crate::model::{AccountId, DeliveryId, EndpointId, Timestamp, WebhookId};

    const BODY: &[u8] = br#"{"id":"evt_1","type":"delivered","timestamp":"2026-01-15T10:30:00Z",
        "data":{"message_id":"msg_1","to":"ada@example.net"}}"#;

    fn event(number: u8) -> StoredEvent {
        StoredEvent {
            id: EventId::from_bytes([number; 16]),
            account: AccountId::from_bytes([1; 16]),
            domain: Some("example.com".parse().unwrap()),
            source: None,
            also_by: Vec::new(),
            provider: Provider::MailingApi,
            kind: Some(Kind::Delivered),
            name: "delivered".to_owned(),
            provider_id: None,
            recipient: None,
            message_id: None,
            occurred_at: None,
            received_at: Timestamp::default(),
            duplicates: 0,
            body: Bytes::from_static(BODY),
        }
    }

    fn deliveries(dialects: &[Dialect]) -> Vec<NewDelivery> {
        let new = |dialect: &Dialect| NewDelivery {
            id: DeliveryId::from_bytes([1; 16]),
            webhook: WebhookId::from_bytes([1; 16]),
            dialect: *dialect,
            endpoint: EndpointId::from_bytes([1; 16]),
            url: "https://a.example/".parse().unwrap(),
        };
        dialects.iter().map(new).collect()
    }

    #[test]
    fn one_rendering_serves_every_webhook_of_a_dialect_and_then_goes() {
        use Dialect::{Mailgun, MailingApi, Posthawk};
        let (renderings, event) = (Renderings::default(), event(1));
        let parsed = parse(event.provider, &event.body).unwrap();
        let wanted = [Mailgun, Mailgun, Mailgun, Posthawk, MailingApi];
        renderings.prepare(&event, Some(&parsed), &deliveries(&wanted));
        assert_eq!(renderings.count(), 2, "its own dialect, for one, is cut out when needed");
        let first = renderings.of(&event, Mailgun).unwrap();
        let second = renderings.of(&event, Mailgun).unwrap();
        assert!(Arc::ptr_eq(&first, &second), "it was made once");
        assert_eq!(*first, make(&event, Mailgun).unwrap(), "and is what a retry makes again");
        assert_eq!(renderings.count(), 2);
        renderings.of(&event, Mailgun).unwrap();
        assert_eq!(renderings.count(), 1);
        assert_eq!(*renderings.of(&event, Mailgun).unwrap(), *first);
        renderings.forget(event.id);
        assert_eq!((renderings.count(), renderings.cache().bytes), (0, 0));
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let renderings = Renderings::default();
        let mut cache = renderings.cache();
        for number in 0..40_u8 {
            let body = vec![b'x'; 4 << 20];
            let rendered = Rendered { body, name: String::new(), lost: Vec::new() };
            let key = (EventId::from_bytes([number; 16]), Dialect::Mailgun);
            cache.insert(key, Arc::new(rendered), 1);
            assert!(cache.bytes <= BYTES_MAX);
        }
        assert_eq!(cache.entries.len(), 15);
        assert!(cache.entries.contains_key(&(EventId::from_bytes([39; 16]), Dialect::Mailgun)));
    }
}
