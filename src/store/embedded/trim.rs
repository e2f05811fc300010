//! Retention: what is old, or too much, goes; a little at a time and never what still waits.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Bound;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::Embedded;
use super::engine::{Db, Read, blocking, broken, end_of};
use super::events;
use super::key;
use super::{Group, Shared};
use crate::model::{AccountId, DeliveryId, DeliveryState, EventId, Timestamp};
use crate::store::{Error, Retention};

/// The time that a dedupe key is kept beyond its event. A provider that repeats an event for a
/// day, as Mailgun does for eight hours, is recognised up to the last moment.
const REPEATS_GRACE: Duration = Duration::from_hours(24);

/// The time that a single-use token is kept: much longer than any freshness window, after which its
/// signature is refused anyway.
const TOKENS_AGE: Duration = Duration::from_hours(24);

/// The rows that one call looks at for each event it may remove, and at least.
const LOOK_FACTOR: usize = 4;
const LOOK_MIN: usize = 256;

/// The events that go in one commit: other writes wait no longer than that.
const REMOVED_TOGETHER: usize = 32;

/// The place that the last call came to. Events that may not go yet must not make every call look at them
/// again and never come to those behind.
#[derive(Default)]
pub(super) struct TrimCursor {
    events: Option<EventKey>,
    repeats: Option<Vec<u8>>,
}

/// An event, ordered by age whoever's it is.
type EventKey = (EventId, AccountId);

/// The rows that one call removes.
struct Found {
    events: Vec<EventKey>,
    /// Dedupe keys and tokens.
    seen: Vec<Vec<u8>>,
}

impl Embedded {
    pub(super) async fn trim_some(
        &self,
        now: Timestamp,
        retention: &Retention,
        limit: usize,
    ) -> Result<usize, Error> {
        let (shared, retention) = (Arc::clone(&self.engine.shared), *retention);
        let found = blocking(move || look(&shared, now, &retention, limit)).await?;
        for seen in found.seen.chunks(REMOVED_TOGETHER * 8) {
            let seen = seen.to_vec();
            self.engine
                .commit(move |group| {
                    seen.into_iter().for_each(|row| group.batch.delete(row));
                    Ok(())
                })
                .await?;
        }
        let mut removed = 0;
        for events in found.events.chunks(REMOVED_TOGETHER) {
            let events = events.to_vec();
            removed += self
                .engine
                .commit(move |group| {
                    let mut removed = 0;
                    for (id, account) in events {
                        removed += usize::from(remove(group, account, id)?);
                    }
                    Ok(removed)
                })
                .await?;
        }
        Ok(removed)
    }
}

/// Looks for what shall go, from where the last call stopped.
fn look(
    shared: &Shared,
    now: Timestamp,
    retention: &Retention,
    limit: usize,
) -> Result<Found, Error> {
    let mut cursor = shared.contents.trim_cursor.lock().unwrap_or_else(PoisonError::into_inner);
    let rows = limit.saturating_mul(LOOK_FACTOR).max(LOOK_MIN);
    let cutoff = now.minus(retention.age);
    let mut seen = shared.read(|db| old_tokens(db, now, rows))?;
    let repeats = shared.read(|db| old_repeats(db, &mut cursor, cutoff, rows))?;
    seen.extend(repeats);
    let excess = shared.totals().event_bytes.saturating_sub(retention.bytes);
    let mut selection = Selection { cutoff, excess, events: Vec::new() };
    let mut looked_at = 0;
    while looked_at < rows && selection.events.len() < limit {
        let stretch = events::STRETCH_ROWS.min(rows - looked_at);
        let on = shared.read(|db| selection.stretch(db, &mut cursor.events, stretch, limit))?;
        looked_at += stretch;
        if !on {
            break;
        }
    }
    Ok(Found { events: selection.events, seen })
}

struct Selection {
    cutoff: Timestamp,
    /// The bytes of event bodies beyond what may be kept.
    excess: u64,
    events: Vec<EventKey>,
}

impl Selection {
    /// Looks at up to `rows` events after `from`, oldest first; `false` if there is no point in
    /// going on.
    fn stretch(
        &mut self,
        db: &Db,
        from: &mut Option<EventKey>,
        rows: usize,
        limit: usize,
    ) -> Result<bool, Error> {
        let mut oldest = BinaryHeap::new();
        for account in accounts(db)? {
            oldest.extend(next_event(db, account, *from)?.map(Reverse));
        }
        for _ in 0..rows {
            let Some(Reverse(event)) = oldest.pop() else {
                *from = None;
                return Ok(false);
            };
            let (id, account) = event;
            if id.time() >= self.cutoff && self.excess == 0 {
                *from = None;
                return Ok(false);
            }
            *from = Some(event);
            if let Some(bytes) = removable(db, account, id)? {
                self.excess = self.excess.saturating_sub(bytes);
                self.events.push(event);
                if self.events.len() == limit {
                    return Ok(false);
                }
            }
            oldest.extend(next_event(db, account, Some(event))?.map(Reverse));
        }
        Ok(true)
    }
}

/// Every account that has events: one seek for each.
fn accounts(db: &Db) -> Result<Vec<AccountId>, Error> {
    let mut accounts = Vec::new();
    let mut from = key::EVENTS.to_vec();
    let end = end_of(key::EVENTS);
    while let Some(row) = db.scan(Bound::Included(&from), Bound::Excluded(&end)).next() {
        let (name, _) = row?;
        let id = name.get(1..17).and_then(|id| id.try_into().ok());
        let account = AccountId::from_bytes(id.ok_or_else(|| broken("an event row's key"))?);
        accounts.push(account);
        from = end_of(&key::events(account));
    }
    Ok(accounts)
}

/// An account's oldest event behind a place in the order of all.
fn next_event(
    db: &Db,
    account: AccountId,
    behind: Option<EventKey>,
) -> Result<Option<EventKey>, Error> {
    let begin = key::events(account);
    let end = end_of(&begin);
    let from = behind.map_or(begin, |(id, _)| key::event(account, id));
    // Two accounts may have events of one id; then the account decides.
    let from = match behind {
        Some((_, other)) if account <= other => Bound::Excluded(from.as_slice()),
        Some(_) | None => Bound::Included(from.as_slice()),
    };
    let Some(row) = db.scan(from, Bound::Excluded(&end)).next() else { return Ok(None) };
    let id = key::last_id(&row?.0).ok_or_else(|| broken("an event row's key"))?;
    Ok(Some((EventId::from_bytes(id), account)))
}

/// The length of an event's body, unless a delivery of it waits.
fn removable(db: &Db, account: AccountId, id: EventId) -> Result<Option<u64>, Error> {
    let Some(row) = events::find(db, account, id)? else { return Ok(None) };
    let deliveries = events::deliveries_of(db, account, &row)?;
    let waits = any_waits(db, account, &deliveries)?;
    Ok((!waits).then_some(row.event.body.len() as u64))
}

fn any_waits(
    from: &impl Read,
    account: AccountId,
    deliveries: &[DeliveryId],
) -> Result<bool, Error> {
    for id in deliveries {
        let delivery = super::deliveries::find(from, account, *id)?;
        if delivery.is_some_and(|delivery| delivery.state == DeliveryState::Waiting) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Removes an event with its deliveries, unless one waits: it may have been replayed since it was
/// found, or another place has brought it too.
fn remove(group: &mut Group<'_>, account: AccountId, id: EventId) -> Result<bool, Error> {
    if group.changes.later.contains_key(&id) {
        return Ok(false);
    }
    let Some(row) = events::find(&group.batch, account, id)? else { return Ok(false) };
    let deliveries = events::deliveries_of(group.batch.stored(), account, &row)?;
    if any_waits(&group.batch, account, &deliveries)? {
        return Ok(false);
    }
    for delivery in deliveries {
        group.batch.delete_record(key::delivery(account, delivery))?;
        if !row.deliveries.contains(&delivery) {
            group.batch.delete(key::later(account, id, delivery));
        }
    }
    if row.event.duplicates > 0 || !row.event.also_by.is_empty() {
        group.batch.delete(key::repeats(account, id));
    }
    group.batch.delete_record(key::event(account, id))?;
    group.totals.events = group.totals.events.saturating_sub(1);
    let bytes = row.event.body.len() as u64;
    group.totals.event_bytes = group.totals.event_bytes.saturating_sub(bytes);
    Ok(true)
}

fn old_tokens(db: &Db, now: Timestamp, rows: usize) -> Result<Vec<Vec<u8>>, Error> {
    let end = key::tokens_from(now.minus(TOKENS_AGE).seconds());
    let old = db.scan(Bound::Included(key::TOKENS), Bound::Excluded(&end));
    old.take(rows).map(|row| Ok(row?.0)).collect()
}

/// Dedupe keys that may be forgotten: their day is long past, and so is the event's arrival. A
/// provider may send events of days long past today; those keys are young all the same.
fn old_repeats(
    db: &Db,
    cursor: &mut TrimCursor,
    cutoff: Timestamp,
    rows: usize,
) -> Result<Vec<Vec<u8>>, Error> {
    let cutoff = cutoff.minus(REPEATS_GRACE);
    let end = key::repeats_from(cutoff.day());
    let from = cursor.repeats.take();
    let from = from.as_deref().map_or(Bound::Included(key::REPEATS), Bound::Excluded);
    let mut old = Vec::new();
    for (number, row) in db.scan(from, Bound::Excluded(&end)).enumerate() {
        let (name, value) = row?;
        if number == rows {
            cursor.repeats = Some(name);
            break;
        }
        let id = value.try_into().map_err(|_| broken("a repeat of no event"))?;
        if EventId::from_bytes(id).time() < cutoff {
            old.push(name);
        }
    }
    Ok(old)
}
