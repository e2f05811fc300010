//! The store: what is durable, and when.
//!
//! [`Store`] speaks in promises. Each has a test by its name in `tests/it/store.rs`, run on every
//! backend. Nothing above this module knows which backend it is. Every call that concerns one
//! tenant takes its account and finds nothing of any other's.
//!
//! *Durable* means: it is there after a `kill -9` and after a power cut. Methods that write are
//! durable when they return `Ok`, unless they say otherwise. When one returns [`Error`], the write
//! may or may not have happened.

mod configuration;
mod embedded;
mod record;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use waypost_compat::{Kind, Secret};

pub use configuration::{Configuration, ConfigurationChange, Configured, Holding};
pub use embedded::{Embedded, Options};

use crate::model::{
    Account, AccountId, Arrival, Attempt, Delivery, DeliveryId, DeliveryState, Domain, DomainName,
    EventId, Key, KeyHash, KeyId, Source, SourceId, StoredEvent, TargetId, Timestamp, Webhook,
    WebhookId, WebhookScope, WebhookStats,
};

/// A change to the webhooks of one scope: gets them as they stand, in order, and leaves them as
/// they shall be. It may run more than once, so it must depend on nothing but its argument.
pub type Change<'a> = Box<dyn FnMut(&mut Vec<Webhook>) -> Verdict + Send + 'a>;

/// Whether a [`Change`] shall be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Store the list as it was left.
    Keep,
    /// Leave everything as it was.
    Discard,
}

/// A store of configuration, events and deliveries.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    // Accounts and keys.

    /// Creates an account, and its first key with it if one is given.
    async fn create_account(&self, account: Account, key: Option<Key>) -> Result<(), Error>;
    /// Every account, oldest first.
    async fn accounts(&self) -> Result<Vec<Account>, Error>;
    /// One account.
    async fn account(&self, id: AccountId) -> Result<Option<Account>, Error>;
    /// Replaces an account's signing key; every attempt made from now on is signed with it.
    async fn set_signing_key(&self, account: AccountId, key: Secret) -> Result<(), Error>;
    /// Adds a key; `Taken` if another key has this hash.
    async fn add_key(&self, key: Key) -> Result<Added, Error>;
    /// The key with this hash, whoever's it is: this is how a request finds its account.
    async fn key_by_hash(&self, hash: &KeyHash) -> Result<Option<Key>, Error>;
    /// An account's keys, oldest first.
    async fn keys(&self, account: AccountId) -> Result<Vec<Key>, Error>;
    /// Removes a key; it opens nothing from now on. `false` if there is none.
    async fn remove_key(&self, account: AccountId, id: KeyId) -> Result<bool, Error>;

    // Domains and sources.

    /// Creates a domain; `Taken` if any account has it.
    async fn create_domain(&self, domain: Domain) -> Result<Added, Error>;
    /// One domain.
    async fn domain(&self, account: AccountId, name: &DomainName) -> Result<Option<Domain>, Error>;
    /// An account's domains, newest first.
    async fn domains(&self, account: AccountId) -> Result<Vec<Domain>, Error>;
    /// Replaces a domain's settings; `false` if there is no such domain.
    async fn set_domain_settings(
        &self,
        account: AccountId,
        name: &DomainName,
        settings: serde_json::Map<String, serde_json::Value>,
    ) -> Result<bool, Error>;
    /// Removes a domain with its webhooks and the sources that feed it alone, in one commit.
    /// Deliveries that still wait are cancelled when they come due. `false` if there is no such
    /// domain.
    async fn remove_domain(&self, account: AccountId, name: &DomainName) -> Result<bool, Error>;
    /// Adds a source, or replaces the one with its id; an error if that is another account's.
    async fn put_source(&self, source: Source) -> Result<(), Error>;
    /// A source by its id alone: whoever knows it may try to prove that they are the provider.
    async fn source(&self, id: SourceId) -> Result<Option<Source>, Error>;
    /// The sources that feed one domain alone or, without one, every source of the account; oldest
    /// first.
    async fn sources(
        &self,
        account: AccountId,
        domain: Option<&DomainName>,
    ) -> Result<Vec<Source>, Error>;
    /// Removes a source; `false` if the account has none with this id.
    async fn remove_source(&self, account: AccountId, id: SourceId) -> Result<bool, Error>;

    // All of it at once.

    /// An account's configuration as it stood at one moment; `None` if there is no such account.
    async fn configuration(&self, account: AccountId) -> Result<Option<Configuration>, Error>;
    /// Runs `change` on an account's configuration and stores what it leaves, in one commit; reads
    /// that begin after this returns see all of it. No [`change_webhooks`](Self::change_webhooks)
    /// comes in between; who changes domains and sources meanwhile must be kept away by the caller.
    /// A domain or an id that another account has is told whatever the verdict is, and nothing
    /// changes.
    async fn change_configuration(
        &self,
        account: AccountId,
        change: ConfigurationChange<'_>,
    ) -> Result<Configured, Error>;

    // Webhooks.

    /// The webhooks of a scope, in order.
    async fn webhooks(&self, scope: &WebhookScope) -> Result<Arc<[Webhook]>, Error>;
    /// Runs `change` on the webhooks of a scope and stores what it leaves, in one commit. Changes
    /// of one scope run one after the other. Every read that begins after this returns sees it. An
    /// id that a webhook of another scope has, whoever's that is, is an error that
    /// [says so](Error::is_taken), and nothing changes.
    async fn change_webhooks(
        &self,
        scope: &WebhookScope,
        change: Change<'_>,
    ) -> Result<Verdict, Error>;
    /// Everything that may receive a domain's events, in every dialect: the domain's own webhooks
    /// and those of the whole account; without a domain, those alone.
    async fn subscribers(
        &self,
        account: AccountId,
        domain: Option<&DomainName>,
    ) -> Result<Arc<[Webhook]>, Error>;
    /// One webhook, whatever its scope.
    async fn webhook(&self, account: AccountId, id: WebhookId) -> Result<Option<Webhook>, Error>;
    /// What became of the attempts made for a webhook so far; all zero for one that had none, or
    /// is not there (any more). As durable as the settlements it counts.
    async fn webhook_stats(&self, account: AccountId, id: WebhookId)
    -> Result<WebhookStats, Error>;

    // Events.

    /// Takes an event and all its deliveries, in one commit; or, if its token or its dedupe key has
    /// been seen before, takes nothing, counts the repeat, and says which event it was. Two
    /// arrivals at the same moment are told apart too. An id of an event or a delivery that exists
    /// already is an error.
    ///
    /// An arrival with a shared key that another has brought before is the same event, as long as
    /// that is still there and the two do not name different domains or kinds: then no event is
    /// added, but those of the arrival's deliveries whose webhooks have none of it yet, in the same
    /// commit as its own keys. The event is the one that is told then, as accepted. Once these
    /// deliveries are there, nothing tells them from those that the event came with. An event that
    /// was trimmed meanwhile is taken anew.
    async fn enqueue(&self, arrival: Arrival) -> Result<Enqueued, Error>;
    /// One event, body and all.
    async fn event(&self, account: AccountId, id: EventId) -> Result<Option<StoredEvent>, Error>;
    /// An account's events, newest first.
    async fn events(
        &self,
        account: AccountId,
        filter: &EventFilter,
        page: &Page<EventId>,
    ) -> Result<Listing<StoredEvent, EventId>, Error>;

    // Deliveries.

    /// Waits until there are targets that something may have fallen due for since the last call,
    /// then names each with the earliest due time. The first call names every target that has
    /// deliveries waiting. Only one task may call it.
    async fn stirred(&self) -> Vec<Stirred>;
    /// Takes up to `limit` deliveries to `target` that are due at `now`, earliest first, and hides
    /// them until they are settled or released, or until `now + lease`. After a crash every one
    /// that was not settled is due again. Where the clock has been set back, what was scheduled by
    /// the old time is due at once, and a lease runs its length from the new one.
    async fn claim(
        &self,
        target: TargetId,
        now: Timestamp,
        lease: Duration,
        limit: usize,
    ) -> Result<Claims, Error>;
    /// Records what came of a claimed delivery. It is not durable on return but soon after: a crash
    /// may repeat the attempt. [`sync`](Self::sync) waits for it.
    async fn settle(&self, settlement: Settlement) -> Result<(), Error>;
    /// Gives a claimed delivery back as it was, due again at `due`, no attempt counted. Like
    /// [`settle`](Self::settle) it is durable soon after it returns; after a crash before that the
    /// delivery is due when it was.
    async fn release(&self, delivery: &Delivery, due: Timestamp) -> Result<(), Error>;
    /// One delivery with its attempts.
    async fn delivery(&self, account: AccountId, id: DeliveryId)
    -> Result<Option<Delivery>, Error>;
    /// An account's deliveries, newest first.
    async fn deliveries(
        &self,
        account: AccountId,
        filter: &DeliveryFilter,
        page: &Page<DeliveryId>,
    ) -> Result<Listing<Delivery, DeliveryId>, Error>;
    /// Enqueues a new delivery of the same event to the same webhook, under the id `new`, due at
    /// once. `None` if the account has no such delivery, or its event is gone.
    async fn replay(
        &self,
        account: AccountId,
        id: DeliveryId,
        new: DeliveryId,
    ) -> Result<Option<Delivery>, Error>;

    // Housekeeping.

    /// Removes up to `limit` events, oldest first, with their deliveries, that are older than
    /// `retention.age` or beyond `retention.bytes`, and forgets dedupe keys and tokens past their
    /// time. Events with deliveries waiting are kept. Returns how many events went.
    async fn trim(
        &self,
        now: Timestamp,
        retention: &Retention,
        limit: usize,
    ) -> Result<usize, Error>;
    /// Waits until everything that was settled before the call is durable.
    async fn sync(&self) -> Result<(), Error>;
    /// How much there is.
    async fn usage(&self) -> Result<Usage, Error>;
}

/// What came of adding something that must be unique.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    /// It was added.
    Added,
    /// Something else stands there.
    Taken,
}

/// What came of an arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enqueued {
    /// It is new, or new to this source, and durable.
    Accepted(EventId),
    /// It is a repeat of this event, which is durable.
    Duplicate(EventId),
}

/// Which events to list. Empty means all.
#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    /// Only this domain's.
    pub domain: Option<DomainName>,
    /// Only this kind.
    pub kind: Option<Kind>,
    /// Only with names we do not know.
    pub unknown: bool,
    /// Only this recipient's.
    pub recipient: Option<String>,
    /// Only those that this source posted, first or too.
    pub source: Option<SourceId>,
}

/// Which deliveries to list. Empty means all.
#[derive(Debug, Clone, Default)]
pub struct DeliveryFilter {
    /// Only of this domain's events.
    pub domain: Option<DomainName>,
    /// Only in this state.
    pub state: Option<DeliveryState>,
    /// Only to this webhook.
    pub webhook: Option<WebhookId>,
    /// Only of this event.
    pub event: Option<EventId>,
}

/// Which part of a listing.
#[derive(Debug, Clone)]
pub struct Page<Id> {
    /// Begin after this one.
    pub after: Option<Id>,
    /// At most so many.
    pub limit: usize,
}

/// A part of a listing. A page may hold fewer than asked for, even none, and still have a `next`:
/// the work for one page is bounded.
#[derive(Debug, Clone)]
pub struct Listing<T, Id> {
    /// The items.
    pub items: Vec<T>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<Id>,
}

/// A target that something may be due for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stirred {
    /// The target.
    pub target: TargetId,
    /// The earliest that anything of its is due.
    pub due: Timestamp,
}

/// Claimed deliveries.
#[derive(Debug, Clone)]
pub struct Claims {
    /// The deliveries, earliest due first.
    pub deliveries: Vec<Delivery>,
    /// When to look again: the next due time of what waits, or the end of the earliest lease, if
    /// that is sooner. A settlement whose commit failed ends no lease, so this is what brings its
    /// delivery back. `None` if nothing waits and nothing is claimed.
    pub next_due: Option<Timestamp>,
}

/// What came of a claimed delivery.
#[derive(Debug, Clone)]
pub struct Settlement {
    /// The delivery as it was claimed.
    pub delivery: Delivery,
    /// The attempt made; `None` where it came to none (its webhook is gone).
    pub attempt: Option<Attempt>,
    /// Where it stands now.
    pub next: Next,
}

/// Where a delivery stands after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// The receiver took it.
    Delivered,
    /// Given up.
    Dead,
    /// Its webhook is gone.
    Cancelled,
    /// To be tried again at this time.
    At(Timestamp),
}

/// How much of the past is kept.
#[derive(Debug, Clone, Copy)]
pub struct Retention {
    /// Events older than this go.
    pub age: Duration,
    /// Beyond so many bytes of event bodies, the oldest go.
    pub bytes: u64,
}

/// How much there is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes on disk.
    pub disk_bytes: u64,
    /// Bytes of event bodies kept.
    pub event_bytes: u64,
    /// Events kept.
    pub events: u64,
    /// Deliveries waiting.
    pub waiting: u64,
}

/// The store could not do what was asked. A write may or may not have happened.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    message: Arc<str>,
    full: bool,
    taken: bool,
}

impl Error {
    fn new(message: impl Into<Arc<str>>) -> Self {
        Self { message: message.into(), full: false, taken: false }
    }

    /// Whether the disk is full, or the queue of commits is: trying again later may help.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.full
    }

    /// Whether something else has the id that was to be given; nothing was written.
    #[must_use]
    pub const fn is_taken(&self) -> bool {
        self.taken
    }
}

/// Why a store could not be opened. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it open.
    #[error("{path} is in use by another process")]
    InUse {
        /// The directory.
        path: String,
    },
    /// It was written by a newer version.
    #[error("{path} was written by a newer version: format {found}, this one knows up to {known}")]
    Newer {
        /// The directory.
        path: String,
        /// Its format.
        found: u32,
        /// The newest format known here.
        known: u32,
    },
    /// It is not what it should be.
    #[error("{path} is damaged: {detail}")]
    Damaged {
        /// The directory or file.
        path: String,
        /// What is wrong.
        detail: String,
    },
    /// The operating system refused.
    #[error("cannot use {path}: {cause}")]
    Io {
        /// The directory or file.
        path: String,
        /// What it said.
        cause: std::io::Error,
    },
}
