//! Events: taken once, with all their deliveries; read and listed.

use std::collections::HashSet;
use std::ops::Bound;

use super::Embedded;
use super::commit::Group;
use super::db::Db;
use super::key;
use super::rows::{Read, broken};
use super::shared::Shared;
use crate::model::{
    AccountId, Arrival, Delivery, DeliveryId, EventId, SourceId, StoredEvent, WebhookId,
};
use crate::store::record::{self, EventRow};
use crate::store::{Enqueued, Error, EventFilter, Listing, Page};

/// How many rows one page may look at: what bounds the work where a filter lets little through.
pub(super) const PAGE_ROWS_MAX: usize = 2000;

/// How many rows are read in one go; writers wait no longer than that.
pub(super) const STRETCH_ROWS: usize = 100;

/// How many further sources are noted with an event: its row must stay short.
const SOURCES_MAX: usize = 64;

impl Embedded {
    pub(super) async fn commit_arrival(&self, arrival: Arrival) -> Result<Enqueued, Error> {
        self.commit(move |group| take(group, &arrival)).await
    }
}

/// One page of an account's events, newest first.
pub(super) fn list(
    shared: &Shared,
    account: AccountId,
    filter: &EventFilter,
    page: &Page<EventId>,
) -> Result<Listing<StoredEvent, EventId>, Error> {
    let mut listing = Listing { items: Vec::new(), next: None };
    let mut after = page.after;
    let mut looked_at = 0;
    while listing.items.len() < page.limit && looked_at < PAGE_ROWS_MAX {
        let want = STRETCH_ROWS.min(page.limit - listing.items.len());
        let stretch = shared.read(|db| stretch(db, account, after, want))?;
        looked_at += stretch.len();
        let Some(last) = stretch.last() else { return Ok(listing) };
        after = Some(last.id);
        listing.items.extend(stretch.into_iter().filter(|event| filter.admits(event)));
    }
    listing.next = after;
    Ok(listing)
}

impl EventFilter {
    fn admits(&self, event: &StoredEvent) -> bool {
        (self.domain.is_none() || self.domain == event.domain)
            && self.kind.is_none_or(|kind| event.kind == Some(kind))
            && (!self.unknown || event.kind.is_none())
            && (self.recipient.is_none() || self.recipient == event.recipient)
            && self.source.is_none_or(|source| {
                event.source == Some(source) || event.also_by.contains(&source)
            })
    }
}

/// Up to `want` events before `after`, newest first.
fn stretch(
    db: &Db,
    account: AccountId,
    after: Option<EventId>,
    want: usize,
) -> Result<Vec<StoredEvent>, Error> {
    let begin = key::events(account);
    let end = after.map_or_else(|| key::end_of(&begin), |id| key::event(account, id));
    let rows = db.scan(Bound::Included(&begin), Bound::Excluded(&end)).rev().take(want);
    rows.map(|row| {
        let (name, first) = row?;
        let id = key::last_id(&name).ok_or_else(|| broken("an event row's key"))?;
        let bytes = db.record_of(&name, first)?;
        Ok(whole(db, account, EventId::from_bytes(id), bytes)?.event)
    })
    .collect()
}

/// One event with the ids of the deliveries enqueued with it.
pub(super) fn find(
    from: &impl Read,
    account: AccountId,
    id: EventId,
) -> Result<Option<EventRow>, Error> {
    let bytes = from.record(&key::event(account, id))?;
    bytes.map(|bytes| whole(from, account, id, bytes)).transpose()
}

/// An event from its row's key and its whole record, without what is kept elsewhere.
pub(super) fn read_row(name: &[u8], bytes: Vec<u8>) -> Result<EventRow, Error> {
    let ids = name.get(1..17).and_then(|id| id.try_into().ok()).zip(key::last_id(name));
    let (account, id) = ids.ok_or_else(|| broken("an event row's key"))?;
    let (account, id) = (AccountId::from_bytes(account), EventId::from_bytes(id));
    Ok(record::decode_event(account, id, bytes)?)
}

fn whole(
    from: &impl Read,
    account: AccountId,
    id: EventId,
    bytes: Vec<u8>,
) -> Result<EventRow, Error> {
    let mut row = record::decode_event(account, id, bytes)?;
    let repeats = Repeats::of(from, account, id)?;
    (row.event.duplicates, row.event.also_by) = (repeats.count, repeats.sources);
    Ok(row)
}

/// Every delivery of an event, replays and those for further places included.
pub(super) fn deliveries_of(
    db: &Db,
    account: AccountId,
    event: &EventRow,
) -> Result<Vec<DeliveryId>, Error> {
    let mut ids = event.deliveries.clone();
    for row in db.all(&key::all_later(account, event.event.id)) {
        let id = key::last_id(&row?.0).ok_or_else(|| broken("a later delivery's key"))?;
        ids.push(DeliveryId::from_bytes(id));
    }
    Ok(ids)
}

/// What came of an event after it was stored.
#[derive(Default)]
struct Repeats {
    /// How often it was sent again by a source that had sent it before.
    count: u32,
    /// The further sources that sent it.
    sources: Vec<SourceId>,
}

impl Repeats {
    fn of(from: &impl Read, account: AccountId, id: EventId) -> Result<Self, Error> {
        let Some(bytes) = from.get(&key::repeats(account, id))? else { return Ok(Self::default()) };
        let read = || {
            let (count, sources) = bytes.split_first_chunk()?;
            let (sources, []) = sources.as_chunks() else { return None };
            let sources = sources.iter().copied().map(SourceId::from_bytes).collect();
            Some(Self { count: u32::from_be_bytes(*count), sources })
        };
        read().ok_or_else(|| broken("a count that is no number"))
    }

    fn put(self, group: &mut Group<'_>, account: AccountId, id: EventId) {
        let mut bytes = self.count.to_be_bytes().to_vec();
        bytes.extend(self.sources.iter().flat_map(|source| *source.as_bytes()));
        group.batch.put(key::repeats(account, id), bytes);
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

/// Whether two arrivals under one shared key say nothing that tells them apart. A key that manages
/// one domain can make a source for it, and through that must not reach another domain's events.
fn may_be_one(first: &StoredEvent, other: &StoredEvent) -> bool {
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
    ids.extend(group.later.get(&row.event.id).into_iter().flatten());
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
