//! One delivery, from claimed to settled: translate, sign, send, judge, record.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, sleep};
use tracing::{info, warn};
use waypost_compat::Secret;
use waypost_compat::signature::{Stamp, sign};
use waypost_compat::translate::{Rendered, TranslateError};

use super::health::Signal;
use super::{LEASE, lease_left_for_settling};
use crate::behaviour::{Behaviour, EndpointOf, SignedBy};
use crate::client::{Client, Sent};
use crate::clock::Clock;
use crate::metrics::Stats;
use crate::model::{
    Attempt, Delivery, DomainName, Failure, LastFailure, NextStep, Outcome, StoredEvent, Timestamp,
    Webhook, WebhookState, WebhookStats, WebhookUrl,
};
use crate::renderings::Renderings;
use crate::retry::{self, Policies, Policy};
use crate::store::{self, Claimed, Hold, Queue, Settlement};

/// The wait before a settlement that was refused is tried again, at first and at most.
const SETTLE_AGAIN: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// The pause between two warnings that the store refuses.
const SAY_AGAIN: Duration = Duration::from_mins(1);

/// All that every delivery needs.
pub(super) struct Deliver {
    pub(super) queue: Arc<dyn Queue>,
    pub(super) client: Client,
    pub(super) clock: Clock,
    pub(super) policies: Policies,
    pub(super) renderings: Renderings,
    pub(super) stats: Stats,
    pub(super) warning: StoreWarning,
}

/// The report of a delivery to the worker.
pub(super) struct DeliveryReport {
    /// The signal about the receiver.
    pub(super) signal: Signal,
    /// Settled or given back; otherwise the delivery comes back when its lease ends.
    pub(super) settled: Result<(), Unsettled>,
}

/// The reason why a delivery was neither settled nor given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unsettled {
    /// The store refused.
    StoreRefused,
    /// The task did not come to its end.
    TaskFailed,
}

/// The warning that the store refuses: once a minute, however many deliveries meet it.
#[derive(Default)]
pub(super) struct StoreWarning {
    said_at: AtomicI64,
}

impl StoreWarning {
    pub(super) fn say(&self, error: &store::Error, now: Timestamp) {
        let last = Timestamp::from_millis(self.said_at.load(Ordering::Relaxed));
        if now.since(last) >= SAY_AGAIN {
            self.said_at.store(now.millis(), Ordering::Relaxed);
            warn!("the store refuses, deliveries are held up: {error}");
        }
    }
}

/// All that an attempt is made of, save the time.
struct Package {
    url: WebhookUrl,
    webhook: Webhook,
    secrets: Vec<Secret>,
    event_id: String,
    rendered: Arc<Rendered>,
}

impl Deliver {
    /// Takes one delivery as far as it goes.
    pub(super) async fn deliver(&self, claimed: Claimed) -> DeliveryReport {
        match self.carry_out(claimed).await {
            Ok(signal) => DeliveryReport { signal, settled: Ok(()) },
            Err(error) => {
                self.warning.say(&error, self.clock.now());
                DeliveryReport { signal: Signal::None, settled: Err(Unsettled::StoreRefused) }
            }
        }
    }

    async fn carry_out(&self, claimed: Claimed) -> Result<Signal, store::Error> {
        let (Some(webhook), Some(signing_key)) = (&claimed.webhook, &claimed.signing_key) else {
            return self.end(claimed, NextStep::Cancelled).await;
        };
        let is_on = webhook.state != WebhookState::Disabled;
        let Some(event) = claimed.event.as_ref().filter(|_| is_on) else {
            return self.end(claimed, NextStep::Dead).await;
        };
        match self.package(&claimed.delivery, webhook, event, signing_key) {
            Ok(package) => self.send(claimed, package).await,
            Err(error) => self.untranslatable(claimed, error.to_string()).await,
        }
    }

    /// Ends a delivery without an attempt.
    async fn end(&self, claimed: Claimed, next: NextStep) -> Result<Signal, store::Error> {
        self.settle(claimed.settled(None, next)).await.map(|()| Signal::None)
    }

    /// The event as the webhook's receiver reads it.
    fn package(
        &self,
        delivery: &Delivery,
        webhook: &Webhook,
        event: &StoredEvent,
        signing_key: &Secret,
    ) -> Result<Package, TranslateError> {
        let rendered = self.renderings.of(event, delivery.dialect)?;
        let secrets = match Behaviour::of(delivery.dialect).signed_by {
            SignedBy::AccountKey => vec![signing_key.clone()],
            SignedBy::OwnSecret => webhook.secrets(self.clock.now()),
        };
        Ok(Package {
            url: current_url(delivery, webhook),
            webhook: webhook.clone(),
            secrets,
            event_id: event.id.to_string(),
            rendered,
        })
    }

    /// Records why there was nothing to send.
    async fn untranslatable(
        &self,
        claimed: Claimed,
        excerpt: String,
    ) -> Result<Signal, store::Error> {
        let attempt = Attempt {
            at: self.clock.now(),
            duration: Duration::ZERO,
            outcome: Outcome::Failed(Failure::Untranslatable),
            address: None,
            excerpt,
            lost: Vec::new(),
        };
        self.judge(claimed, attempt).await.map(|()| Signal::None)
    }

    /// Signs and sends. The signature is made here and not before: receivers refuse one that is
    /// seconds old, and some for good (`spec/mailgun-events.md` §2).
    async fn send(&self, claimed: Claimed, package: Package) -> Result<Signal, store::Error> {
        match self.queue.hold(&claimed) {
            Hold::Held => {}
            Hold::Paused => {
                let due = claimed.delivery.next_attempt_at.unwrap_or_else(|| self.clock.now());
                return self.queue.release(&claimed, due).await.map(|()| Signal::None);
            }
            Hold::Lost => return Ok(Signal::None),
        }
        let at = self.clock.now();
        let token = self.clock.random_hex::<25>();
        let stamp = Stamp {
            timestamp: at.seconds(),
            token: &token,
            event_id: &package.event_id,
            event_name: &package.rendered.name,
        };
        let secrets: Vec<&Secret> = package.secrets.iter().collect();
        let signed = sign(package.webhook.signature(), &secrets, &package.rendered.body, &stamp);
        let timeout = self.policies.of(claimed.delivery.dialect).timeout;
        let body = Bytes::from(signed.body);
        let sent = self.client.post(&package.url, &signed.headers, body, timeout).await;
        let signal = signal(&sent, &claimed.delivery, at);
        let attempt = Attempt {
            at,
            duration: sent.duration,
            outcome: sent.outcome,
            address: sent.address,
            excerpt: sent.excerpt,
            lost: bounded(package.rendered.lost.clone()),
        };
        self.judge(claimed, attempt).await.map(|()| signal)
    }

    /// Decides what becomes of the delivery, and records it.
    async fn judge(&self, claimed: Claimed, attempt: Attempt) -> Result<(), store::Error> {
        let delivery = &claimed.delivery;
        let made = delivery.attempt_count.saturating_add(1);
        let policy = self.policies.of(delivery.dialect);
        let (now, fraction) = (self.clock.now(), self.clock.fraction());
        let step = retry::next(&attempt.outcome, made, policy, now, fraction);
        self.stats.attempted(&attempt.outcome, attempt.duration);
        let failed = step.next != NextStep::Delivered;
        // What a store in trouble cannot tell now, the next failure asks again.
        let was_asked = attempt.outcome != Outcome::Failed(Failure::Untranslatable);
        let too_long = failed
            && was_asked
            && !step.disable
            && self.fails_for_too_long(&claimed, policy).await.unwrap_or(false);
        if too_long {
            warn!(delivery.id = %delivery.id, webhook.id = %delivery.webhook, "receiver of {} has failed for too long; webhook switched off", domain(delivery));
        } else {
            say(delivery, &attempt, made, step);
        }
        let next = if too_long || step.disable { NextStep::Dead } else { step.next };
        if let Some(webhook) = claimed.webhook.as_ref().filter(|_| too_long || step.disable) {
            // First, so that a crash in between repeats the attempt and comes here again.
            let account = webhook.scope.account;
            self.queue.disable_webhook(account, webhook.id, webhook.updated_at, now).await?;
        }
        self.settle(claimed.settled(Some(attempt), next)).await
    }

    /// True if a webhook whose attempt has just failed has done nothing else for as long as its
    /// dialect's policy allows.
    async fn fails_for_too_long(
        &self,
        claimed: &Claimed,
        policy: &Policy,
    ) -> Result<bool, store::Error> {
        let (Some(webhook), Some(patience)) = (&claimed.webhook, policy.disable_after) else {
            return Ok(false);
        };
        let (account, id, now) = (webhook.scope.account, webhook.id, self.clock.now());
        let failing_for = |stats: WebhookStats| stats.failing_for(webhook.updated_at, now);
        let too_long = |stats| failing_for(stats).is_some_and(|time| time >= patience);
        if !too_long(self.queue.attempts_so_far(account, id).await?) {
            return Ok(false);
        }
        // A success that another attempt has just settled counts too, once it is written.
        self.queue.sync().await?;
        Ok(too_long(self.queue.attempts_so_far(account, id).await?))
    }

    /// Records what came of a delivery. While the store refuses, it is tried again for as long as
    /// the lease leaves time, keeping the permit: what cannot be recorded would only be sent again.
    async fn settle(&self, settlement: Settlement) -> Result<(), store::Error> {
        let next = settlement.next;
        let give_up = Instant::now() + lease_left_for_settling(LEASE);
        let (mut wait, longest) = SETTLE_AGAIN;
        while let Err(error) = self.queue.settle(settlement.clone()).await {
            if Instant::now() + wait > give_up {
                return Err(error);
            }
            self.warning.say(&error, self.clock.now());
            sleep(wait).await;
            wait = (wait * 2).min(longest);
        }
        self.stats.settled(next);
        Ok(())
    }
}

/// The URL of a delivery by now. A webhook that is its own endpoint takes what it is owed along to
/// its new URL; where the URL is the endpoint, a new one is another.
fn current_url(delivery: &Delivery, webhook: &Webhook) -> WebhookUrl {
    match Behaviour::of(delivery.dialect).endpoint {
        EndpointOf::Url => delivery.url.clone(),
        EndpointOf::Webhook => webhook.url.clone(),
    }
}

/// The domain of a delivery's event, for people.
fn domain(delivery: &Delivery) -> &str {
    delivery.domain.as_ref().map_or("no domain of the account's", DomainName::as_str)
}

fn signal(sent: &Sent, delivery: &Delivery, at: Timestamp) -> Signal {
    match sent.outcome {
        Outcome::Failed(_) | Outcome::Answered { status: 429 | 500..=599, .. } => {
            Signal::Sick(Box::new(LastFailure {
                at,
                delivery: delivery.id,
                outcome: sent.outcome.clone(),
                excerpt: shortened(&sent.excerpt),
            }))
        }
        Outcome::Answered { .. } => Signal::Well(sent.duration),
    }
}

/// The beginning of what a receiver said, as it is remembered of the endpoint.
fn shortened(excerpt: &str) -> String {
    const CHARS_MAX: usize = 256;
    excerpt.chars().take(CHARS_MAX).collect()
}

/// The names of what was lost, as far as they are kept with every attempt: an event may have as
/// many unknown fields as its body has room for.
fn bounded(mut lost: Vec<String>) -> Vec<String> {
    const NAMES_MAX: usize = 64;
    const CHARS_MAX: usize = 128;
    let more = lost.len().saturating_sub(NAMES_MAX);
    lost.truncate(NAMES_MAX);
    for name in &mut lost {
        if let Some((end, _)) = name.char_indices().nth(CHARS_MAX) {
            name.truncate(end);
            name.push('…');
        }
    }
    if more > 0 {
        lost.push(format!("and {more} more"));
    }
    lost
}

fn say(delivery: &Delivery, attempt: &Attempt, made: u32, step: retry::Step) {
    let answer = match &attempt.outcome {
        Outcome::Answered { status, .. } => format!("answered {status}"),
        // Not the receiver's doing, and nothing it could mend.
        Outcome::Failed(Failure::Blocked) => format!("was not called: {}", attempt.excerpt),
        Outcome::Failed(Failure::Untranslatable) => format!("gets nothing: {}", attempt.excerpt),
        Outcome::Failed(
            Failure::Dns | Failure::Connect | Failure::Tls | Failure::Timeout | Failure::Broken,
        ) => format!("gave no answer: {}", attempt.excerpt),
    };
    let (id, domain) = (delivery.id, domain(delivery));
    match step.next {
        NextStep::Delivered | NextStep::Cancelled => {}
        NextStep::RetryAt(due) => {
            info!(delivery.id = %id, attempt = made, "receiver of {domain} {answer}; next attempt at {due}");
        }
        NextStep::Dead if step.disable => {
            warn!(delivery.id = %id, webhook.id = %delivery.webhook, "receiver of {domain} {answer}; webhook switched off");
        }
        NextStep::Dead => {
            warn!(delivery.id = %id, attempt = made, "receiver of {domain} {answer}; given up");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_of_the_names_lost_is_bounded() {
        let few = vec!["tags".to_owned(), "ip".to_owned()];
        assert_eq!(bounded(few.clone()), few);
        let kept = bounded(vec!["unknown:é".repeat(1000); 70_000]);
        assert_eq!((kept.len(), kept[64].as_str()), (65, "and 69936 more"));
        assert_eq!(kept[0].chars().count(), 129);
    }
}
