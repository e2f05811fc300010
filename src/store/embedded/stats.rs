//! Counters: what became of the attempts made for each webhook.

use super::Embedded;
use super::Group;
use super::engine::Read;
use super::key;
use crate::model::{AccountId, Attempt, Delivery, Webhook, WebhookId, WebhookStats};
use crate::store::Error;
use crate::store::record;

/// Counts an attempt, in the commit that settles it.
pub(super) fn count(
    group: &mut Group<'_>,
    delivery: &Delivery,
    attempt: &Attempt,
    success: bool,
) -> Result<(), Error> {
    let row = key::stats(delivery.account, delivery.webhook);
    let stats = match group.batch.get(&row)? {
        Some(bytes) => record::decode_stats(&bytes)?,
        None => WebhookStats::default(),
    };
    group.batch.put(row, record::encode_stats(&stats.and(attempt.at, success)));
    Ok(())
}

/// Forgets the counters of webhooks that are no longer there.
pub(super) fn forget(group: &mut Group<'_>, before: &[Webhook], after: &[Webhook]) {
    let gone = before.iter().filter(|old| !after.iter().any(|new| new.id == old.id));
    for webhook in gone {
        group.batch.delete(key::stats(webhook.scope.account, webhook.id));
    }
}

impl Embedded {
    /// The counters of a webhook; zero for one that is gone, although an attempt that was under way
    /// when it was removed may have been counted since.
    pub(super) fn stats_of(
        &self,
        account: AccountId,
        id: WebhookId,
    ) -> Result<WebhookStats, Error> {
        if self.memory().webhook(account, id).is_none() {
            return Ok(WebhookStats::default());
        }
        let row = self.engine.shared.read(|db| db.get(&key::stats(account, id)))?;
        row.map_or_else(|| Ok(WebhookStats::default()), |bytes| Ok(record::decode_stats(&bytes)?))
    }
}
