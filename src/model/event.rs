//! Events as they are kept.

use bytes::Bytes;
use waypost_compat::{Kind, Provider};

use super::{AccountId, Delivery, DomainName, EventId, NewDelivery, SourceId, Timestamp};

/// An event with its provider's original bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEvent {
    /// The gateway's own id.
    pub id: EventId,
    /// The account that has it.
    pub account: AccountId,
    /// The domain of the account's that it belongs to; `None` where it came in by a source of the
    /// whole account and names none, or one that the account does not have.
    pub domain: Option<DomainName>,
    /// The source that posted it; `None` for direct ingest.
    pub source: Option<SourceId>,
    /// The further sources that posted it too, where each stands for one place at the provider.
    pub also_by: Vec<SourceId>,
    /// The provider whose `body` it is.
    pub provider: Provider,
    /// The kind of what happened; `None` where the name is unknown.
    pub kind: Option<Kind>,
    /// The event's name as its source wrote it.
    pub name: String,
    /// The provider's id of it, where it gave one.
    pub provider_id: Option<String>,
    /// The recipient's address.
    pub recipient: Option<String>,
    /// The provider's id of the message.
    pub message_id: Option<String>,
    /// The time at which it happened, by its own account.
    pub occurred_at: Option<Timestamp>,
    /// The time at which the gateway took it.
    pub received_at: Timestamp,
    /// The number of times that the provider sent it again.
    pub duplicates: u32,
    /// The provider's original bytes.
    pub body: Bytes,
}

/// Says that two arrivals are the same event: Mailgun's event ids are unique only within a UTC day
/// (`spec/mailgun-events.md` §4), so the day belongs to the key, for every provider.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DedupeKey {
    /// The source; for direct ingest the account and domain stand in its place, for what the places
    /// of one provider share the provider.
    pub source: String,
    /// The UTC day of the event's own time.
    pub day: i64,
    /// The provider's id of the event.
    pub provider_id: String,
}

/// A single-use token of a signed request (Mailgun). Forgotten once the freshness window has
/// passed, since the signature is then refused anyway.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TokenKey {
    /// The source it came in by.
    pub source: SourceId,
    /// The token.
    pub token: String,
    /// The time of signing, in Unix seconds.
    pub signed_at: i64,
}

/// An event on its way into the store, with everything that must be written in the same commit.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// The event.
    pub event: StoredEvent,
    /// One for each webhook that gets it.
    pub deliveries: Vec<NewDelivery>,
    /// Under which it must not have been seen before.
    pub dedupe: Option<DedupeKey>,
    /// Under which other places of its provider may have brought it before: then it is that event.
    pub shared: Option<DedupeKey>,
    /// The single-use token it was signed with.
    pub token: Option<TokenKey>,
}

impl Arrival {
    /// The deliveries as they stand the moment they are enqueued.
    pub fn delivery_rows(&self) -> impl Iterator<Item = Delivery> + '_ {
        self.deliveries.iter().map(|new| Delivery::first(&self.event, new))
    }
}
