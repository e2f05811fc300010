//! Deliveries: claim, render, sign, send, settle.
//!
//! One task decides ([`Worker::run`]): it knows when to look at which target, how many attempts
//! each may have under way, and claims no more than that, so that memory holds what is in flight
//! and nothing else. Each claimed delivery is carried by a task of its own. What waits, waits on
//! disk.

mod agenda;
mod courier;
mod slots;
mod target;

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep, timeout_at};
use tracing::{error, info, warn};

use self::agenda::Agenda;
use self::courier::{Courier, End, Report, Trouble};
use self::slots::{Slot, Slots};
use self::target::{Change, Health, Target};
use crate::client::Client;
use crate::clock::Clock;
use crate::metrics::Stats;
use crate::model::{Delivery, TargetId, Timestamp, WebhookState};
use crate::retry::Policies;
use crate::store::{self, Stirred, Store};

/// For how long a claim hides a delivery: long enough for any attempt and for recording it.
const LEASE: Duration = Duration::from_mins(5);

/// The longest an attempt may take, so that its lease outlives it.
const TIMEOUT_MAX: Duration = Duration::from_mins(2);

/// The longest nap: the wall clock may be set, and tests move theirs.
const NAP_MAX: Duration = Duration::from_millis(500);

/// How many parked targets are asked at a time whether there is room for them: those known to be
/// slow may not have what those known to be quick may.
const UNPARK_TRIES: usize = 16;

/// How soon a target is looked at again that had nothing to hand out although something was due.
const CLAIM_AGAIN: Duration = Duration::from_millis(20);

/// How long nothing is claimed after the store refused something, at first and at most.
const STORE_REST: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// How many targets may be remembered although nothing waits for them.
const TARGETS_IDLE_MAX: usize = 4096;

/// How much of a lease remains for recording what came of an attempt.
fn lease_left_for_settling(lease: Duration) -> Duration {
    lease.saturating_sub(TIMEOUT_MAX) / 2
}

/// How deliveries are made.
#[derive(Debug, Clone)]
pub struct WorkerOptions {
    /// Attempts under way at any time.
    pub global_in_flight: usize,
    /// Attempts under way to one target.
    pub per_target: usize,
    /// How many attempts may begin within any one second for one target.
    pub per_target_per_second: Option<u32>,
    /// When to repeat what, and how long an attempt may take.
    pub policies: Policies,
    /// How long attempts under way are waited for when the worker stops.
    pub drain_timeout: Duration,
    /// The counters to count into.
    pub stats: Stats,
}

impl Default for WorkerOptions {
    fn default() -> Self {
        Self {
            global_in_flight: 512,
            per_target: 64,
            per_target_per_second: None,
            policies: Policies::default(),
            drain_timeout: Duration::from_secs(20),
            stats: Stats::default(),
        }
    }
}

/// Delivers what the store holds, for as long as it runs. A store has one.
pub struct Worker {
    courier: Arc<Courier>,
    per_second: Option<u32>,
    drain_timeout: Duration,
    agenda: Agenda,
    targets: HashMap<TargetId, Target>,
    /// At how many targets those that may be are forgotten.
    forget_at: usize,
    slots: Slots,
    /// Targets that are due, had nothing under way, and found no slot free.
    parked: VecDeque<TargetId>,
    under_way: HashMap<Id, UnderWay>,
    tasks: JoinSet<Report>,
    store_rest: StoreRest,
    breakers_open: usize,
}

/// An attempt under way.
struct UnderWay {
    target: TargetId,
    slot: Slot,
    probe: bool,
}

/// Keeps the worker from hammering a store that is in trouble.
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
    /// A worker on a store. It does nothing until it [runs](Self::run).
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        client: Client,
        clock: Clock,
        options: WorkerOptions,
    ) -> Self {
        let mut policies = options.policies;
        for dialect in waypost_compat::Dialect::ALL {
            let policy = policies.of_mut(dialect);
            policy.timeout = policy.timeout.min(TIMEOUT_MAX);
        }
        let stats = options.stats;
        Self {
            courier: Arc::new(Courier {
                store,
                client,
                clock,
                policies,
                stats,
                trouble: Trouble::default(),
            }),
            per_second: options.per_target_per_second,
            drain_timeout: options.drain_timeout,
            agenda: Agenda::default(),
            targets: HashMap::new(),
            forget_at: TARGETS_IDLE_MAX,
            slots: Slots::new(options.global_in_flight, options.per_target),
            parked: VecDeque::new(),
            under_way: HashMap::new(),
            tasks: JoinSet::new(),
            store_rest: StoreRest { until: Timestamp::default(), next: STORE_REST.0 },
            breakers_open: 0,
        }
    }

    /// The counters.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.courier.stats.clone()
    }

    /// Delivers until `stop` completes, then waits for what is under way and for the store to have
    /// it on disk. What does not end in time is given up: it is due again at the next start.
    pub async fn run(mut self, stop: impl Future<Output = ()>) -> Result<(), store::Error> {
        let (tell, mut stirred) = mpsc::channel(1);
        // In a set, so that it ends with this future however that ends.
        let mut listener = JoinSet::new();
        listener.spawn(listen(self.courier.store.clone(), tell));
        let mut stop = pin!(stop);
        loop {
            let now = self.courier.clock.now();
            self.step(now).await;
            self.courier.stats.now(self.slots.taken(), self.breakers_open);
            let nap = self.agenda.next().map_or(NAP_MAX, |due| due.since(now).min(NAP_MAX));
            let rest = self.store_rest.until.since(now).min(NAP_MAX);
            tokio::select! {
                () = &mut stop => break,
                Some(stirred) = stirred.recv() => self.note(&stirred),
                Some(ended) = self.tasks.join_next_with_id() => self.ended(ended),
                () = sleep(nap.max(rest)) => {}
            }
            while let Some(ended) = self.tasks.try_join_next_with_id() {
                self.ended(ended);
            }
        }
        listener.shutdown().await;
        self.drain().await;
        self.courier.store.sync().await
    }

    fn note(&mut self, stirred: &[Stirred]) {
        for Stirred { target, due } in stirred {
            self.agenda.put(*target, *due);
        }
    }

    /// Begins every attempt that is due and has room.
    async fn step(&mut self, now: Timestamp) {
        self.unpark();
        while now >= self.store_rest.until
            && let Some(target) = self.agenda.take_due(now)
        {
            match self.serve(target, now).await {
                Ok(()) => self.store_rest.next = STORE_REST.0,
                Err(error) => {
                    self.agenda.put(target, now);
                    self.courier.trouble.say(&error, now);
                    self.store_rest.begin(now);
                }
            }
            self.unpark();
        }
        if self.targets.len() >= self.forget_at {
            let agenda = &self.agenda;
            self.targets.retain(|id, target| agenda.has(*id) || !target.may_be_forgotten(now));
            self.breakers_open = self.targets.values().filter(|target| target.is_open()).count();
            self.forget_at = self.targets.len() * 2 + TARGETS_IDLE_MAX;
        }
    }

    /// Puts parked targets back on the agenda while there is room for one, however that came about:
    /// an attempt that ended makes room once, and the target it makes room for may have nothing to
    /// begin.
    fn unpark(&mut self) {
        for _ in 0..UNPARK_TRIES.min(self.parked.len()) {
            let Some(id) = self.parked.pop_front() else { return };
            let target = self.targets.entry(id).or_default();
            if !target.parked {
                continue;
            }
            if self.slots.room(target.in_flight, target.standing) > 0 {
                target.parked = false;
                self.agenda.put(id, Timestamp::default());
                return;
            }
            self.parked.push_back(id);
        }
    }

    /// Claims as much for one target as it has room for, and sends it on its way.
    async fn serve(&mut self, id: TargetId, now: Timestamp) -> Result<(), store::Error> {
        let target = self.targets.entry(id).or_default();
        if let Some(until) = target.closed_until(now, self.per_second) {
            self.agenda.put(id, until);
            return Ok(());
        }
        if let Some((account, webhook)) = target.paused {
            let webhook = self.courier.store.webhook(account, webhook).await?;
            match webhook {
                Some(webhook) if webhook.state == WebhookState::Paused => {
                    target.pause(account, webhook.id, now);
                    self.agenda.put(id, now);
                    return Ok(());
                }
                _ => target.paused = None,
            }
        }
        let room = self.slots.room(target.in_flight, target.standing);
        let limit = target.limit(room, self.per_second);
        if limit == 0 {
            if target.in_flight > 0 {
                target.hungry = true;
            } else if !std::mem::replace(&mut target.parked, true) {
                self.parked.push_back(id);
            }
            return Ok(());
        }
        target.parked = false;
        let claims = self.courier.store.claim(id, now, LEASE, limit).await?;
        if let Some(due) = claims.next_due {
            // A store that names a time which has come, and hands nothing out, must not spin us.
            let soonest = if claims.deliveries.is_empty() { now.plus(CLAIM_AGAIN) } else { due };
            self.agenda.put(id, due.max(soonest));
        }
        target.hidden_until = target.hidden_until.filter(|until| *until > now);
        if let Some(until) = target.hidden_until {
            self.agenda.put(id, until);
        }
        for delivery in claims.deliveries {
            self.begin(id, delivery, now);
        }
        Ok(())
    }

    fn begin(&mut self, id: TargetId, delivery: Delivery, now: Timestamp) {
        let target = self.targets.entry(id).or_default();
        let slot = self.slots.take(target.standing);
        let probe = target.began(now, self.per_second);
        let courier = self.courier.clone();
        let task = self.tasks.spawn(async move { courier.carry(delivery).await });
        self.under_way.insert(task.id(), UnderWay { target: id, slot, probe });
    }

    fn ended(&mut self, ended: Result<(Id, Report), JoinError>) {
        let now = self.courier.clock.now();
        let (task, report) = match ended {
            Ok(ended) => ended,
            Err(error) => {
                error!("a delivery's task failed: {error}");
                (error.id(), Report { health: Health::Unknown, end: End::Failed })
            }
        };
        let UnderWay { target: id, slot, probe } =
            self.under_way.remove(&task).expect("every task was entered when it began");
        self.slots.give_back(slot);
        let target = self.targets.entry(id).or_default();
        let change = target.ended(report.health, probe, now);
        if std::mem::take(&mut target.hungry) {
            self.agenda.put(id, now);
        }
        if report.end != End::Recorded {
            // It comes back when its lease ends, and only if somebody asks for it then.
            let until = now.plus(LEASE);
            target.hidden_until = Some(until);
            self.agenda.put(id, until);
        }
        match change {
            Change::None => {}
            Change::Opened => {
                self.breakers_open += 1;
                warn!(target.id = ?id, "a receiver failed ten times in a row: it is left alone for a while");
            }
            Change::Closed => {
                self.breakers_open -= 1;
                info!(target.id = ?id, "a receiver is back");
            }
        }
        if report.end == End::StoreRefused {
            self.store_rest.begin(now);
        }
    }

    async fn drain(&mut self) {
        let deadline = Instant::now() + self.drain_timeout;
        while let Ok(Some(ended)) = timeout_at(deadline, self.tasks.join_next_with_id()).await {
            self.ended(ended);
            self.courier.stats.now(self.slots.taken(), self.breakers_open);
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
async fn listen(store: Arc<dyn Store>, tell: mpsc::Sender<Vec<Stirred>>) {
    while tell.send(store.stirred().await).await.is_ok() {}
}
