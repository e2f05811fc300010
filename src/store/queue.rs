//! The queue: what the worker needs to deliver.

use std::time::Duration;

use async_trait::async_trait;

use super::{Durable, Error};
use crate::model::{Attempt, Delivery, TargetId, Timestamp};

/// A target that something may be due for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stirred {
    /// The target.
    pub target: TargetId,
    /// The earliest that anything of its is due.
    pub due: Timestamp,
}

/// Claimed deliveries.
#[derive(Debug, Clone)]
pub struct Claims {
    /// The deliveries, earliest due first.
    pub deliveries: Vec<Delivery>,
    /// When to look again: the next due time of what waits, or the end of the earliest lease, if
    /// that is sooner. A settlement whose commit failed ends no lease, so this is what brings its
    /// delivery back. `None` if nothing waits and nothing is claimed.
    pub next_due: Option<Timestamp>,
}

/// What came of a claimed delivery.
#[derive(Debug, Clone)]
pub struct Settlement {
    /// The delivery as it was claimed.
    pub delivery: Delivery,
    /// The attempt made; `None` where it came to none (its webhook is gone).
    pub attempt: Option<Attempt>,
    /// Where it stands now.
    pub next: Next,
}

/// Where a delivery stands after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// The receiver took it.
    Delivered,
    /// Given up.
    Dead,
    /// Its webhook is gone.
    Cancelled,
    /// To be tried again at this time.
    At(Timestamp),
}

/// Deliveries that wait, claimed by endpoint and settled.
#[async_trait]
pub trait Queue: Durable {
    /// Waits until there are targets that something may have fallen due for since the last call,
    /// then names each with the earliest due time. The first call names every target that has
    /// deliveries waiting. Only one task may call it.
    async fn stirred(&self) -> Vec<Stirred>;
    /// Takes up to `limit` deliveries to `target` that are due at `now`, earliest first, and hides
    /// them until they are settled or released, or until `now + lease`. After a crash every one
    /// that was not settled is due again. Where the clock has been set back, what was scheduled by
    /// the old time is due at once, and a lease runs its length from the new one.
    async fn claim(
        &self,
        target: TargetId,
        now: Timestamp,
        lease: Duration,
        limit: usize,
    ) -> Result<Claims, Error>;
    /// Records what came of a claimed delivery. It is not durable on return but soon after: a crash
    /// may repeat the attempt. [`sync`](Self::sync) waits for it.
    async fn settle(&self, settlement: Settlement) -> Result<(), Error>;
    /// Gives a claimed delivery back as it was, due again at `due`, no attempt counted. Like
    /// [`settle`](Self::settle) it is durable soon after it returns; after a crash before that the
    /// delivery is due when it was.
    async fn release(&self, delivery: &Delivery, due: Timestamp) -> Result<(), Error>;
}
