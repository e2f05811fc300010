//! Events: taken once, with all their deliveries; read and listed.

use std::ops::Bound;

use super::Embedded;
use super::commit::Group;
use super::db::Db;
use super::key;
use super::rows::{Read, broken};
use super::shared::Shared;
use crate::model::{AccountId, Arrival, DeliveryId, EventId, StoredEvent};
use crate::store::record::{self, EventRow};
use crate::store::{Enqueued, Error, EventFilter, Listing, Page};

/// How many rows one page may look at: what bounds the work where a filter lets little through.
pub(super) const PAGE_ROWS_MAX: usize = 2000;

/// How many rows are read in one go; writers wait no longer than that.
pub(super) const STRETCH_ROWS: usize = 100;

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
        self.domain.as_ref().is_none_or(|domain| *domain == event.domain)
            && self.kind.is_none_or(|kind| event.kind == Some(kind))
            && (!self.unknown || event.kind.is_none())
            && (self.recipient.is_none() || self.recipient == event.recipient)
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
    row.event.duplicates = duplicates(from, account, id)?;
    Ok(row)
}

/// Every delivery of an event, replays included.
pub(super) fn deliveries_of(
    db: &Db,
    account: AccountId,
    event: &EventRow,
) -> Result<Vec<DeliveryId>, Error> {
    let mut ids = event.deliveries.clone();
    for row in db.all(&key::replays(account, event.event.id)) {
        let id = key::last_id(&row?.0).ok_or_else(|| broken("a replay row's key"))?;
        ids.push(DeliveryId::from_bytes(id));
    }
    Ok(ids)
}

fn duplicates(from: &impl Read, account: AccountId, id: EventId) -> Result<u32, Error> {
    let Some(bytes) = from.get(&key::duplicates(account, id))? else { return Ok(0) };
    let count = bytes.try_into().map_err(|_| broken("a count that is no number"))?;
    Ok(u32::from_be_bytes(count))
}

/// Takes an arrival, or counts it as a repeat.
fn take(group: &mut Group<'_>, arrival: &Arrival) -> Result<Enqueued, Error> {
    let event = &arrival.event;
    let account = event.account;
    let token = arrival.token.as_ref().map(|token| key::token(account, token));
    let repeat = arrival.dedupe.as_ref().map(|dedupe| key::repeat(account, dedupe));
    for seen in [&token, &repeat].into_iter().flatten() {
        if let Some(bytes) = group.batch.get(seen)? {
            let id = bytes.try_into().map_err(|_| broken("a repeat of no event"))?;
            let first = EventId::from_bytes(id);
            count_duplicate(group, account, first)?;
            return Ok(Enqueued::Duplicate(first));
        }
    }
    let row = key::event(account, event.id);
    if group.batch.get(&row)?.is_some() {
        return Err(Error::new(format!("event {} exists already", event.id)));
    }
    for seen in [token, repeat].into_iter().flatten() {
        group.batch.put(seen, event.id.as_bytes().to_vec());
    }
    let ids = arrival.deliveries.iter().map(|new| new.id);
    let record = record::encode_event(event, ids);
    group.batch.add_record(row, &record)?;
    for delivery in arrival.delivery_rows() {
        super::deliveries::add(group, &delivery)?;
    }
    group.totals.events += 1;
    group.totals.event_bytes += event.body.len() as u64;
    Ok(Enqueued::Accepted(event.id))
}

fn count_duplicate(group: &mut Group<'_>, account: AccountId, id: EventId) -> Result<(), Error> {
    // The event may be past its retention while its dedupe key is not.
    if group.batch.get(&key::event(account, id))?.is_some() {
        let count = duplicates(&group.batch, account, id)?.saturating_add(1);
        group.batch.put(key::duplicates(account, id), count.to_be_bytes().to_vec());
    }
    Ok(())
}
