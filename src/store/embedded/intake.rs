//! The intake: an event taken once, with all its deliveries.

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;

use super::Embedded;
use super::Group;
use super::engine::{Read, broken};
use super::events::{Repeats, deliveries_of, find};
use super::key;
use crate::model::{
    AccountId, Arrival, Delivery, DomainName, EventId, Source, SourceId, StoredEvent, Webhook,
    WebhookId,
};
use crate::store::record::{self, EventRow};
use crate::store::{Enqueued, Error, Intake};

/// The further sources that are noted with an event, at most: its row must stay short.
const SOURCES_MAX: usize = 64;

#[async_trait]
impl Intake for Embedded {
    async fn source_to_prove(&self, id: SourceId) -> Result<Option<Source>, Error> {
        Ok(self.memory().sources.get(&id).cloned())
    }

    async fn has_domain(&self, account: AccountId, name: &DomainName) -> Result<bool, Error> {
        Ok(self.memory().domains.get(name).is_some_and(|domain| domain.account == account))
    }

    async fn subscribers(
        &self,
        account: AccountId,
        domain: Option<&DomainName>,
    ) -> Result<Arc<[Webhook]>, Error> {
        Ok(self.subscribers_of(account, domain))
    }

    async fn subscriber(
        &self,
        account: AccountId,
        id: WebhookId,
    ) -> Result<Option<Webhook>, Error> {
        Ok(self.memory().webhook(account, id).cloned())
    }

    async fn enqueue(&self, arrival: Arrival) -> Result<Enqueued, Error> {
        self.engine.commit(move |group| take(group, &arrival)).await
    }
}

/// Takes an arrival, counts it as a repeat, or adds what it owes to the event that another place
/// has brought.
fn take(group: &mut Group<'_>, arrival: &Arrival) -> Result<Enqueued, Error> {
    let event = &arrival.event;
    let account = event.account;
    let token = arrival.token.as_ref().map(|token| key::token(account, token));
    let repeat = arrival.dedupe.as_ref().map(|dedupe| key::repeat(account, dedupe));
    for seen in [&token, &repeat].into_iter().flatten() {
        if let Some(first) = seen_as(group, seen)? {
            count_duplicate(group, account, first)?;
            return Ok(Enqueued::Duplicate(first));
        }
    }
    let shared = arrival.shared.as_ref().map(|shared| key::repeat(account, shared));
    let joined = match &shared {
        Some(shared) => join(group, arrival, shared)?,
        None => None,
    };
    if joined.is_none() {
        add(group, arrival)?;
    }
    let id = joined.unwrap_or(event.id);
    for seen in [token, repeat, shared].into_iter().flatten() {
        group.batch.put(seen, id.as_bytes().to_vec());
    }
    Ok(Enqueued::Accepted(id))
}

/// The event that was seen under this key.
fn seen_as(group: &Group<'_>, key: &[u8]) -> Result<Option<EventId>, Error> {
    let Some(bytes) = group.batch.get(key)? else { return Ok(None) };
    let id = bytes.try_into().map_err(|_| broken("a repeat of no event"))?;
    Ok(Some(EventId::from_bytes(id)))
}

/// Writes a new event with its deliveries.
fn add(group: &mut Group<'_>, arrival: &Arrival) -> Result<(), Error> {
    let event = &arrival.event;
    let row = key::event(event.account, event.id);
    if group.batch.get(&row)?.is_some() {
        return Err(Error::new(format!("event {} exists already", event.id)));
    }
    let ids = arrival.deliveries.iter().map(|new| new.id);
    let record = record::encode_event(event, ids);
    group.batch.add_record(row, &record)?;
    for delivery in arrival.delivery_rows() {
        super::deliveries::add(group, &delivery)?;
    }
    group.totals.events += 1;
    group.totals.event_bytes += event.body.len() as u64;
    Ok(())
}

/// Adds an arrival's deliveries to the event that is known by a shared key; `None` if that has gone
/// or is something else.
fn join(group: &mut Group<'_>, arrival: &Arrival, shared: &[u8]) -> Result<Option<EventId>, Error> {
    let account = arrival.event.account;
    let Some(first) = seen_as(group, shared)? else { return Ok(None) };
    let Some(mut row) = find(&group.batch, account, first)? else { return Ok(None) };
    if !may_be_one(&row.event, &arrival.event) {
        return Ok(None);
    }
    let served = served(group, account, &row)?;
    if row.event.domain.is_none() && arrival.event.domain.is_some() {
        row.event.domain.clone_from(&arrival.event.domain);
        let record = record::encode_event(&row.event, row.deliveries.iter().copied());
        group.batch.put_record(key::event(account, first), &record)?;
    }
    for new in arrival.deliveries.iter().filter(|new| !served.contains(&new.webhook)) {
        super::deliveries::add_later(group, &Delivery::first(&row.event, new))?;
    }
    note_source(group, &row.event, arrival.event.source)?;
    Ok(Some(first))
}

/// Notes a further source that brought an event.
fn note_source(
    group: &mut Group<'_>,
    event: &StoredEvent,
    source: Option<SourceId>,
) -> Result<(), Error> {
    let mut repeats = Repeats::of(&group.batch, event.account, event.id)?;
    let room = repeats.sources.len() < SOURCES_MAX;
    let new = source.filter(|new| event.source != source && !repeats.sources.contains(new));
    if let Some(new) = new.filter(|_| room) {
        repeats.sources.push(new);
        repeats.put(group, event.account, event.id);
    }
    Ok(())
}

/// True if two arrivals under one shared key say nothing that tells them apart.
fn may_be_one(first: &StoredEvent, other: &StoredEvent) -> bool {
    // A key that manages one domain can make a source for it, and through that must not reach
    // another domain's events.
    let domains = first.domain.as_ref().zip(other.domain.as_ref());
    first.kind == other.kind && domains.is_none_or(|(first, other)| first == other)
}

/// The webhooks that have a delivery of an event already, those included that this very group adds.
fn served(
    group: &Group<'_>,
    account: AccountId,
    row: &EventRow,
) -> Result<HashSet<WebhookId>, Error> {
    let mut ids = deliveries_of(group.batch.stored(), account, row)?;
    ids.extend(group.changes.later.get(&row.event.id).into_iter().flatten());
    let mut served = HashSet::new();
    for id in ids {
        let delivery = super::deliveries::find(&group.batch, account, id)?;
        served.extend(delivery.map(|delivery| delivery.webhook));
    }
    Ok(served)
}

fn count_duplicate(group: &mut Group<'_>, account: AccountId, id: EventId) -> Result<(), Error> {
    // The event may be past its retention while its dedupe key is not.
    if group.batch.get(&key::event(account, id))?.is_some() {
        let mut repeats = Repeats::of(&group.batch, account, id)?;
        repeats.count = repeats.count.saturating_add(1);
        repeats.put(group, account, id);
    }
    Ok(())
}
