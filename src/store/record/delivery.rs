//! The record of a delivery with its attempts.

use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use waypost_compat::{Dialect, Kind};

use super::{Unreadable, from_json, to_json, versioned};
use crate::model::{
    AccountId, Attempt, Delivery, DeliveryId, DeliveryState, DomainName, EventId, Failure, Outcome,
    TargetId, Timestamp, WebhookId, WebhookUrl, from_hex, hex,
};

/// How many attempts are kept with a delivery, the latest ones: more than any schedule makes, so
/// only replays of a receiver that never answers well reach it.
pub(in crate::store) const ATTEMPTS_MAX: usize = 20;

#[derive(Serialize, Deserialize)]
struct DeliveryRecord {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    domain: Option<DomainName>,
    event: EventId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kind: Option<Kind>,
    webhook: WebhookId,
    dialect: Dialect,
    target: String,
    url: WebhookUrl,
    state: DeliveryState,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    attempts: Vec<AttemptRecord>,
    #[serde(default, skip_serializing_if = "is_zero")]
    attempt_count: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    replay_of: Option<DeliveryId>,
}

#[derive(Serialize, Deserialize)]
struct AttemptRecord {
    at: Timestamp,
    ms: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failure: Option<Failure>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    address: Option<SocketAddr>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    excerpt: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    lost: Vec<String>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
const fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// A delivery, less its account and id, which name its row.
pub(in crate::store) fn encode_delivery(delivery: &Delivery) -> Vec<u8> {
    to_json(&DeliveryRecord {
        domain: delivery.domain.clone(),
        event: delivery.event,
        kind: delivery.kind,
        webhook: delivery.webhook,
        dialect: delivery.dialect,
        target: hex(delivery.target.as_bytes()),
        url: delivery.url.clone(),
        state: delivery.state,
        next: delivery.next_attempt_at,
        attempts: delivery.attempts.iter().map(AttemptRecord::of).collect(),
        attempt_count: delivery.attempt_count,
        replay_of: delivery.replay_of,
    })
}

/// Reads what [`encode_delivery`] wrote into the row of `account` and `id`.
pub(in crate::store) fn decode_delivery(
    account: AccountId,
    id: DeliveryId,
    bytes: &[u8],
) -> Result<Delivery, Unreadable> {
    let record: DeliveryRecord = from_json("delivery", versioned("delivery", bytes)?)?;
    let target =
        from_hex(&record.target).and_then(|bytes| bytes.try_into().ok()).ok_or_else(|| {
            Unreadable::new("delivery", "32 hex digits of a target", format!("{:?}", record.target))
        })?;
    Ok(Delivery {
        id,
        account,
        domain: record.domain,
        event: record.event,
        kind: record.kind,
        webhook: record.webhook,
        dialect: record.dialect,
        target: TargetId::from_bytes(target),
        url: record.url,
        state: record.state,
        next_attempt_at: record.next,
        attempts: record
            .attempts
            .into_iter()
            .map(AttemptRecord::attempt)
            .collect::<Result<_, _>>()?,
        attempt_count: record.attempt_count,
        replay_of: record.replay_of,
    })
}

impl AttemptRecord {
    fn of(attempt: &Attempt) -> Self {
        let millis = |d: Duration| u64::try_from(d.as_millis()).unwrap_or(u64::MAX);
        let (status, retry_after_ms, failure) = match &attempt.outcome {
            Outcome::Answered { status, retry_after } => {
                (Some(*status), retry_after.map(millis), None)
            }
            Outcome::Failed(failure) => (None, None, Some(*failure)),
        };
        Self {
            at: attempt.at,
            ms: millis(attempt.duration),
            status,
            retry_after_ms,
            failure,
            address: attempt.address,
            excerpt: attempt.excerpt.clone(),
            lost: attempt.lost.clone(),
        }
    }

    fn attempt(self) -> Result<Attempt, Unreadable> {
        let outcome = match (self.status, self.failure) {
            (Some(status), None) => {
                let retry_after = self.retry_after_ms.map(Duration::from_millis);
                Outcome::Answered { status, retry_after }
            }
            (None, Some(failure)) => Outcome::Failed(failure),
            (Some(_), Some(_)) | (None, None) => {
                let found = "both or neither".to_owned();
                return Err(Unreadable::new("attempt", "a status or a failure", found));
            }
        };
        Ok(Attempt {
            at: self.at,
            duration: Duration::from_millis(self.ms),
            outcome,
            address: self.address,
            excerpt: self.excerpt,
            lost: self.lost,
        })
    }
}
