//! A store that refuses what the worker asks of it, for as long as it is told to.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use waypost::model::*;
use waypost::store::*;
use waypost_compat::Secret;

/// Passes every call on; while it refuses, those that the worker makes fail.
pub(super) struct Troubled {
    store: Arc<dyn Store>,
    error: Error,
    refusing: AtomicBool,
    refusing_after_claim: AtomicBool,
    refused: AtomicUsize,
}

impl Troubled {
    pub(super) fn new(store: Arc<dyn Store>, error: Error) -> Self {
        Self {
            store,
            error,
            refusing: AtomicBool::new(false),
            refusing_after_claim: AtomicBool::new(false),
            refused: AtomicUsize::new(0),
        }
    }

    pub(super) fn refuse(&self, whether: bool) {
        self.refusing.store(whether, Ordering::SeqCst);
    }

    /// Begins to refuse with the first call after something was claimed.
    pub(super) fn refuse_after_claim(&self) {
        self.refusing_after_claim.store(true, Ordering::SeqCst);
    }

    /// How many calls failed.
    pub(super) fn refused(&self) -> usize {
        self.refused.load(Ordering::SeqCst)
    }

    fn check(&self) -> Result<(), Error> {
        if self.refusing.load(Ordering::SeqCst) {
            self.refused.fetch_add(1, Ordering::SeqCst);
            return Err(self.error.clone());
        }
        Ok(())
    }
}

#[async_trait]
impl Directory for Troubled {
    async fn create_account(&self, account: Account, key: Option<Key>) -> Result<(), Error> {
        self.store.create_account(account, key).await
    }

    async fn accounts(&self) -> Result<Vec<Account>, Error> {
        self.store.accounts().await
    }

    async fn account(&self, id: AccountId) -> Result<Option<Account>, Error> {
        self.store.account(id).await
    }

    async fn change_account(
        &self,
        id: AccountId,
        change: Change<'_, Account>,
    ) -> Result<Option<Account>, Error> {
        self.store.change_account(id, change).await
    }

    async fn add_key(&self, key: Key) -> Result<Added, Error> {
        self.store.add_key(key).await
    }

    async fn key_by_hash(&self, hash: &KeyHash) -> Result<Option<Key>, Error> {
        self.store.key_by_hash(hash).await
    }

    async fn keys(&self, account: AccountId) -> Result<Vec<Key>, Error> {
        self.store.keys(account).await
    }

    async fn remove_key(&self, account: AccountId, id: KeyId) -> Result<bool, Error> {
        self.store.remove_key(account, id).await
    }

    async fn create_domain(&self, domain: Domain) -> Result<Added, Error> {
        self.store.create_domain(domain).await
    }

    async fn domain(&self, account: AccountId, name: &DomainName) -> Result<Option<Domain>, Error> {
        self.store.domain(account, name).await
    }

    async fn domains(&self, account: AccountId) -> Result<Vec<Domain>, Error> {
        self.store.domains(account).await
    }

    async fn change_domain(
        &self,
        account: AccountId,
        name: &DomainName,
        change: Change<'_, Domain>,
    ) -> Result<Option<Domain>, Error> {
        self.store.change_domain(account, name, change).await
    }

    async fn remove_domain(&self, account: AccountId, name: &DomainName) -> Result<bool, Error> {
        self.store.remove_domain(account, name).await
    }

    async fn add_source(&self, source: Source) -> Result<(), Error> {
        self.store.add_source(source).await
    }

    async fn source(&self, account: AccountId, id: SourceId) -> Result<Option<Source>, Error> {
        self.store.source(account, id).await
    }

    async fn sources(
        &self,
        account: AccountId,
        domain: Option<&DomainName>,
    ) -> Result<Vec<Source>, Error> {
        self.store.sources(account, domain).await
    }

    async fn change_source(
        &self,
        account: AccountId,
        id: SourceId,
        change: Change<'_, Source>,
    ) -> Result<Option<Source>, Error> {
        self.store.change_source(account, id, change).await
    }

    async fn remove_source(&self, account: AccountId, id: SourceId) -> Result<bool, Error> {
        self.store.remove_source(account, id).await
    }

    async fn configuration(&self, account: AccountId) -> Result<Option<Configuration>, Error> {
        self.store.configuration(account).await
    }

    async fn change_configuration(
        &self,
        account: AccountId,
        change: ConfigurationChange<'_>,
    ) -> Result<Configured, Error> {
        self.store.change_configuration(account, change).await
    }

    async fn webhooks(&self, scope: &WebhookScope) -> Result<Arc<[Webhook]>, Error> {
        self.store.webhooks(scope).await
    }

    async fn webhook(&self, account: AccountId, id: WebhookId) -> Result<Option<Webhook>, Error> {
        self.check()?;
        self.store.webhook(account, id).await
    }

    async fn change_webhooks(
        &self,
        scope: &WebhookScope,
        change: Change<'_, Vec<Webhook>>,
    ) -> Result<Decision, Error> {
        self.store.change_webhooks(scope, change).await
    }
}

#[async_trait]
impl Intake for Troubled {
    async fn source_to_prove(&self, id: SourceId) -> Result<Option<Source>, Error> {
        self.store.source_to_prove(id).await
    }

    async fn has_domain(&self, account: AccountId, name: &DomainName) -> Result<bool, Error> {
        self.store.has_domain(account, name).await
    }

    async fn subscribers(
        &self,
        account: AccountId,
        domain: Option<&DomainName>,
    ) -> Result<Arc<[Webhook]>, Error> {
        self.store.subscribers(account, domain).await
    }

    async fn subscriber(
        &self,
        account: AccountId,
        id: WebhookId,
    ) -> Result<Option<Webhook>, Error> {
        self.store.subscriber(account, id).await
    }

    async fn enqueue(&self, arrival: Arrival) -> Result<Enqueued, Error> {
        self.store.enqueue(arrival).await
    }
}

#[async_trait]
impl Queue for Troubled {
    async fn stirred(&self) -> Vec<Stirred> {
        self.store.stirred().await
    }

    async fn claim(
        &self,
        target: TargetId,
        now: Timestamp,
        lease: Duration,
        limit: usize,
    ) -> Result<Claims, Error> {
        self.check()?;
        let claims = self.store.claim(target, now, lease, limit).await?;
        let claimed = !claims.deliveries.is_empty();
        if claimed && self.refusing_after_claim.swap(false, Ordering::SeqCst) {
            self.refuse(true);
        }
        Ok(claims)
    }

    async fn settle(&self, settlement: Settlement) -> Result<(), Error> {
        self.check()?;
        self.store.settle(settlement).await
    }

    async fn release(&self, delivery: &Delivery, due: Timestamp) -> Result<(), Error> {
        self.check()?;
        self.store.release(delivery, due).await
    }
}

#[async_trait]
impl History for Troubled {
    async fn event(&self, account: AccountId, id: EventId) -> Result<Option<StoredEvent>, Error> {
        self.store.event(account, id).await
    }

    async fn events(
        &self,
        account: AccountId,
        filter: &EventFilter,
        page: &Page<EventId>,
    ) -> Result<Listing<StoredEvent, EventId>, Error> {
        self.store.events(account, filter, page).await
    }

    async fn delivery(
        &self,
        account: AccountId,
        id: DeliveryId,
    ) -> Result<Option<Delivery>, Error> {
        self.store.delivery(account, id).await
    }

    async fn deliveries(
        &self,
        account: AccountId,
        filter: &DeliveryFilter,
        page: &Page<DeliveryId>,
    ) -> Result<Listing<Delivery, DeliveryId>, Error> {
        self.store.deliveries(account, filter, page).await
    }

    async fn webhook_stats(
        &self,
        account: AccountId,
        id: WebhookId,
    ) -> Result<WebhookStats, Error> {
        self.store.webhook_stats(account, id).await
    }

    async fn replay(
        &self,
        account: AccountId,
        id: DeliveryId,
        new: DeliveryId,
    ) -> Result<Option<Delivery>, Error> {
        self.store.replay(account, id, new).await
    }

    async fn trim(
        &self,
        now: Timestamp,
        retention: &Retention,
        limit: usize,
    ) -> Result<usize, Error> {
        self.store.trim(now, retention, limit).await
    }

    async fn usage(&self) -> Result<Usage, Error> {
        self.store.usage().await
    }
}

#[async_trait]
impl Durable for Troubled {
    async fn sync(&self) -> Result<(), Error> {
        self.store.sync().await
    }
}

impl Store for Troubled {}

/// An error as the store itself makes them: its queue of commits is full.
pub(super) async fn refusal() -> Error {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data");
    let options = Options { path, queue_limit: 1, ..Default::default() };
    let store = Arc::new(Embedded::open(options).unwrap());
    loop {
        let mut writes = tokio::task::JoinSet::new();
        for number in 0..200 {
            let store = store.clone();
            let account = Account {
                id: AccountId::from_bytes([number; 16]),
                name: String::new(),
                signing_key: Secret::new("a key"),
                created_at: Timestamp::from_millis(0),
            };
            writes.spawn(async move { store.create_account(account, None).await });
        }
        if let Some(error) = writes.join_all().await.into_iter().find_map(Result::err) {
            return error;
        }
    }
}
