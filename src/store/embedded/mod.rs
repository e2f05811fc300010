//! The store on sled: one directory, one process, one thread that commits.
//!
//! - [`db`]: sled itself; [`key`] and [`rows`]: what is written into it.
//! - [`files`]: the directory, its lock, its format; [`open`]: what is refused.
//! - [`commit`]: group commit. Every write is a job that runs there.
//! - [`compact`]: moves what lives to a fresh generation, so that the disk does not grow for ever.
//! - [`shared`], [`directory`], [`targets`]: what memory knows.
//! - [`config`], [`events`], [`deliveries`], [`trim`]: the promises of [`Store`], by noun.

mod commit;
mod compact;
mod config;
mod configuration;
mod db;
mod deliveries;
mod directory;
mod events;
mod files;
mod key;
mod open;
mod queue;
mod rows;
mod shared;
mod stats;
mod targets;
mod trim;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::oneshot;
use waypost_compat::Secret;

use self::commit::{Answer, Committer, Group, Job, Message};
use self::compact::{Compactor, Thresholds};
use self::db::Db;
use self::files::{damaged, io_error};
use self::open::Opened;
use self::queue::Lazy;
use self::shared::{Shared, Totals, blocking, closed};
use super::{
    Added, Change, Claims, Configuration, ConfigurationChange, Configured, DeliveryFilter,
    Enqueued, Error, EventFilter, Listing, OpenError, Page, Retention, Settlement, Stirred, Store,
    Usage, Verdict,
};
use crate::model::{
    Account, AccountId, Arrival, Delivery, DeliveryId, Domain, DomainName, EventId, Key, KeyHash,
    KeyId, Source, SourceId, StoredEvent, TargetId, Timestamp, Webhook, WebhookId, WebhookScope,
    WebhookStats,
};

/// How an embedded store is opened.
#[derive(Debug, Clone)]
pub struct Options {
    /// Its directory; made if missing, for its owner's eyes only.
    pub path: PathBuf,
    /// How many commits may wait; beyond that a write is refused as full.
    pub queue_limit: usize,
    /// How much of the data is kept in memory.
    pub cache_bytes: u64,
    /// Below so many bytes on disk the data is never compacted.
    pub compact_floor: u64,
    /// Above the floor it is compacted when it takes so many times what lives.
    pub compact_factor: u64,
    /// Opens a store that is refused as damaged with what can still be read of it. What cannot is
    /// removed for good, so copy the directory first.
    pub salvage: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            path: PathBuf::from("waypost-data"),
            queue_limit: 8192,
            cache_bytes: 128 << 20,
            compact_floor: 64 << 20,
            compact_factor: 4,
            salvage: false,
        }
    }
}

/// The store on sled. Dropping it writes what was left to write and lets go of the directory.
pub struct Embedded {
    shared: Arc<Shared>,
    /// `None` once closed.
    jobs: Option<SyncSender<Message>>,
    committer: Option<JoinHandle<()>>,
    /// Held while the webhooks of any scope change.
    changes: tokio::sync::Mutex<()>,
}

impl fmt::Debug for Embedded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Embedded").finish_non_exhaustive()
    }
}

impl Embedded {
    /// Opens the store in `options.path`, or makes one there if the directory is empty. Blocks
    /// until it is read.
    pub fn open(options: Options) -> Result<Self, OpenError> {
        let Opened { home, generation, db } = open::open(&options)?;
        let Options { path, queue_limit, cache_bytes, compact_floor, compact_factor, .. } = options;
        let thresholds = Thresholds { floor: compact_floor, factor: compact_factor.max(2) };
        let mut compactor = Compactor::new(thresholds, cache_bytes);
        let shared = Arc::new(Shared::default());
        let loaded = compactor.loaded(&db).and_then(|()| shared.load(db));
        loaded.map_err(|cause| damaged(&home.generation(generation), cause.to_string()))?;
        home.remove_others(generation).map_err(|cause| io_error(&path, cause))?;

        let (jobs, waiting) = sync_channel(queue_limit.max(1));
        let committer = Committer {
            shared: Arc::clone(&shared),
            jobs: waiting,
            home,
            generation,
            cache_bytes,
            compactor,
        };
        let committer = std::thread::Builder::new()
            .name("commit".to_owned())
            .spawn(move || committer.run())
            .map_err(|cause| io_error(&path, cause))?;
        let changes = tokio::sync::Mutex::new(());
        Ok(Self { shared, jobs: Some(jobs), committer: Some(committer), changes })
    }

    /// Writes what was left to write and lets go of the directory, as dropping does. Blocks.
    pub fn close(mut self) {
        self.finish();
    }

    fn finish(&mut self) {
        drop(self.jobs.take());
        if let Some(committer) = self.committer.take() {
            // A panic there was reported when it happened; there is nothing left to save.
            let _ended = committer.join();
        }
    }

    fn send(&self, message: Message) -> Result<(), Error> {
        let jobs = self.jobs.as_ref().ok_or_else(closed)?;
        match jobs.try_send(message) {
            // A full queue means that a commit is about to take settlements along anyway.
            Ok(()) | Err(TrySendError::Full(Message::Nudge)) => Ok(()),
            Err(TrySendError::Full(Message::Work(_))) => {
                Err(Error { full: true, ..Error::new("too many writes are waiting") })
            }
            Err(TrySendError::Disconnected(_)) => Err(closed()),
        }
    }

    /// Runs `work` in the commit thread, in a group with whatever else waits, and returns what it
    /// returned once the group is durable.
    async fn commit<T, W>(&self, work: W) -> Result<T, Error>
    where
        T: Send + 'static,
        W: FnOnce(&mut Group<'_>) -> Result<T, Error> + Send + 'static,
    {
        let (done, outcome) = oneshot::channel();
        let job: Job = Box::new(move |group| match group.and_then(work) {
            Ok(value) => {
                let answer: Answer = Box::new(move |written| {
                    // Whoever asked may have stopped waiting.
                    let _heard = done.send(written.clone().map(|()| value));
                });
                Ok(answer)
            }
            Err(cause) => {
                let _heard = done.send(Err(cause.clone()));
                Err(cause)
            }
        });
        self.send(Message::Work(job))?;
        outcome.await.unwrap_or_else(|_| Err(closed()))
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.finish();
    }
}

#[async_trait]
impl Store for Embedded {
    async fn create_account(&self, account: Account, key: Option<Key>) -> Result<(), Error> {
        self.commit_account(account, key).await
    }

    async fn accounts(&self) -> Result<Vec<Account>, Error> {
        let mut accounts: Vec<_> = self.shared.directory().accounts.values().cloned().collect();
        accounts.sort_by_key(|account| (account.created_at, account.id));
        Ok(accounts)
    }

    async fn account(&self, id: AccountId) -> Result<Option<Account>, Error> {
        Ok(self.shared.directory().accounts.get(&id).cloned())
    }

    async fn set_signing_key(&self, account: AccountId, key: Secret) -> Result<(), Error> {
        self.commit_signing_key(account, key).await
    }

    async fn add_key(&self, key: Key) -> Result<Added, Error> {
        self.commit_key(key).await
    }

    async fn key_by_hash(&self, hash: &KeyHash) -> Result<Option<Key>, Error> {
        Ok(self.shared.directory().keys.get(hash).cloned())
    }

    async fn keys(&self, account: AccountId) -> Result<Vec<Key>, Error> {
        let directory = self.shared.directory();
        let own = directory.keys.values().filter(|key| key.account == account);
        let mut keys: Vec<_> = own.cloned().collect();
        keys.sort_by_key(|key| (key.created_at, key.id));
        Ok(keys)
    }

    async fn remove_key(&self, account: AccountId, id: KeyId) -> Result<bool, Error> {
        self.commit_key_removal(account, id).await
    }

    async fn create_domain(&self, domain: Domain) -> Result<Added, Error> {
        self.commit_domain(domain).await
    }

    async fn domain(&self, account: AccountId, name: &DomainName) -> Result<Option<Domain>, Error> {
        let directory = self.shared.directory();
        Ok(directory.domains.get(name).filter(|domain| domain.account == account).cloned())
    }

    async fn domains(&self, account: AccountId) -> Result<Vec<Domain>, Error> {
        let directory = self.shared.directory();
        let own = directory.domains.values().filter(|domain| domain.account == account);
        let mut domains: Vec<_> = own.cloned().collect();
        domains.sort_by(|a, b| (b.created_at, &b.name).cmp(&(a.created_at, &a.name)));
        Ok(domains)
    }

    async fn set_domain_settings(
        &self,
        account: AccountId,
        name: &DomainName,
        settings: serde_json::Map<String, serde_json::Value>,
    ) -> Result<bool, Error> {
        self.commit_domain_settings(account, name.clone(), settings).await
    }

    async fn remove_domain(&self, account: AccountId, name: &DomainName) -> Result<bool, Error> {
        self.commit_domain_removal(account, name.clone()).await
    }

    async fn put_source(&self, source: Source) -> Result<(), Error> {
        self.commit_source(source).await
    }

    async fn source(&self, id: SourceId) -> Result<Option<Source>, Error> {
        Ok(self.shared.directory().sources.get(&id).cloned())
    }

    async fn sources(
        &self,
        account: AccountId,
        domain: Option<&DomainName>,
    ) -> Result<Vec<Source>, Error> {
        Ok(self.sources_of(account, domain))
    }

    async fn remove_source(&self, account: AccountId, id: SourceId) -> Result<bool, Error> {
        self.commit_source_removal(account, id).await
    }

    async fn configuration(&self, account: AccountId) -> Result<Option<Configuration>, Error> {
        Ok(self.configuration_of(account))
    }

    async fn change_configuration(
        &self,
        account: AccountId,
        change: ConfigurationChange<'_>,
    ) -> Result<Configured, Error> {
        self.commit_configuration(account, change).await
    }

    async fn webhooks(&self, scope: &WebhookScope) -> Result<Arc<[Webhook]>, Error> {
        Ok(self.shared.directory().webhooks(scope))
    }

    async fn change_webhooks(
        &self,
        scope: &WebhookScope,
        change: Change<'_>,
    ) -> Result<Verdict, Error> {
        self.commit_webhooks(scope, change).await
    }

    async fn subscribers(
        &self,
        account: AccountId,
        domain: Option<&DomainName>,
    ) -> Result<Arc<[Webhook]>, Error> {
        Ok(self.subscribers_of(account, domain))
    }

    async fn webhook(&self, account: AccountId, id: WebhookId) -> Result<Option<Webhook>, Error> {
        Ok(self.shared.directory().webhook(account, id).cloned())
    }

    async fn webhook_stats(
        &self,
        account: AccountId,
        id: WebhookId,
    ) -> Result<WebhookStats, Error> {
        self.stats_of(account, id)
    }

    async fn enqueue(&self, arrival: Arrival) -> Result<Enqueued, Error> {
        self.commit_arrival(arrival).await
    }

    async fn event(&self, account: AccountId, id: EventId) -> Result<Option<StoredEvent>, Error> {
        let row = self.shared.read(|db| events::find(db, account, id))?;
        Ok(row.map(|row| row.event))
    }

    async fn events(
        &self,
        account: AccountId,
        filter: &EventFilter,
        page: &Page<EventId>,
    ) -> Result<Listing<StoredEvent, EventId>, Error> {
        let (shared, filter, page) = (Arc::clone(&self.shared), filter.clone(), page.clone());
        blocking(move || events::list(&shared, account, &filter, &page)).await
    }

    async fn stirred(&self) -> Vec<Stirred> {
        self.shared.targets.stirred().await
    }

    async fn claim(
        &self,
        target: TargetId,
        now: Timestamp,
        lease: Duration,
        limit: usize,
    ) -> Result<Claims, Error> {
        self.claim_due(target, now, lease, limit)
    }

    async fn settle(&self, settlement: Settlement) -> Result<(), Error> {
        self.leave(Lazy::Settle(Box::new(settlement)))
    }

    async fn release(&self, delivery: &Delivery, due: Timestamp) -> Result<(), Error> {
        self.give_back(delivery, due)
    }

    async fn delivery(
        &self,
        account: AccountId,
        id: DeliveryId,
    ) -> Result<Option<Delivery>, Error> {
        self.shared.read(|db| deliveries::find(db, account, id))
    }

    async fn deliveries(
        &self,
        account: AccountId,
        filter: &DeliveryFilter,
        page: &Page<DeliveryId>,
    ) -> Result<Listing<Delivery, DeliveryId>, Error> {
        let (shared, filter, page) = (Arc::clone(&self.shared), filter.clone(), page.clone());
        blocking(move || deliveries::list(&shared, account, &filter, &page)).await
    }

    async fn replay(
        &self,
        account: AccountId,
        id: DeliveryId,
        new: DeliveryId,
    ) -> Result<Option<Delivery>, Error> {
        self.commit_replay(account, id, new).await
    }

    async fn trim(
        &self,
        now: Timestamp,
        retention: &Retention,
        limit: usize,
    ) -> Result<usize, Error> {
        self.trim_some(now, retention, limit).await
    }

    async fn sync(&self) -> Result<(), Error> {
        self.commit(|_| Ok(())).await
    }

    async fn usage(&self) -> Result<Usage, Error> {
        let Totals { events, event_bytes, waiting, .. } = *self.shared.totals();
        let disk_bytes = self.shared.read(Db::bytes_on_disk)?;
        Ok(Usage { disk_bytes, event_bytes, events, waiting })
    }
}
