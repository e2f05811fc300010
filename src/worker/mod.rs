//! Deliveries: claim, render, sign, send, settle.
//!
//! One task decides ([`Worker::run`]): it knows when to look at which endpoint, how many attempts
//! each may have under way, and claims no more than that, so that memory holds what is in flight
//! and nothing else. Each claimed delivery is made by a task of its own. What waits, waits on disk.
//!
//! - `due`: which endpoint to look at when.
//! - `concurrency`, `rate`, `health`: how many attempts it may have, and whether it is left alone.
//! - `claims`: deliveries claimed for those that are due and have room.
//! - `deliver`: one delivery, from claimed to settled.

mod claims;
mod concurrency;
mod deliver;
mod due;
mod health;
mod rate;

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep, timeout_at};
use tracing::{error, info, warn};

use self::claims::{ClaimUnderWay, finished};
use self::concurrency::{Concurrency, Permit};
use self::deliver::{Deliver, DeliveryReport, StoreWarning, Unsettled};
use self::due::DueQueue;
use self::health::{BreakerChange, Receiver, Signal};
use crate::client::Client;
use crate::clock::Clock;
use crate::metrics::Stats;
use crate::model::{EndpointId, Rate, Timestamp};
use crate::renderings::Renderings;
use crate::retry::Policies;
use crate::store::{self, Claimed, Queue, Wakeup};

/// The time for which a claim hides a delivery: long enough for any attempt and for recording it.
const LEASE: Duration = Duration::from_mins(5);

/// The longest an attempt may take, so that its lease outlives it.
const TIMEOUT_MAX: Duration = Duration::from_mins(2);

/// The longest nap: the wall clock may be set, and tests move theirs.
const NAP_MAX: Duration = Duration::from_millis(500);

/// The time without claims after the store refused something, at first and at most.
const STORE_REST: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// The receivers that may be remembered although nothing waits for them.
const RECEIVERS_IDLE_MAX: usize = 4096;

/// The part of a lease that remains for recording what came of an attempt.
fn lease_left_for_settling(lease: Duration) -> Duration {
    lease.saturating_sub(TIMEOUT_MAX) / 2
}

/// The way deliveries are made.
#[derive(Debug, Clone)]
pub struct WorkerOptions {
    /// Attempts under way at any time.
    pub attempts_max: usize,
    /// Attempts under way to one endpoint whose owner set no limit.
    pub endpoint_concurrency: usize,
    /// The rate of attempts to one endpoint whose owner set none.
    pub endpoint_rate: Option<Rate>,
    /// The schedules of repeats, and the longest that an attempt may take.
    pub policies: Policies,
    /// The longest that attempts under way are waited for when the worker stops.
    pub drain_timeout: Duration,
    /// The counters to count into.
    pub stats: Stats,
    /// The renderings that ingest has prepared.
    pub renderings: Renderings,
}

impl Default for WorkerOptions {
    fn default() -> Self {
        Self {
            attempts_max: 512,
            endpoint_concurrency: 64,
            endpoint_rate: None,
            policies: Policies::default(),
            drain_timeout: Duration::from_secs(20),
            stats: Stats::default(),
            renderings: Renderings::default(),
        }
    }
}

/// The maker of the deliveries that a store holds, for as long as it runs. A store has one.
pub struct Worker {
    deliver: Arc<Deliver>,
    endpoint_rate: Option<Rate>,
    drain_timeout: Duration,
    due: DueQueue,
    receivers: HashMap<EndpointId, Receiver>,
    /// The number of receivers at which those that may be are forgotten.
    forget_at: usize,
    permits: Concurrency,
    /// Endpoints that are due, had nothing under way, and found no permit free.
    parked: VecDeque<EndpointId>,
    /// A claim that the store has not answered yet; nothing else is claimed meanwhile.
    claiming: Option<ClaimUnderWay>,
    under_way: HashMap<Id, UnderWay>,
    tasks: JoinSet<DeliveryReport>,
    store_rest: StoreRest,
    breakers_open: usize,
}

/// An attempt under way.
struct UnderWay {
    endpoint: EndpointId,
    permit: Permit,
    probe: bool,
}

/// The rest given to a store that refuses, so that the worker does not hammer it.
struct StoreRest {
    until: Timestamp,
    next: Duration,
}

impl StoreRest {
    fn begin(&mut self, now: Timestamp) {
        if now >= self.until {
            self.until = now.plus(self.next);
            self.next = (self.next * 2).min(STORE_REST.1);
        }
    }
}

impl Worker {
    /// A worker on a queue. It does nothing until it [runs](Self::run).
    #[must_use]
    pub fn new(
        queue: Arc<dyn Queue>,
        client: Client,
        clock: Clock,
        options: WorkerOptions,
    ) -> Self {
        let mut policies = options.policies;
        for dialect in waypost_compat::Dialect::ALL {
            let policy = policies.of_mut(dialect);
            policy.timeout = policy.timeout.min(TIMEOUT_MAX);
        }
        let (stats, renderings) = (options.stats, options.renderings);
        let warning = StoreWarning::default();
        Self {
            deliver: Arc::new(Deliver {
                queue,
                client,
                clock,
                policies,
                renderings,
                stats,
                warning,
            }),
            endpoint_rate: options.endpoint_rate,
            drain_timeout: options.drain_timeout,
            due: DueQueue::default(),
            receivers: HashMap::new(),
            forget_at: RECEIVERS_IDLE_MAX,
            permits: Concurrency::new(options.attempts_max, options.endpoint_concurrency),
            parked: VecDeque::new(),
            claiming: None,
            under_way: HashMap::new(),
            tasks: JoinSet::new(),
            store_rest: StoreRest { until: Timestamp::default(), next: STORE_REST.0 },
            breakers_open: 0,
        }
    }

    /// The counters.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.deliver.stats.clone()
    }

    /// Delivers until `stop` completes, then waits for what is under way and for the store to have
    /// it on disk. What does not end in time is given up: it is due again at the next start.
    pub async fn run(mut self, stop: impl Future<Output = ()>) -> Result<(), store::Error> {
        let (tell, mut wakeups) = mpsc::channel(1);
        // In a set, so that it ends with this future however that ends.
        let mut listener = JoinSet::new();
        listener.spawn(listen(self.deliver.queue.clone(), tell));
        let mut stop = pin!(stop);
        loop {
            let now = self.deliver.clock.now();
            self.claim_what_is_due(now);
            self.forget_some(now);
            self.deliver.stats.now(self.permits.taken(), self.breakers_open);
            let nap = self.due.next().map_or(NAP_MAX, |due| due.since(now).min(NAP_MAX));
            let nap = if self.claiming.is_some() { NAP_MAX } else { nap };
            let rest = self.store_rest.until.since(now).min(NAP_MAX);
            tokio::select! {
                () = &mut stop => break,
                answer = finished(&mut self.claiming) => {
                    let now = self.deliver.clock.now();
                    self.claimed(answer, now);
                }
                Some(wakeups) = wakeups.recv() => self.wake(wakeups),
                Some(ended) = self.tasks.join_next_with_id() => self.ended(ended),
                () = sleep(nap.max(rest)) => {}
            }
            while let Some(ended) = self.tasks.try_join_next_with_id() {
                self.ended(ended);
            }
        }
        listener.shutdown().await;
        // What a claim still brings is due again at the next start.
        self.claiming = None;
        self.drain().await;
        self.deliver.queue.sync().await?;
        self.deliver.queue.leave().await
    }

    fn wake(&mut self, wakeups: Vec<Wakeup>) {
        for Wakeup { endpoint, due, limits, health } in wakeups {
            let mut opened = 0;
            let receiver = self.receivers.entry(endpoint).or_insert_with(|| {
                let receiver = Receiver::new(health);
                opened = usize::from(receiver.is_open());
                receiver
            });
            receiver.set_limits(limits, self.endpoint_rate);
            self.breakers_open += opened;
            self.due.put(endpoint, due);
        }
    }

    fn forget_some(&mut self, now: Timestamp) {
        // What a claim is under way for must be known when it ends.
        if self.receivers.len() < self.forget_at || self.claiming.is_some() {
            return;
        }
        let due = &self.due;
        self.receivers.retain(|id, receiver| due.has(*id) || !receiver.may_be_forgotten(now));
        self.breakers_open = self.receivers.values().filter(|found| found.is_open()).count();
        self.forget_at = self.receivers.len() * 2 + RECEIVERS_IDLE_MAX;
    }

    fn begin(&mut self, claimed: Claimed, permit: Permit, now: Timestamp) {
        let endpoint = claimed.delivery.endpoint;
        let probe = self.receivers.entry(endpoint).or_default().began(now);
        let deliver = self.deliver.clone();
        let task = self.tasks.spawn(async move { deliver.deliver(claimed).await });
        self.under_way.insert(task.id(), UnderWay { endpoint, permit, probe });
    }

    fn ended(&mut self, ended: Result<(Id, DeliveryReport), JoinError>) {
        let now = self.deliver.clock.now();
        let (task, report) = match ended {
            Ok(ended) => ended,
            Err(error) => {
                error!("a delivery's task failed: {error}");
                let settled = Err(Unsettled::TaskFailed);
                (error.id(), DeliveryReport { signal: Signal::None, settled })
            }
        };
        let UnderWay { endpoint, permit, probe } =
            self.under_way.remove(&task).expect("every task was entered when it began");
        self.permits.give_back(permit);
        self.heard(endpoint, report.signal, probe, now);
        let receiver = self.receivers.entry(endpoint).or_default();
        if std::mem::take(&mut receiver.backlogged) {
            self.due.put(endpoint, now);
        }
        if report.settled.is_err() {
            // It comes back when its lease ends, and only if somebody asks for it then.
            let until = now.plus(LEASE);
            receiver.hidden_until = Some(until);
            self.due.put(endpoint, until);
        }
        if report.settled == Err(Unsettled::StoreRefused) {
            self.store_rest.begin(now);
        }
    }

    /// Notes what an attempt told of its receiver, and has it stored where that is news.
    fn heard(&mut self, endpoint: EndpointId, signal: Signal, probe: bool, now: Timestamp) {
        let receiver = self.receivers.entry(endpoint).or_default();
        let failures_before = receiver.health().failures;
        let failed = matches!(signal, Signal::Sick(_));
        let change = receiver.ended(signal, probe, now);
        let recovered = receiver.health().failures < failures_before;
        if failed || recovered || change != BreakerChange::None {
            let health = receiver.health().clone();
            if let Err(error) = self.deliver.queue.record_health(endpoint, health) {
                self.deliver.warning.say(&error, now);
            }
        }
        match change {
            BreakerChange::None => {}
            BreakerChange::Opened => {
                self.breakers_open += 1;
                warn!(endpoint.id = %endpoint, "a receiver failed ten times in a row: it is left alone for a while");
            }
            BreakerChange::Closed => {
                self.breakers_open -= 1;
                info!(endpoint.id = %endpoint, "a receiver is back");
            }
        }
    }

    async fn drain(&mut self) {
        let deadline = Instant::now() + self.drain_timeout;
        while let Ok(Some(ended)) = timeout_at(deadline, self.tasks.join_next_with_id()).await {
            self.ended(ended);
            self.deliver.stats.now(self.permits.taken(), self.breakers_open);
        }
        let given_up = self.tasks.len();
        if given_up > 0 {
            warn!(
                "{given_up} deliveries did not end in time; they are due again at the next start"
            );
            self.tasks.shutdown().await;
        }
    }
}

/// Passes on what the store says. A task of its own, so that nothing that was said is lost when
/// the worker turns to something else.
async fn listen(queue: Arc<dyn Queue>, tell: mpsc::Sender<Vec<Wakeup>>) {
    while tell.send(queue.wakeups().await).await.is_ok() {}
}
