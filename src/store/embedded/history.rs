//! The history: what is looked up, listed, repeated and let go of.

use std::sync::Arc;

use async_trait::async_trait;

use super::Embedded;
use super::contents::Totals;
use super::engine::{Db, blocking};
use super::{claim, deliveries, events};
use crate::model::{
    AccountId, Backlog, Delivery, DeliveryId, EndpointId, EventId, StoredEvent, Timestamp,
    WebhookId, WebhookStats,
};
use crate::store::{DeliveryFilter, Error, EventFilter, History, Listing, Page, Retention, Usage};

#[async_trait]
impl History for Embedded {
    async fn event(&self, account: AccountId, id: EventId) -> Result<Option<StoredEvent>, Error> {
        let row = self.engine.shared.read(|db| events::find(db, account, id))?;
        Ok(row.map(|row| row.event))
    }

    async fn events(
        &self,
        account: AccountId,
        filter: &EventFilter,
        page: &Page<EventId>,
    ) -> Result<Listing<StoredEvent, EventId>, Error> {
        let (shared, filter, page) =
            (Arc::clone(&self.engine.shared), filter.clone(), page.clone());
        blocking(move || events::list(&shared, account, &filter, &page)).await
    }

    async fn delivery(
        &self,
        account: AccountId,
        id: DeliveryId,
    ) -> Result<Option<Delivery>, Error> {
        self.engine.shared.read(|db| deliveries::find(db, account, id))
    }

    async fn deliveries(
        &self,
        account: AccountId,
        filter: &DeliveryFilter,
        page: &Page<DeliveryId>,
    ) -> Result<Listing<Delivery, DeliveryId>, Error> {
        let (shared, filter, page) =
            (Arc::clone(&self.engine.shared), filter.clone(), page.clone());
        blocking(move || deliveries::list(&shared, account, &filter, &page)).await
    }

    async fn webhook_stats(
        &self,
        account: AccountId,
        id: WebhookId,
    ) -> Result<WebhookStats, Error> {
        self.stats_of(account, id)
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

    async fn usage(&self) -> Result<Usage, Error> {
        let Totals { events, event_bytes, waiting } = self.engine.shared.totals();
        let disk_bytes = self.engine.shared.read(Db::bytes_on_disk)?;
        Ok(Usage { disk_bytes, event_bytes, events, waiting })
    }

    async fn backlog(&self, account: AccountId, endpoint: EndpointId) -> Result<Backlog, Error> {
        if self.endpoint_of(account, endpoint).is_none() {
            return Ok(Backlog::default());
        }
        let shared = Arc::clone(&self.engine.shared);
        blocking(move || shared.read(|db| claim::backlog(db, endpoint))).await
    }
}
