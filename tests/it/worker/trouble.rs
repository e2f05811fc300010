//! A queue that refuses what the worker asks of it, for as long as it is told to.

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
impl Queue for Troubled {
    async fn wakeups(&self) -> Vec<Wakeup> {
        self.store.wakeups().await
    }

    async fn claim(
        &self,
        asks: &[Ask],
        now: Timestamp,
        lease: Duration,
    ) -> Result<Vec<Claims>, Error> {
        self.check()?;
        let claims = self.store.claim(asks, now, lease).await?;
        let claimed = claims.iter().any(|claims| !claims.deliveries.is_empty());
        if claimed && self.refusing_after_claim.swap(false, Ordering::SeqCst) {
            self.refuse(true);
        }
        Ok(claims)
    }

    fn hold(&self, claimed: &Claimed) -> Hold {
        self.store.hold(claimed)
    }

    async fn settle(&self, settlement: Settlement) -> Result<(), Error> {
        self.check()?;
        self.store.settle(settlement).await
    }

    async fn release(&self, claimed: &Claimed, due: Timestamp) -> Result<(), Error> {
        self.check()?;
        self.store.release(claimed, due).await
    }

    fn record_health(&self, endpoint: EndpointId, health: EndpointHealth) -> Result<(), Error> {
        self.check()?;
        self.store.record_health(endpoint, health)
    }

    async fn disable_webhook(
        &self,
        account: AccountId,
        webhook: WebhookId,
        seen_at: Timestamp,
        now: Timestamp,
    ) -> Result<(), Error> {
        self.check()?;
        self.store.disable_webhook(account, webhook, seen_at, now).await
    }

    async fn attempts_so_far(
        &self,
        account: AccountId,
        webhook: WebhookId,
    ) -> Result<WebhookStats, Error> {
        self.check()?;
        self.store.attempts_so_far(account, webhook).await
    }

    async fn leave(&self) -> Result<(), Error> {
        self.store.leave().await
    }
}

#[async_trait]
impl Durable for Troubled {
    async fn sync(&self) -> Result<(), Error> {
        self.store.sync().await
    }
}

/// An error as the store itself makes them: its queue of commits is full.
pub(super) async fn refusal() -> Error {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data");
    let options = EmbeddedOptions { path, queue_limit: 1, ..Default::default() };
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
