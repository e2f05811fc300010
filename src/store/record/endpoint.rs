//! The record of an endpoint's state: its limits, and the experience made with it.

use std::num::NonZeroU32;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::delivery::OutcomeRecord;
use super::{Unreadable, from_json, to_json, versioned};
use crate::model::{
    DeliveryId, EndpointHealth, EndpointLimits, LastFailure, OpenBreaker, Rate, Timestamp,
};

/// The stored part of an endpoint; the rest follows from the webhooks that lead to it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::store) struct EndpointState {
    /// The limits that its owner set.
    pub limits: EndpointLimits,
    /// The experience made with it.
    pub health: EndpointHealth,
}

#[derive(Serialize, Deserialize)]
struct EndpointRecord {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rate: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    concurrency: Option<NonZeroU32>,
    #[serde(default)]
    paused: bool,
    #[serde(default)]
    failures: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    first_failure_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_failure: Option<FailureRecord>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    breaker: Option<BreakerRecord>,
}

#[derive(Serialize, Deserialize)]
struct FailureRecord {
    at: Timestamp,
    delivery: DeliveryId,
    #[serde(flatten)]
    outcome: OutcomeRecord,
    excerpt: String,
}

#[derive(Serialize, Deserialize)]
struct BreakerRecord {
    since: Timestamp,
    rest_ms: u64,
    probe_at: Timestamp,
}

/// Writes the state of an endpoint; its id names its row.
pub(in crate::store) fn encode_endpoint(state: &EndpointState) -> Vec<u8> {
    let EndpointState { limits, health } = state;
    to_json(&EndpointRecord {
        rate: limits.rate.map(Rate::as_per_second),
        concurrency: limits.concurrency,
        paused: limits.paused,
        failures: health.failures,
        first_failure_at: health.first_failure_at,
        last_failure: health.last_failure.as_ref().map(|failure| FailureRecord {
            at: failure.at,
            delivery: failure.delivery,
            outcome: OutcomeRecord::of(&failure.outcome),
            excerpt: failure.excerpt.clone(),
        }),
        breaker: health.breaker.map(|breaker| BreakerRecord {
            since: breaker.since,
            rest_ms: u64::try_from(breaker.rest.as_millis()).unwrap_or(u64::MAX),
            probe_at: breaker.probe_at,
        }),
    })
}

/// Reads what [`encode_endpoint`] wrote.
pub(in crate::store) fn decode_endpoint(bytes: &[u8]) -> Result<EndpointState, Unreadable> {
    let record: EndpointRecord = from_json("endpoint", versioned("endpoint", bytes)?)?;
    let rate = |rate: f64| {
        let unfit = || Unreadable::new("endpoint", "a rate", rate.to_string());
        Rate::per_second(rate).ok_or_else(unfit)
    };
    let last_failure = |failure: FailureRecord| {
        let FailureRecord { at, delivery, outcome, excerpt } = failure;
        Ok(LastFailure { at, delivery, outcome: outcome.outcome()?, excerpt })
    };
    Ok(EndpointState {
        limits: EndpointLimits {
            rate: record.rate.map(rate).transpose()?,
            concurrency: record.concurrency,
            paused: record.paused,
        },
        health: EndpointHealth {
            failures: record.failures,
            first_failure_at: record.first_failure_at,
            last_failure: record.last_failure.map(last_failure).transpose()?,
            breaker: record.breaker.map(|breaker| OpenBreaker {
                since: breaker.since,
                rest: Duration::from_millis(breaker.rest_ms),
                probe_at: breaker.probe_at,
            }),
        },
    })
}
