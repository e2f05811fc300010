//! The delivery log, and sending again what it shows.

use super::Problem;
use super::fields::shorten;
use super::rows::Rows;
use crate::model::{Attempt, Delivery, DeliveryId, EventId, Webhook, WebhookId};
use crate::store::{DeliveryFilter, Page};

/// The length of a log unless the client says otherwise, and at most.
const LINES: usize = 50;
const LINES_MAX: usize = 200;

/// The most pages of the account's deliveries that are looked through for a log: it shows what was
/// sent lately, in bounded time.
const PAGES_MAX: usize = 10;

/// Attempts of one delivery that have ids of their own. No schedule has more steps.
const NUMBERS_MAX: u32 = 128;

/// One attempt, in a delivery log.
pub(in crate::http) struct LogLine {
    /// The attempt's own id: see [`attempt_id`].
    pub id: DeliveryId,
    /// The webhook it was made for.
    pub webhook: WebhookId,
    /// The event it carried.
    pub event: EventId,
    /// The number of the attempt among its delivery's, from 1.
    pub number: u32,
    /// The attempt itself.
    pub attempt: Attempt,
}

/// The delivery log of a scope's webhooks.
pub(super) struct Log<'a>(pub(super) &'a Rows<'a>);

impl Log<'_> {
    /// The attempts made lately for a webhook, newest first.
    pub(super) async fn of(
        &self,
        webhook: &Webhook,
        limit: usize,
    ) -> Result<Vec<LogLine>, Problem> {
        let store = &self.0.app.history;
        let filter = DeliveryFilter { webhook: Some(webhook.id), ..DeliveryFilter::default() };
        let mut page = Page { after: None, limit };
        let mut lines = Vec::new();
        for _ in 0..PAGES_MAX {
            let listing = store.deliveries(self.0.scope.account, &filter, &page).await?;
            lines.extend(listing.items.into_iter().flat_map(lines_of));
            page.after = listing.next;
            if lines.len() >= limit || page.after.is_none() {
                break;
            }
        }
        lines.sort_by_key(|line| std::cmp::Reverse((line.attempt.at, line.number)));
        lines.truncate(limit);
        Ok(lines)
    }

    /// Enqueues a new delivery of the event that an attempt carried, to the same webhook. Takes
    /// the id of any attempt; whatever is not one of this scope's is not found.
    pub(super) async fn replay(&self, written: &str) -> Result<(), Problem> {
        let missing = || Problem::NoSuchDelivery { id: shorten(written) };
        let attempt = DeliveryId::from_uuid(written).ok_or_else(missing)?;
        let delivery = self.attempted(attempt).await?.ok_or_else(missing)?;
        if self.0.by_id(delivery.webhook).await?.is_none() {
            return Err(missing());
        }
        let clock = &self.0.app.clock;
        let new = DeliveryId::new(clock.now(), clock.random());
        let replayed = self.0.app.history.replay(self.0.scope.account, delivery.id, new).await?;
        replayed.map(|_| ()).ok_or_else(missing)
    }

    /// The delivery that an attempt was made for.
    async fn attempted(&self, attempt: DeliveryId) -> Result<Option<Delivery>, Problem> {
        let store = &self.0.app.history;
        for number in 1..=NUMBERS_MAX {
            let id = attempt_id(attempt, number);
            let delivery = store.delivery(self.0.scope.account, id).await?;
            if let Some(delivery) = delivery
                && delivery.attempt_count.max(1) >= number
            {
                return Ok(Some(delivery));
            }
        }
        Ok(None)
    }
}

fn lines_of(delivery: Delivery) -> Vec<LogLine> {
    let (id, webhook, event) = (delivery.id, delivery.webhook, delivery.event);
    let numbers = (1..=delivery.attempt_count).rev();
    let newest_first = numbers.zip(delivery.attempts.into_iter().rev());
    newest_first
        .map(|(number, attempt)| LogLine {
            id: attempt_id(id, number),
            webhook,
            event,
            number,
            attempt,
        })
        .collect()
}

/// The id of a delivery's attempt: of the first its delivery's own, which no other delivery's is
/// near; the others differ from that in their last byte only. The log's lines are attempts, its
/// clients read GUIDs, and the replay of a line is told its id and nothing else. Applied to an
/// attempt's id, with its number, this is the delivery's again.
fn attempt_id(delivery: DeliveryId, number: u32) -> DeliveryId {
    let mut bytes = *delivery.as_bytes();
    let past_first = number.clamp(1, NUMBERS_MAX) - 1;
    bytes[15] ^= u8::try_from(past_first).expect("NUMBERS_MAX fits a byte");
    DeliveryId::from_bytes(bytes)
}

/// `limit` of a delivery log, held to what there is to choose from (`spec/providers.md` §7, 13).
pub(super) fn limit(query: &str) -> Result<usize, Problem> {
    let limit = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "limit");
    let Some((_, written)) = limit else { return Ok(LINES) };
    let digits = written.strip_prefix('-').unwrap_or(&written);
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(Problem::InvalidField {
            field: "limit",
            expected: "a number from 1 to 200",
            found: format!("{:?}", shorten(&written)),
        });
    }
    let too_many = if digits.len() < written.len() { 0 } else { LINES_MAX };
    Ok(written.parse().unwrap_or(too_many).clamp(1, LINES_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_have_ids_of_their_own_that_lead_back_to_the_delivery() {
        let delivery = DeliveryId::from_bytes([0xa5; 16]);
        assert_eq!(attempt_id(delivery, 1), delivery);
        let ids: std::collections::BTreeSet<_> =
            (1..=NUMBERS_MAX).map(|number| attempt_id(delivery, number)).collect();
        assert_eq!(ids.len(), NUMBERS_MAX as usize);
        for number in 1..=NUMBERS_MAX {
            assert_eq!(attempt_id(attempt_id(delivery, number), number), delivery);
        }
    }

    #[test]
    fn a_limit_is_held_to_its_range_and_must_be_a_number() {
        let cases = [
            ("", Some(50)),
            ("other=3", Some(50)),
            ("limit=1", Some(1)),
            ("limit=200", Some(200)),
            ("limit=201", Some(200)),
            ("limit=0", Some(1)),
            ("limit=-3", Some(1)),
            ("limit=99999999999999999999999", Some(200)),
            ("limit=-99999999999999999999999", Some(1)),
            ("limit=", None),
            ("limit=-", None),
            ("limit=ten", None),
            ("limit=1.5", None),
        ];
        for (query, expected) in cases {
            assert_eq!(limit(query).ok(), expected, "{query}");
        }
    }
}
