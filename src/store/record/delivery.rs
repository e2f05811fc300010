//! The record of a delivery with its attempts.

use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use waypost_compat::{Dialect, Kind};

use super::{Unreadable, from_json, to_json, versioned};
use crate::model::{
    AccountId, Attempt, Delivery, DeliveryId, DeliveryState, DomainName, EndpointId, EventId,
    Failure, Outcome, Timestamp, WebhookId, WebhookUrl,
};

/// The number of attempts kept with a delivery, the latest ones: more than any schedule makes, so
/// only replays to a receiver that never answers well reach it.
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
    endpoint: EndpointId,
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
    #[serde(flatten)]
    outcome: OutcomeRecord,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    address: Option<SocketAddr>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    excerpt: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    lost: Vec<String>,
}

/// The outcome of an attempt: a status or a failure.
#[derive(Serialize, Deserialize)]
pub(super) struct OutcomeRecord {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failure: Option<Failure>,
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
        endpoint: delivery.endpoint,
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
    Ok(Delivery {
        id,
        account,
        domain: record.domain,
        event: record.event,
        kind: record.kind,
        webhook: record.webhook,
        dialect: record.dialect,
        endpoint: record.endpoint,
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

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl OutcomeRecord {
    pub(super) fn of(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Answered { status, retry_after } => Self {
                status: Some(*status),
                retry_after_ms: retry_after.map(millis),
                failure: None,
            },
            Outcome::Failed(failure) => {
                Self { status: None, retry_after_ms: None, failure: Some(*failure) }
            }
        }
    }

    pub(super) fn outcome(self) -> Result<Outcome, Unreadable> {
        match (self.status, self.failure) {
            (Some(status), None) => {
                let retry_after = self.retry_after_ms.map(Duration::from_millis);
                Ok(Outcome::Answered { status, retry_after })
            }
            (None, Some(failure)) => Ok(Outcome::Failed(failure)),
            (Some(_), Some(_)) | (None, None) => {
                let found = "both or neither".to_owned();
                Err(Unreadable::new("attempt", "a status or a failure", found))
            }
        }
    }
}

impl AttemptRecord {
    fn of(attempt: &Attempt) -> Self {
        Self {
            at: attempt.at,
            ms: millis(attempt.duration),
            outcome: OutcomeRecord::of(&attempt.outcome),
            address: attempt.address,
            excerpt: attempt.excerpt.clone(),
            lost: attempt.lost.clone(),
        }
    }

    fn attempt(self) -> Result<Attempt, Unreadable> {
        Ok(Attempt {
            at: self.at,
            duration: Duration::from_millis(self.ms),
            outcome: self.outcome.outcome()?,
            address: self.address,
            excerpt: self.excerpt,
            lost: self.lost,
        })
    }
}
