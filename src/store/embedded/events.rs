//! Events, read and listed.

use std::ops::Bound;

use super::engine::{Db, Read, broken, end_of};
use super::key;
use super::{Group, Shared};
use crate::model::{AccountId, DeliveryId, EventId, SourceId, StoredEvent};
use crate::store::record::{self, EventRow};
use crate::store::{Error, EventFilter, Listing, Page};

/// The rows that one page may look at: a bound on the work where a filter lets little through.
pub(super) const PAGE_ROWS_MAX: usize = 2000;

/// The rows that are read in one go; writers wait no longer than that.
pub(super) const STRETCH_ROWS: usize = 100;

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
    let end = after.map_or_else(|| end_of(&begin), |id| key::event(account, id));
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

/// The repeats of an event after it was stored.
#[derive(Default)]
pub(super) struct Repeats {
    /// The number of times that a source sent it which had sent it before.
    pub(super) count: u32,
    /// The further sources that sent it.
    pub(super) sources: Vec<SourceId>,
}

impl Repeats {
    pub(super) fn of(from: &impl Read, account: AccountId, id: EventId) -> Result<Self, Error> {
        let Some(bytes) = from.get(&key::repeats(account, id))? else { return Ok(Self::default()) };
        let read = || {
            let (count, sources) = bytes.split_first_chunk()?;
            let (sources, []) = sources.as_chunks() else { return None };
            let sources = sources.iter().copied().map(SourceId::from_bytes).collect();
            Some(Self { count: u32::from_be_bytes(*count), sources })
        };
        read().ok_or_else(|| broken("a count that is no number"))
    }

    pub(super) fn put(self, group: &mut Group<'_>, account: AccountId, id: EventId) {
        let mut bytes = self.count.to_be_bytes().to_vec();
        bytes.extend(self.sources.iter().flat_map(|source| *source.as_bytes()));
        group.batch.put(key::repeats(account, id), bytes);
    }
}
