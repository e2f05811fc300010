//! One delivery, from claimed to settled: look up, translate, sign, send, judge, record.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, sleep};
use tracing::{info, warn};
use waypost_compat::dialect::{Context, Rendered, outline};
use waypost_compat::signature::{Stamp, sign};
use waypost_compat::{Dialect, Secret, translate};

use super::target::Health;
use super::{LEASE, lease_left_for_settling};
use crate::client::{Client, Sent};
use crate::clock::Clock;
use crate::metrics::{Fate, Stats};
use crate::model::{
    Attempt, Delivery, DomainName, Failure, Outcome, StoredEvent, Timestamp, Webhook, WebhookState,
    WebhookStats, WebhookUrl, hex,
};
use crate::retry::{self, Policies, Policy, Verdict};
use crate::store::{self, Next, Settlement, Store};

/// How long a delivery rests that could not even be looked up.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// How long after a settlement was refused it is tried again, at first and at most.
const SETTLE_AGAIN: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// How often it is said that the store is in trouble.
const SAY_AGAIN: Duration = Duration::from_mins(1);

/// What every delivery needs.
pub(super) struct Courier {
    pub(super) store: Arc<dyn Store>,
    pub(super) client: Client,
    pub(super) clock: Clock,
    pub(super) policies: Policies,
    pub(super) stats: Stats,
    pub(super) trouble: Trouble,
}

/// What a delivery tells the worker.
pub(super) struct Report {
    /// About the receiver.
    pub(super) health: Health,
    /// About the delivery.
    pub(super) end: End,
}

/// How a delivery's task ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// What came of it is recorded, or it was given back.
    Recorded,
    /// The store refused one or the other.
    StoreRefused,
    /// It did not come to its end.
    Failed,
}

/// Says that the store is in trouble: once a minute, however many deliveries meet it.
#[derive(Default)]
pub(super) struct Trouble {
    said_at: AtomicI64,
}

impl Trouble {
    pub(super) fn say(&self, error: &store::Error, now: Timestamp) {
        let last = Timestamp::from_millis(self.said_at.load(Ordering::Relaxed));
        if now.since(last) >= SAY_AGAIN {
            self.said_at.store(now.millis(), Ordering::Relaxed);
            warn!("the store refuses, deliveries are held up: {error}");
        }
    }
}

/// What is to be done with a claimed delivery.
enum Plan {
    Send(Box<Package>),
    Hold,
    Settle(Next),
    Untranslatable(String),
}

/// All that an attempt is made of, save the time.
struct Package {
    url: WebhookUrl,
    webhook: Webhook,
    secrets: Vec<Secret>,
    event_id: String,
    rendered: Rendered,
}

impl Courier {
    /// Carries one delivery as far as it goes.
    pub(super) async fn carry(&self, delivery: Delivery) -> Report {
        let carried = match self.plan(&delivery).await {
            Ok(Plan::Send(package)) => self.send(delivery, *package).await,
            Ok(Plan::Hold) => self.hold(&delivery).await,
            Ok(Plan::Settle(next)) => {
                let settlement = Settlement { delivery, attempt: None, next };
                self.settle(settlement).await.map(|()| Health::Unknown)
            }
            Ok(Plan::Untranslatable(excerpt)) => self.untranslatable(delivery, excerpt).await,
            Err(error) => {
                let due = self.clock.now().plus(LOOK_AGAIN);
                // If this fails too, the delivery is due again when its lease ends.
                let _ = self.store.release(&delivery, due).await;
                Err(error)
            }
        };
        match carried {
            Ok(health) => Report { health, end: End::Recorded },
            Err(error) => {
                self.trouble.say(&error, self.clock.now());
                Report { health: Health::Unknown, end: End::StoreRefused }
            }
        }
    }

    /// Looks up what the delivery refers to, all of which may have changed since it was enqueued.
    async fn plan(&self, delivery: &Delivery) -> Result<Plan, store::Error> {
        let Some(webhook) = self.store.webhook(delivery.account, delivery.webhook).await? else {
            return Ok(Plan::Settle(Next::Cancelled));
        };
        match webhook.state {
            WebhookState::Active => {}
            WebhookState::Paused => return Ok(Plan::Hold),
            WebhookState::Disabled => return Ok(Plan::Settle(Next::Dead)),
        }
        let Some(account) = self.store.account(delivery.account).await? else {
            return Ok(Plan::Settle(Next::Cancelled));
        };
        let Some(event) = self.store.event(delivery.account, delivery.event).await? else {
            return Ok(Plan::Settle(Next::Dead));
        };
        let context = context(&event);
        let rendered = match translate(event.dialect, &event.body, delivery.dialect, &context) {
            Ok(rendered) => rendered,
            Err(error) => return Ok(Plan::Untranslatable(error.to_string())),
        };
        let secrets = match delivery.dialect {
            // Read anew each time: a key that is replaced signs from the next attempt on.
            Dialect::Mailgun => vec![account.signing_key],
            Dialect::Posthawk | Dialect::MailStack | Dialect::Wistfare | Dialect::MailingApi => {
                webhook.secrets(self.clock.now())
            }
        };
        let url = current_url(delivery, &webhook);
        let event_id = event.id.to_string();
        Ok(Plan::Send(Box::new(Package { url, webhook, secrets, event_id, rendered })))
    }

    /// Gives the delivery back as it was: its webhook is paused, and what it is owed waits.
    async fn hold(&self, delivery: &Delivery) -> Result<Health, store::Error> {
        let due = delivery.next_attempt_at.unwrap_or_else(|| self.clock.now());
        self.store.release(delivery, due).await?;
        Ok(Health::Paused(delivery.account, delivery.webhook))
    }

    /// Records why there was nothing to send.
    async fn untranslatable(
        &self,
        delivery: Delivery,
        excerpt: String,
    ) -> Result<Health, store::Error> {
        let attempt = Attempt {
            at: self.clock.now(),
            duration: Duration::ZERO,
            outcome: Outcome::Failed(Failure::Untranslatable),
            address: None,
            excerpt,
            lost: Vec::new(),
        };
        self.judge(delivery, attempt, None).await.map(|()| Health::Unknown)
    }

    /// Signs and sends. The signature is made here and not before: receivers refuse one that is
    /// seconds old, and some for good (`spec/mailgun-events.md` §2).
    async fn send(&self, delivery: Delivery, package: Package) -> Result<Health, store::Error> {
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
        let timeout = self.policies.of(delivery.dialect).timeout;
        let body = Bytes::from(signed.body);
        let sent = self.client.post(&package.url, &signed.headers, body, timeout).await;
        let health = health(&sent);
        let attempt = Attempt {
            at,
            duration: sent.duration,
            outcome: sent.outcome,
            address: sent.address,
            excerpt: sent.excerpt,
            lost: bounded(package.rendered.lost),
        };
        self.judge(delivery, attempt, Some(&package.webhook)).await.map(|()| health)
    }

    /// Decides what becomes of the delivery, and records it.
    async fn judge(
        &self,
        delivery: Delivery,
        attempt: Attempt,
        webhook: Option<&Webhook>,
    ) -> Result<(), store::Error> {
        let made = delivery.attempt_count.saturating_add(1);
        let policy = self.policies.of(delivery.dialect);
        let (now, fraction) = (self.clock.now(), self.clock.fraction());
        let verdict = retry::next(&attempt.outcome, made, policy, now, fraction);
        self.stats.attempted(&attempt.outcome, attempt.duration);
        let failed = matches!(verdict, Verdict::Dead | Verdict::Retry(_));
        // What a store in trouble cannot tell now, the next failure asks again.
        let enough = failed && self.has_had_enough(webhook, policy).await.unwrap_or(false);
        if enough {
            warn!(delivery.id = %delivery.id, webhook.id = %delivery.webhook, "receiver of {} has failed for too long; webhook switched off", domain(&delivery));
        } else {
            say(&delivery, &attempt, made, verdict);
        }
        let next = match verdict {
            Verdict::Done => Next::Delivered,
            Verdict::Retry(due) if !enough => Next::At(due),
            Verdict::Dead if !enough => Next::Dead,
            Verdict::DeadAndDisable | Verdict::Dead | Verdict::Retry(_) => {
                // First, so that a crash in between repeats the attempt and comes here again.
                if let Some(webhook) = webhook {
                    self.disable(webhook).await?;
                }
                Next::Dead
            }
        };
        self.settle(Settlement { delivery, attempt: Some(attempt), next }).await
    }

    /// Whether a webhook whose attempt has just failed has done nothing else for as long as its
    /// dialect's policy allows.
    async fn has_had_enough(
        &self,
        webhook: Option<&Webhook>,
        policy: &Policy,
    ) -> Result<bool, store::Error> {
        let (Some(webhook), Some(patience)) = (webhook, policy.disable_after) else {
            return Ok(false);
        };
        let (account, id, now) = (webhook.scope.account, webhook.id, self.clock.now());
        let failing_for = |stats: WebhookStats| stats.failing_for(webhook.updated_at, now);
        let enough = |stats| failing_for(stats).is_some_and(|time| time >= patience);
        if !enough(self.store.webhook_stats(account, id).await?) {
            return Ok(false);
        }
        // A success that another attempt has just settled counts too, once it is written.
        self.store.sync().await?;
        Ok(enough(self.store.webhook_stats(account, id).await?))
    }

    /// Switches a webhook off for good.
    async fn disable(&self, webhook: &Webhook) -> Result<(), store::Error> {
        let (id, seen_at, now) = (webhook.id, webhook.updated_at, self.clock.now());
        let change = move |webhooks: &mut Vec<Webhook>| {
            // Its owner may have paused it, corrected it or taken it away meanwhile.
            let unchanged =
                |webhook: &&mut Webhook| webhook.id == id && webhook.updated_at == seen_at;
            let Some(webhook) = webhooks.iter_mut().find(unchanged) else {
                return store::Decision::Discard;
            };
            webhook.state = WebhookState::Disabled;
            webhook.updated_at = now;
            store::Decision::Keep
        };
        self.store.change_webhooks(&webhook.scope, Box::new(change)).await.map(|_| ())
    }

    /// Records what came of a delivery. While the store refuses, it is tried again for as long as
    /// the lease leaves time, keeping the slot: what cannot be recorded would only be sent again.
    async fn settle(&self, settlement: Settlement) -> Result<(), store::Error> {
        let fate = match settlement.next {
            Next::Delivered => Fate::Delivered,
            Next::Dead => Fate::Dead,
            Next::Cancelled => Fate::Cancelled,
            Next::At(_) => Fate::Retried,
        };
        let give_up = Instant::now() + lease_left_for_settling(LEASE);
        let (mut wait, longest) = SETTLE_AGAIN;
        while let Err(error) = self.store.settle(settlement.clone()).await {
            if Instant::now() + wait > give_up {
                return Err(error);
            }
            self.trouble.say(&error, self.clock.now());
            sleep(wait).await;
            wait = (wait * 2).min(longest);
        }
        self.stats.settled(fate);
        Ok(())
    }
}

/// Where the delivery goes now. A row that can be edited takes what it is owed along to its new
/// URL; Mailgun's webhooks are their URLs.
fn current_url(delivery: &Delivery, webhook: &Webhook) -> WebhookUrl {
    match delivery.dialect {
        Dialect::Mailgun => delivery.url.clone(),
        Dialect::Posthawk | Dialect::MailStack | Dialect::Wistfare | Dialect::MailingApi => {
            webhook.url.clone()
        }
    }
}

fn context(event: &StoredEvent) -> Context {
    let mut account = hex(event.account.as_bytes());
    account.truncate(24);
    Context {
        domain: event.domain.as_ref().map_or_else(|| named_domain(event), DomainName::to_string),
        account,
        event_id: event.id.to_string(),
        received_at_ms: event.received_at.millis(),
    }
}

/// The domain of an event that belongs to none of the account's, as its payload names it: what is
/// made of the payload names it too. Empty where it names none.
fn named_domain(event: &StoredEvent) -> String {
    let outline = outline(event.dialect, &event.body).ok();
    outline
        .and_then(|outline| outline.domain?.parse().ok())
        .map_or_else(String::new, |domain: DomainName| domain.to_string())
}

/// The domain of a delivery's event, for people.
fn domain(delivery: &Delivery) -> &str {
    delivery.domain.as_ref().map_or("no domain of the account's", DomainName::as_str)
}

fn health(sent: &Sent) -> Health {
    match sent.outcome {
        Outcome::Failed(_) | Outcome::Answered { status: 429 | 500..=599, .. } => Health::Sick,
        Outcome::Answered { .. } => Health::Well(sent.duration),
    }
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

fn say(delivery: &Delivery, attempt: &Attempt, made: u32, verdict: Verdict) {
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
    match verdict {
        Verdict::Done => {}
        Verdict::Retry(due) => {
            info!(delivery.id = %id, attempt = made, "receiver of {domain} {answer}; next attempt at {due}");
        }
        Verdict::Dead => {
            warn!(delivery.id = %id, attempt = made, "receiver of {domain} {answer}; given up");
        }
        Verdict::DeadAndDisable => {
            warn!(delivery.id = %id, webhook.id = %delivery.webhook, "receiver of {domain} {answer}; webhook switched off");
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
