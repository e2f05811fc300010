//! Deliveries: written with their event, read, listed, replayed.

use std::ops::Bound;

use super::engine::{Db, Read, broken, end_of};
use super::events::{self, PAGE_ROWS_MAX, STRETCH_ROWS};
use super::key;
use super::{Embedded, queue};
use super::{Group, Shared};
use crate::model::{AccountId, Delivery, DeliveryId, DeliveryState};
use crate::store::record;
use crate::store::{DeliveryFilter, Error, Listing, Page};

/// Writes a new delivery and queues it.
pub(super) fn add(group: &mut Group<'_>, delivery: &Delivery) -> Result<(), Error> {
    let row = key::delivery(delivery.account, delivery.id);
    if group.batch.get(&row)?.is_some() {
        return Err(Error::new(format!("delivery {} exists already", delivery.id)));
    }
    group.batch.add_record(row, &record::encode_delivery(delivery))?;
    queue::enqueue(group, delivery, delivery.id.time());
    group.totals.waiting += 1;
    Ok(())
}

/// Writes a new delivery of an event that is there already, and where to find it from there.
pub(super) fn add_later(group: &mut Group<'_>, delivery: &Delivery) -> Result<(), Error> {
    add(group, delivery)?;
    group.batch.put(key::later(delivery.account, delivery.event, delivery.id), Vec::new());
    group.changes.later.entry(delivery.event).or_default().push(delivery.id);
    Ok(())
}

impl Embedded {
    pub(super) async fn commit_replay(
        &self,
        account: AccountId,
        id: DeliveryId,
        new: DeliveryId,
    ) -> Result<Option<Delivery>, Error> {
        self.engine
            .commit(move |group| {
                let Some(old) = find(&group.batch, account, id)? else { return Ok(None) };
                if group.batch.get(&key::event(account, old.event))?.is_none() {
                    return Ok(None);
                }
                let delivery = Delivery {
                    id: new,
                    state: DeliveryState::Waiting,
                    next_attempt_at: Some(new.time()),
                    attempts: Vec::new(),
                    attempt_count: 0,
                    replay_of: Some(id),
                    ..old
                };
                add_later(group, &delivery)?;
                Ok(Some(delivery))
            })
            .await
    }
}

/// One page of an account's deliveries, newest first.
pub(super) fn list(
    shared: &Shared,
    account: AccountId,
    filter: &DeliveryFilter,
    page: &Page<DeliveryId>,
) -> Result<Listing<Delivery, DeliveryId>, Error> {
    let of_event = match filter.event {
        Some(event) => Some(shared.read(|db| {
            let row = events::find(db, account, event)?;
            row.map_or_else(|| Ok(Vec::new()), |row| events::deliveries_of(db, account, &row))
        })?),
        None => None,
    };
    let mut listing = Listing { items: Vec::new(), next: None };
    let mut after = page.after;
    let mut looked_at = 0;
    while listing.items.len() < page.limit && looked_at < PAGE_ROWS_MAX {
        let want = STRETCH_ROWS.min(page.limit - listing.items.len());
        let stretch = shared.read(|db| match &of_event {
            Some(ids) => some(db, account, ids, after, want),
            None => stretch(db, account, after, want),
        })?;
        looked_at += stretch.len();
        let Some(last) = stretch.last() else { return Ok(listing) };
        after = Some(last.id);
        listing.items.extend(stretch.into_iter().filter(|delivery| filter.admits(delivery)));
    }
    listing.next = after;
    Ok(listing)
}

impl DeliveryFilter {
    fn admits(&self, delivery: &Delivery) -> bool {
        (self.domain.is_none() || self.domain == delivery.domain)
            && self.state.is_none_or(|state| state == delivery.state)
            && self.webhook.is_none_or(|webhook| webhook == delivery.webhook)
            && self.event.is_none_or(|event| event == delivery.event)
            && self.endpoint.is_none_or(|endpoint| endpoint == delivery.endpoint)
    }
}

/// One delivery.
pub(super) fn find(
    from: &impl Read,
    account: AccountId,
    id: DeliveryId,
) -> Result<Option<Delivery>, Error> {
    let bytes = from.record(&key::delivery(account, id))?;
    Ok(bytes.map(|bytes| record::decode_delivery(account, id, &bytes)).transpose()?)
}

/// Up to `want` deliveries before `after`, newest first.
fn stretch(
    db: &Db,
    account: AccountId,
    after: Option<DeliveryId>,
    want: usize,
) -> Result<Vec<Delivery>, Error> {
    let begin = key::deliveries(account);
    let end = after.map_or_else(|| end_of(&begin), |id| key::delivery(account, id));
    let rows = db.scan(Bound::Included(&begin), Bound::Excluded(&end)).rev().take(want);
    rows.map(|row| {
        let (name, first) = row?;
        let id = key::last_id(&name).ok_or_else(|| broken("a delivery row's key"))?;
        let bytes = db.record_of(&name, first)?;
        Ok(record::decode_delivery(account, DeliveryId::from_bytes(id), &bytes)?)
    })
    .collect()
}

/// Up to `want` of the deliveries named, those before `after`, newest first.
fn some(
    db: &Db,
    account: AccountId,
    ids: &[DeliveryId],
    after: Option<DeliveryId>,
    want: usize,
) -> Result<Vec<Delivery>, Error> {
    let mut ids: Vec<_> = ids.iter().filter(|id| after.is_none_or(|after| **id < after)).collect();
    ids.sort_unstable_by(|a, b| b.cmp(a));
    let found = ids.into_iter().take(want).map(|id| find(db, account, *id));
    found.filter_map(Result::transpose).collect()
}
